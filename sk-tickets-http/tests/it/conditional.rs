//! Conditional requests, and the id that every answer has.

use std::collections::HashSet;

use http::{Method, header};
use serde_json::json;

use crate::app::{ANN, Ask, BOB, TestApp, UNKNOWN, text};

#[tokio::test]
async fn the_entity_tag_is_the_version() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post("/tickets", json!({"subject": "A"})).await.expect(201);
    assert_eq!((created.json()["version"].as_u64(), created.header("etag")), (Some(1), Some("\"1\"")));
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(admin.get(&path).await.header("etag"), Some("\"1\""));
    for (answer, etag) in [
        (admin.patch(&path, json!({"subject": "B"})).await, "\"2\""),
        (admin.patch(&path, json!({"subject": "B"})).await, "\"2\""),
        (admin.post(&format!("{path}/assign"), json!({"owner_id": ANN})).await, "\"3\""),
        (admin.post(&format!("{path}/transitions"), json!({"to": "closed", "reason": "spam"})).await, "\"4\""),
    ] {
        assert_eq!(answer.expect(200).header("etag"), Some(etag));
    }
    let read = admin.get(&path).await;
    assert_eq!((read.json()["version"].as_u64(), read.header("etag")), (Some(4), Some("\"4\"")));
}

#[tokio::test]
async fn if_match_is_honoured() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    // Changes nothing, so that the version stays 1 whatever passes.
    let ask = || Ask::patch(&path).fresh_key().json(&json!({"subject": "A"}));
    for (tags, status) in [
        ("\"1\"", 200),
        ("*", 200),
        ("\"7\", \"1\"", 200),
        ("\"7\",\"1\" , \"8\"", 200),
        ("\"a,b\", \"1\"", 200),
        // A member may be empty (RFC 9110, section 5.6.1.2).
        ("\"1\",", 200),
        (",\"7\",, \"1\" ,", 200),
        ("\"2\"", 412),
        ("\"0\"", 412),
        // Tags are compared as they are written.
        ("\"01\"", 412),
        ("\"+1\"", 412),
        ("\"some other server's\"", 412),
        ("\"7\", \"8\"", 412),
        // Weak tags never match here (RFC 9110, section 13.1.1).
        ("W/\"1\"", 412),
        ("1", 400),
        ("\"1", 400),
        ("", 400),
        (",", 400),
        ("\"1\" \"2\"", 400),
        ("\"1\", *", 400),
        ("w/\"1\"", 400),
    ] {
        let answer = admin.send(ask().header("if-match", tags)).await;
        assert_eq!(answer.status, status, "{tags}: {answer:?}");
        match status {
            412 => assert_eq!(answer.code(), "precondition_failed"),
            400 => assert_eq!(answer.code(), "invalid_parameter"),
            _ => {}
        }
    }
    admin.send(ask().header("if-match", "\"7\"").header("if-match", "\"1\"")).await.expect(200);
    assert_eq!(admin.get(&path).await.json()["version"], 1);
}

#[tokio::test]
async fn if_match_guards_every_change_of_a_ticket() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let post = |under: &str, body| Ask::post(&format!("{path}/{under}")).json(&body);
    for (version, ask) in (1..).zip([
        Ask::patch(&path).json(&json!({"subject": "B"})),
        post("assign", json!({"owner_id": ANN})),
        post("thread", json!({"kind": "note", "body": "Hm"})),
        post("transitions", json!({"to": "pending", "reason": "asked"})),
    ]) {
        let right = format!("\"{version}\"");
        let wrong = format!("\"{}\"", version + 1);
        admin.send(ask.clone().fresh_key().header("if-match", wrong)).await.problem(412, "precondition_failed");
        let answer = admin.send(ask.fresh_key().header("if-match", right)).await;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }
    assert_eq!(admin.get(&path).await.json()["version"], 5);

    // What has no version has nothing to match.
    let unheeded = Ask::post("/tickets").fresh_key().json(&json!({"subject": "C"})).header("if-match", "\"1\"");
    admin.send(unheeded).await.problem(400, "invalid_parameter");
    let absent = Ask::patch(&format!("/tickets/tkt_{UNKNOWN}")).fresh_key().text("{}").header("if-match", "\"1\"");
    admin.send(absent).await.problem(404, "not_found");
}

