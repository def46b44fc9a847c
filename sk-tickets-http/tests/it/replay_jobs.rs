//! Many dead letters replayed at once.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::{
    app::{ACME_LIVE, ANN, Ask, Client, GLOBEX, TestApp, UNKNOWN, names, text},
    receiver::Receiver,
};

const JOB: [&str; 12] = [
    "created_at",
    "done",
    "endpoint_id",
    "failed",
    "finished_at",
    "from",
    "id",
    "object",
    "status",
    "to",
    "total",
    "types",
];

/// Makes an endpoint that is told of these events and is disabled; gives its id.
async fn disabled(client: &Client, receiver: &Receiver, events: Value) -> String {
    let made = client.post("/webhook_endpoints", json!({"url": receiver.url, "events": events})).await.expect(201);
    let id = text(&made.json(), "id").to_owned();
    client.post(&format!("/webhook_endpoints/{id}/disable"), json!({})).await.expect(200);
    id
}

async fn enable(client: &Client, id: &str) -> Value {
    client.post(&format!("/webhook_endpoints/{id}/enable"), json!({})).await.expect(200).json()
}

async fn tickets(client: &Client, count: usize) {
    for number in 0..count {
        client.ticket(json!({"subject": format!("Letter {number}")})).await;
    }
}

/// An application with so many dead letters for one endpoint, which is enabled.
async fn with_letters(count: usize) -> (TestApp, Client, Receiver, String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let id = disabled(&admin, &receiver, json!(["ticket.created"])).await;
    tickets(&admin, count).await;
    enable(&admin, &id).await;
    (app, admin, receiver, id)
}

/// Asks for a replay; gives the path of the job.
async fn replay(client: &Client, body: Value) -> String {
    let made = client.post("/dead_letters/replay", body).await.expect(202);
    made.header("location").expect("a place").to_owned()
}

/// Status, total, done and failed.
async fn progress(client: &Client, path: &str) -> (String, u64, u64, u64) {
    let job = client.get(path).await.expect(200).json();
    let number = |name: &str| job[name].as_u64().expect("a number");
    (text(&job, "status").to_owned(), number("total"), number("done"), number("failed"))
}

fn completed(total: u64, done: u64, failed: u64) -> (String, u64, u64, u64) {
    ("completed".to_owned(), total, done, failed)
}

#[tokio::test]
async fn a_job_replays_every_letter_of_an_endpoint_and_says_how_far_it_is() {
    let (app, admin, receiver, id) = with_letters(3).await;
    let made = admin.post("/dead_letters/replay", json!({"endpoint_id": id})).await.expect(202);
    let job = made.json();
    assert_eq!(names(&job), JOB);
    assert_eq!(made.header("location"), Some(&*format!("/tickets/v1/dead_letters/jobs/{}", text(&job, "id"))));
    assert_eq!(
        (text(&job, "object"), text(&job, "status"), &job["finished_at"]),
        ("replay_job", "pending", &Value::Null)
    );
    assert_eq!((&job["total"], &job["done"], &job["failed"]), (&json!(3), &json!(0), &json!(0)));
    assert_eq!((&job["endpoint_id"], &job["types"], &job["from"]), (&json!(id), &json!([]), &Value::Null));
    let path = made.header("location").unwrap();
    assert_eq!(admin.get(path).await.expect(200).json(), job);

    app.clock.advance(Duration::from_secs(5));
    app.attempt(3).await;
    assert_eq!(progress(&admin, path).await, completed(3, 3, 0));
    assert_eq!(admin.get(path).await.json()["finished_at"], json!(app.tickets.now()));
    assert_eq!(receiver.received().len(), 3);
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
    assert_eq!(admin.all("/deliveries?status=delivered").await.len(), 3);
}

