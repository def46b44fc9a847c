//! Webhooks through everything at once: receivers that are dead, slow or flap, and servers that are killed all the while.
//! Nothing is missed, and what could not be delivered is replayed.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sk_tickets_core::{Clock, SignatureHeaders, SystemClock, WebhookSecret, verify};
use sk_tickets_postgres::testing::{Cluster, free_port};

use crate::{
    invariants,
    process::Server,
    retrying::{Dice, Nodes},
    say::say,
};

const KILLS: usize = 10;
const EVENTS_OF_A_TICKET: usize = 5;
const CLIENTS: usize = 4;
const SLOW: Duration = Duration::from_millis(100);
const FLAP: Duration = Duration::from_millis(300);
/// Seven attempts, in a time that a test can wait for.
const SCHEDULE: [&str; 2] = ["--webhook-schedule", "50ms,100ms,200ms,400ms,400ms,400ms"];

/// How many events there are; `CHAOS_EVENTS` says otherwise.
fn events() -> usize {
    env::var("CHAOS_EVENTS").map_or(200, |events| events.parse().expect("a number"))
}

/// Longer for more.
fn patience() -> Duration {
    Duration::from_secs(60) + Duration::from_millis(100) * u32::try_from(events()).unwrap()
}

/// How a receiver behaves while faults last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Healthy,
    Slow,
    Flapping,
    /// Nobody listens.
    Unreachable,
    /// Somebody does, and wants none of it.
    Refusing,
}

/// Twenty: ten that are well, three slow, two flapping, five dead.
fn manners() -> Vec<Manner> {
    use Manner::{Flapping, Healthy, Refusing, Slow, Unreachable};
    [(Healthy, 10), (Slow, 3), (Flapping, 2), (Unreachable, 3), (Refusing, 2)]
        .into_iter()
        .flat_map(|(manner, count)| [manner].repeat(count))
        .collect()
}

/// One receiver: what it got, by `webhook-id`, and how often.
#[derive(Debug)]
struct Hook {
    manner: Manner,
    address: SocketAddr,
    begun: Instant,
    faults: AtomicBool,
    secret: OnceLock<WebhookSecret>,
    got: Mutex<BTreeMap<String, usize>>,
}

impl Hook {
    fn start(manner: Manner) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", free_port().unwrap())).unwrap();
        let hook = Arc::new(Self {
            manner,
            address: listener.local_addr().unwrap(),
            begun: Instant::now(),
            faults: AtomicBool::new(true),
            secret: OnceLock::new(),
            got: Mutex::default(),
        });
        if manner != Manner::Unreachable {
            hook.listen(listener);
        }
        hook
    }

    fn listen(self: &Arc<Self>, listener: TcpListener) {
        let hook = Arc::clone(self);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let hook = Arc::clone(&hook);
                thread::spawn(move || hook.serve(&stream));
            }
        });
    }

    /// Behaves from now on.
    fn mend(self: &Arc<Self>) {
        self.faults.store(false, Ordering::Release);
        if self.manner == Manner::Unreachable {
            self.listen(TcpListener::bind(self.address).expect("the port is still free"));
        }
    }

    fn got(&self) -> BTreeSet<String> {
        self.got.lock().unwrap().keys().cloned().collect()
    }

    /// Serves one connection for as long as it lasts.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let Some((name, value)) = line.trim().split_once(": ") else {
                    if line.trim().is_empty() { break } else { continue }
                };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
            reader.read_exact(&mut body).ok()?;
            let status = self.answer(&headers, &body);
            let mut stream = stream;
            stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
        }
    }

    fn answer(&self, headers: &BTreeMap<String, String>, body: &[u8]) -> u16 {
        let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
        let (id, timestamp, signature) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        let secret = self.secret.get().expect("known before anything happens");
        let signed = SignatureHeaders { id, timestamp, signature };
        verify(secret, signed, body, SystemClock.now()).expect("every attempt is signed anew");
        if self.faults.load(Ordering::Acquire) {
            match self.manner {
                Manner::Slow => thread::sleep(SLOW),
                Manner::Flapping if (self.begun.elapsed().as_millis() / FLAP.as_millis()).is_multiple_of(2) => {
                    return 503;
                }
                Manner::Refusing => return 500,
                Manner::Healthy | Manner::Flapping | Manner::Unreachable => {}
            }
        }
        *self.got.lock().unwrap().entry(id.to_owned()).or_default() += 1;
        200
    }
}

