//! A webhook endpoint gets a new secret, and its receiver time to change.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::VerifyError;

use crate::{
    app::{Answer, Ask, Client, TestApp, UNKNOWN, text},
    receiver::{Received, Receiver},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An endpoint whose secret is replaced.
struct Stage {
    app: TestApp,
    admin: Client,
    receiver: Receiver,
    path: String,
    first: String,
}

impl Stage {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let receiver = Receiver::start().await;
        let made = admin.post("/webhook_endpoints", json!({"url": receiver.url})).await.expect(201);
        let (path, first) =
            (made.header("location").expect("a place").to_owned(), text(&made.json(), "secret").to_owned());
        Self { app, admin, receiver, path, first }
    }

    /// The answer to a request for a new secret.
    async fn ask(&self, body: Value) -> Answer {
        self.admin.post(&format!("{}/rotate_secret", self.path), body).await
    }

    /// The new secret.
    async fn rotate(&self, body: Value) -> String {
        text(&self.ask(body).await.expect(200).json(), "secret").to_owned()
    }

    /// What arrives, signed as it is done now.
    async fn webhook(&self) -> Received {
        self.admin.ticket(json!({"subject": "A"})).await;
        self.app.attempt(1).await;
        self.receiver.received().pop().expect("it arrived")
    }
}

/// The signatures in the header, which one space stands between.
fn signatures(webhook: &Received) -> Vec<&str> {
    let signatures: Vec<_> = webhook.header("webhook-signature").split(' ').collect();
    assert!(signatures.iter().all(|signature| signature.starts_with("v1,") && signature.len() == 47), "{webhook:?}");
    signatures
}

#[tokio::test]
async fn the_old_secret_signs_beside_the_new_one_for_a_day() {
    let stage = Stage::start().await;
    let before = stage.admin.get(&stage.path).await.expect(200).json();
    let rotated = stage.ask(json!({})).await.expect(200);
    let second = text(&rotated.json(), "secret").to_owned();
    assert!(second.starts_with("whsec_") && second.len() == stage.first.len() && second != stage.first);
    let mut endpoint = rotated.json();
    endpoint.as_object_mut().unwrap().remove("secret");
    assert_eq!(endpoint, before, "nothing else has changed");

    for passed in [Duration::ZERO, DAY - Duration::from_secs(1)] {
        stage.app.clock.advance(passed);
        let webhook = stage.webhook().await;
        assert_eq!(signatures(&webhook).len(), 2);
        webhook.verify(&second, &stage.app).unwrap();
        webhook.verify(&stage.first, &stage.app).unwrap();
    }
    stage.app.clock.advance(Duration::from_secs(1));
    let webhook = stage.webhook().await;
    assert_eq!(signatures(&webhook).len(), 1);
    webhook.verify(&second, &stage.app).unwrap();
    assert_eq!(webhook.verify(&stage.first, &stage.app), Err(VerifyError::NoMatch));
}

#[tokio::test]
async fn without_an_overlap_the_old_secret_ends_at_once() {
    let stage = Stage::start().await;
    let second = stage.rotate(json!({"overlap_seconds": 0})).await;
    let webhook = stage.webhook().await;
    assert_eq!(signatures(&webhook).len(), 1);
    webhook.verify(&second, &stage.app).unwrap();
    assert_eq!(webhook.verify(&stage.first, &stage.app), Err(VerifyError::NoMatch));
}

#[tokio::test]
async fn an_overlap_ends_when_it_says_even_between_two_attempts() {
    let stage = Stage::start().await;
    stage.receiver.then(500, &[], "");
    let second = stage.rotate(json!({"overlap_seconds": 1})).await;
    let webhook = stage.webhook().await;
    assert_eq!(signatures(&webhook).len(), 2);
    stage.app.clock.advance(Duration::from_secs(1));
    stage.app.attempt(1).await;
    let again = stage.receiver.received().pop().unwrap();
    assert_eq!((again.header("webhook-id"), signatures(&again).len()), (webhook.header("webhook-id"), 1));
    again.verify(&second, &stage.app).unwrap();
}

