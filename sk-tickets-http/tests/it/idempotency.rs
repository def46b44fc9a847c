//! The same key and the same request: the same answer, for ever, and one effect.

use std::sync::Arc;

use http::header;
use serde_json::{Value, json};
use sk_tickets_core::Scope;
use tokio::{sync::Barrier, task::JoinSet};

use crate::app::{ACME, ACME_LIVE, ANN, Answer, Ask, BOB, Client, GLOBEX, TestApp, UNKNOWN, fresh_key, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_twins_make_one_ticket() {
    const TWINS: usize = 64;
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for events in [json!(["*"]), json!(["ticket.created"]), json!(["ticket.resolved"])] {
        admin.post("/webhook_endpoints", json!({"url": "https://example.com/", "events": events})).await.expect(201);
    }

    let server = app.serve().await;
    let key = app.key(ACME, &[Scope::TicketsWrite]).await;
    let ask = Ask::post("/tickets").key("order-4711").json(&json!({"subject": "Part delayed", "tags": ["a", "b"]}));
    let together = Arc::new(Barrier::new(TWINS));
    let mut twins = JoinSet::new();
    for _ in 0..TWINS {
        let (client, ask, together) = (server.client(&key), ask.clone(), Arc::clone(&together));
        twins.spawn(async move {
            together.wait().await;
            client.send(ask).await
        });
    }
    let answers = twins.join_all().await;

    let first = answers.iter().find(|answer| !answer.is_replay()).expect("one is the first").clone().expect(201);
    assert_eq!(answers.iter().filter(|answer| answer.is_replay()).count(), TWINS - 1);
    for answer in &answers {
        answer.assert_same(&first);
    }
    assert!(first.header("location").is_some());
    assert_eq!(first.header("etag"), Some("\"1\""));
    assert_one_ticket_was_made(&admin, &first).await;

    server.stop().await;
    drop(admin);
    let app = app.restart().await;
    let admin = app.admin().await;
    admin.send(ask).await.assert_replays(&first);
    assert_one_ticket_was_made(&admin, &first).await;
}

/// Of the three endpoints two want to be told.
async fn assert_one_ticket_was_made(admin: &Client, first: &Answer) {
    let tickets = admin.all("/tickets").await;
    assert_eq!(tickets, [first.json()]);
    let events = admin.all("/events").await;
    assert_eq!(events.len(), 1);
    let [one, other] = <[Value; 2]>::try_from(admin.all("/deliveries").await).expect("two deliveries");
    assert_ne!(one["endpoint_id"], other["endpoint_id"]);
}

#[tokio::test]
async fn white_space_order_and_escapes_do_not_matter() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = admin
        .send(Ask::post("/tickets").key("k").text(r#"{"subject":"Aä/","tags":["x","y"],"metadata":{"a":"1","b":"2"}}"#))
        .await
        .expect(201);
    for same in [
        r#"{"metadata":{"b":"2","a":"1"},"tags":["x","y"],"subject":"Aä/"}"#,
        "\r\n{ \"tags\" : [ \"x\" ,\t\"y\" ],\n \"subject\" : \"Aä/\", \"metadata\": {\"a\":\"1\",\"b\":\"2\"} }\n",
        r#"{"subject":"\u0041\u00e4\/","tags":["x","y"],"metadata":{"a":"1","b":"2"}}"#,
    ] {
        admin.send(Ask::post("/tickets").key("k").text(same)).await.assert_replays(&first);
    }
}

#[tokio::test]
async fn nothing_is_the_same_as_an_empty_object() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let endpoint = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201).json();
    let disable = format!("/webhook_endpoints/{}/disable", text(&endpoint, "id"));
    let first = admin.send(Ask::post(&disable).key("k")).await.expect(200);
    admin.send(Ask::post(&disable).key("k").text("{}")).await.assert_replays(&first);
    admin.send(Ask::post(&disable).key("k").text(" { } ")).await.assert_replays(&first);
}

