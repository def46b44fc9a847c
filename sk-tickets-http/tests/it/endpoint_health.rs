//! How an endpoint fares, as its owner sees it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, text},
    receiver::Receiver,
};

const DISABLED: &str = "disabled";

/// Makes an endpoint; gives its path.
async fn endpoint(client: &Client, receiver: &Receiver) -> String {
    let made = client.post("/webhook_endpoints", json!({"url": receiver.url})).await.expect(201);
    made.header("location").expect("a place").to_owned()
}

/// Health, reason and since when it fails.
fn standing(endpoint: &Value) -> (&str, &Value, &Value) {
    (text(endpoint, "health"), &endpoint["disabled_reason"], &endpoint["failing_since"])
}

#[tokio::test]
async fn it_is_failing_from_the_first_failure_to_the_next_success() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    for _ in 0..2 {
        receiver.then(500, &[], "");
    }
    let path = endpoint(&admin, &receiver).await;
    assert_eq!(standing(&admin.get(&path).await.json()), ("healthy", &Value::Null, &Value::Null));
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    let since = json!(app.tickets.now());
    assert_eq!(standing(&admin.get(&path).await.json()), ("failing", &Value::Null, &since));
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    assert_eq!(standing(&admin.get(&path).await.json()), ("failing", &Value::Null, &since), "since the first one");
    assert_eq!(standing(&admin.all("/webhook_endpoints").await[0]).0, "failing");
    app.clock.advance(Duration::from_secs(4));
    app.attempt(1).await;
    assert_eq!(standing(&admin.get(&path).await.json()), ("healthy", &Value::Null, &Value::Null));
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_for_that_and_starts_well_when_it_is_enabled() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    receiver.then(500, &[], "");
    receiver.then(410, &[], "");
    let path = endpoint(&admin, &receiver).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    let gone = admin.get(&path).await.json();
    assert_eq!((text(&gone, "status"), standing(&gone).0, standing(&gone).1), (DISABLED, DISABLED, &json!("gone")));
    let enabled = admin.post(&format!("{path}/enable"), json!({})).await.expect(200).json();
    assert_eq!(standing(&enabled), ("healthy", &Value::Null, &Value::Null));
    assert_eq!(standing(&admin.get(&path).await.json()), ("healthy", &Value::Null, &Value::Null));
}

#[tokio::test]
async fn one_that_its_owner_disables_says_so() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    receiver.then(500, &[], "");
    let path = endpoint(&admin, &receiver).await;
    admin.ticket(json!({"subject": "A"})).await;
    app.attempt(1).await;
    let disabled = admin.post(&format!("{path}/disable"), json!({})).await.expect(200).json();
    assert_eq!((standing(&disabled).0, standing(&disabled).1), (DISABLED, &json!("manual")));
    let seen = admin.get(&path).await.json();
    assert_eq!((standing(&seen).0, standing(&seen).1), (DISABLED, &json!("manual")));
    let enabled = admin.post(&format!("{path}/enable"), json!({})).await.expect(200).json();
    assert_eq!(standing(&enabled), ("healthy", &Value::Null, &Value::Null), "it starts afresh");
}
