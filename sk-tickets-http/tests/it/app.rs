//! A whole application to test: the router on a database of its own, by a clock that is set by hand.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use sk_tickets_core::{
    BASE_PATH, Clock, Desk, Environment, IdempotencyKey, Realm, Schedule, Scope, TargetPolicy, Tickets, Timestamp,
    testing::ManualClock,
};
use sk_tickets_http::ServeOptions;
use sk_tickets_sqlite::{SqliteOptions, Synchronous, violations};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};
use tower::ServiceExt;
use url::form_urlencoded;

use crate::openapi::contract;

/// How long anything may take before a test gives it up as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ACME: (&str, Environment) = ("acme", Environment::Test);
pub(crate) const ACME_LIVE: (&str, Environment) = ("acme", Environment::Live);
pub(crate) const GLOBEX: (&str, Environment) = ("globex", Environment::Test);

pub(crate) const ANN: &str = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC";
pub(crate) const BOB: &str = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXD";
pub(crate) const BOT: &str = "agt_01J9X2M3N4P5Q6R7S8T9VAWBXC";
pub(crate) const CUSTOMER: &str = "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC";
/// Ids that nothing was ever made with.
pub(crate) const UNKNOWN: &str = "01J9X2M3N4P5Q6R7S8T9VAWBXC";

pub(crate) fn realm((tenant, environment): (&str, Environment)) -> Realm {
    Realm::assume(tenant.parse().expect("a lawful name"), environment)
}

/// A database in a folder of its own. Once a test is done with it, all that always holds must hold in it.
#[derive(Debug)]
struct Database(TempDir);

impl Database {
    fn path(&self) -> PathBuf {
        self.0.path().join("tickets.db")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        // On a thread of its own: a test may end within its runtime or after it.
        let path = self.path();
        let look = move || Runtime::new().expect("a runtime").block_on(violations(path, Duration::ZERO));
        let found = thread::spawn(look).join().expect("no panic");
        assert_eq!(found.expect("readable"), Vec::new());
    }
}

/// The router with all that is under it.
#[derive(Debug, Clone)]
pub(crate) struct TestApp {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tickets: Tickets,
    pub(crate) router: Router,
    database: Arc<Database>,
    builder: TestAppBuilder,
}

/// Choices for [`TestApp`].
#[derive(Debug, Clone)]
pub(crate) struct TestAppBuilder {
    schedule: Schedule,
    targets: TargetPolicy,
}

impl TestAppBuilder {
    pub(crate) fn schedule(mut self, schedule: &str) -> Self {
        self.schedule = schedule.parse().expect("a schedule");
        self
    }

    pub(crate) const fn targets(mut self, targets: TargetPolicy) -> Self {
        self.targets = targets;
        self
    }

    pub(crate) async fn start(self) -> TestApp {
        let database = Arc::new(Database(tempfile::tempdir().expect("a temporary folder")));
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        self.open(database, clock).await
    }

    async fn open(self, database: Arc<Database>, clock: Arc<ManualClock>) -> TestApp {
        // Nothing in here survives the machine, so no test needs to wait for the disk.
        let options = SqliteOptions::new(database.path()).synchronous(Synchronous::Normal);
        let tickets = Tickets::builder(Arc::new(options.open().await.expect("a database")))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .targets(self.targets)
            .schedule(self.schedule.clone())
            .build();
        let router = sk_tickets_http::router(tickets.clone());
        TestApp { clock, tickets, router, database, builder: self }
    }
}

impl TestApp {
    pub(crate) fn builder() -> TestAppBuilder {
        TestAppBuilder { schedule: Schedule::default(), targets: TargetPolicy::LoopbackInTest }
    }

    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// Drops everything and opens the same database again. Clients made before do not work any more.
    pub(crate) async fn restart(self) -> Self {
        let Self { clock, tickets, router, database, builder } = self;
        drop((tickets, router));
        builder.open(database, clock).await
    }

    /// Another application on the same database, as another process would be.
    pub(crate) async fn beside(&self) -> Self {
        self.builder.clone().open(Arc::clone(&self.database), Arc::clone(&self.clock)).await
    }

    pub(crate) fn desk(&self) -> Desk {
        self.tickets.desk(realm(ACME))
    }

    /// The text of a fresh API key.
    pub(crate) async fn key(&self, in_realm: (&str, Environment), scopes: &[Scope]) -> String {
        let made = self.tickets.create_api_key(realm(in_realm), None, scopes.iter().copied(), None).await;
        made.expect("a key").1.expose().to_owned()
    }