#[tokio::test]
async fn any_other_request_with_the_key_is_a_conflict() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"subject": "A", "tags": ["x", "y"], "metadata": {"a": "1"}});
    let first = admin.send(Ask::post("/tickets").key("k").json(&body)).await.expect(201);
    let id = text(&first.json(), "id").to_owned();

    let create = |body| Ask::post("/tickets").key("k").json(&body);
    for other in [
        create(json!({"subject": "a", "tags": ["x", "y"], "metadata": {"a": "1"}})),
        create(json!({"subject": "A", "tags": ["y", "x"], "metadata": {"a": "1"}})),
        create(json!({"subject": "A", "tags": ["x", "y"], "metadata": {"a": "2"}})),
        create(json!({"subject": "A", "tags": ["x", "y"]})),
        // What a default would fill in was not sent, so it is something else to send it.
        create(json!({"subject": "A", "tags": ["x", "y"], "metadata": {"a": "1"}, "priority": "normal"})),
        create(json!({"subject": "A", "tags": ["x", "y"], "metadata": {"a": "1"}, "topic": null})),
        Ask::post("/webhook_endpoints").key("k").json(&json!({"url": "https://example.com/"})),
        Ask::patch(&format!("/tickets/{id}")).key("k").json(&json!({"subject": "A"})),
    ] {
        let answer = admin.send(other).await;
        answer.problem(409, "idempotency_key_reused");
        assert!(!answer.is_replay());
    }
    admin.send(create(body)).await.assert_replays(&first);
    assert_eq!(admin.all("/tickets").await.len(), 1);
    assert_eq!(admin.all("/events").await.len(), 1);
    assert_eq!(admin.all("/webhook_endpoints").await.len(), 0);
}

