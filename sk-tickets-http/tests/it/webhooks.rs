//! Webhooks end to end: over HTTP in, over TCP out.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};
use sk_tickets_core::{Scope, SystemEntropy, TargetPolicy, VerifyError, WebhookRequest, WebhookSecret, WebhookSender};
use sk_tickets_http::WebhookClient;
use tokio::net::TcpListener;

use crate::{
    app::{ACME, ACME_LIVE, ANN, Ask, Client, TestApp, names, text},
    receiver::Receiver,
};

const ENDPOINT: [&str; 10] = [
    "created_at",
    "description",
    "disabled_reason",
    "events",
    "failing_since",
    "health",
    "id",
    "object",
    "status",
    "url",
];
const DELIVERY: [&str; 11] = [
    "attempts",
    "created_at",
    "endpoint_id",
    "event_id",
    "event_type",
    "id",
    "next_attempt_at",
    "object",
    "reason",
    "status",
    "ticket_id",
];
const ATTEMPT: [&str; 6] = ["at", "error", "latency_ms", "number", "response", "status_code"];

/// Makes an endpoint; gives its path and its secret.
async fn endpoint(client: &Client, url: &str, events: Value) -> (String, String) {
    let made = client.post("/webhook_endpoints", json!({"url": url, "events": events})).await.expect(201);
    (made.header("location").expect("a place").to_owned(), text(&made.json(), "secret").to_owned())
}

/// The only delivery there is.
async fn delivery(client: &Client) -> Value {
    let [delivery] = <[Value; 1]>::try_from(client.all("/deliveries").await).expect("one delivery");
    delivery
}

/// One ticket for one endpoint that answers by `script`, one attempt.
async fn attempted(script: impl FnOnce(&Receiver)) -> (TestApp, Client, Receiver, String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    script(&receiver);
    let (path, _) = endpoint(&admin, &receiver.url, json!(["*"])).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    (app, admin, receiver, path)
}

#[tokio::test]
async fn a_webhook_is_signed_and_says_what_the_feed_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let (path, secret) = endpoint(&admin, &receiver.url, json!(["*"])).await;
    let ticket = admin.ticket(json!({"subject": "Part delayed"})).await;
    app.attempt(1).await;

    let [webhook] = <[_; 1]>::try_from(receiver.received()).unwrap();
    webhook.verify(&secret, &app).unwrap();
    let other = WebhookSecret::generate(&SystemEntropy).expose();
    assert_eq!(webhook.verify(&other, &app), Err(VerifyError::NoMatch));
    assert_eq!(webhook.path, "/hook");
    assert_eq!(webhook.header("content-type"), "application/json");
    assert!(webhook.header("user-agent").starts_with("sk-tickets/"));
    assert_eq!(webhook.header("webhook-timestamp"), app.tickets.now().as_secs().to_string());
    let event = admin.get(&format!("/events/{}", webhook.header("webhook-id"))).await.expect(200);
    assert_eq!(webhook.body, event.body, "the bytes sent are the bytes kept");
    assert_eq!(webhook.json()["data"]["ticket"], ticket);

    let delivery = delivery(&admin).await;
    assert_eq!(names(&delivery), DELIVERY);
    assert_eq!((text(&delivery, "object"), text(&delivery, "status")), ("delivery", "delivered"));
    assert_eq!((&delivery["event_id"], &delivery["ticket_id"]), (&webhook.json()["id"], &ticket["id"]));
    assert!(path.ends_with(text(&delivery, "endpoint_id")));
    assert_eq!((text(&delivery, "event_type"), &delivery["next_attempt_at"]), ("ticket.created", &Value::Null));
    let [attempt] = delivery["attempts"].as_array().unwrap().as_slice() else { panic!("one attempt in {delivery}") };
    assert_eq!(names(attempt), ATTEMPT);
    assert_eq!(
        (&attempt["number"], &attempt["status_code"], &attempt["error"]),
        (&json!(1), &json!(204), &Value::Null)
    );
    assert_eq!(admin.get(&format!("/deliveries/{}", text(&delivery, "id"))).await.expect(200).json(), delivery);
}