#[tokio::test]
async fn an_overlap_is_a_whole_number_of_seconds_up_to_a_week() {
    let stage = Stage::start().await;
    let ask = |body: &str| Ask::post(&format!("{}/rotate_secret", stage.path)).fresh_key().text(body.to_owned());
    for (overlap, code) in [
        ("604801", "out_of_range"),
        ("-1", "out_of_range"),
        ("1e300", "out_of_range"),
        ("0.5", "wrong_type"),
        ("\"60\"", "wrong_type"),
        ("true", "wrong_type"),
    ] {
        let answer = stage.admin.send(ask(&format!(r#"{{"overlap_seconds":{overlap}}}"#))).await;
        answer.problem(422, "validation_failed");
        assert_eq!(answer.faults(), [("/overlap_seconds".to_owned(), code.to_owned())], "{overlap}");
    }
    assert_eq!(signatures(&stage.webhook().await).len(), 1, "nothing was replaced");
    for overlap in ["604800", "60.0", "6e1"] {
        stage.admin.send(ask(&format!(r#"{{"overlap_seconds":{overlap}}}"#))).await.expect(200);
    }
}

#[tokio::test]
async fn the_same_key_always_tells_the_same_secret() {
    let stage = Stage::start().await;
    let ask = Ask::post(&format!("{}/rotate_secret", stage.path)).key("rotate").json(&json!({"overlap_seconds": 60}));
    let first = stage.admin.send(ask.clone()).await.expect(200);
    stage.admin.send(ask.clone()).await.assert_replays(&first);
    assert_eq!(signatures(&stage.webhook().await).len(), 2, "it was replaced once");

    stage.app.clock.advance(DAY);
    let third = stage.rotate(json!({})).await;
    stage.admin.send(ask.clone()).await.assert_replays(&first);
    assert_ne!(text(&first.json(), "secret"), third);
    let webhook = stage.webhook().await;
    webhook.verify(&third, &stage.app).unwrap();
    webhook.verify(text(&first.json(), "secret"), &stage.app).unwrap();
    assert_eq!(signatures(&webhook).len(), 2, "a repetition brings no secret back");

    let other = ask.text(r#"{"overlap_seconds":60.0}"#);
    stage.admin.send(other).await.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn secrets_that_were_replaced_in_a_row_all_sign() {
    let stage = Stage::start().await;
    let mut secrets = vec![stage.first.clone()];
    for _ in 0..2 {
        secrets.push(stage.rotate(json!({"overlap_seconds": 60})).await);
    }
    let webhook = stage.webhook().await;
    assert_eq!(signatures(&webhook).len(), 3);
    for secret in &secrets {
        webhook.verify(secret, &stage.app).unwrap();
    }

    // Of very many the newest do.
    for _ in 0..8 {
        secrets.push(stage.rotate(json!({"overlap_seconds": 60})).await);
    }
    let webhook = stage.webhook().await;
    assert_eq!(signatures(&webhook).len(), 9);
    let (replaced, signing) = secrets.split_at(2);
    assert!(signing.iter().all(|secret| webhook.verify(secret, &stage.app).is_ok()));
    assert!(replaced.iter().all(|secret| webhook.verify(secret, &stage.app) == Err(VerifyError::NoMatch)));

    stage.app.clock.advance(Duration::from_secs(60));
    assert_eq!(signatures(&stage.webhook().await).len(), 1);
}

#[tokio::test]
async fn whatever_state_it_is_in_an_endpoint_gets_a_new_secret_unless_it_is_not_there() {
    let stage = Stage::start().await;
    stage.admin.post(&format!("{}/disable", stage.path), json!({})).await.expect(200);
    let endpoint = stage.ask(json!({})).await.expect(200).json();
    assert_eq!(endpoint["status"], "disabled");
    let unknown = format!("/webhook_endpoints/whe_{UNKNOWN}/rotate_secret");
    stage.admin.post(&unknown, json!({})).await.problem(404, "not_found");
    stage.admin.delete(&stage.path).await.expect(204);
    stage.ask(json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_secret_is_in_the_answer_that_made_it_and_nowhere_else() {
    let stage = Stage::start().await;
    let second = stage.rotate(json!({})).await;
    let path = &stage.path;
    let answers = [
        stage.admin.get(path).await,
        stage.admin.get("/webhook_endpoints").await,
        stage.admin.patch(path, json!({"description": "Mine"})).await,
        stage.admin.post(&format!("{path}/disable"), json!({})).await,
        stage.admin.post(&format!("{path}/enable"), json!({})).await,
        stage.admin.post(&format!("{path}/ping"), json!({})).await,
    ];
    for answer in answers.map(|answer| answer.expect(200)) {
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(!body.contains("secret") && !body.contains("whsec_"), "{body}");
    }
    let shown = format!("{:?} {:?}", stage.app.desk().endpoints(&Default::default()).await.unwrap(), stage.app.tickets);
    for secret in [&stage.first, &second] {
        assert!(!shown.contains(secret.trim_start_matches("whsec_")), "{shown}");
    }
}