#[tokio::test]
async fn the_path_is_part_of_the_request() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = admin.ticket(json!({"subject": "One"})).await;
    let two = admin.ticket(json!({"subject": "Two"})).await;
    let rename = |path: &str| Ask::patch(path).key("k").json(&json!({"subject": "Renamed"}));
    let path = format!("/tickets/{}", text(&one, "id"));
    let first = admin.send(rename(&path)).await.expect(200);
    admin.send(rename(&path.to_lowercase())).await.assert_replays(&first);
    admin.send(rename(&format!("/tickets/{}", text(&two, "id")))).await.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn a_quoted_key_is_the_bare_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ask = |key: &str| Ask::post("/tickets").key(key).json(&json!({"subject": "A"}));
    let first = admin.send(ask("8e03978e-40d5-43dd-bc93-6894a57f9324")).await.expect(201);
    admin.send(ask("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")).await.assert_replays(&first);
    let escaped = admin.send(ask(r#""a\"b""#)).await.expect(201);
    admin.send(ask(r#"a"b"#)).await.assert_replays(&escaped);
}

#[tokio::test]
async fn a_retried_transition_replays_although_the_ticket_has_moved_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let resolve = Ask::post(&format!("{path}/transitions"))
        .key("resolve")
        .json(&json!({"to": "resolved", "resolution_note": "Sent a new one"}));
    let first = admin.send(resolve.clone()).await.expect(200);
    assert_eq!(first.json()["status"], "resolved");
    admin.send(resolve.clone()).await.assert_replays(&first);

    admin.post(&format!("{path}/transitions"), json!({"to": "closed", "reason": "done"})).await.expect(200);
    let events = admin.all("/events").await.len();
    admin.send(resolve).await.assert_replays(&first);
    assert_eq!(admin.get(&path).await.json()["status"], "closed");
    assert_eq!(admin.all("/events").await.len(), events);
}

/// Requests of every kind that are decided against state, each with the status of its answer.
async fn decided_requests(admin: &Client) -> Vec<(Ask, u16)> {
    let open = admin.ticket(json!({"subject": "Open", "owner_id": ANN})).await;
    let open = format!("/tickets/{}", text(&open, "id"));
    let new = admin.ticket(json!({"subject": "New"})).await;
    let new = format!("/tickets/{}", text(&new, "id"));
    let closed = admin.ticket(json!({"subject": "Closed"})).await;
    let closed = format!("/tickets/{}", text(&closed, "id"));
    admin.post(&format!("{closed}/transitions"), json!({"to": "closed", "reason": "spam"})).await.expect(200);
    let endpoint = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201).json();
    let endpoint = format!("/webhook_endpoints/{}", text(&endpoint, "id"));
    admin.post(&format!("{endpoint}/disable"), json!({})).await.expect(200);
    admin.ticket(json!({"subject": "Undelivered"})).await;
    let dead = admin.all("/dead_letters").await;
    let dead = format!("/dead_letters/{}", text(&dead[0], "id"));

    let post = |path: &str, body| Ask::post(path).fresh_key().json(&body);
    vec![
        (post("/tickets", json!({"subject": "Made"})), 201),
        (post("/tickets", json!({"subject": "Made", "queue": "nowhere"})), 422),
        (Ask::patch(&open).fresh_key().json(&json!({"priority": "high"})), 200),
        // Changes nothing, and is remembered all the same.
        (Ask::patch(&open).fresh_key().json(&json!({"priority": "high"})), 200),
        (Ask::patch(&closed).fresh_key().json(&json!({"priority": "high"})), 409),
        (post(&format!("{open}/assign"), json!({"owner_id": BOB})), 200),
        (post(&format!("{open}/thread"), json!({"kind": "note", "body": "Called"})), 201),
        (post(&format!("{closed}/thread"), json!({"kind": "message", "body": "Hello?"})), 409),
        (post(&format!("{new}/transitions"), json!({"to": "pending", "reason": "asked"})), 422),
        (post(&format!("{open}/transitions"), json!({"to": "pending"})), 422),
        (post(&format!("{open}/transitions"), json!({"to": "resolved"})), 422),
        (post(&format!("{open}/transitions"), json!({"to": "open"})), 409),
        (post(&format!("{open}/transitions"), json!({"to": "pending", "reason": "asked"})), 200),
        (post(&format!("/tickets/tkt_{UNKNOWN}/transitions"), json!({"to": "open"})), 404),
        (post("/webhook_endpoints", json!({"url": "https://example.com/hook"})), 201),
        (Ask::post(&format!("{endpoint}/ping")).fresh_key(), 409),
        (Ask::post(&format!("{dead}/replay")).fresh_key(), 409),
        (post(&format!("{dead}/discard"), json!({"reason": "stale"})), 200),
        (Ask::delete(&endpoint).fresh_key(), 204),
        (Ask::delete(&endpoint).fresh_key(), 404),
    ]
}

#[tokio::test]
async fn every_outcome_is_replayed_byte_for_byte_also_after_a_restart() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut recorded = Vec::new();
    for (ask, status) in decided_requests(&admin).await {
        let first = admin.send(ask.clone()).await.expect(status);
        assert!(!first.is_replay());
        if status >= 400 {
            assert_eq!(first.json()["request_id"], first.header("request-id").unwrap(), "the first answer's own id");
        }
        recorded.push((ask, first));
    }
    let events = admin.all("/events").await;
    let endpoints = admin.all("/webhook_endpoints").await;
    for (ask, first) in &recorded {
        admin.send(ask.clone()).await.assert_replays(first);
    }

    drop(admin);
    let app = app.restart().await;
    let admin = app.admin().await;
    for (ask, first) in &recorded {
        admin.send(ask.clone()).await.assert_replays(first);
        let other = ask.clone().json(&json!({"to": "closed", "reason": "a request that none of them was"}));
        let answer = admin.send(other).await;
        // Where the other body is not even lawful for the operation, that is told first.
        assert!(answer.status == 422 || answer.code() == "idempotency_key_reused", "{answer:?}");
    }
    assert_eq!(admin.all("/events").await, events, "no replay tells anybody anything");
    assert_eq!(admin.all("/webhook_endpoints").await, endpoints);
}

