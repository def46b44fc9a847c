//! What Prometheus is told, read as it reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::json;
use sk_tickets_core::{Environment, Scope, SendError, WebhookReply, WebhookRequest, WebhookSender};
use sk_tickets_http::{Metrics, RouterOptions, status_router};
use tower::ServiceExt;

use crate::{
    app::{ACME_LIVE, ANN, Ask, Client, TestApp, UNKNOWN, text},
    receiver::Receiver,
};

/// The text that a router tells, by series.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(router: &Router) -> Self {
        let request = Request::get("/metrics").body(Body::empty()).expect("a request");
        let Ok(response) = router.clone().oneshot(request).await;
        assert_eq!(response.status(), 200);
        let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(response.headers()["content-type"], media_type);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        Self::parse(std::str::from_utf8(&body).expect("text"))
    }

    /// Reads the text, and checks what the format asks for.
    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("it ends so");
        let mut types = BTreeMap::new();
        let mut helped = BTreeSet::new();
        let mut series = BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                assert!(types.insert(name, kind).is_none(), "{name} is described twice");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and words");
                assert!(!help.is_empty() && helped.insert(name), "{line}");
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (name, unit) = rest.split_once(' ').expect("a name and a unit");
                assert!(name.ends_with(unit), "{line}");
            } else {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                let bare = name.split('{').next().expect("a name");
                let family = ["_total", "_bucket", "_sum", "_count"].iter().find_map(|end| bare.strip_suffix(end));
                let family = family.filter(|family| types.contains_key(family)).unwrap_or(bare);
                assert!(types.contains_key(family) && helped.contains(family), "{line} is not described");
                assert!(family.starts_with("sk_tickets_"), "{line}");
                assert!(
                    series.insert(name.to_owned(), value.parse().expect("a number")).is_none(),
                    "{name} is told twice"
                );
            }
        }
        Self(series)
    }

    #[track_caller]
    fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    /// Delivered, rejected, unreachable, timed out.
    fn attempts(&self) -> [f64; 4] {
        ["delivered", "rejected", "unreachable", "timed_out"]
            .map(|outcome| self.get(&format!("sk_tickets_webhook_attempts_total{{outcome=\"{outcome}\"}}")))
    }
}

/// An endpoint for every ticket that is made.
async fn hook(client: &Client, url: &str) -> String {
    let made = client.post("/webhook_endpoints", json!({"url": url, "events": ["ticket.created"]})).await.expect(201);
    text(&made.json(), "id").to_owned()
}

#[tokio::test]
async fn what_waits_is_told_with_its_age() {
    let app = TestApp::builder().schedule("1s").start().await;
    let admin = app.admin().await;
    let gauges = async || {
        // Older than what is remembered.
        app.clock.advance(Duration::from_secs(1));
        let scrape = Scrape::of(&app.router).await;
        [
            scrape.get("sk_tickets_deliveries_pending"),
            scrape.get("sk_tickets_deliveries_oldest_due_seconds"),
            scrape.get("sk_tickets_dead_letters"),
            scrape.get("sk_tickets_dead_letters_oldest_seconds"),
        ]
    };
    assert_eq!(gauges().await, [0.0; 4]);
    let receiver = Receiver::start().await;
    let id = hook(&admin, &receiver.url).await;
    for _ in 0..2 {
        admin.ticket(json!({"subject": "A"})).await;
    }
    app.clock.advance(Duration::from_millis(500));
    assert_eq!(gauges().await, [2.0, 1.5, 0.0, 0.0]);
    admin.post(&format!("/webhook_endpoints/{id}/disable"), json!({})).await.expect(200);
    app.clock.advance(Duration::from_secs(7));
    assert_eq!(gauges().await, [0.0, 0.0, 2.0, 9.5]);
}

#[tokio::test]
async fn what_customers_are_to_be_told_is_counted() {
    let app = TestApp::start().await;
    let live = app.client(ACME_LIVE, Scope::ALL).await;
    let contact = json!({"email": "ann@example.com"});
    let ticket = live.ticket(json!({"subject": "A", "contact": contact, "owner_id": ANN})).await;
    let resolve = json!({"to": "resolved", "resolution_note": "Replaced"});
    live.post(&format!("/tickets/{}/transitions", text(&ticket, "id")), resolve).await.expect(200);
    app.clock.advance(Duration::from_secs(3));
    let scrape = Scrape::of(&app.router).await;
    let gauges = ["pending", "oldest_pending_seconds", "dead"]
        .map(|name| scrape.get(&format!("sk_tickets_notifications_{name}")));
    assert_eq!(gauges, [1.0, 3.0, 0.0]);
}