#[tokio::test]
async fn every_attempt_is_signed_anew_under_the_same_id() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    receiver.then(500, &[], "no");
    let (path, secret) = endpoint(&admin, &receiver.url, json!(["*"])).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    assert!(admin.get(&path).await.json()["failing_since"].is_string());
    let failed = delivery(&admin).await;
    assert_eq!((text(&failed, "status"), text(&failed["attempts"][0], "response")), ("pending", "no"));
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;

    let [first, second] = <[_; 2]>::try_from(receiver.received()).unwrap();
    assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    first.verify(&secret, &app).unwrap();
    second.verify(&secret, &app).unwrap();
    assert_eq!(delivery(&admin).await["status"], "delivered");
    assert_eq!(admin.get(&path).await.json()["failing_since"], Value::Null);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (_app, admin, receiver, _) = attempted(|receiver| {
            let elsewhere = receiver.url.replace("/hook", "/elsewhere");
            receiver.then(status, &[("location", &elsewhere)], "");
        })
        .await;
        let delivery = delivery(&admin).await;
        assert_eq!((&delivery["status"], &delivery["attempts"][0]["status_code"]), (&json!("pending"), &json!(status)));
        assert!(text(&delivery["attempts"][0], "error").contains("redirect"));
        assert_eq!(receiver.received().iter().map(|webhook| webhook.path.as_str()).collect::<Vec<_>>(), ["/hook"]);
    }
}

#[tokio::test]
async fn gone_disables_the_endpoint() {
    let (app, admin, receiver, path) = attempted(|receiver| receiver.then(410, &[], "")).await;
    let endpoint = admin.get(&path).await.expect(200).json();
    assert_eq!((text(&endpoint, "status"), text(&endpoint, "disabled_reason")), ("disabled", "gone"));
    let delivery = delivery(&admin).await;
    assert_eq!((text(&delivery, "status"), text(&delivery, "reason")), ("dead", "endpoint_disabled"));

    // What comes now waits at once; enabled again, it can be replayed.
    admin.ticket(json!({"subject": "B"})).await;
    let dead_letters = admin.all("/dead_letters").await;
    assert_eq!(dead_letters.len(), 2);
    let replay = |row: &Value| format!("/dead_letters/{}/replay", text(row, "id"));
    admin.post(&replay(&dead_letters[0]), json!({})).await.problem(409, "endpoint_disabled");
    let enabled = admin.post(&format!("{path}/enable"), json!({})).await.expect(200).json();
    assert_eq!((text(&enabled, "status"), &enabled["disabled_reason"]), ("enabled", &Value::Null));
    for dead_letter in &dead_letters {
        admin.post(&replay(dead_letter), json!({})).await.expect(200);
    }
    app.attempt(2).await;
    assert_eq!(receiver.received().len(), 3);
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
}

#[tokio::test]
async fn of_a_long_answer_the_start_is_kept() {
    const KEPT: usize = 16 * 1024;
    let (_app, admin, _receiver, _) = attempted(|receiver| {
        receiver.then(200, &[], [vec![b'a'; KEPT - 1], vec![b'b'; 1024 * 1024]].concat());
    })
    .await;
    let delivery = delivery(&admin).await;
    assert_eq!(delivery["status"], "delivered");
    assert_eq!(text(&delivery["attempts"][0], "response"), "a".repeat(KEPT - 1) + "b");
}

#[tokio::test]
async fn an_answer_that_is_no_text_is_kept_as_far_as_it_is() {
    let (_app, admin, _receiver, _) = attempted(|receiver| receiver.then(200, &[], b"a\0b\xFFc".to_vec())).await;
    assert_eq!(text(&delivery(&admin).await["attempts"][0], "response"), "a\u{FFFD}b\u{FFFD}c");
}