#[tokio::test]
async fn a_job_is_about_the_letters_that_match() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let all = disabled(&admin, &receiver, json!(["*"])).await;
    let other = disabled(&admin, &receiver, json!(["ticket.created"])).await;
    let assigned = json!({"subject": "A", "owner_id": ANN});
    admin.ticket(assigned.clone()).await;
    app.clock.advance(Duration::from_secs(60));
    let noon = json!(app.tickets.now());
    admin.ticket(assigned.clone()).await;
    app.clock.advance(Duration::from_secs(60));
    let evening = json!(app.tickets.now());
    admin.ticket(assigned).await;
    for id in [&all, &other] {
        enable(&admin, id).await;
    }

    let letters = admin.all("/dead_letters").await;
    let id = |letter: &Value| text(letter, "id").to_owned();
    let mut left: BTreeSet<_> = letters.iter().map(id).collect();
    type Meant<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let jobs: [(Value, Meant<'_>); 4] = [
        (json!({"types": ["ticket.assigned"]}), Box::new(|letter| letter["event_type"] == "ticket.assigned")),
        (
            json!({"from": noon, "to": evening}),
            Box::new(|letter| {
                text(letter, "created_at") >= text(&json!({"t": noon}), "t") && letter["created_at"] != evening
            }),
        ),
        (json!({"endpoint_id": other}), Box::new(|letter| letter["endpoint_id"] == other.as_str())),
        (json!({}), Box::new(|_| true)),
    ];
    for (body, meant) in &jobs {
        let expected: BTreeSet<_> = letters.iter().filter(|letter| meant(letter)).map(id).collect();
        let expected: BTreeSet<_> = expected.intersection(&left).cloned().collect();
        assert!(!expected.is_empty(), "{body}");
        let path = replay(&admin, body.clone()).await;
        app.attempt(expected.len()).await;
        let count = expected.len() as u64;
        assert_eq!(progress(&admin, &path).await, completed(count, count, 0), "{body}");
        left = left.difference(&expected).cloned().collect();
        assert_eq!(admin.all("/dead_letters").await.iter().map(id).collect::<BTreeSet<_>>(), left, "{body}");
    }
    assert!(left.is_empty());
}

#[tokio::test]
async fn letters_for_an_endpoint_that_is_disabled_are_counted_as_failed() {
    let (app, admin, receiver, _) = with_letters(2).await;
    disabled(&admin, &receiver, json!(["ticket.assigned"])).await;
    admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = replay(&admin, json!({})).await;
    // Two that are replayed, and the new ticket's.
    app.attempt(3).await;
    assert_eq!(progress(&admin, &path).await, completed(3, 2, 1));
    assert_eq!(admin.all("/dead_letters").await.len(), 1);
}