/// Where the servers keep their data.
#[derive(Debug, Clone)]
enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(url) => url.clone(),
        }
    }
}

#[test]
fn nothing_is_missed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    Chaos::begin(Place::Sqlite(folder.path().join("tickets.db")), 1).run();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_on_postgres() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || Chaos::begin(Place::Postgres(url), 2).run()).await.unwrap();
}

#[derive(Debug)]
struct Chaos {
    place: Place,
    folder: tempfile::TempDir,
    addresses: Vec<String>,
    servers: Vec<Server>,
    nodes: Nodes,
    dice: Dice,
    hooks: Vec<(String, Arc<Hook>)>,
}

impl Chaos {
    /// So many servers, and twenty endpoints that want everything.
    fn begin(place: Place, servers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addresses: Vec<_> = (0..servers).map(|_| format!("127.0.0.1:{}", free_port().unwrap())).collect();
        let start = |address: &String| Server::start_on(&place.url(), folder.path(), address, &SCHEDULE);
        let servers: Vec<_> = addresses.iter().map(start).collect();
        let nodes = Nodes::new(addresses.clone(), servers[0].key.clone());
        let mut dice = Dice::new(1);
        let hooks = manners()
            .into_iter()
            .enumerate()
            .map(|(number, manner)| {
                let hook = Hook::start(manner);
                let body = json!({"url": format!("http://{}/", hook.address)});
                let made = nodes.write(&mut dice, "/webhook_endpoints", &format!("hook-{number}"), &body).json();
                let secret = WebhookSecret::parse(made["secret"].as_str().unwrap()).unwrap();
                hook.secret.set(secret).unwrap();
                (made["id"].as_str().unwrap().to_owned(), hook)
            })
            .collect();
        Self { place, folder, addresses, servers, nodes, dice, hooks }
    }

    fn run(mut self) {
        let clients = self.clients();
        self.kill_on_the_way();
        for client in clients {
            client.join().expect("no client failed");
        }
        self.settle_down();
        let all = self.feed();
        assert_eq!(all.len(), events());
        invariants::hold(&self.place.url());

        for (id, hook) in &self.hooks {
            let letters = dead_letters(&self.nodes, &mut self.dice, id);
            match hook.manner {
                Manner::Healthy | Manner::Slow => {
                    assert_eq!(hook.got(), all, "{:?} has every event", hook.manner);
                    assert!(letters.is_empty(), "nor was one given up");
                }
                Manner::Flapping => {
                    let either = hook.got().union(&letters).cloned().collect::<BTreeSet<_>>();
                    assert_eq!(either, all, "what it did not take waits");
                }
                Manner::Unreachable | Manner::Refusing => assert_eq!(letters, all, "everything waits"),
            }
        }

        self.hooks.iter().for_each(|(_, hook)| hook.mend());
        self.replay_everything();
        self.settle_down();
        invariants::hold(&self.place.url());
        for (id, hook) in &self.hooks {
            assert_eq!(hook.got(), all, "{:?} has every event in the end", hook.manner);
            assert!(dead_letters(&self.nodes, &mut self.dice, id).is_empty());
        }
        self.say_how_it_went();
    }

