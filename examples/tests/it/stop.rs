//! A server that is told to stop in the middle of a burst: another one goes on at once. One that cannot start leaves alone
//! what another is doing.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sk_tickets_postgres::testing::Cluster;

use crate::{
    client::send,
    process::{Process, Server, command, command_on},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// A worker that was told nothing would wait for leases to run out, which takes ten seconds.
const AT_ONCE: Duration = Duration::from_secs(5);
const TICKETS: usize = 30;
/// How many of them are attempted at a time.
const IN_FLIGHT: usize = 8;

/// A receiver that leaves those who ask without an answer, until it is told to behave.
#[derive(Debug)]
struct Hanging {
    url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    hangs: AtomicBool,
    /// The ids of what came, whether it was answered or not, and when.
    came: Mutex<Vec<(String, bool, Instant)>>,
}

impl Hanging {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(State { hangs: AtomicBool::new(true), came: Mutex::default() });
        let serving = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&serving);
                thread::spawn(move || state.serve(&stream));
            }
        });
        Self { url, state }
    }

    /// What came and was answered, or was not; waits until there are so many.
    fn wait(&self, answered: bool, count: usize) -> Vec<(String, Instant)> {
        let start = Instant::now();
        loop {
            let came = self.state.came.lock().unwrap().clone();
            let found: Vec<_> =
                came.into_iter().filter(|(_, was, _)| *was == answered).map(|(id, _, at)| (id, at)).collect();
            if found.len() >= count {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{} came", found.len());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl State {
    /// Serves one connection for as long as it lasts.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (mut id, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                match line.trim().split_once(": ") {
                    Some(("webhook-id", value)) => value.clone_into(&mut id),
                    Some(("content-length", value)) => length = value.parse().ok()?,
                    Some(_) => {}
                    None if line.trim().is_empty() => break,
                    None => {}
                }
            }
            reader.read_exact(&mut vec![0; length]).ok()?;
            let answers = !self.hangs.load(Ordering::Acquire);
            self.came.lock().unwrap().push((id, answers, Instant::now()));
            if answers {
                let mut stream = stream;
                stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").ok()?;
            }
        }
    }
}

#[test]
fn on_sqlite_a_worker_goes_on_with_what_hung() {
    goes_on("sqlite:tickets.db");
}

#[tokio::test]
async fn on_postgres_a_worker_goes_on_with_what_hung() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || goes_on(&url)).await.unwrap();
}

#[test]
fn a_server_that_cannot_start_leaves_the_leases_of_the_one_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Hanging::start();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.post("/webhook_endpoints", "hook", &format!(r#"{{"url":"{}"}}"#, receiver.url)).status, 201);
    assert_eq!(server.post("/tickets", "one", r#"{"subject":"Part delayed"}"#).status, 201);
    receiver.wait(false, 1);

    let refused = command(folder.path(), &["--listen", &server.authority]).output().unwrap();
    assert!(!refused.status.success(), "the address is taken");
    let database = rusqlite::Connection::open(folder.path().join("tickets.db")).unwrap();
    let leased = "SELECT count(*) FROM deliveries WHERE lease_owner IS NOT NULL";
    let leased: i64 = database.query_row(leased, [], |row| row.get(0)).unwrap();
    assert_eq!(leased, 1);
}

/// A request whose body is still to come.
fn half_a_request(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.authority).unwrap();
    let head = "POST /tickets/v1/tickets HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    // Answered after it, on another connection: by now the server has seen the head.
    server.get("/tickets");
    stream
}

fn goes_on(database: &str) {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Hanging::start();
    let mut server = Server::start_on(database, folder.path(), "127.0.0.1:0", &[]);
    assert_eq!(server.post("/webhook_endpoints", "hook", &format!(r#"{{"url":"{}"}}"#, receiver.url)).status, 201);
    for number in 0..TICKETS {
        assert_eq!(server.post("/tickets", &number.to_string(), r#"{"subject":"Part delayed"}"#).status, 201);
    }
    let hung: BTreeSet<_> = receiver.wait(false, IN_FLIGHT).into_iter().map(|(id, _)| id).collect();
    let mut worker = Process::start(command_on(database, folder.path(), &["worker", "--listen", "127.0.0.1:0"]));
    let stdout = worker.wait_for("listening on http://");
    let status = stdout.split("http://").nth(1).unwrap().trim().to_owned();
    assert_eq!(hung.len(), IN_FLIGHT, "an endpoint that hangs is asked no more, by whatever worker");

    let request = half_a_request(&server);
    receiver.state.hangs.store(false, Ordering::Release);
    let told = Instant::now();
    server.process.signal("TERM");
    let answered = receiver.wait(true, TICKETS);
    let first = answered.iter().map(|(_, at)| at.duration_since(told)).min().unwrap();
    eprintln!("{database}: the next attempt is made {first:?} after the signal");
    assert!(first < AT_ONCE, "{first:?}");
    assert!(server.process.is_running(), "it still waits for the rest of the request, and has handed all else back");
    drop(request);
    assert!(server.process.ended().success());
    let ids: BTreeSet<_> = answered.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!((answered.len(), ids.len()), (TICKETS, TICKETS), "each is delivered once");
    assert!(hung.is_subset(&ids), "what hung too");

    let delivered = format!("sk_tickets_webhook_attempts_total{{outcome=\"delivered\"}} {TICKETS}\n");
    let start = Instant::now();
    loop {
        let metrics = String::from_utf8(send(&status, "GET", "/metrics", &[], b"").unwrap().body).unwrap();
        if metrics.contains(&delivered) && metrics.contains("sk_tickets_deliveries_pending 0\n") {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{metrics}");
        thread::sleep(Duration::from_millis(50));
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(&status, "GET", path, &[], b"").unwrap().status, 200);
    }
    assert_eq!(send(&status, "GET", "/tickets/v1/tickets", &[], b"").unwrap().status, 404, "it has no API");
    worker.signal("TERM");
    assert!(worker.ended().success());
}