#[tokio::test]
async fn a_replay_for_an_endpoint_that_is_not_told_anything_is_refused() {
    let (_app, admin, _receiver, id) = with_letters(1).await;
    admin.post(&format!("/webhook_endpoints/{id}/disable"), json!({})).await.expect(200);
    let ask = Ask::post("/dead_letters/replay").key("k").json(&json!({"endpoint_id": id}));
    let refused = admin.send(ask.clone()).await;
    refused.problem(409, "endpoint_disabled");
    enable(&admin, &id).await;
    admin.send(ask).await.assert_replays(&refused);
    let unknown = json!({"endpoint_id": format!("whe_{UNKNOWN}")});
    admin.post("/dead_letters/replay", unknown).await.problem(404, "not_found");
    admin.delete(&format!("/webhook_endpoints/{id}")).await.expect(204);
    admin.post("/dead_letters/replay", json!({"endpoint_id": id})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_replay_of_nothing_is_completed_at_once() {
    let (app, admin, _receiver, _) = with_letters(1).await;
    let made = admin.post("/dead_letters/replay", json!({"types": ["ticket.resolved"]})).await.expect(202);
    let path = made.header("location").unwrap();
    assert_eq!(progress(&admin, path).await, completed(0, 0, 0));
    assert_eq!(made.json()["finished_at"], json!(app.tickets.now()));
    assert_eq!(admin.all("/dead_letters").await.len(), 1);
}

#[tokio::test]
async fn what_is_no_replay_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (body, pointer, code) in [
        (json!({"endpoint_id": 1}), "/endpoint_id", "wrong_type"),
        (json!({"types": ["ticket.unheard_of"]}), "/types/0", "invalid_value"),
        (json!({"types": vec!["ticket.created"; 21]}), "/types", "too_many"),
        (json!({"from": "yesterday"}), "/from", "invalid_time"),
        (json!({"to": 5}), "/to", "wrong_type"),
        (json!({"until": null}), "/until", "unknown_field"),
    ] {
        let answer = admin.post("/dead_letters/replay", body.clone()).await;
        answer.problem(422, "validation_failed");
        assert_eq!(answer.faults(), [(pointer.to_owned(), code.to_owned())], "{body}");
    }
}

#[tokio::test]
async fn a_job_is_there_for_its_realm_alone() {
    let (app, admin, ..) = with_letters(1).await;
    let path = replay(&admin, json!({})).await;
    for stranger in [GLOBEX, ACME_LIVE] {
        let stranger = app.client(stranger, &[Scope::Admin]).await;
        stranger.get(&path).await.problem(404, "not_found");
    }
    admin.get(&format!("/dead_letters/jobs/job_{UNKNOWN}")).await.problem(404, "not_found");
    admin.get("/dead_letters/jobs/1").await.problem(400, "invalid_parameter");
    admin.get(&path).await.expect(200);
}

#[tokio::test]
async fn the_same_key_is_the_same_job() {
    let (app, admin, receiver, id) = with_letters(2).await;
    let ask = Ask::post("/dead_letters/replay").key("k").json(&json!({"endpoint_id": id}));
    let first = admin.send(ask.clone()).await.expect(202);
    admin.send(ask.clone()).await.assert_replays(&first);
    app.attempt(2).await;
    admin.send(ask.clone()).await.assert_replays(&first);
    app.attempt(0).await;
    assert_eq!(receiver.received().len(), 2);
    admin.send(ask.json(&json!({}))).await.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn hundreds_of_letters_are_replayed_across_a_restart() {
    const LETTERS: usize = 350;
    let (app, admin, receiver, id) = with_letters(LETTERS).await;
    let path = replay(&admin, json!({"endpoint_id": id})).await;
    assert!(app.tickets.store().replay_some(app.tickets.now(), 100).await.unwrap());
    assert_eq!(progress(&admin, &path).await, ("running".to_owned(), 350, 100, 0));
    drop(admin);

    let app = app.restart().await;
    let admin = app.admin().await;
    assert_eq!(progress(&admin, &path).await, ("running".to_owned(), 350, 100, 0));
    app.attempt(LETTERS).await;
    assert_eq!(progress(&admin, &path).await, completed(350, 350, 0));
    let received = receiver.received();
    let ids: BTreeSet<_> = received.iter().map(|webhook| webhook.header("webhook-id")).collect();
    assert_eq!((received.len(), ids.len()), (LETTERS, LETTERS), "each once");
    assert!(!app.tickets.store().replay_some(app.tickets.now(), 100).await.unwrap(), "nothing is left to do");
}

#[tokio::test]
async fn a_letter_that_fails_again_is_left_to_another_job() {
    let app = TestApp::builder().schedule("1s").start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let id = disabled(&admin, &receiver, json!(["*"])).await;
    tickets(&admin, 1).await;
    enable(&admin, &id).await;
    for _ in 0..2 {
        receiver.then(500, &[], "");
    }
    let path = replay(&admin, json!({})).await;
    app.attempt(1).await;
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    assert_eq!(progress(&admin, &path).await, completed(1, 1, 0), "it was replayed, whatever came of it");
    assert_eq!(text(&admin.all("/dead_letters").await[0], "reason"), "exhausted");
    let path = replay(&admin, json!({})).await;
    app.attempt(1).await;
    assert_eq!(progress(&admin, &path).await, completed(1, 1, 0));
    assert_eq!(admin.all("/dead_letters").await.len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_enabled_offers_the_replay_of_what_it_missed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let (id, other) =
        (disabled(&admin, &receiver, json!(["*"])).await, disabled(&admin, &receiver, json!(["*"])).await);
    tickets(&admin, 2).await;
    let ask = Ask::post(&format!("/webhook_endpoints/{id}/enable")).fresh_key();
    let enabled = admin.send(ask.clone()).await.expect(200);
    let offer = enabled.json()["replay"].clone();
    assert_eq!(names(&offer), ["body", "dead_letters", "method", "path"]);
    assert_eq!((&offer["dead_letters"], &offer["body"]), (&json!(2), &json!({"endpoint_id": id})));
    assert!(admin.get(&format!("/webhook_endpoints/{id}")).await.json().get("replay").is_none());

    let method: Method = text(&offer, "method").parse().unwrap();
    let taken = admin.send(Ask::new(method, text(&offer, "path")).fresh_key().json(&offer["body"])).await.expect(202);
    app.attempt(2).await;
    assert_eq!(progress(&admin, taken.header("location").unwrap()).await, completed(2, 2, 0));
    admin.send(ask).await.assert_replays(&enabled);
    assert!(enable(&admin, &id).await.get("replay").is_none(), "there is nothing to offer any more");
    assert_eq!(enable(&admin, &other).await["replay"]["dead_letters"], 2, "each is offered its own");
}