#[tokio::test]
async fn a_refused_connection_is_told_in_words() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    endpoint(&admin, &url, json!(["*"])).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    let attempt = &delivery(&admin).await["attempts"][0];
    assert!(text(attempt, "error").contains("refused"), "{attempt}");
    assert_eq!((&attempt["status_code"], &attempt["response"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn retry_after_lengthens_a_delay_and_never_shortens_it() {
    for (retry_after, delay_secs) in [("30", 30), ("0", 1), ("86400", 7_200), ("soon", 1)] {
        let (app, admin, _receiver, _) =
            attempted(|receiver| receiver.then(503, &[("retry-after", retry_after)], "")).await;
        let due = app.tickets.now() + Duration::from_secs(delay_secs);
        assert_eq!(text(&delivery(&admin).await, "next_attempt_at"), due.to_string(), "{retry_after}");
    }
}

#[tokio::test]
async fn a_refused_url_leaves_the_key_free() {
    let app = TestApp::start().await;
    let live = app.client(ACME_LIVE, &[Scope::Admin]).await;
    let create = |url: &str| Ask::post("/webhook_endpoints").json(&json!({"url": url})).key("one");
    live.send(create("https://10.0.0.1/")).await.problem(422, "validation_failed");
    live.send(create("https://example.com/")).await.expect(201);
}

#[tokio::test]
async fn the_client_judges_for_itself_what_it_dials() {
    let receiver = Receiver::start().await;
    let request = |url: &str, environment| WebhookRequest {
        url: url.to_owned(),
        environment,
        id: "evt_1".to_owned(),
        timestamp: "1".to_owned(),
        signature: "v1,".to_owned(),
        body: b"{}".to_vec(),
    };
    let (_, test) = ACME;
    let (_, live) = ACME_LIVE;
    let public = WebhookClient::new(TargetPolicy::Public).unwrap();
    let loopback = WebhookClient::new(TargetPolicy::LoopbackInTest).unwrap();
    for (client, environment) in [(&public, test), (&public, live), (&loopback, live)] {
        client.send(request(&receiver.url, environment)).await.unwrap_err();
    }
    assert_eq!(receiver.received().len(), 0);
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    for url in [&receiver.url, &by_name] {
        assert_eq!(loopback.send(request(url, test)).await.unwrap().status_code, 204);
    }
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn the_secret_is_in_the_answer_to_create_and_in_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let create = Ask::post("/webhook_endpoints")
        .key("k")
        .json(&json!({"url": "https://example.com/", "events": ["ticket.created"], "description": "Mine"}));
    let made = admin.send(create.clone()).await.expect(201);
    let path = made.header("location").unwrap().to_owned();
    let mut endpoint = made.json();
    let secret = endpoint.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(names(&endpoint), ENDPOINT);
    assert_eq!((text(&endpoint, "object"), text(&endpoint, "status")), ("webhook_endpoint", "enabled"));
    assert_eq!((&endpoint["events"], &endpoint["description"]), (&json!(["ticket.created"]), &json!("Mine")));

    assert_eq!(admin.get(&path).await.expect(200).json(), endpoint);
    assert_eq!(admin.all("/webhook_endpoints").await, [endpoint.clone()]);
    for answer in [
        admin.patch(&path, json!({"description": null})).await,
        admin.post(&format!("{path}/disable"), json!({})).await,
        admin.post(&format!("{path}/enable"), json!({})).await,
        admin.post(&format!("{path}/ping"), json!({})).await,
    ] {
        assert_eq!(names(&answer.expect(200).json()), ENDPOINT);
    }
    let replayed = admin.send(create).await;
    replayed.assert_replays(&made);
    assert_eq!(replayed.json()["secret"], secret);
    assert_eq!(admin.get(&path).await.expect(200).json()["description"], Value::Null);
}

#[tokio::test]
async fn a_ping_is_signed_and_not_part_of_the_feed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    // It asks for no pings: they are sent all the same.
    let (path, secret) = endpoint(&admin, &receiver.url, json!(["ticket.created"])).await;
    admin.post(&format!("{path}/ping"), json!({})).await.expect(200);
    app.attempt(1).await;

    let [webhook] = <[_; 1]>::try_from(receiver.received()).unwrap();
    webhook.verify(&secret, &app).unwrap();
    let event = webhook.json();
    assert_eq!((text(&event, "type"), &event["ticket_id"]), ("ping", &Value::Null));
    assert_eq!(admin.all("/events").await.len(), 0);
    admin.get(&format!("/events/{}", text(&event, "id"))).await.problem(404, "not_found");
    let delivery = delivery(&admin).await;
    assert_eq!((text(&delivery, "event_type"), &delivery["ticket_id"]), ("ping", &Value::Null));

    admin.post(&format!("{path}/disable"), json!({})).await.expect(200);
    admin.post(&format!("{path}/ping"), json!({})).await.problem(409, "endpoint_disabled");
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    endpoint(&admin, &all.url, json!(["*"])).await;
    let (path, _) = endpoint(&admin, &some.url, json!(["ticket.resolved", "ticket.assigned"])).await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let transitions = format!("/tickets/{}/transitions", text(&ticket, "id"));
    admin.post(&transitions, json!({"to": "resolved", "resolution_note": "Done"})).await.expect(200);
    app.attempt(7).await;
    let types = |receiver: &Receiver| {
        let mut types: Vec<_> = receiver.received().iter().map(|hook| text(&hook.json(), "type").to_owned()).collect();
        types.sort_unstable();
        types
    };
    assert_eq!(types(&some), ["ticket.assigned", "ticket.resolved"]);
    assert_eq!(
        types(&all),
        ["ticket.assigned", "ticket.created", "ticket.resolved", "ticket.status_changed", "ticket.status_changed"]
    );

    admin.patch(&path, json!({"events": ["ticket.created"]})).await.expect(200);
    admin.ticket(json!({"subject": "B"})).await;
    app.attempt(2).await;
    assert_eq!(types(&some), ["ticket.assigned", "ticket.created", "ticket.resolved"]);
}

#[tokio::test]
async fn a_dead_letter_is_inspected_replayed_and_discarded() {
    let app = TestApp::builder().schedule("1s").start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    for _ in 0..4 {
        receiver.then(500, &[], "broken");
    }
    let (path, _) = endpoint(&admin, &receiver.url, json!(["*"])).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;

    let [dead] = <[Value; 1]>::try_from(admin.all("/dead_letters").await).unwrap();
    assert_eq!(names(&dead), DELIVERY);
    assert_eq!((text(&dead, "status"), text(&dead, "reason")), ("dead", "exhausted"));
    assert_eq!((dead["attempts"].as_array().unwrap().len(), &dead["next_attempt_at"]), (2, &Value::Null));
    assert!(path.ends_with(text(&dead, "endpoint_id")));
    let place = format!("/dead_letters/{}", text(&dead, "id"));
    assert_eq!(admin.get(&place).await.expect(200).json(), dead);

    // A replay starts the schedule afresh, and goes on counting.
    let replay = Ask::post(&format!("{place}/replay")).fresh_key();
    let replayed = admin.send(replay.clone()).await.expect(200);
    assert_eq!((text(&replayed.json(), "status"), names(&replayed.json())), ("pending", DELIVERY.to_vec()));
    admin.get(&place).await.problem(404, "not_found");
    admin.post(&format!("{place}/replay"), json!({})).await.problem(409, "not_a_dead_letter");
    app.attempt(1).await;
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    let dead = admin.get(&place).await.expect(200).json();
    let numbers: Vec<_> =
        dead["attempts"].as_array().unwrap().iter().map(|attempt| attempt["number"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    admin.send(replay).await.assert_replays(&replayed);
    admin.get(&place).await.expect(200);

    admin.post(&format!("{place}/replay"), json!({})).await.expect(200);
    app.attempt(1).await;
    let hooks = receiver.received();
    assert!(hooks.iter().all(|hook| hook.header("webhook-id") == hooks[0].header("webhook-id")));
    assert_eq!((hooks.len(), &delivery(&admin).await["status"]), (5, &json!("delivered")));

    for _ in 0..2 {
        receiver.then(500, &[], "");
    }
    admin.ticket(json!({"subject": "B"})).await;
    app.attempt(1).await;
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    let place = format!("/dead_letters/{}", text(&admin.all("/dead_letters").await[0], "id"));
    let answer = admin.post(&format!("{place}/discard"), json!({})).await.expect(422);
    assert_eq!(answer.faults(), [("/reason".to_owned(), "required".to_owned())]);
    let discarded = admin.post(&format!("{place}/discard"), json!({"reason": "stale"})).await.expect(200).json();
    assert_eq!((text(&discarded, "status"), text(&discarded, "reason")), ("dead", "discarded"));
    assert_eq!(discarded["discard_reason"], "stale");
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
    admin.post(&format!("{place}/replay"), json!({})).await.problem(409, "not_a_dead_letter");
}

#[tokio::test]
async fn deleting_an_endpoint_gives_up_what_it_was_not_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (path, _) = endpoint(&admin, "https://example.com/", json!(["*"])).await;
    admin.ticket(json!({"subject": "A"})).await;
    let answer = admin.delete(&path).await.expect(204);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), None);
    for gone in [admin.get(&path).await, admin.delete(&path).await, admin.patch(&path, json!({})).await] {
        gone.problem(404, "not_found");
    }
    assert_eq!(admin.all("/webhook_endpoints").await.len(), 0);
    let given_up = delivery(&admin).await;
    assert_eq!((text(&given_up, "status"), text(&given_up, "reason")), ("dead", "endpoint_deleted"));
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
    admin.ticket(json!({"subject": "B"})).await;
    assert_eq!(admin.all("/deliveries").await.len(), 1);
}

#[tokio::test]
async fn there_are_fifty_endpoints_at_most() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut last = String::new();
    for _ in 0..50 {
        last = endpoint(&admin, "https://example.com/", json!(["*"])).await.0;
    }
    let more = || admin.post("/webhook_endpoints", json!({"url": "https://example.com/"}));
    more().await.problem(409, "endpoint_limit_reached");
    admin.delete(&last).await.expect(204);
    more().await.expect(201);
}