#[tokio::test]
async fn if_none_match_saves_the_body_of_what_is_known() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    for (tags, status) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("\"7\", \"1\"", 304),
        ("*", 304),
        ("\"2\"", 200),
        ("\"another server's\"", 200),
        ("1", 400),
    ] {
        let answer = admin.send(Ask::get(&path).header("if-none-match", tags)).await.expect(status);
        if status < 400 {
            assert_eq!(answer.header("etag"), Some("\"1\""));
            assert_eq!(answer.body.is_empty(), status == 304, "{tags}");
        }
    }
    admin.post(&format!("{path}/assign"), json!({"owner_id": BOB})).await.expect(200);
    let changed = admin.send(Ask::get(&path).header("if-none-match", "\"1\"")).await.expect(200);
    assert_eq!(text(&changed.json(), "owner_id"), BOB);
}

#[tokio::test]
async fn a_ticket_that_waits_is_always_told_anew() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let head = admin.ticket(json!({"subject": "First"})).await;
    let second = admin.ticket(json!({"subject": "Second"})).await;
    let path = format!("/tickets/{}", text(&second, "id"));
    let known = Ask::get(&path).header("if-none-match", "\"1\", \"2\"");
    assert_eq!(admin.send(known.clone()).await.expect(200).json()["queue_position"], 2);

    // Its version stays, its place does not.
    let assign = format!("/tickets/{}/assign", text(&head, "id"));
    admin.post(&assign, json!({"owner_id": ANN})).await.expect(200);
    let moved = admin.send(known).await.expect(200).json();
    assert_eq!((moved["version"].as_u64(), moved["queue_position"].as_u64()), (Some(1), Some(1)));
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let endpoint = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201);
    let endpoint = endpoint.header("location").unwrap().to_owned();
    let anonymous = app.anonymous();

    let mut ids = HashSet::new();
    for (client, ask, status) in [
        (&admin, Ask::get(&path), 200),
        (&admin, Ask::post("/tickets").fresh_key().json(&json!({"subject": "B"})), 201),
        (&admin, Ask::delete(&endpoint).fresh_key(), 204),
        (&admin, Ask::get(&path).header("if-none-match", "*"), 304),
        (&admin, Ask::post("/tickets"), 400),
        (&anonymous, Ask::get(&path), 401),
        (&anonymous, Ask::get("/nothing"), 404),
        (&anonymous, Ask::outside(Method::GET, "/"), 404),
        (&admin, Ask::delete(&path), 405),
        (&admin, Ask::post(&format!("{path}/transitions")).fresh_key().json(&json!({"to": "open"})), 409),
        (&admin, Ask::patch(&path).fresh_key().text("{}").header("if-match", "\"9\""), 412),
        (&anonymous, Ask::post("/tickets").text(vec![b'x'; 300 * 1024]), 413),
        (&anonymous, Ask::post("/tickets").text("{}").without(header::CONTENT_TYPE), 415),
        (&admin, Ask::post("/tickets").fresh_key(), 422),
        (&anonymous, Ask::outside(Method::GET, "/healthz"), 200),
        (&anonymous, Ask::outside(Method::GET, "/readyz"), 200),
        (&anonymous, Ask::get("/docs/errors/not_found"), 200),
    ] {
        let answer = client.send(ask).await.expect(status);
        let id = answer.header("request-id").unwrap().to_owned();
        if status >= 400 {
            assert_eq!(answer.json()["request_id"], id);
        }
        assert!(ids.insert(id), "{answer:?} has the id of another");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let answer = admin.send(Ask::new(Method::HEAD, &format!("/tickets/{}", text(&ticket, "id")))).await.expect(200);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert!(answer.body.is_empty());
    assert_eq!(admin.send(Ask::new(Method::HEAD, &format!("/tickets/tkt_{UNKNOWN}"))).await.status, 404);
}
