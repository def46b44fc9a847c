//! A call that is made again is done once.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use super::agent::Agent;
use crate::app::{ACME, ANN, Ask, TestApp, text};

const WINDOW: Duration = Duration::from_secs(600);

async fn full(app: &TestApp) -> Agent {
    Agent::start(app, ACME, &[Scope::Admin]).await
}

async fn messages(app: &TestApp, id: &str) -> usize {
    app.admin()
        .await
        .all(&format!("/tickets/{id}/thread"))
        .await
        .iter()
        .filter(|entry| entry["kind"] == "message")
        .count()
}

#[tokio::test]
async fn a_repeated_reply_is_sent_once_for_ten_minutes() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    let reply = json!({"ticket_id": id, "body": "On its way"});
    let first = agent.call("ticket_reply", reply.clone()).await;
    assert_eq!(first["replayed"], false);
    app.clock.advance(WINDOW - Duration::from_millis(1));
    let again = agent.call("ticket_reply", reply.clone()).await;
    assert_eq!(
        (&again["replayed"], &again["entry"], &again["idempotency_key"]),
        (&json!(true), &first["entry"], &first["idempotency_key"])
    );
    assert_eq!(messages(&app, &id).await, 1);

    app.clock.advance(Duration::from_millis(1));
    let anew = agent.call("ticket_reply", reply.clone()).await;
    assert_eq!(anew["replayed"], false);
    assert_eq!(messages(&app, &id).await, 2);
    // The ten minutes are counted from the last time that it was meant.
    app.clock.advance(WINDOW - Duration::from_millis(1));
    assert_eq!(agent.call("ticket_reply", reply).await["replayed"], true);
    assert_eq!(messages(&app, &id).await, 2);
}

/// Wherever a first call falls, one that comes a little later is a repetition: there is no edge.
#[tokio::test]
async fn no_time_is_too_late_for_a_retry() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    for step in 0..40 {
        let made = json!({"subject": format!("Ticket {step}")});
        assert_eq!(agent.call("ticket_create", made.clone()).await["replayed"], false);
        app.clock.advance(Duration::from_secs(20));
        assert_eq!(agent.call("ticket_create", made).await["replayed"], true, "{step}");
    }
    assert_eq!(app.admin().await.all("/tickets").await.len(), 40);
}

/// The number of times is found however many there were.
#[tokio::test]
async fn a_call_can_be_meant_many_times() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    let note = json!({"ticket_id": id, "body": "Still waiting"});
    for day in 0..23 {
        let first = agent.call("ticket_note", note.clone()).await;
        assert_eq!(first["replayed"], false, "{day}");
        assert!(text(&first, "idempotency_key").ends_with(&format!(":{day}")), "{first}");
        assert_eq!(agent.call("ticket_note", note.clone()).await["replayed"], true, "{day}");
        app.clock.advance(Duration::from_secs(24 * 3_600));
    }
}

#[tokio::test]
async fn twins_at_the_same_time_are_done_once() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    for round in 0..2 {
        let calls = (0..16).map(|_| {
            let (agent, reply) = (agent.clone(), json!({"ticket_id": id, "body": "On its way"}));
            tokio::spawn(async move { agent.call("ticket_reply", reply).await["replayed"].clone() })
        });
        let calls: Vec<_> = calls.collect();
        let mut first = 0;
        for call in calls {
            first += usize::from(call.await.unwrap() == json!(false));
        }
        assert_eq!((first, messages(&app, &id).await), (1, round + 1));
        app.clock.advance(WINDOW);
    }
}

/// Nothing is kept of a session, so it goes on wherever a retry arrives, and after a restart.
#[tokio::test]
async fn a_retry_may_arrive_at_another_node() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    let reply = json!({"ticket_id": id, "body": "On its way"});
    let first = agent.call("ticket_reply", reply.clone()).await;
    let again = agent.at(&app.beside().await.router).call("ticket_reply", reply).await;
    assert_eq!((&again["replayed"], &again["entry"]), (&json!(true), &first["entry"]));
    assert_eq!(messages(&app, &id).await, 1);
}

#[tokio::test]
async fn another_session_key_tool_or_argument_is_another_call() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    let note = json!({"ticket_id": id, "body": "same"});
    assert_eq!(agent.call("ticket_note", note.clone()).await["replayed"], false);
    let key = app.key(ACME, &[Scope::Admin]).await;
    let other_key = Agent::with_key(&app.router, &key).await;
    let other_session = Agent::with_key(&app.router, &key).await;
    assert_ne!(other_key.session, other_session.session);
    assert_eq!(other_key.call("ticket_note", note.clone()).await["replayed"], false, "another key");
    assert_eq!(other_session.call("ticket_note", note.clone()).await["replayed"], false, "another session");
    assert_eq!(agent.call("ticket_reply", note.clone()).await["replayed"], false, "another tool");
    let other = json!({"ticket_id": id, "body": "same "});
    assert_eq!(agent.call("ticket_note", other).await["replayed"], false, "other words");
    assert_eq!(agent.call("ticket_note", note).await["replayed"], true);
}

#[tokio::test]
async fn a_rejection_under_a_derived_key_is_not_kept() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let make = json!({"subject": "x", "queue": "billing"});
    let refused = agent.refused("ticket_create", make.clone()).await;
    assert_eq!(refused["code"], "validation_failed");
    app.admin().await.post("/queues", json!({"key": "billing"})).await.expect(201);
    assert_eq!(agent.call("ticket_create", make).await["ticket"]["queue"], "billing");
}

#[tokio::test]
async fn a_rejection_under_the_key_of_a_host_is_kept() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let make = json!({"subject": "x", "queue": "billing", "idempotency_key": "k"});
    let refused = agent.refused("ticket_create", make.clone()).await;
    assert_eq!(refused["idempotency_key"], "k");
    app.admin().await.post("/queues", json!({"key": "billing"})).await.expect(201);
    assert_eq!(agent.refused("ticket_create", make).await, refused);
}

