//! Webhooks by one worker, from durable stores to receivers on this machine. Floor of the rate: a bare hyper client in a loop,
//! the same body to the same receiver, as many at a time. Floor of the latency beside an endpoint that hangs: the same worker
//! with an endpoint that answers in its place.

#[path = "shared/cluster.rs"]
mod cluster;

use std::{
    cell::Cell,
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sk_tickets_benches::{Work, compare, compare_tails, head, tail_within, timed};
use sk_tickets_core::{
    CreateEndpoint, CreateTicket, Desk, Environment, IdempotencyKey, PageRequest, Realm, Store, TargetPolicy, Tickets,
    limits::FIRST_IN_FLIGHT_MAX,
};
use sk_tickets_http::WebhookClient;
use sk_tickets_postgres::PostgresStore;
use sk_tickets_sqlite::SqliteStore;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

/// With as many first attempts under way as there may be to each, they fill a worker.
const ENDPOINTS: u32 = 12;
/// The most events that a round has, each for every endpoint.
const EVENTS: u32 = 2_400;
/// A round of latencies ends with so many, or after this.
const LATENCIES: u32 = 400;
const ROUND: Duration = Duration::from_secs(1);
/// Between two events, so that the worker is idle when the next one comes.
const PAUSE: Duration = Duration::from_millis(3);

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    head();
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = |name: &str| -> Arc<dyn Store> {
        Arc::new(runtime.block_on(SqliteStore::open(folder.path().join(name))).expect("it opens"))
    };
    let postgres = || -> Arc<dyn Store> {
        Arc::new(runtime.block_on(async { PostgresStore::open(&cluster::durable().await).await }).expect("it opens"))
    };
    rate(&runtime, "SQLite", sqlite("rate.db"));
    rate(&runtime, "Postgres", postgres());
    idle(&runtime, "SQLite", sqlite("idle.db"));
    idle(&runtime, "Postgres", postgres());
    beside(&runtime, sqlite("answering.db"), sqlite("hanging.db"));
}

fn rate(runtime: &Runtime, name: &str, store: Arc<dyn Store>) {
    let receiver = runtime.block_on(Receiver::start());
    let engine = Engine::new(store);
    // Before there is an endpoint that it would be for.
    let body = runtime.block_on(engine.payload());
    for endpoint in 0..ENDPOINTS {
        runtime.block_on(engine.hook(&format!("{}{endpoint}", receiver.url)));
    }
    let serial = Cell::new(0);
    let ours = |count: u32| {
        // What is measured is the delivery of what waits; it is written while the worker rests.
        serial.set(serial.get() + 1);
        runtime.block_on(engine.create(&format!("round {}", serial.get()), count / ENDPOINTS));
        let client = client();
        receiver.expect(count, |all_there| {
            timed(|| {
                let worker = engine.work(runtime, client);
                runtime.block_on(async {
                    all_there.await;
                    worker.stop().await;
                });
            })
        })
    };
    let floor = |count| receiver.expect(count, |_| timed(|| runtime.block_on(post_many(&receiver.url, &body, count))));
    let work = Work { most: EVENTS * ENDPOINTS, batch: at_a_time() };
    compare(&format!("webhook deliveries, one worker, {name}"), work, 0.5, ours, floor);
}

/// How many first attempts a worker has under way.
fn at_a_time() -> u32 {
    u32::try_from(FIRST_IN_FLIGHT_MAX).expect("few") * ENDPOINTS
}