#[tokio::test]
async fn the_store_is_not_asked_more_than_once_a_second() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    hook(&admin, "https://example.com/").await;
    let pending = async || Scrape::of(&app.router).await.get("sk_tickets_deliveries_pending");
    assert_eq!(pending().await, 0.0);
    admin.ticket(json!({"subject": "A"})).await;
    app.clock.advance(Duration::from_millis(999));
    assert_eq!(pending().await, 0.0, "what it said a moment ago");
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(pending().await, 1.0);
}

#[tokio::test]
async fn attempts_are_counted_by_what_came_of_them() {
    let app = TestApp::start().await;
    let metrics = Metrics::new();
    let router = RouterOptions::new(app.tickets.clone()).metrics(metrics.clone()).build();
    assert_eq!(Scrape::of(&router).await.attempts(), [0.0; 4], "they are there before anything happens");
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    receiver.then(500, &[], "");
    hook(&admin, &receiver.url).await;
    admin.ticket(json!({"subject": "A"})).await;
    let watch = |sender| metrics.watch(sender);
    app.attempt_through(1, watch).await;
    assert_eq!(Scrape::of(&router).await.attempts(), [0.0, 1.0, 0.0, 0.0]);
    app.clock.advance(Duration::from_secs(1));
    app.attempt_through(1, watch).await;
    drop(receiver);
    admin.ticket(json!({"subject": "B"})).await;
    app.attempt_through(1, watch).await;
    let scrape = Scrape::of(&router).await;
    assert_eq!(scrape.attempts(), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(scrape.get("sk_tickets_webhook_latency_seconds_count"), 3.0);
    assert_eq!(scrape.get("sk_tickets_webhook_latency_seconds_bucket{le=\"+Inf\"}"), 3.0);
}

/// Never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl WebhookSender for Silent {
    async fn send(&self, _: WebhookRequest) -> Result<WebhookReply, SendError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_attempt_that_is_given_up_is_counted_too() {
    let app = TestApp::start().await;
    let metrics = Metrics::new();
    let sender = metrics.watch(Arc::new(Silent));
    let request = WebhookRequest {
        url: "https://example.com/".to_owned(),
        environment: Environment::Test,
        id: "evt_1".to_owned(),
        timestamp: "1".to_owned(),
        signature: "v1,".to_owned(),
        body: b"{}".to_vec(),
    };
    tokio::time::timeout(Duration::from_millis(1), sender.send(request)).await.unwrap_err();
    let scrape = Scrape::of(&status_router(app.tickets.clone(), metrics)).await;
    assert_eq!(scrape.attempts(), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(scrape.get("sk_tickets_webhook_latency_seconds_count"), 1.0);
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_not_by_their_path() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    admin.get(&format!("/tickets/{}", text(&ticket, "id"))).await.expect(200);
    admin.get(&format!("/tickets/tkt_{UNKNOWN}")).await.expect(404);
    admin.get(&format!("/tickets/tkt_{UNKNOWN}")).await.expect(404);
    admin.get("/nothing/of/the/kind").await.expect(404);
    app.anonymous().send(Ask::outside(Method::GET, "/nowhere")).await.expect(404);
    for method in ["BREW", "STEEP"] {
        admin.send(Ask::new(method.parse().unwrap(), "/tickets")).await.expect(405);
    }
    let scrape = Scrape::of(&app.router).await;
    for (method, route, status, count) in [
        ("POST", "/tickets/v1/tickets", 201, 1.0),
        ("GET", "/tickets/v1/tickets/{id}", 200, 1.0),
        ("GET", "/tickets/v1/tickets/{id}", 404, 2.0),
        ("GET", "/tickets/v1/{*unknown}", 404, 1.0),
        ("GET", "none", 404, 1.0),
        ("other", "/tickets/v1/tickets", 405, 2.0),
    ] {
        let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        assert_eq!(scrape.get(&format!("sk_tickets_http_requests_total{labels}")), count, "{labels}");
        assert_eq!(scrape.get(&format!("sk_tickets_http_request_duration_seconds_count{labels}")), count, "{labels}");
    }
    let told = format!("{:?}", scrape.0.keys());
    for name in ["acme", UNKNOWN, "BREW", "nowhere"] {
        assert!(!told.contains(name), "{name} is told");
    }
}

#[tokio::test]
async fn a_process_without_an_api_tells_how_it_fares_and_nothing_else() {
    let app = TestApp::start().await;
    let router = status_router(app.tickets.clone(), Metrics::new());
    let status = async |path: &str| {
        let Ok(response) = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await;
        response.status().as_u16()
    };
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(path).await, 200, "{path}");
    }
    for path in ["/", "/tickets/v1/tickets", "/tickets/v1/docs/errors/not_found"] {
        assert_eq!(status(path).await, 404, "{path}");
    }
    let Ok(refused) = router.clone().oneshot(Request::post("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status(), 405);
    assert_eq!(refused.headers()["allow"], "GET, HEAD");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
}