    /// A client with a fresh API key.
    pub(crate) async fn client(&self, in_realm: (&str, Environment), scopes: &[Scope]) -> Client {
        self.anonymous().with_key(&self.key(in_realm, scopes).await)
    }

    /// A client that may do everything in the test realm of the tenant `acme`.
    pub(crate) async fn admin(&self) -> Client {
        self.client(ACME, &[Scope::Admin]).await
    }

    /// A client without a key.
    pub(crate) fn anonymous(&self) -> Client {
        Client { transport: Transport::InProcess(self.router.clone()), authorization: None }
    }

    /// Serves the router on a port of its own.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(ServeOptions::default()).await
    }

    /// Serves it with other limits than the usual ones.
    pub(crate) async fn serve_with(&self, options: ServeOptions) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let router = self.router.clone();
        let task = tokio::spawn(async move {
            let stopped = async {
                // An error means that the server was dropped, which ends it too.
                let _ = stopped.await;
            };
            sk_tickets_http::serve(listener, router, options, stopped).await;
        });
        Server { address, stop, task }
    }
}

/// A router that listens.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// A client with this key and with connections of its own.
    pub(crate) fn client(&self, key: &str) -> Client {
        let hyper = HyperClient::builder(TokioExecutor::new()).build_http();
        Client { transport: Transport::Tcp(hyper, self.address), authorization: None }.with_key(key)
    }

    /// Returns when the last request is answered and nothing holds the router any more.
    pub(crate) async fn stop(self) {
        // An error means that it has stopped by itself, which `await` reports.
        let _ = self.stop.send(());
        self.task.await.expect("stopped");
    }
}

/// Somebody who sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    transport: Transport,
    authorization: Option<HeaderValue>,
}

#[derive(Debug, Clone)]
enum Transport {
    InProcess(Router),
    Tcp(HyperClient<HttpConnector, Full<Bytes>>, SocketAddr),
}

impl Client {
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.authorization = Some(format!("Bearer {key}").parse().expect("a header"));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Ask::get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Ask::post(path).fresh_key().json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Ask::patch(path).fresh_key().json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Ask::put(path).fresh_key().json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Ask::delete(path).fresh_key()).await
    }

    /// Makes a ticket.
    pub(crate) async fn ticket(&self, body: Value) -> Value {
        self.post("/tickets", body).await.expect(201).json()
    }

    /// Every row of a list that fits on one page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = self.get(&format!("{path}{separator}limit=100")).await.expect(200).json();
        assert_eq!(page["has_more"], false, "{path} has more than a page");
        page["data"].as_array().expect("rows").clone()
    }

    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        let Ask { method, path, mut headers, body, peer } = ask;
        if let Some(authorization) = &self.authorization
            && !headers.contains_key(header::AUTHORIZATION)
        {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let asked = format!("{method} {path}");
        match &self.transport {
            Transport::InProcess(router) => {
                let body = match body {
                    Payload::Whole(bytes) => {
                        // As a client that sends over a wire declares it.
                        headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(bytes.len()));
                        Body::from(bytes)
                    }
                    Payload::Chunked(bytes) => {
                        let chunks: Vec<_> = bytes.chunks(8_192).map(Bytes::copy_from_slice).collect();
                        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)))
                    }
                };
                let mut request = request(method.clone(), &path, headers, body);
                if let Some(peer) = peer {
                    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer, 4711)));
                }
                let Ok(response) = router.clone().oneshot(request).await;
                Answer::read(asked, &method, response).await
            }
            Transport::Tcp(hyper, address) => {
                let (Payload::Whole(bytes) | Payload::Chunked(bytes)) = body;
                let request = request(method.clone(), &format!("http://{address}{path}"), headers, Full::new(bytes));
                let response = hyper.request(request).await.expect("an answer");
                Answer::read(asked, &method, response).await
            }
        }
    }
}

fn request<B>(method: Method, uri: &str, headers: HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().expect("a path");
    *request.headers_mut() = headers;
    request
}

/// A request in the making. Can be sent again.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Payload,
    peer: Option<IpAddr>,
}

#[derive(Debug, Clone)]
enum Payload {
    Whole(Bytes),
    /// Without a declared length.
    Chunked(Bytes),
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

static KEYS: AtomicU64 = AtomicU64::new(0);

/// A key that no test has used.
pub(crate) fn fresh_key() -> String {
    format!("fresh-{}", KEYS.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn fresh_idempotency_key() -> IdempotencyKey {
    IdempotencyKey::client(&fresh_key()).expect("a lawful key")
}

impl Ask {
    /// `path` is taken from the base path on, unless it begins with it.
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let path = if path.starts_with(BASE_PATH) { path.to_owned() } else { format!("{BASE_PATH}{path}") };
        Self { method, path, headers: HeaderMap::new(), body: Payload::Whole(Bytes::new()), peer: None }
    }

    /// A path that is not under the base path.
    pub(crate) fn outside(method: Method, path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::new(method, "") }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.headers.insert(IDEMPOTENCY_KEY, key.parse().expect("a header"));
        self
    }

    pub(crate) fn fresh_key(self) -> Self {
        self.key(&fresh_key())
    }

    /// One header more.
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(body.to_string())
    }