    /// What the clients do makes the events.
    fn clients(&self) -> Vec<thread::JoinHandle<()>> {
        let tickets = events() / EVENTS_OF_A_TICKET;
        let next = Arc::new(AtomicUsize::new(0));
        let client = |number: usize| {
            let (nodes, next) = (self.nodes.clone(), Arc::clone(&next));
            move || {
                let mut dice = Dice::new(100 + number);
                loop {
                    let ticket = next.fetch_add(1, Ordering::Relaxed);
                    if ticket >= tickets {
                        return;
                    }
                    let create = json!({"subject": ticket.to_string(), "owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC"});
                    let made = nodes.write(&mut dice, "/tickets", &format!("create-{ticket}"), &create).json();
                    let path = format!("/tickets/{}/transitions", made["id"].as_str().unwrap());
                    let resolve = json!({"to": "resolved", "resolution_note": "Replaced"});
                    nodes.write(&mut dice, &path, &format!("resolve-{ticket}"), &resolve);
                }
            }
        };
        (0..CLIENTS).map(|number| thread::spawn(client(number))).collect()
    }

    /// Kills a server each time that another part of what is to arrive has arrived.
    fn kill_on_the_way(&mut self) {
        let arrived = |hooks: &[(String, Arc<Hook>)]| hooks.iter().map(|(_, hook)| hook.got().len()).sum::<usize>();
        let well = self.hooks.iter().filter(|(_, hook)| matches!(hook.manner, Manner::Healthy | Manner::Slow)).count();
        let expected = events() * well;
        for kill in 1..=KILLS {
            let begun = Instant::now();
            while arrived(&self.hooks) < expected * kill / (KILLS + 1) {
                assert!(begun.elapsed() < patience(), "it does not go on");
                thread::sleep(Duration::from_millis(5));
            }
            self.kill(kill);
        }
    }

    fn kill(&mut self, number: usize) {
        let server = number % self.servers.len();
        self.servers[server].process.signal("KILL");
        assert!(!self.servers[server].process.ended().success());
        self.servers[server] =
            Server::start_on(&self.place.url(), self.folder.path(), &self.addresses[server], &SCHEDULE);
    }

    /// Waits until nothing is pending.
    fn settle_down(&mut self) {
        let begun = Instant::now();
        while self.get("/deliveries?status=pending&limit=1")["data"] != json!([]) {
            assert!(begun.elapsed() < patience(), "deliveries are still to be made");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// As one job, through one more death of a server.
    fn replay_everything(&mut self) {
        let answer = self.nodes.write(&mut self.dice, "/dead_letters/replay", "replay", &json!({}));
        assert_eq!(answer.status, 202);
        let job = answer.json();
        assert!(job["total"].as_u64().unwrap() >= u64::try_from(events() * 5).unwrap());
        self.kill(0);
        let path = format!("/dead_letters/jobs/{}", job["id"].as_str().unwrap());
        let begun = Instant::now();
        let completed = loop {
            let job = self.get(&path);
            if job["status"] == "completed" {
                break job;
            }
            assert!(begun.elapsed() < patience(), "the job does not end: {job}");
            thread::sleep(Duration::from_millis(20));
        };
        assert_eq!((&completed["done"], &completed["failed"]), (&job["total"], &json!(0)));
    }

    fn get(&mut self, path: &str) -> Value {
        self.nodes.ask(&mut self.dice, "GET", path, None, "").json()
    }

    /// The ids of all events.
    fn feed(&mut self) -> BTreeSet<String> {
        let listed = self.nodes.list(&mut self.dice, "/events?limit=100");
        listed.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    fn say_how_it_went(&self) {
        let times = |hook: &Arc<Hook>| hook.got.lock().unwrap().values().sum::<usize>();
        let received: usize = self.hooks.iter().map(|(_, hook)| times(hook)).sum();
        let distinct = events() * self.hooks.len();
        say(&format!(
            "chaos: {} events to {} endpoints, servers killed {} times: {distinct} deliveries, none missed, {} of them \
             more than once",
            events(),
            self.hooks.len(),
            KILLS + 1,
            received - distinct
        ));
    }
}

/// The events whose deliveries to an endpoint are dead letters.
fn dead_letters(nodes: &Nodes, dice: &mut Dice, endpoint: &str) -> BTreeSet<String> {
    let listed = nodes.list(dice, &format!("/dead_letters?limit=100&endpoint_id={endpoint}"));
    listed.iter().map(|letter| letter["event_id"].as_str().unwrap().to_owned()).collect()
}