#[tokio::test]
async fn the_key_of_a_host_is_the_one_of_any_client() {
    let app = TestApp::start().await;
    let (agent, client) = (full(&app).await, app.admin().await);
    let made = agent.call("ticket_create", json!({"subject": "x", "idempotency_key": "k-1"})).await;
    assert_eq!((&made["idempotency_key"], &made["replayed"]), (&json!("k-1"), &json!(false)));
    let same = client.send(Ask::post("/tickets").key("k-1").json(&json!({"subject": "x"}))).await.expect(201);
    assert!(same.is_replay());
    assert_eq!(same.json()["id"], made["ticket"]["id"]);
    client
        .send(Ask::post("/tickets").key("k-1").json(&json!({"subject": "y"})))
        .await
        .problem(409, "idempotency_key_reused");
    let refused = agent.refused("ticket_create", json!({"subject": "y", "idempotency_key": "k-1"})).await;
    assert_eq!(refused["code"], "idempotency_key_reused");

    let id = text(&made["ticket"], "id");
    let note = agent.call("ticket_note", json!({"ticket_id": id, "body": "n", "idempotency_key": "k-2"})).await;
    let sent = json!({"kind": "note", "body": "n"});
    let same = client.send(Ask::post(&format!("/tickets/{id}/thread")).key("k-2").json(&sent)).await.expect(201);
    assert!(same.is_replay());
    assert_eq!(same.json()["id"], note["entry"]["id"]);
    // For ever, and whatever has happened since.
    app.clock.advance(WINDOW * 100);
    let again = agent.call("ticket_note", json!({"ticket_id": id, "body": "n", "idempotency_key": "k-2"})).await;
    assert_eq!((&again["replayed"], &again["entry"]), (&json!(true), &note["entry"]));
}

/// Hosts and models give back what they were told.
#[tokio::test]
async fn the_key_that_was_used_can_be_given_back() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    for (tool, arguments) in [
        ("ticket_reply", json!({"body": "a"})),
        ("ticket_note", json!({"body": "a"})),
        ("ticket_create", json!({"subject": "a"})),
        ("ticket_assign", json!({"owner_id": ANN})),
        ("ticket_triage", json!({"priority": "high"})),
        ("ticket_transition", json!({"to": "pending", "reason": "a"})),
        ("queue_claim_next", json!({"owner_id": ANN})),
    ] {
        let mut arguments = arguments;
        if !matches!(tool, "ticket_create" | "queue_claim_next") {
            arguments["ticket_id"] = json!(id);
        }
        let first = agent.call(tool, arguments.clone()).await;
        assert_eq!(first["replayed"], false, "{tool}");
        app.clock.advance(WINDOW * 2);
        arguments["idempotency_key"] = first["idempotency_key"].clone();
        let mut again = agent.call(tool, arguments).await;
        assert_eq!(again["replayed"], true, "{tool}");
        again["replayed"] = json!(false);
        assert_eq!(again, first, "{tool}");
    }
}

/// Nobody names a key of the system's who is not told it for that very call.
#[tokio::test]
async fn a_derived_key_is_no_other_calls() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let first = agent.call("ticket_create", json!({"subject": "a"})).await;
    let key = first["idempotency_key"].clone();
    let made = agent.call("ticket_create", json!({"subject": "b", "idempotency_key": key})).await;
    assert_eq!(made["replayed"], false, "a client's key of the same text");
    assert_ne!(made["ticket"]["id"], first["ticket"]["id"]);
    let stranger = full(&app).await;
    let refused = stranger.refused("ticket_create", json!({"subject": "a", "idempotency_key": key})).await;
    assert_eq!(refused["code"], "idempotency_key_reused", "by that client's request");
    let again = agent.call("ticket_create", json!({"subject": "a"})).await;
    assert_eq!((&again["replayed"], &again["ticket"]["id"]), (&json!(true), &first["ticket"]["id"]));
}

#[tokio::test]
async fn a_fresh_key_is_none_that_a_client_of_the_rest_api_can_name() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "a"})).await;
    let done = agent.call("ticket_assign", json!({"ticket_id": id, "owner_id": ANN})).await;
    let key = text(&done, "idempotency_key");
    let admin = app.admin().await;
    let assign = |owner| Ask::post(&format!("/tickets/{id}/assign")).key(key).json(&json!({"owner_id": owner}));
    // Neither the agent's answer nor a conflict with it.
    assert!(!admin.send(assign(Value::Null)).await.expect(200).is_replay());
    admin.send(assign(json!(ANN))).await.problem(409, "idempotency_key_reused");
    let again = agent.call("ticket_assign", json!({"ticket_id": id, "owner_id": ANN, "idempotency_key": key})).await;
    assert_eq!((&again["replayed"], &again["ticket"]), (&json!(true), &done["ticket"]));
}

#[tokio::test]
async fn a_claim_that_is_made_again_with_its_key_gives_the_same_ticket() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    for subject in ["a", "b"] {
        agent.ticket(json!({"subject": subject})).await;
    }
    let claim = json!({"owner_id": ANN, "idempotency_key": "claim-1"});
    let first = agent.call("queue_claim_next", claim.clone()).await;
    let again = agent.call("queue_claim_next", claim).await;
    assert_eq!(again["ticket"]["id"], first["ticket"]["id"]);
    let next = agent.call("queue_claim_next", json!({"owner_id": ANN})).await;
    assert_ne!(next["ticket"]["id"], first["ticket"]["id"], "without one, each takes another");
    assert_ne!(next["ticket"], Value::Null);
}
