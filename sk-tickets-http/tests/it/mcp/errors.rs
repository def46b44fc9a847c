//! A refusal is a result that an agent can act on.

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use super::agent::Agent;
use crate::app::{ACME, ANN, TestApp, UNKNOWN};

async fn full(app: &TestApp) -> Agent {
    Agent::start(app, ACME, &[Scope::Admin]).await
}

#[tokio::test]
async fn an_illegal_transition_says_what_is_allowed() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x", "owner_id": ANN})).await;
    let refused = agent.refused("ticket_transition", json!({"ticket_id": id, "to": "open"})).await;
    assert_eq!(refused["code"], "illegal_transition");
    assert_eq!(refused["allowed"], json!(["pending", "on_hold", "resolved", "closed"]));
    assert!(refused["hint"].as_str().unwrap().contains("pending, on_hold, resolved, closed"), "{refused}");

    agent.call("ticket_transition", json!({"ticket_id": id, "to": "closed", "reason": "spam"})).await;
    let refused = agent.refused("ticket_transition", json!({"ticket_id": id, "to": "open"})).await;
    assert_eq!((&refused["code"], &refused["allowed"]), (&json!("illegal_transition"), &json!([])));
    let refused = agent.refused("ticket_reply", json!({"ticket_id": id, "body": "x"})).await;
    assert_eq!(refused["code"], "ticket_closed");
    agent.call("ticket_note", json!({"ticket_id": id, "body": "x"})).await;
}

#[tokio::test]
async fn guards_say_what_is_missing() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    for (arguments, code) in [
        (json!({"to": "resolved", "resolution_note": "x"}), "owner_required"),
        (json!({"to": "pending", "owner_id": ANN}), "reason_required"),
        (json!({"to": "resolved", "owner_id": ANN}), "resolution_note_required"),
    ] {
        let mut arguments = arguments;
        arguments["ticket_id"] = json!(id);
        assert_eq!(agent.refused("ticket_transition", arguments).await["code"], code);
    }
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_unknown_arguments_are_faults() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let faults = |refused: &Value| -> Vec<(String, String)> {
        assert_eq!(refused["code"], "validation_failed");
        let mut faults: Vec<_> = refused["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (fault["pointer"].as_str().unwrap().to_owned(), fault["code"].as_str().unwrap().to_owned()))
            .collect();
        faults.sort();
        faults
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
    };
    let refused = agent
        .refused(
            "ticket_transition",
            json!({"ticket_id": "tkt_x", "to": "gone", "reason": "", "expected_version": "3", "idempotency_key": "a b", "mood": 1}),
        )
        .await;
    assert_eq!(
        faults(&refused),
        pairs(&[
            ("/expected_version", "wrong_type"),
            ("/idempotency_key", "invalid_key"),
            ("/mood", "unknown_field"),
            ("/reason", "too_short"),
            ("/ticket_id", "invalid_id"),
            ("/to", "invalid_value"),
        ])
    );
    // What the tool says itself, nobody else can.
    let id = agent.ticket(json!({"subject": "x"})).await;
    let refused = agent.refused("ticket_note", json!({"ticket_id": id, "kind": "message", "body": "x"})).await;
    assert_eq!(faults(&refused), pairs(&[("/kind", "unknown_field")]));
    let refused = agent.refused("ticket_create", json!({"source": "voice"})).await;
    assert_eq!(faults(&refused), pairs(&[("/source", "unknown_field"), ("/subject", "required")]));
    let refused = agent.refused("ticket_triage", json!({"ticket_id": id, "subject": "y"})).await;
    assert_eq!(faults(&refused), pairs(&[("/subject", "unknown_field")]));
    let refused = agent.refused("tickets_search", json!({"limit": 51})).await;
    assert_eq!(faults(&refused), pairs(&[("/limit", "out_of_range"), ("/q", "required")]));
    // Fields of which only one can be given.
    let both =
        json!({"subject": "x", "contact_id": "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC", "contact": {"email": "a@example.com"}});
    assert_eq!(faults(&agent.refused("ticket_create", both).await), pairs(&[("/contact", "conflict")]));
    // As things stand, rather than as it is written.
    let refused = agent.refused("ticket_triage", json!({"ticket_id": id, "queue": "nowhere"})).await;
    assert_eq!(faults(&refused), pairs(&[("/queue", "unknown_queue")]));
}

#[tokio::test]
async fn a_version_that_is_not_the_current_one_is_refused_with_that() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    agent.call("ticket_triage", json!({"ticket_id": id, "priority": "high"})).await;
    for (tool, arguments) in [
        ("ticket_triage", json!({"priority": "low"})),
        ("ticket_assign", json!({"owner_id": ANN})),
        ("ticket_transition", json!({"to": "closed", "reason": "spam"})),
        ("ticket_note", json!({"body": "x"})),
        ("ticket_reply", json!({"body": "x"})),
    ] {
        let with = |version: u64| {
            let mut arguments = arguments.clone();
            arguments["ticket_id"] = json!(id);
            arguments["expected_version"] = json!(version);
            arguments
        };
        let refused = agent.refused(tool, with(1)).await;
        assert_eq!(refused["code"], "precondition_failed", "{tool}");
        assert!(refused["hint"].as_str().unwrap().contains("in version 2"), "{refused}");
    }
    let done = agent.call("ticket_triage", json!({"ticket_id": id, "priority": "low", "expected_version": 2})).await;
    assert_eq!(done["ticket"]["version"], 3);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let unknown = format!("tkt_{UNKNOWN}");
    for (tool, arguments) in [
        ("ticket_get", json!({"ticket_id": unknown})),
        ("ticket_assign", json!({"ticket_id": unknown, "owner_id": ANN})),
        ("ticket_note", json!({"ticket_id": unknown, "body": "x"})),
        ("queue_overview", json!({"queue": "nowhere"})),
        ("queue_claim_next", json!({"queue": "nowhere", "owner_id": ANN})),
    ] {
        assert_eq!(agent.refused(tool, arguments).await["code"], "not_found", "{tool}");
    }
}

#[tokio::test]
async fn params_of_another_shape_are_not_a_method_that_is_unknown() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    for (method, params) in [
        ("tools/call", Value::Null),
        ("tools/call", json!({})),
        ("tools/call", json!({"name": 1})),
        ("tools/call", json!({"name": "tickets_list", "arguments": []})),
        ("resources/read", json!({})),
        ("prompts/get", json!({"name": ["triage"]})),
        ("initialize", json!({"protocolVersion": "2025-06-18"})),
    ] {
        let error = agent.ask(method, params.clone()).await.unwrap_err();
        assert_eq!(error["code"], -32_602, "{method} {params}: {error}");
    }
    let error = agent.ask("tools/burn", json!({"name": 1})).await.unwrap_err();
    assert_eq!((&error["code"], &error["message"]), (&json!(-32_601), &json!("tools/burn")));
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let error = agent.ask("tools/call", json!({"name": "ticket_burn", "arguments": {}})).await.unwrap_err();
    assert_eq!((&error["code"], &error["message"]), (&json!(-32_602), &json!("unknown tool: ticket_burn")));
}