#[tokio::test]
async fn a_rejection_is_replayed_when_it_would_not_be_one_any_more() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let transition = |body| Ask::post(&format!("{path}/transitions")).fresh_key().json(&body);

    let reopen = transition(json!({"to": "open"}));
    let owner_required = admin.send(reopen.clone()).await;
    owner_required.problem(422, "owner_required");
    let reopen_resolved = transition(json!({"to": "resolved", "resolution_note": "Done", "owner_id": ANN}));
    admin.send(reopen_resolved).await.expect(200);
    let resolve_again = transition(json!({"to": "resolved", "resolution_note": "Done"}));
    let illegal = admin.send(resolve_again.clone()).await;
    assert_eq!(illegal.problem(409, "illegal_transition")["allowed"], json!(["open", "closed"]));

    admin.send(transition(json!({"to": "open", "reason": "Not done"}))).await.expect(200);
    admin.send(resolve_again).await.assert_replays(&illegal);
    admin.send(reopen).await.assert_replays(&owner_required);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_itself_leaves_its_key_free() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let reader = app.client(ACME, &[Scope::TicketsRead]).await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let right = Ask::patch(&path).json(&json!({"subject": "B"})).header("if-match", "*");

    let wrong = [
        ("without an API key", app.anonymous(), right.clone(), 401, "unauthorized"),
        ("without the scope", reader, right.clone(), 403, "insufficient_scope"),
        ("not JSON", admin.clone(), right.clone().text("{"), 400, "malformed_json"),
        ("another parameter", admin.clone(), Ask::patch(&format!("{path}?a=b")).text("{}"), 400, "invalid_parameter"),
        (
            "malformed If-Match",
            admin.clone(),
            Ask::patch(&path).text("{}").header("if-match", "1"),
            400,
            "invalid_parameter",
        ),
        (
            "another version",
            admin.clone(),
            Ask::patch(&path).text("{}").header("if-match", "\"99\""),
            412,
            "precondition_failed",
        ),
        ("too large", admin.clone(), right.clone().text(vec![b' '; 256 * 1024 + 1]), 413, "payload_too_large"),
        (
            "not declared as JSON",
            admin.clone(),
            right.clone().without(header::CONTENT_TYPE),
            415,
            "unsupported_media_type",
        ),
        ("not lawful", admin.clone(), right.clone().json(&json!({"subject": ""})), 422, "validation_failed"),
    ];
    let mut keys = Vec::new();
    for (name, client, ask, status, code) in wrong {
        let key = fresh_key();
        let answer = client.send(ask.key(&key)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}: {answer:?}");
        let answer = admin.send(right.clone().key(&key)).await.expect(200);
        assert!(!answer.is_replay(), "{name}");
        keys.push((key, answer));
    }

    let free = fresh_key();
    admin.send(Ask::patch(&path).key(&free).json(&json!({"subject": ""}))).await.expect(422);
    drop(admin);
    let app = app.restart().await;
    let admin = app.admin().await;
    for (key, first) in &keys {
        admin.send(right.clone().key(key)).await.assert_replays(first);
    }
    assert!(!admin.send(right.key(&free)).await.expect(200).is_replay());
}

#[tokio::test]
async fn replay_is_judged_before_if_match() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let rename = |key: &str, subject: &str, version: &str| {
        let path = format!("/tickets/{}", text(&ticket, "id"));
        Ask::patch(&path).key(key).json(&json!({"subject": subject})).header("if-match", version)
    };
    let first = admin.send(rename("k", "B", "\"1\"")).await.expect(200);
    assert_eq!(first.header("etag"), Some("\"2\""));
    admin.send(rename("k", "B", "\"1\"")).await.assert_replays(&first);
    admin.send(rename("k", "B", "\"99\"")).await.assert_replays(&first);
    admin.send(rename("k", "C", "\"99\"")).await.problem(409, "idempotency_key_reused");
    admin.send(rename("l", "C", "\"1\"")).await.problem(412, "precondition_failed");
}

#[tokio::test]
async fn a_key_is_known_in_its_realm_and_nowhere_else() {
    let app = TestApp::start().await;
    let ask = Ask::post("/tickets").key("k").json(&json!({"subject": "A"}));
    let first = app.client(ACME, &[Scope::TicketsWrite]).await.send(ask.clone()).await.expect(201);

    // A rotated API key keeps retries safe.
    app.client(ACME, &[Scope::TicketsWrite]).await.send(ask.clone()).await.assert_replays(&first);
    app.client(ACME, &[Scope::Admin]).await.send(ask.clone()).await.assert_replays(&first);

    for stranger in [ACME_LIVE, GLOBEX] {
        let client = app.client(stranger, &[Scope::Admin]).await;
        let answer = client.send(ask.clone()).await.expect(201);
        assert!(!answer.is_replay());
        assert_ne!(answer.json()["id"], first.json()["id"]);
        // Nor does another request of theirs collide with it.
        client.send(Ask::post("/tickets").key("l").json(&json!({"subject": "B"}))).await.expect(201);
    }
    let other = Ask::post("/tickets").key("l").json(&json!({"subject": "C"}));
    assert!(!app.admin().await.send(other).await.expect(201).is_replay());
}
