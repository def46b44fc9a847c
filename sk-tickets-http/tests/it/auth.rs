//! Whose request it is, and what they may do.

use std::time::Duration;

use serde_json::json;
use sk_tickets_core::{
    ApiKey, ApiKeyId, ApiKeySecret, Environment, Scope, SystemEntropy, model::api_key::API_KEY_PRODUCT,
};

use crate::app::{ACME, ANN, Ask, Client, TestApp, realm, text};

/// A revocation is to be heeded within this.
const HEEDED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_revoked_key_soon_opens_nothing() {
    let app = TestApp::start().await;
    let (key, secret) = app.tickets.create_api_key(realm(ACME), None, [Scope::Admin], None).await.unwrap();
    let client = app.anonymous().with_key(secret.expose());
    client.get("/tickets").await.expect(200);

    // On another node, which cannot tell this one.
    assert!(app.beside().await.tickets.revoke_api_key(key.id).await.unwrap());
    app.clock.advance(HEEDED_WITHIN);
    client.get("/tickets").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn an_expired_key_opens_nothing_from_that_moment() {
    let app = TestApp::start().await;
    let expiry = app.tickets.now() + Duration::from_secs(60);
    let (_, secret) = app.tickets.create_api_key(realm(ACME), None, [Scope::Admin], Some(expiry)).await.unwrap();
    let client = app.anonymous().with_key(secret.expose());
    app.clock.advance(Duration::from_millis(59_999));
    client.get("/tickets").await.expect(200);
    app.clock.advance(Duration::from_millis(1));
    client.get("/tickets").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_key_made_beside_a_running_server_works_at_once() {
    let app = TestApp::start().await;
    let secret = ApiKeySecret::generate(API_KEY_PRODUCT, Environment::Test, &SystemEntropy);
    let client = app.anonymous().with_key(secret.expose());
    client.get("/tickets").await.problem(401, "unauthorized");

    let other = app.beside().await.tickets;
    let key = ApiKey {
        id: ApiKeyId::from_bytes([1; 16]),
        realm: realm(ACME),
        name: None,
        scopes: [Scope::Admin].into(),
        created_at: other.now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    other.store().api_key_create(&key, secret.hash()).await.unwrap();
    client.get("/tickets").await.expect(200);
}

#[tokio::test]
async fn junk_opens_nothing() {
    let app = TestApp::start().await;
    let key = app.key(ACME, &[Scope::Admin]).await;
    let stranger = ApiKeySecret::generate(API_KEY_PRODUCT, Environment::Test, &SystemEntropy).expose().to_owned();
    let flipped = if key.ends_with('0') { "1" } else { "0" };
    let anonymous = app.anonymous();
    let send = |value: String| anonymous.send(Ask::get("/tickets").header("authorization", value));

    let first = send("Bearer".to_owned()).await;
    assert_eq!(first.header("www-authenticate"), Some("Bearer"));
    for value in [
        String::new(),
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer{key}"),
        format!("Bearer  {key} {key}"),
        format!("Bearer {key}x"),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {}{flipped}", &key[..key.len() - 1]),
        format!("Bearer {}", key.replace("sk_test", "sk_live")),
        format!("Bearer {}", key.replace("_tk_", "_tx_")),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer {stranger}"),
        "Bearer é".to_owned(),
        "Bearer ".to_owned(),
    ] {
        let answer = send(value.clone()).await;
        answer.problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.json()["detail"], first.json()["detail"], "{value} is told apart");
    }
    let two = Ask::get("/tickets").header("authorization", format!("Bearer {key}"));
    anonymous.send(two.clone().header("authorization", format!("Bearer {key}"))).await.problem(401, "unauthorized");
    anonymous.send(two).await.expect(200);
    send(format!("bearer {key}")).await.expect(200);
    // A key is never taken from where it would end up in a log.
    anonymous.get(&format!("/tickets?access_token={key}")).await.problem(401, "unauthorized");
}

/// What is asked for with each kind of key.
async fn requests(admin: &Client) -> Vec<(&'static str, Ask)> {
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let endpoint = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201);
    let endpoint = endpoint.header("location").expect("a place").to_owned();
    let entry = text(&admin.all(&format!("{path}/thread")).await[0], "id").to_owned();
    let post = |under: &str, body| Ask::post(&format!("{path}/{under}")).json(&body);
    vec![
        ("read", Ask::get(&path)),
        ("read", Ask::get("/tickets")),
        ("read", Ask::get(&format!("{path}/thread"))),
        ("read", Ask::get("/events")),
        ("triage", Ask::patch(&path).json(&json!({"priority": "high"}))),
        ("triage", post("assign", json!({"owner_id": ANN}))),
        ("triage", post("transitions", json!({"to": "pending", "reason": "asked"}))),
        ("triage", post("transitions", json!({"to": "open"}))),
        ("triage", post("thread", json!({"kind": "note", "body": "Hm"}))),
        ("write", post("thread", json!({"kind": "message", "body": "Hello"}))),
        ("write", Ask::post("/tickets").json(&json!({"subject": "B"}))),
        ("webhooks", Ask::get("/webhook_endpoints")),
        ("webhooks", Ask::get(&endpoint)),
        ("webhooks", Ask::patch(&endpoint).json(&json!({"description": "Mine"}))),
        ("webhooks", Ask::post("/webhook_endpoints").json(&json!({"url": "https://example.com/"}))),
        ("webhooks", Ask::get("/deliveries")),
        ("webhooks", Ask::get("/dead_letters")),
        ("admin", post(&format!("thread/{entry}/redact"), json!({"reason": "privacy"}))),
    ]
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_and_nothing_else() {
    let app = TestApp::start().await;
    let requests = requests(&app.admin().await).await;
    for (scopes, may) in [
        (vec![], vec![]),
        (vec![Scope::TicketsRead], vec!["read"]),
        (vec![Scope::TicketsTriage], vec!["read", "triage"]),
        (vec![Scope::TicketsWrite], vec!["read", "triage", "write"]),
        (vec![Scope::Webhooks], vec!["webhooks"]),
        (vec![Scope::TicketsRead, Scope::Webhooks], vec!["read", "webhooks"]),
        (vec![Scope::Admin], vec!["read", "triage", "write", "webhooks", "admin"]),
    ] {
        let client = app.client(ACME, &scopes).await;
        for (needs, ask) in &requests {
            let answer = client.send(ask.clone().fresh_key()).await;
            if may.contains(needs) {
                assert!(answer.status < 300, "{scopes:?} may {needs}: {answer:?}");
            } else {
                answer.problem(403, "insufficient_scope");
            }
        }
    }
}