    /// Text that is declared as JSON.
    pub(crate) fn text(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Payload::Whole(body.into());
        self
    }

    /// What a browser sends of a form.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body = Payload::Whole(body.into());
        self
    }

    /// From this address; only within the process.
    pub(crate) fn sent_from(mut self, peer: &str) -> Self {
        self.peer = Some(peer.parse().expect("an address"));
        self
    }

    /// The same body without a declared length.
    pub(crate) fn chunked(mut self) -> Self {
        let (Payload::Whole(bytes) | Payload::Chunked(bytes)) = self.body;
        self.body = Payload::Chunked(bytes);
        self
    }

    pub(crate) fn without(mut self, name: HeaderName) -> Self {
        self.headers.remove(name);
        self
    }
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Whether what is asked for is read by people, whom a page tells what is wrong. Nobody is shown a method that there is not.
fn is_for_people(asked: &str, status: u16) -> bool {
    let of_form = |end: &str| asked.contains("/forms/") && asked.contains(end);
    status != 405 && ["/page", "/embed.js", "/receipt/"].into_iter().any(of_form)
}

/// What never reaches a client.
const SECRETS: [&str; 7] = ["panick", "SQL", "sqlite", "rusqlite", "tickets.db", "/tmp/", ".rs"];

impl Answer {
    /// Reads an answer, and checks what holds for every one.
    async fn read<B>(asked: String, method: &Method, response: Response<B>) -> Self
    where
        B: hyper::body::Body<Error: fmt::Debug>,
    {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let answer = Self { asked, status: head.status.as_u16(), headers: head.headers, body };
        let request_id = answer.header("request-id").unwrap_or_default();
        assert!(request_id.starts_with("req_") && request_id.len() == 30, "{answer:?} has no Request-Id");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            answer.status < 400 || !SECRETS.iter().any(|secret| text.contains(secret)),
            "{answer:?} tells too much"
        );
        if answer.status >= 400 && *method != Method::HEAD && !is_for_people(&answer.asked, answer.status) {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
            let problem = answer.json();
            let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            assert_eq!(problem["status"], answer.status, "{answer:?}");
            assert!(!text("code").is_empty() && text("type").ends_with(&text("code")), "{answer:?}");
            assert!(!text("title").is_empty() && !text("detail").is_empty(), "{answer:?}");
            assert!(text("request_id").starts_with("req_"), "{answer:?}");
        }
        let (_, path) = answer.asked.split_once(' ').expect("a method and a path");
        contract::check(method, path, answer.status, &answer.headers, &answer.body);
        answer
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Asserts the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Asserts the problem, which is given back.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        self.json()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The pointer and the code of each fault of a request.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let problem = self.json();
        let faults = problem["errors"].as_array().unwrap_or_else(|| panic!("no faults in {self:?}"));
        faults.iter().map(|fault| (text(&fault["pointer"]), text(&fault["code"]))).collect()
    }

    pub(crate) fn is_replay(&self) -> bool {
        match self.header("idempotent-replayed") {
            None => false,
            Some(value) => {
                assert_eq!(value, "true");
                true
            }
        }
    }

    /// Asserts that this repeats `first` in all that a repetition repeats.
    #[track_caller]
    pub(crate) fn assert_replays(&self, first: &Self) {
        assert!(self.is_replay(), "{self:?} is no replay");
        self.assert_same(first);
        assert_ne!(self.header("request-id"), first.header("request-id"), "a request has an id of its own");
    }

    /// Asserts that this is the same answer, replayed or not.
    #[track_caller]
    pub(crate) fn assert_same(&self, first: &Self) {
        assert_eq!(self.status, first.status, "{self:?}");
        for name in ["location", "etag", "content-type"] {
            assert_eq!(self.header(name), first.header(name), "{name}");
        }
        assert_eq!(self.body, first.body, "{self:?}");
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, status, headers, body } = self;
        write!(f, "{asked}: {status} {headers:?} {}", String::from_utf8_lossy(&body[..body.len().min(2_000)]))
    }
}

/// The names of an object's members, sorted.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The text of a member.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {object}"))
}