/// The floor: as many at a time as a worker makes.
async fn post_many(url: &str, body: &Bytes, count: u32) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut tasks = JoinSet::new();
    for _ in 0..at_a_time() {
        let (client, url, body) = (client.clone(), url.to_owned(), body.clone());
        tasks.spawn(async move {
            for _ in 0..count / at_a_time() {
                let request = http::Request::post(&url).body(Full::new(body.clone())).expect("lawful");
                let answer = client.request(request).await.expect("an answer");
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.expect("a body");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
}

fn idle(runtime: &Runtime, name: &str, store: Arc<dyn Store>) {
    let receiver = runtime.block_on(Receiver::start());
    let engine = Engine::new(store);
    runtime.block_on(engine.hook(&receiver.url));
    let _worker = engine.work(runtime, client());
    let serial = Cell::new(0);
    tail_within(&format!("commit to receipt, idle, {name}"), 50, || {
        serial.set(serial.get() + 1);
        runtime.block_on(latencies(&engine, &receiver, serial.get()))
    });
}

fn beside(runtime: &Runtime, well: Arc<dyn Store>, beside: Arc<dyn Store>) {
    let receiver = runtime.block_on(Receiver::start());
    let (well, beside) = (Engine::new(well), Engine::new(beside));
    let answering = runtime.block_on(Receiver::start());
    let hanging = runtime.block_on(hang());
    for (engine, other) in [(&well, &answering.url), (&beside, &hanging)] {
        runtime.block_on(engine.hook(&receiver.url));
        runtime.block_on(engine.hook(other));
    }
    let (_well, _beside) = (well.work(runtime, client()), beside.work(runtime, client()));

    let serial = Cell::new(0);
    let measure = |engine: &Engine| {
        serial.set(serial.get() + 1);
        runtime.block_on(latencies(engine, &receiver, serial.get()))
    };
    compare_tails("commit to receipt, beside an endpoint that hangs", 1.1, || measure(&beside), || measure(&well));
}

async fn latencies(engine: &Engine, receiver: &Receiver, round: u32) -> Vec<Duration> {
    let mut committed = Vec::new();
    let before = receiver.received();
    let began = Instant::now();
    for number in (0..LATENCIES).take_while(|_| began.elapsed() < ROUND) {
        let subject = format!("{round}-{number}");
        engine.create_one(&subject).await;
        committed.push((subject, Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    receiver.wait_for(before + committed.len()).await;
    let arrived = receiver.arrived.lock().expect("unharmed");
    committed.into_iter().map(|(subject, at)| arrived[&subject].saturating_duration_since(at)).collect()
}

/// The engine under measurement.
struct Engine {
    tickets: Tickets,
    desk: Desk,
}

impl Engine {
    fn new(store: Arc<dyn Store>) -> Self {
        let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).build();
        let desk = tickets.desk(Realm::assume("bench".parse().expect("lawful"), Environment::Test));
        Self { tickets, desk }
    }

    async fn hook(&self, url: &str) {
        let endpoint = CreateEndpoint::new(url.parse().expect("lawful"));
        self.desk.create_endpoint(&IdempotencyKey::system(url), endpoint).await.expect("made");
    }

    /// What is sent for a ticket.
    async fn payload(&self) -> Bytes {
        self.create_one("one of many").await;
        let event = self.desk.events(&PageRequest::first()).await.expect("read").data.remove(0);
        event.payload.into()
    }

    async fn create_one(&self, subject: &str) {
        let ticket = CreateTicket::new(subject).expect("lawful");
        self.desk.create_ticket(&IdempotencyKey::system(subject), ticket).await.expect("made");
    }

    async fn create(&self, name: &str, count: u32) {
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let (desk, subject) = (self.desk.clone(), format!("{name}-{number}"));
            tasks.spawn(async move {
                let ticket = CreateTicket::new(subject.as_str()).expect("lawful");
                desk.create_ticket(&IdempotencyKey::system(&subject), ticket).await.expect("made");
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("no panic");
        }
    }

    fn work(&self, runtime: &Runtime, client: WebhookClient) -> Worker {
        let dispatcher = self.tickets.dispatcher(Arc::new(client));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            dispatcher
                .run(async {
                    // Whether it was told or the bench is over.
                    let _ = stopped.await;
                })
                .await;
        });
        Worker { stop, task }
    }
}

/// A worker's. To make it reads the system's certificates, which a worker does once.
fn client() -> WebhookClient {
    WebhookClient::new(TargetPolicy::LoopbackInTest).expect("a client")
}

struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Stops it when all that it has sent is settled.
    async fn stop(self) {
        self.stop.send(()).expect("it is there");
        self.task.await.expect("no panic");
    }
}

/// Answers 200 to everything; notes when which subject came.
struct Receiver {
    url: String,
    count: Arc<AtomicUsize>,
    arrived: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let (count, arrived) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::default()));
        let (counted, noted) = (Arc::clone(&count), Arc::clone(&arrived));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counted), Arc::clone(&noted)));
            }
        });
        Self { url, count, arrived }
    }

    /// Sees to it that so many webhooks come while they are sent, no more and no less. The sender is given what is ready when
    /// they are all there.
    fn expect<T>(&self, count: u32, send: impl FnOnce(Pin<Box<dyn Future<Output = ()> + '_>>) -> T) -> T {
        let expected = self.received() + usize::try_from(count).expect("few");
        let sent = send(Box::pin(self.wait_for(expected)));
        assert_eq!(self.received(), expected);
        sent
    }

    fn received(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    async fn wait_for(&self, count: usize) {
        while self.received() < count {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}

/// Serves one connection for as long as it lasts.
async fn serve(
    stream: TcpStream,
    count: Arc<AtomicUsize>,
    arrived: Arc<Mutex<HashMap<String, Instant>>>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let now = Instant::now();
        let text = String::from_utf8_lossy(&body);
        if let Some(subject) = text.split(r#""subject":""#).nth(1).and_then(|rest| rest.split('"').next()) {
            arrived.lock().expect("unharmed").entry(subject.to_owned()).or_insert(now);
        }
        count.fetch_add(1, Ordering::Release);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

/// Takes connections and never answers.
async fn hang() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    url
}
