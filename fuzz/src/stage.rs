//! The router on a store in memory, with one of each thing to be asked about.

use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sk_tickets_core::{
    BASE_PATH, Clock, Entropy, Environment, FormId, MemoryStore, PageRequest, Realm, Scope, Ticket, TicketFilter,
    Tickets, Timestamp, platform::system::SeededEntropy, testing::ManualClock,
};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::problem;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

thread_local! {
    static STAGE: Cell<Option<Stage>> = const { Cell::new(None) };
}

/// What a thread asks.
#[derive(Debug)]
pub(crate) struct Stage {
    runtime: Runtime,
    clock: Arc<ManualClock>,
    tickets: Tickets,
    router: Router,
    key: String,
    made: Vec<(&'static str, String)>,
    page: String,
    /// How many requests were sent: each is from an address of its own.
    sent: u32,
    /// Whether something was changed since it was set up.
    is_used: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Stage {
    /// Lets somebody act on a stage on which nothing was changed yet, so that no input depends on those before it.
    pub(crate) fn with<T>(act: impl FnOnce(&mut Self) -> T) -> T {
        let mut stage = STAGE.take().filter(|stage| !stage.is_used).unwrap_or_else(Self::set_up);
        // Should it panic, the stage is gone with whatever was done on it.
        let outcome = act(&mut stage);
        STAGE.set(Some(stage));
        outcome
    }

    fn set_up() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tickets = Tickets::builder(Arc::new(MemoryStore::new()))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .entropy(Arc::new(SeededEntropy::new(1)) as Arc<dyn Entropy>)
            .build();
        let made = tickets.create_api_key(realm(), None, [Scope::Admin], None);
        let (_, secret) = runtime.block_on(made).expect("a key");
        let router = sk_tickets_http::router(tickets.clone());
        let key = secret.expose().to_owned();
        let mut stage = Self {
            runtime,
            clock,
            tickets,
            router,
            key,
            made: Vec::new(),
            page: String::new(),
            sent: 0,
            is_used: false,
        };
        stage.furnish();
        stage.is_used = false;
        stage
    }

    fn furnish(&mut self) {
        self.make("queues", &json!({"key": "orders", "topics": ["delivery"]}));
        self.make("contacts", &json!({"email": "ann@example.com"}));
        self.make("webhook_endpoints", &json!({"url": "https://example.com/hooks"}));
        self.make("tickets", &json!({"subject": "Another"}));
        let ticket = self.make("tickets", &json!({"subject": "Part delayed", "topic": "delivery"}));
        self.make("forms", &json!({"name": "Help", "topics": [{"key": "delivery", "label": "Where is it?"}]}));
        for (list, what) in [(format!("tickets/{ticket}/thread"), "{entry}"), ("deliveries".to_owned(), "dead_letters")]
        {
            let rows = self.get(&format!("/{list}")).json();
            self.made.push((what, rows["data"][0]["id"].as_str().expect("there is one").to_owned()));
        }
        self.page = self.path("/forms/{id}/page");
    }

    fn make(&mut self, what: &'static str, body: &Value) -> String {
        let key = self.fresh_key();
        let answer = self.post(&format!("/{what}"), key, body.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        self.made.push((what, id.clone()));
        id
    }

    /// The text of the API key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// A path in whose braces stands something that is there.
    pub(crate) fn path(&self, template: &str) -> String {
        let of = |what: &str| self.made.iter().rev().find(|(known, _)| *known == what).map(|(_, id)| id.as_str());
        let noun = template.split('/').nth(1).unwrap_or_default();
        let words = [("{key}", Some("orders")), ("{priority}", Some("high")), ("{entry}", of("{entry}"))];
        let path = words
            .into_iter()
            .fold(template.to_owned(), |path, (name, word)| path.replace(name, word.unwrap_or_default()));
        path.replace("{id}", of(noun).unwrap_or("ntf_01J9X2M3N4P5Q6R7S8T9VAWBXC"))
    }

    /// An idempotency key that was not used before.
    pub(crate) fn fresh_key(&self) -> HeaderValue {
        HeaderValue::try_from(format!("of-the-stage-alone-{}", self.sent)).expect("a header")
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let authorization = self.authorization();
        self.get_as(Some(authorization), path)
    }

    /// Asks with another header `Authorization`.
    pub(crate) fn get_as(&mut self, authorization: Option<HeaderValue>, path: &str) -> Answer {
        let headers = authorization.into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
        self.send(&Method::GET, path, headers, b"")
    }

    pub(crate) fn post(&mut self, path: &str, idempotency_key: HeaderValue, body: &[u8]) -> Answer {
        self.change(&Method::POST, path, idempotency_key, body)
    }

    /// Asks for a change, with a body that is declared as JSON.
    pub(crate) fn change(&mut self, method: &Method, path: &str, key: HeaderValue, body: &[u8]) -> Answer {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = [(header::AUTHORIZATION, self.authorization()), (IDEMPOTENCY_KEY, key), json];
        self.send(method, path, headers.into_iter().collect(), body)
    }

    fn send(&mut self, method: &Method, path: &str, headers: HeaderMap, body: &[u8]) -> Answer {
        let answer = self.ask(method, &format!("{BASE_PATH}{path}"), headers, body);
        problem::judge(&answer, body);
        answer
    }

    /// Sends something to the form's page.
    pub(crate) fn send_form(&mut self, content_type: &'static str, body: &[u8]) -> Answer {
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))].into_iter().collect();
        let page = format!("{BASE_PATH}{}", self.page);
        self.ask(&Method::POST, &page, headers, body)
    }

    /// What is on the other side of a link of ours.
    pub(crate) fn follow(&mut self, path: &str) -> Answer {
        self.ask(&Method::GET, path, HeaderMap::new(), b"")
    }

    fn ask(&mut self, method: &Method, path: &str, headers: HeaderMap, body: &[u8]) -> Answer {
        self.sent += 1;
        let mut request = Request::new(Body::from(body.to_vec()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().expect("a path");
        *request.headers_mut() = headers;
        let peer = SocketAddr::from((Ipv4Addr::from_bits(self.sent), 4711));
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = self.router.clone();
        let answer = self.runtime.block_on(async {
            let Ok(response) = router.oneshot(request).await;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.expect("a whole body").to_bytes();
            Answer { status: parts.status.as_u16(), headers: parts.headers, body }
        });
        // A rejection can be recorded, too.
        self.is_used |= *method != Method::GET && (answer.status < 400 || answer.status == 409);
        assert!(answer.status < 500, "{method} {path}: {answer:?}");
        answer
    }

    /// What a page that shows the form now has in its hidden field.
    pub(crate) fn render_token(&self) -> String {
        let id: FormId = self.page.split('/').nth(2).unwrap_or_default().parse().expect("the form's id");
        let form = self.runtime.block_on(self.tickets.form(id)).expect("readable").expect("it is there");
        form.sign(&form.render_token())
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The newest ticket.
    pub(crate) fn newest_ticket(&self) -> Ticket {
        let desk = self.tickets.desk(realm());
        let page = self.runtime.block_on(desk.tickets(&TicketFilter::ALL, &PageRequest::first().limit(1)));
        page.expect("readable").data.remove(0)
    }

    fn authorization(&self) -> HeaderValue {
        HeaderValue::try_from(format!("Bearer {}", self.key)).expect("a header")
    }
}

impl Answer {
    /// The code of a problem; empty if it is none.
    pub(crate) fn code(&self) -> String {
        if self.status < 400 { String::new() } else { self.json()["code"].as_str().unwrap_or_default().to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn is_replay(&self) -> bool {
        self.header(&REPLAYED) == Some("true")
    }
}

fn realm() -> Realm {
    Realm::assume("acme".parse().expect("a lawful name"), Environment::Test)
}
