//! Queues: made, changed, listed; and how tickets get into them.

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::app::{ACME, ACME_LIVE, ANN, Ask, TestApp, text};

#[tokio::test]
async fn a_queue_is_made_found_and_changed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"key": "billing", "name": "Billing", "topics": ["invoice", "refund"], "default_owner_id": ANN,
                      "default_priority": "high"});
    let made = admin.post("/queues", body).await.expect(201);
    let queue = made.json();
    let mut fields: Vec<_> = queue.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["created_at", "default_owner_id", "default_priority", "id", "key", "name", "object", "topics"]);
    assert_eq!((text(&queue, "object"), text(&queue, "key")), ("queue", "billing"));
    assert_eq!(made.header("location"), Some("/tickets/v1/queues/billing"));
    assert_eq!(admin.get("/queues/billing").await.expect(200).json(), queue);

    let change = json!({"name": "Money", "topics": ["invoice"], "default_owner_id": null});
    let changed = admin.patch("/queues/billing", change).await.expect(200).json();
    assert_eq!(changed["topics"], json!(["invoice"]));
    assert_eq!((&changed["default_owner_id"], &changed["default_priority"]), (&Value::Null, &json!("high")));
    let bare = admin.post("/queues", json!({"key": "second"})).await.expect(201).json();
    assert_eq!((text(&bare, "name"), &bare["topics"]), ("second", &json!([])));
    let keys: Vec<_> = admin.all("/queues").await.iter().map(|queue| text(queue, "key").to_owned()).collect();
    assert_eq!(keys, ["second", "billing", "default"]);

    let cleared = admin.patch("/queues/billing", json!({"topics": null})).await.expect(200).json();
    assert_eq!(cleared["topics"], json!([]));
    // The key never changes, and what is empty cannot be a name.
    admin.patch("/queues/billing", json!({"key": "other"})).await.problem(422, "validation_failed");
    admin.patch("/queues/billing", json!({"name": null})).await.problem(422, "validation_failed");
}

#[tokio::test]
async fn the_default_queue_need_not_be_made() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let queue = admin.get("/queues/default").await.expect(200).json();
    assert_eq!((text(&queue, "key"), &queue["created_at"]), ("default", &Value::Null));
    assert_eq!(admin.all("/queues").await, std::slice::from_ref(&queue));
    admin.post("/queues", json!({"key": "default"})).await.problem(409, "queue_exists");
    let changed = admin.patch("/queues/default", json!({"default_priority": "low"})).await.expect(200).json();
    assert_eq!(changed["id"], queue["id"]);
    assert_eq!(admin.ticket(json!({"subject": "One"})).await["priority"], "low");
}

#[tokio::test]
async fn the_topic_of_a_ticket_leads_to_queue_owner_and_priority() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let queue = json!({"key": "billing", "topics": ["invoice"], "default_owner_id": ANN, "default_priority": "urgent"});
    admin.post("/queues", queue).await.expect(201);
    admin.post("/queues", json!({"key": "second", "topics": ["spare part"]})).await.expect(201);

    let routed = admin.ticket(json!({"subject": "Wrong amount", "topic": "invoice"})).await;
    assert_eq!((text(&routed, "queue"), text(&routed, "owner_id")), ("billing", ANN));
    assert_eq!((text(&routed, "priority"), text(&routed, "status")), ("urgent", "open"));
    assert_eq!(routed["queued_at"], Value::Null);
    let events = admin.all("/events?order=asc").await;
    let types: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types, ["ticket.created", "ticket.assigned", "ticket.status_changed"]);
    assert_eq!(events[1]["data"]["cause"], "routing");

    let waiting = admin.ticket(json!({"subject": "Broken", "topic": "spare part"})).await;
    assert_eq!((text(&waiting, "queue"), text(&waiting, "status")), ("second", "new"));
    let unknown = admin.ticket(json!({"subject": "Rain", "topic": "weather"})).await;
    assert_eq!((text(&unknown, "queue"), text(&unknown, "topic")), ("default", "weather"));
    let named = json!({"subject": "By hand", "topic": "invoice", "queue": "second", "priority": "low"});
    let named = admin.ticket(named).await;
    assert_eq!((text(&named, "queue"), text(&named, "priority"), &named["owner_id"]), ("second", "low", &Value::Null));

    let lost = admin.post("/tickets", json!({"subject": "Lost", "queue": "third"})).await;
    assert_eq!(lost.faults(), [("/queue".to_owned(), "unknown_queue".to_owned())]);
    let path = format!("/tickets/{}", text(&waiting, "id"));
    let moved = admin.patch(&path, json!({"queue": "billing"})).await.expect(200).json();
    assert_eq!((text(&moved, "queue"), &moved["owner_id"]), ("billing", &Value::Null), "owners are for what comes in");
    let lost = admin.patch(&path, json!({"queue": "third"})).await;
    assert_eq!(lost.faults(), [("/queue".to_owned(), "unknown_queue".to_owned())]);
    assert_eq!(admin.all("/tickets?queue=billing").await.len(), 2);
}

