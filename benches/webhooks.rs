//! Webhooks by one worker, from a durable `SQLite` store to receivers on this machine. Floor of the rate: a bare hyper client in
//! a loop, the same bodies to the same receivers, as many at a time. Floor of the latency: the same worker with an endpoint
//! that answers in place of the one that hangs.

use std::{
    cell::Cell,
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sk_tickets_benches::{compare, compare_tails, head, timed};
use sk_tickets_core::{
    CreateEndpoint, CreateTicket, Desk, Environment, IdempotencyKey, Realm, TargetPolicy, Tickets,
    limits::FIRST_IN_FLIGHT_MAX,
};
use sk_tickets_http::WebhookClient;
use sk_tickets_sqlite::SqliteStore;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};

const ENDPOINTS: usize = 4;
/// How many events a round has, each for every endpoint.
const EVENTS: u32 = 500;
const LATENCIES: u32 = 1_500;
/// Between two events, so that the worker is idle when the next one comes.
const PAUSE: Duration = Duration::from_millis(3);

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    head();
    rate(&runtime);
    latency(&runtime);
}

fn rate(runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = runtime.block_on(Receiver::start());
    let engine = runtime.block_on(Engine::start(&folder.path().join("rate.db")));
    for endpoint in 0..ENDPOINTS {
        runtime.block_on(engine.hook(&format!("{}{endpoint}", receiver.url)));
    }
    let serial = Cell::new(0);
    let ours = |count: u32| {
        // What is measured is the delivery of what waits; it is written while the worker rests.
        serial.set(serial.get() + 1);
        let expected = receiver.received() + usize::try_from(count).expect("few");
        runtime.block_on(
            engine.create(&format!("round {}", serial.get()), count / u32::try_from(ENDPOINTS).expect("few")),
        );
        timed(|| {
            let worker = engine.work(runtime);
            runtime.block_on(receiver.wait_for(expected));
            worker.abort();
        })
    };
    let body = Bytes::from(vec![b' '; 1_200]);
    let floor = |count| timed(|| runtime.block_on(post_many(&receiver.url, &body, count)));
    let count = EVENTS * u32::try_from(ENDPOINTS).expect("few");
    compare("webhook deliveries, one worker", count, 0.5, ours, floor);
}

/// The floor: as many at a time as a worker makes.
async fn post_many(url: &str, body: &Bytes, count: u32) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let at_a_time = u32::try_from(FIRST_IN_FLIGHT_MAX * ENDPOINTS).expect("few");
    let mut tasks = JoinSet::new();
    for _ in 0..at_a_time {
        let (client, url, body) = (client.clone(), url.to_owned(), body.clone());
        tasks.spawn(async move {
            for _ in 0..count / at_a_time {
                let request = http::Request::post(&url).body(Full::new(body.clone())).expect("lawful");
                let answer = client.request(request).await.expect("an answer");
                answer.into_body().collect().await.expect("a body");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
}

fn latency(runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = runtime.block_on(Receiver::start());
    let well = runtime.block_on(Engine::start(&folder.path().join("answering.db")));
    runtime.block_on(well.hook(&receiver.url));
    let answering = runtime.block_on(Receiver::start());
    runtime.block_on(well.hook(&answering.url));
    let beside = runtime.block_on(Engine::start(&folder.path().join("beside.db")));
    runtime.block_on(beside.hook(&receiver.url));
    let hanging = runtime.block_on(hang());
    runtime.block_on(beside.hook(&hanging));
    let (_well, _beside) = (well.work(runtime), beside.work(runtime));

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
    for number in 0..LATENCIES {
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
    async fn start(path: &Path) -> Self {
        let store = SqliteStore::open(path).await.expect("it opens");
        let tickets = Tickets::builder(Arc::new(store)).targets(TargetPolicy::LoopbackInTest).build();
        let desk = tickets.desk(Realm::assume("bench".parse().expect("lawful"), Environment::Test));
        Self { tickets, desk }
    }

    async fn hook(&self, url: &str) {
        let endpoint = CreateEndpoint::new(url.parse().expect("lawful"));
        self.desk.create_endpoint(&IdempotencyKey::system(url), endpoint).await.expect("made");
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

    fn work(&self, runtime: &Runtime) -> tokio::task::JoinHandle<()> {
        let client = WebhookClient::new(TargetPolicy::LoopbackInTest).expect("a client");
        let dispatcher = self.tickets.dispatcher(Arc::new(client));
        runtime.spawn(async move { dispatcher.run(std::future::pending()).await })
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
