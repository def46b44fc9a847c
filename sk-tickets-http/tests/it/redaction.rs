//! Words that are taken out: of what is read, replayed and sent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use sk_tickets_core::{Scope, SendError, WebhookReply, WebhookRequest, WebhookSender};

use crate::{
    app::{ACME, ANN, Ask, Client, TestApp, fresh_key, text},
    receiver::Receiver,
};

const PHRASE: &str = "4111 1111 \\ \"ß\"";

/// Whether a text has the phrase, as it is or as JSON has it, once or in a text of JSON's.
fn tells(said: &str) -> bool {
    let once = json!(PHRASE).to_string();
    let twice = json!(once).to_string();
    [PHRASE, once.trim_matches('"'), twice.trim_matches(['"', '\\'])].iter().any(|phrase| said.contains(phrase))
}

/// Everything a client can read of the realm.
async fn everything(client: &Client, ticket: &str) -> String {
    let mut said = client.get(&format!("/tickets/{ticket}")).await.expect(200).json().to_string();
    for list in ["/tickets", "/events", "/deliveries", "/dead_letters", &format!("/tickets/{ticket}/thread")] {
        said += &Value::from(client.all(list).await).to_string();
    }
    said
}

/// Sends, and says that the receiver failed and answered with what it was sent.
#[derive(Debug)]
struct Echo(Arc<dyn WebhookSender>);

#[async_trait]
impl WebhookSender for Echo {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let body = request.body.clone();
        self.0.send(request).await.map(|reply| WebhookReply { status_code: 500, body, ..reply })
    }
}

/// A ticket with the phrase in all that a caller can write, and the requests that did so.
async fn talkative(client: &Client) -> (String, Vec<Ask>) {
    let evidence = json!([{"kind": "file", "ref": "https://example.com/4111", "label": PHRASE}]);
    let create = Ask::post("/tickets").key(&fresh_key()).json(&json!({
        "subject": "Refund", "body": PHRASE, "evidence": evidence, "owner_id": ANN,
    }));
    let ticket = text(&client.send(create.clone()).await.expect(201).json(), "id").to_owned();
    let mut asked = vec![create];
    for (under, body) in [
        ("thread", json!({"kind": "message", "body": PHRASE, "evidence": evidence})),
        ("thread", json!({"kind": "note", "body": PHRASE})),
        ("assign", json!({"owner_id": null, "reason": PHRASE})),
        ("assign", json!({"owner_id": ANN})),
        ("transitions", json!({"to": "resolved", "reason": PHRASE, "resolution_note": PHRASE})),
        ("assign", json!({"owner_id": ANN})),
    ] {
        let ask = Ask::post(&format!("/tickets/{ticket}/{under}")).key(&fresh_key()).json(&body);
        assert!(client.send(ask.clone()).await.status < 300);
        asked.push(ask);
    }
    (ticket, asked)
}

/// Redacts every entry that has the phrase.
async fn redact_all(client: &Client, ticket: &str) {
    let thread = format!("/tickets/{ticket}/thread");
    for entry in client.all(&thread).await {
        if tells(&entry.to_string()) {
            let path = format!("{thread}/{}", text(&entry, "id"));
            let redacted = client.post(&format!("{path}/redact"), json!({"reason": "a card number"})).await;
            assert_eq!(redacted.expect(200).json(), client.get(&path).await.expect(200).json());
        }
    }
}

#[tokio::test]
async fn a_phrase_is_neither_read_nor_replayed_nor_sent_any_more() {
    let app = TestApp::builder().schedule("1s").start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start().await;
    let hook = json!({"url": receiver.url, "events": ["*"]});
    let hook = admin.post("/webhook_endpoints", hook).await.expect(201).json();
    let (ticket, asked) = talkative(&admin).await;
    // Of the eleven that are told one or two are retried and the others wait, one at a time since the endpoint is failing.
    let told = admin.all("/events").await.len();
    app.attempt_through(told, |sender| Arc::new(Echo(sender))).await;
    app.clock.advance(Duration::from_secs(1));
    app.attempt_at_least(1, |sender| Arc::new(Echo(sender))).await;
    assert!(tells(&everything(&admin, &ticket).await));
    assert!(!admin.all("/dead_letters").await.is_empty());

    redact_all(&admin, &ticket).await;
    let said = everything(&admin, &ticket).await;
    assert!(!tells(&said), "{said}");
    assert!(said.contains("[redacted]") && said.contains("https://redacted.invalid/"));
    for ask in asked {
        let replayed = admin.send(ask).await;
        let body = String::from_utf8(replayed.body.to_vec()).expect("text");
        assert!(replayed.is_replay() && !tells(&body), "{body}");
    }

    let before = receiver.received().len();
    let replay = json!({"endpoint_id": text(&hook, "id")});
    admin.post("/dead_letters/replay", replay).await.expect(202);
    app.clock.advance(Duration::from_secs(3_600));
    let pending = admin.all("/deliveries?status=pending").await.len();
    let dead = admin.all("/dead_letters").await.len();
    app.attempt_through(pending + dead, |sender| sender).await;
    let sent = receiver.received().split_off(before);
    assert_eq!(sent.len(), pending + dead);
    for webhook in sent {
        let body = String::from_utf8(webhook.body.to_vec()).expect("text");
        assert!(!tells(&body), "{body}");
        webhook.verify(text(&hook, "secret"), &app).expect("signed as it was sent");
    }
    assert!(!tells(&everything(&admin, &ticket).await));
}

#[tokio::test]
async fn a_redaction_is_for_administrators_and_noted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = text(&admin.ticket(json!({"subject": "Refund", "body": PHRASE})).await, "id").to_owned();
    let thread = format!("/tickets/{ticket}/thread");
    let entry = text(&admin.all(&thread).await[0], "id").to_owned();
    let path = format!("{thread}/{entry}/redact");
    let agent = app.client(ACME, &[Scope::TicketsWrite, Scope::Webhooks]).await;
    agent.post(&path, json!({"reason": "privacy"})).await.problem(403, "insufficient_scope");
    admin.post(&path, json!({})).await.problem(422, "validation_failed");
    let old = Ask::post(&path).header("if-match", "\"7\"").json(&json!({"reason": "privacy"}));
    admin.send(old.fresh_key()).await.problem(412, "precondition_failed");

    let ask = Ask::post(&path).key(&fresh_key()).json(&json!({"reason": "privacy", "actor_id": ANN}));
    let first = admin.send(ask.clone()).await.expect(200);
    admin.send(ask).await.assert_replays(&first);
    assert_eq!((text(&first.json(), "id"), text(&first.json(), "body")), (entry.as_str(), "[redacted]"));
    let noted = admin.all(&thread).await.pop().expect("an entry");
    assert_eq!((text(&noted, "kind"), text(&noted, "visibility")), ("redaction", "internal"));
    assert_eq!((text(&noted, "entry_id"), text(&noted, "reason")), (entry.as_str(), "privacy"));
    assert_eq!(text(&noted["actor"], "id"), ANN);
    let why = format!("{thread}/{}/redact", text(&noted, "id"));
    admin.post(&why, json!({"reason": "hide it"})).await.problem(409, "not_redactable");
    assert_eq!(admin.get(&format!("/tickets/{ticket}")).await.expect(200).json()["version"], 2);
}