#[tokio::test]
async fn no_two_queues_have_one_key_or_topic() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ask = Ask::post("/queues").fresh_key().json(&json!({"key": "billing", "topics": ["invoice"]}));
    let made = admin.send(ask.clone()).await.expect(201);
    let replayed = admin.send(ask).await.expect(201);
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), (Some("true"), &made.body));
    admin.post("/queues", json!({"key": "billing"})).await.problem(409, "queue_exists");
    let refused = admin.post("/queues", json!({"key": "x", "topics": ["invoice"]})).await.problem(409, "topic_taken");
    assert_eq!((text(&refused, "queue"), text(&refused, "topic")), ("billing", "invoice"));
    admin.patch("/queues/default", json!({"topics": ["invoice"]})).await.problem(409, "topic_taken");
    let live = app.client(ACME_LIVE, &[Scope::Admin]).await;
    live.post("/queues", json!({"key": "billing", "topics": ["invoice"]})).await.expect(201);
}

#[tokio::test]
async fn what_is_no_queue_is_refused_with_every_fault() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"key": "Billing!", "name": "", "topics": ["", "ok"], "default_owner_id": "ctc_x",
                      "default_priority": "asap", "color": "red"});
    let refused = admin.post("/queues", body).await.problem(422, "validation_failed");
    let mut pointers: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|fault| text(fault, "pointer")).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/color", "/default_owner_id", "/default_priority", "/key", "/name", "/topics/0"]);
    admin.post("/queues", json!({})).await.problem(422, "validation_failed");
    admin.get("/queues/billing").await.problem(404, "not_found");
    admin.patch("/queues/billing", json!({"name": "Mine"})).await.problem(404, "not_found");
    for none in ["Billing", "a%2Fb", "%C3%A4", "-", &"x".repeat(65)] {
        admin.get(&format!("/queues/{none}")).await.problem(400, "invalid_parameter");
        admin.patch(&format!("/queues/{none}"), json!({"name": "Mine"})).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn to_change_queues_takes_an_admin() {
    let app = TestApp::start().await;
    let writer = app.client(ACME, &[Scope::TicketsWrite]).await;
    writer.post("/queues", json!({"key": "billing"})).await.problem(403, "insufficient_scope");
    writer.patch("/queues/default", json!({"name": "Mine"})).await.problem(403, "insufficient_scope");
    let reader = app.client(ACME, &[Scope::TicketsRead]).await;
    reader.get("/queues/default").await.expect(200);
    reader.get("/queues").await.expect(200);
    let webhooks = app.client(ACME, &[Scope::Webhooks]).await;
    webhooks.get("/queues").await.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn the_head_of_a_queue_is_claimed_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/queues", json!({"key": "billing", "topics": ["invoice"]})).await.expect(201);
    let normal = admin.ticket(json!({"subject": "One", "topic": "invoice"})).await;
    let high = admin.ticket(json!({"subject": "Two", "topic": "invoice", "priority": "high"})).await;

    let agent = app.client(ACME, &[Scope::TicketsTriage]).await;
    let claim = || Ask::post("/queues/billing/claim").fresh_key().json(&json!({"owner_id": ANN}));
    let ask = claim();
    let claimed = agent.send(ask.clone()).await.expect(200);
    let ticket = claimed.json();
    assert_eq!((&ticket["id"], text(&ticket, "owner_id"), text(&ticket, "status")), (&high["id"], ANN, "open"));
    assert_eq!((claimed.header("etag"), claimed.header("location")), (Some("\"2\""), None));
    let again = agent.send(ask).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &claimed.body));
    let path = format!("/tickets/{}", text(&high, "id"));
    let events = admin.all("/events?order=asc").await;
    let last: Vec<_> = events.iter().rev().take(2).map(|event| text(event, "type")).collect();
    assert_eq!(last, ["ticket.status_changed", "ticket.assigned"]);
    assert_eq!(events[events.len() - 2]["data"]["cause"], "claim");
    let thread = admin.all(&format!("{path}/thread")).await;
    assert_eq!(thread[1]["cause"], "claim");

    assert_eq!(agent.send(claim()).await.expect(200).json()["id"], normal["id"]);
    let ask = claim();
    let none = agent.send(ask.clone()).await.expect(204);
    assert_eq!((none.body.len(), none.header("etag"), none.header("content-type")), (0, None, None));
    admin.ticket(json!({"subject": "Late", "topic": "invoice"})).await;
    let none = agent.send(ask).await.expect(204);
    assert_eq!(none.header("idempotent-replayed"), Some("true"), "none again, though one waits now");

    agent.post("/queues/third/claim", json!({"owner_id": ANN})).await.problem(404, "not_found");
    agent.post("/queues/default/claim", json!({"owner_id": ANN})).await.expect(204);
    agent.post("/queues/billing/claim", json!({"owner_id": null})).await.problem(422, "validation_failed");
    let reader = app.client(ACME, &[Scope::TicketsRead]).await;
    reader.post("/queues/billing/claim", json!({"owner_id": ANN})).await.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn a_queue_is_looked_over() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/queues", json!({"key": "billing", "topics": ["invoice"]})).await.expect(201);
    let first = admin.ticket(json!({"subject": "One", "topic": "invoice"})).await;
    admin.ticket(json!({"subject": "Two", "topic": "invoice", "owner_id": ANN})).await;
    admin.ticket(json!({"subject": "Elsewhere"})).await;
    let overview = app.client(ACME, &[Scope::TicketsRead]).await.get("/queues/billing/overview").await.expect(200);
    let expected = json!({
        "object": "queue_overview", "queue": "billing", "waiting": 1, "oldest_queued_at": first["queued_at"], "at_risk": 0,
        "by_status": {"new": 1, "open": 1, "pending": 0, "on_hold": 0, "resolved": 0},
    });
    assert_eq!(overview.json(), expected);
    admin.get("/queues/third/overview").await.problem(404, "not_found");
}
