//! The order in which a request is judged.

use http::{Method, header};
use serde_json::json;
use sk_tickets_core::Scope;

use crate::app::{ACME, ANN, Ask, TestApp, text};

/// Begins with a request that is wrong in every way, and puts right one thing after the other.
#[tokio::test]
async fn the_first_thing_wrong_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let reader = app.client(ACME, &[Scope::TicketsRead]).await;
    let nobody = app.anonymous().with_key("sk_test_tk_junk");
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = format!("/tickets/{}/transitions", text(&ticket, "id"));
    let used = Ask::post(&path).key("used").json(&json!({"to": "pending", "reason": "asked"}));
    let first = admin.send(used).await.expect(200);

    let bad_path = "/tickets/tkt_1/transitions?a=b";
    let wrong = |method, path: &str, body: &str| {
        let ask = Ask::new(method, path).text(body.to_owned()).without(header::CONTENT_TYPE);
        ask.header("content-type", "text/plain").header("if-match", "\"99\"")
    };
    let too_large = "{".repeat(300 * 1024);
    nobody.send(wrong(Method::PUT, "/nothing?a=b", &too_large)).await.problem(413, "payload_too_large");
    nobody.send(wrong(Method::PUT, bad_path, &too_large)).await.problem(413, "payload_too_large");

    nobody.send(wrong(Method::PUT, "/nothing?a=b", "{")).await.problem(404, "not_found");
    let answer = nobody.send(wrong(Method::PUT, bad_path, "{")).await;
    answer.problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    nobody.send(wrong(Method::POST, bad_path, "{")).await.problem(415, "unsupported_media_type");

    let wrong = |path: &str, body: &str| Ask::post(path).text(body.to_owned()).header("if-match", "\"99\"");
    let answer = nobody.send(wrong(bad_path, "{")).await;
    answer.problem(401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let problem = reader.send(wrong(bad_path, "{")).await.problem(403, "insufficient_scope");
    assert_eq!(problem["required_scope"], "tickets:triage");
    admin.send(wrong(bad_path, "{")).await.problem(400, "idempotency_key_required");
    admin.send(wrong(bad_path, "{").key("a b")).await.problem(400, "idempotency_key_invalid");
    admin.send(wrong(bad_path, "{").key("used")).await.problem(400, "invalid_parameter");
    admin.send(wrong(&format!("{path}?a=b"), "{").key("used")).await.problem(400, "invalid_parameter");
    admin.send(wrong(&path, "{").key("used")).await.problem(400, "malformed_json");
    admin.send(wrong(&path, "{}").key("used")).await.problem(422, "validation_failed");

    let lawful = r#"{"to": "pending", "reason": "asked"}"#;
    admin.send(wrong(&path, lawful).key("used")).await.assert_replays(&first);
    admin.send(wrong(&path, r#"{"to": "new"}"#).key("used")).await.problem(409, "idempotency_key_reused");
    admin.send(wrong(&path, r#"{"to": "new"}"#).key("unused")).await.problem(412, "precondition_failed");
    admin.send(Ask::post(&path).key("unused").text(r#"{"to": "new"}"#)).await.problem(409, "illegal_transition");
}

#[tokio::test]
async fn a_message_needs_more_than_its_route_and_that_is_judged_after_the_body() {
    let app = TestApp::start().await;
    let triage = app.client(ACME, &[Scope::TicketsTriage]).await;
    let ticket = app.admin().await.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}/thread", text(&ticket, "id"));
    triage.post(&path, json!({"kind": "message"})).await.problem(422, "validation_failed");
    let problem =
        triage.post(&path, json!({"kind": "message", "body": "Hello"})).await.problem(403, "insufficient_scope");
    assert_eq!(problem["required_scope"], "tickets:write");
    triage.post(&path, json!({"kind": "note", "body": "Hello"})).await.expect(201);
}
