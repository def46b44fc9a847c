//! What is not lawful is refused, with everything that is wrong with it, and nothing about how we are made.
//!
//! That each problem has its shape and tells no secrets is checked for every answer of every test.

use std::{collections::BTreeSet, net::SocketAddr, slice};

use http::{Method, header};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    app::{ANN, Ask, PATIENCE, TestApp, UNKNOWN, fresh_key, text},
    openapi::contract::DOCUMENT,
};

#[tokio::test]
async fn what_is_not_json_is_not_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let deep = |levels: usize| format!(r#"{{"subject":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    for body in [
        &b"{"[..],
        b"[",
        b"nul",
        b"\"",
        b"{'subject':'a'}",
        b"{subject:\"a\"}",
        br#"{"subject":"a",}"#,
        br#"{"subject":"a"} {}"#,
        br#"{"subject":"a"} x"#,
        br#"{"subject":"a" "topic":"b"}"#,
        b" ",
        br#"{"subject":01}"#,
        br#"{"subject":NaN}"#,
        br#"{"subject":+1}"#,
        br#"{"subject":"\x"}"#,
        br#"{"subject":"\ud800"}"#,
        b"{\"subject\":\"a\nb\"}",
        b"{\"subject\":\"\xFF\"}",
        b"{\"subject\":\"\xC0\x80\"}",
        b"{\"\xFF\":1}",
        b"\xEF\xBB\xBF{\"subject\":\"a\"}",
        b"\xFF\xFE{\0",
        b"// a\n{}",
        br#"{"subject":"a","subject":"a"}"#,
        br#"{"subject":"a","\u0073ubject":"a"}"#,
        br#"{"subject":"a","metadata":{"a":"1","a":"2"}}"#,
        br#"{"subject":"a","evidence":[{"kind":"file","kind":"file","ref":"https://a.b/"}]}"#,
        deep(17).as_bytes(),
        deep(100_000).as_bytes(),
    ] {
        let answer = admin.send(Ask::post("/tickets").fresh_key().text(body.to_vec())).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_json"), "{answer:?}");
    }
    // As deep as may be: it is read, and found wanting for what it says.
    let answer = admin.send(Ask::post("/tickets").fresh_key().text(deep(16))).await.expect(422);
    assert_eq!(answer.faults(), [fault("/subject", "wrong_type")]);
    assert_eq!(admin.all("/tickets").await.len(), 0);
}

fn fault(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

/// A create with these members beside a subject.
fn create(mut members: Value) -> Value {
    members["subject"] = json!("A");
    members
}

#[tokio::test]
async fn every_fault_of_a_ticket_is_pointed_at() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (body, pointer, code) in [
        (json!([]), "", "wrong_type"),
        (json!("a"), "", "wrong_type"),
        (json!(null), "", "wrong_type"),
        (json!({}), "/subject", "required"),
        (json!({"subject": null}), "/subject", "wrong_type"),
        (json!({"subject": 1}), "/subject", "wrong_type"),
        (json!({"subject": ["a"]}), "/subject", "wrong_type"),
        (json!({"subject": ""}), "/subject", "too_short"),
        (json!({"subject": "a\0b"}), "/subject", "invalid_character"),
        (create(json!({"Subject": "a"})), "/Subject", "unknown_field"),
        (create(json!({"id": "tkt_1"})), "/id", "unknown_field"),
        (create(json!({"status": "open"})), "/status", "unknown_field"),
        (create(json!({"a/b~c": 1})), "/a~1b~0c", "unknown_field"),
        (create(json!({"body": ""})), "/body", "too_short"),
        (create(json!({"body": "\0"})), "/body", "invalid_character"),
        (create(json!({"body": {}})), "/body", "wrong_type"),
        (create(json!({"priority": "High"})), "/priority", "invalid_value"),
        (create(json!({"priority": ""})), "/priority", "invalid_value"),
        (create(json!({"priority": 1})), "/priority", "wrong_type"),
        (create(json!({"source": "fax"})), "/source", "invalid_value"),
        (create(json!({"topic": ""})), "/topic", "too_short"),
        (create(json!({"queue": ""})), "/queue", "too_short"),
        (create(json!({"queue": "nowhere"})), "/queue", "unknown_queue"),
        (create(json!({"owner_id": ""})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": UNKNOWN})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": format!("ctc_{UNKNOWN}")})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": format!("usr-{UNKNOWN}")})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBX"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXCC"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXI"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXU"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWB-C"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWB\u{e9}"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": " usr_01J9X2M3N4P5Q6R7S8T9VAWBXC"})), "/owner_id", "invalid_id"),
        (create(json!({"owner_id": 7})), "/owner_id", "wrong_type"),
        (create(json!({"contact_id": ANN})), "/contact_id", "invalid_id"),
        (create(json!({"call_id": ANN})), "/call_id", "invalid_id"),
        (create(json!({"actor_id": format!("key_{UNKNOWN}")})), "/actor_id", "invalid_id"),
        (create(json!({"follow_up_of": "1"})), "/follow_up_of", "invalid_id"),
        (create(json!({"follow_up_of": format!("tkt_{UNKNOWN}")})), "/follow_up_of", "not_found"),
        (create(json!({"tags": "a"})), "/tags", "wrong_type"),
        (create(json!({"tags": {}})), "/tags", "wrong_type"),
        (create(json!({"tags": ["a", 1]})), "/tags/1", "wrong_type"),
        (create(json!({"tags": ["a", ""]})), "/tags/1", "too_short"),
        (create(json!({"tags": [null]})), "/tags/0", "wrong_type"),
        (create(json!({"tags": ["a\0"]})), "/tags/0", "invalid_character"),
        (create(json!({"metadata": []})), "/metadata", "wrong_type"),
        (create(json!({"metadata": {"a": 1}})), "/metadata/a", "wrong_type"),
        (create(json!({"metadata": {"a": {}}})), "/metadata/a", "wrong_type"),
        (create(json!({"metadata": {"": "1"}})), "/metadata/", "invalid_name"),
        (create(json!({"metadata": {"a\0": "1"}})), "/metadata/a\0", "invalid_name"),
        (create(json!({"metadata": {"a": "\0"}})), "/metadata/a", "invalid_character"),
        (create(json!({"contact": {}})), "/contact", "required"),
        (create(json!({"contact": {"name": "Eve"}})), "/contact", "required"),
        (create(json!({"contact": "eve@example.com"})), "/contact", "wrong_type"),
        (create(json!({"contact": {"email": "eve"}})), "/contact/email", "invalid_email"),
        (create(json!({"contact": {"email": "@example.com"}})), "/contact/email", "invalid_email"),
        (create(json!({"contact": {"email": "a b@example.com"}})), "/contact/email", "invalid_email"),
        (create(json!({"contact": {"email": "a@example.com\r\nBcc: x@y.z"}})), "/contact/email", "invalid_email"),
        (create(json!({"contact": {"phone": "030123456"}})), "/contact/phone", "invalid_phone"),
        (create(json!({"contact": {"phone": "+12"}})), "/contact/phone", "invalid_phone"),
        (create(json!({"contact": {"phone": "+1234567890123456"}})), "/contact/phone", "invalid_phone"),
        (create(json!({"contact": {"email": "a@b.c", "fax": "1"}})), "/contact/fax", "unknown_field"),
        (create(json!({"contact": {"email": "a@b.c", "name": ""}})), "/contact/name", "too_short"),
        (
            create(json!({"contact": {"email": "a@b.c"}, "contact_id": format!("ctc_{UNKNOWN}")})),
            "/contact",
            "conflict",
        ),
        (create(json!({"evidence": {}})), "/evidence", "wrong_type"),
        (create(json!({"evidence": ["rec_1"]})), "/evidence/0", "wrong_type"),
        (create(json!({"evidence": [{"ref": "https://a.b/"}]})), "/evidence/0/kind", "required"),
        (create(json!({"evidence": [{"kind": "file"}]})), "/evidence/0/ref", "required"),
        (create(json!({"evidence": [{"kind": "video", "ref": "https://a.b/"}]})), "/evidence/0/kind", "invalid_value"),
        (evidence("recording", &format!("trn_{UNKNOWN}")), "/evidence/0/ref", "invalid_reference"),
        (evidence("transcript", &format!("rec_{UNKNOWN}")), "/evidence/0/ref", "invalid_reference"),
        (evidence("call", "cal_1"), "/evidence/0/ref", "invalid_reference"),
        (evidence("file", "http://example.com/"), "/evidence/0/ref", "invalid_reference"),
        (evidence("file", "javascript:alert(1)"), "/evidence/0/ref", "invalid_reference"),
        (evidence("file", "/etc/passwd"), "/evidence/0/ref", "invalid_reference"),
        (evidence("other", "file:///etc/passwd"), "/evidence/0/ref", "invalid_reference"),
        (evidence("other", ""), "/evidence/0/ref", "too_short"),
        (evidence("other", "https://a.b/\0"), "/evidence/0/ref", "invalid_character"),
        (
            create(json!({"evidence": [{"kind": "file", "ref": "https://a.b/", "copy": true}]})),
            "/evidence/0/copy",
            "unknown_field",
        ),
    ] {
        let answer = admin.post("/tickets", body.clone()).await;
        answer.problem(422, "validation_failed");
        assert_eq!(answer.faults(), [fault(pointer, code)], "{body}");
    }
    assert_eq!(admin.all("/tickets").await.len(), 0);
}

fn evidence(kind: &str, reference: &str) -> Value {
    create(json!({"evidence": [{"kind": kind, "ref": reference}]}))
}

#[tokio::test]
async fn every_fault_of_the_other_requests_is_pointed_at() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let ticket = format!("/tickets/{}", text(&ticket, "id"));
    let (assign, thread) = (format!("{ticket}/assign"), format!("{ticket}/thread"));
    let (transitions, endpoints) = (format!("{ticket}/transitions"), "/webhook_endpoints".to_owned());
    let endpoint = admin.post(&endpoints, json!({"url": "https://example.com/"})).await.expect(201);
    let endpoint = endpoint.header("location").unwrap().to_owned();
    let enable = format!("{endpoint}/enable");

    let patch = Method::PATCH;
    let post = Method::POST;
    let delete = Method::DELETE;
    let url = "https://example.com/";
    for (method, path, body, pointer, code) in [
        (&patch, &ticket, json!({"subject": null}), "/subject", "wrong_type"),
        (&patch, &ticket, json!({"priority": null}), "/priority", "wrong_type"),
        (&patch, &ticket, json!({"queue": null}), "/queue", "wrong_type"),
        (&patch, &ticket, json!({"queue": "nowhere"}), "/queue", "unknown_queue"),
        (&patch, &ticket, json!({"owner_id": ANN}), "/owner_id", "unknown_field"),
        (&patch, &ticket, json!({"status": "open"}), "/status", "unknown_field"),
        (&patch, &ticket, json!({"tags": [1]}), "/tags/0", "wrong_type"),
        (&patch, &ticket, json!([]), "", "wrong_type"),
        (&post, &assign, json!({}), "/owner_id", "required"),
        (&post, &assign, json!({"owner_id": 1}), "/owner_id", "wrong_type"),
        (&post, &assign, json!({"owner_id": null, "reason": ""}), "/reason", "too_short"),
        (&post, &assign, json!({"owner_id": null, "to": ANN}), "/to", "unknown_field"),
        (&post, &transitions, json!({}), "/to", "required"),
        (&post, &transitions, json!({"to": "done"}), "/to", "invalid_value"),
        (&post, &transitions, json!({"to": null}), "/to", "wrong_type"),
        (&post, &transitions, json!({"to": "closed", "reason": 1}), "/reason", "wrong_type"),
        (&post, &thread, json!({"body": "a"}), "/kind", "required"),
        (&post, &thread, json!({"kind": "note"}), "/body", "required"),
        (&post, &thread, json!({"kind": "transition", "body": "a"}), "/kind", "invalid_value"),
        (&post, &thread, json!({"kind": "note", "body": "a", "reopen": "no"}), "/reopen", "wrong_type"),
        (&post, &thread, json!({"kind": "note", "body": "a", "visibility": "public"}), "/visibility", "unknown_field"),
        (&post, &endpoints, json!({}), "/url", "required"),
        (&post, &endpoints, json!({"url": ""}), "/url", "too_short"),
        (&post, &endpoints, json!({"url": url, "events": []}), "/events", "too_few"),
        (&post, &endpoints, json!({"url": url, "events": "*"}), "/events", "wrong_type"),
        (&post, &endpoints, json!({"url": url, "events": ["ticket.*"]}), "/events/0", "invalid_value"),
        (&post, &endpoints, json!({"url": url, "events": ["*", "ping"]}), "/events/1", "invalid_value"),
        (&post, &endpoints, json!({"url": url, "secret": "whsec_x"}), "/secret", "unknown_field"),
        (&patch, &endpoint, json!({"url": null}), "/url", "wrong_type"),
        (&patch, &endpoint, json!({"events": []}), "/events", "too_few"),
        (&patch, &endpoint, json!({"status": "disabled"}), "/status", "unknown_field"),
        (&post, &enable, json!({"force": true}), "/force", "unknown_field"),
        (&post, &enable, json!([]), "", "wrong_type"),
        (&delete, &endpoint, json!({"force": true}), "/force", "unknown_field"),
    ] {
        let answer = admin.send(Ask::new(method.clone(), path).fresh_key().json(&body)).await;
        answer.problem(422, "validation_failed");
        assert_eq!(answer.faults(), [fault(pointer, code)], "{method} {path} {body}");
    }
}

#[tokio::test]
async fn what_concerns_several_fields_is_told_along_with_other_faults() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (tickets, endpoints, forms) = ("/tickets", "/webhook_endpoints", "/forms");
    let (post, put) = (Method::POST, Method::PUT);
    let contact_id = format!("ctc_{UNKNOWN}");
    let twice = json!([{"key": "a", "label": "One"}, {"key": "a", "label": "Two"}]);
    for (method, path, body, faults) in [
        (
            &post,
            tickets,
            create(json!({"evidence": [{"kind": "file", "ref": "http://x", "label": ""}]})),
            [("/evidence/0/label", "too_short"), ("/evidence/0/ref", "invalid_reference")],
        ),
        (
            &post,
            tickets,
            json!({"subject": "", "contact_id": contact_id, "contact": {"email": "a@b.c"}}),
            [("/contact", "conflict"), ("/subject", "too_short")],
        ),
        (
            &post,
            tickets,
            create(json!({"contact_id": contact_id, "contact": {"email": "eve"}})),
            [("/contact", "conflict"), ("/contact/email", "invalid_email")],
        ),
        (
            &post,
            tickets,
            create(json!({"contact_id": 5, "contact": {"email": "a@b.c"}})),
            [("/contact", "conflict"), ("/contact_id", "wrong_type")],
        ),
        (
            &post,
            tickets,
            create(json!({"contact": {"name": ""}})),
            [("/contact", "required"), ("/contact/name", "too_short")],
        ),
        (&post, "/contacts", json!({"id": "ctc_"}), [("", "required"), ("/id", "invalid_id")]),
        (
            &post,
            endpoints,
            json!({"url": "https://ann@example.com/", "events": ["nope"]}),
            [("/events/0", "invalid_value"), ("/url", "credentials_in_url")],
        ),
        (
            &post,
            endpoints,
            json!({"url": "ftp://x", "description": 5}),
            [("/description", "wrong_type"), ("/url", "invalid_url")],
        ),
        (
            &post,
            endpoints,
            json!({"url": "not a url", "bogus": 1}),
            [("/bogus", "unknown_field"), ("/url", "invalid_url")],
        ),
        (&post, endpoints, json!({"url": 5, "events": []}), [("/events", "too_few"), ("/url", "wrong_type")]),
        (
            &put,
            "/sla_policies/high",
            json!({"first_response_seconds": 10, "warn_before_seconds": 100, "resolution_seconds": -1}),
            [("/resolution_seconds", "out_of_range"), ("/warn_before_seconds", "too_early")],
        ),
        (&post, forms, json!({"name": "", "topics": twice}), [("/name", "too_short"), ("/topics/1/key", "duplicate")]),
    ] {
        let answer = admin.send(Ask::new(method.clone(), path).fresh_key().json(&body)).await;
        answer.problem(422, "validation_failed");
        let mut told = answer.faults();
        told.sort();
        assert_eq!(told, faults.map(|(pointer, code)| fault(pointer, code)), "{method} {path} {body}");
    }
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "subject": "", "priority": "top", "owner_id": "me", "tags": ["a", ""], "colour": "red",
        "contact": {"email": "eve", "phone": "1"}, "evidence": [{"kind": "file", "ref": "x"}, {"kind": "tape"}],
    });
    let answer = admin.post("/tickets", body).await;
    answer.problem(422, "validation_failed");
    let mut faults = answer.faults();
    faults.sort();
    assert_eq!(
        faults,
        [
            fault("/colour", "unknown_field"),
            fault("/contact/email", "invalid_email"),
            fault("/contact/phone", "invalid_phone"),
            fault("/evidence/0/ref", "invalid_reference"),
            fault("/evidence/1/kind", "invalid_value"),
            fault("/evidence/1/ref", "required"),
            fault("/owner_id", "invalid_id"),
            fault("/priority", "invalid_value"),
            fault("/subject", "too_short"),
            fault("/tags/1", "too_short"),
        ]
    );
    for fault in answer.json()["errors"].as_array().unwrap() {
        assert!(!text(fault, "message").is_empty());
    }
}

/// A text of so many characters, each of two bytes: bounds count characters.
fn long(characters: usize) -> String {
    "\u{e9}".repeat(characters)
}

fn pairs(count: usize) -> Value {
    (0..count).map(|number| (number.to_string(), json!("x"))).collect::<Map<_, _>>().into()
}

/// A request with something of so many characters or items.
type Sized = fn(usize) -> Value;

#[tokio::test]
async fn every_bound_holds_on_both_sides() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN})).await;
    let ticket = format!("/tickets/{}", text(&ticket, "id"));
    let tickets = "/tickets".to_owned();
    let endpoints = "/webhook_endpoints".to_owned();
    let rows: [(&String, usize, &str, &str, Sized); 17] = [
        (&tickets, 200, "/subject", "too_long", |n| json!({"subject": long(n)})),
        (&tickets, 65_536, "/body", "too_long", |n| create(json!({"body": long(n)}))),
        (&tickets, 64, "/topic", "too_long", |n| create(json!({"topic": long(n)}))),
        (&tickets, 20, "/tags", "too_many", |n| create(json!({"tags": vec!["a"; n]}))),
        (&tickets, 64, "/tags/0", "too_long", |n| create(json!({"tags": [long(n)]}))),
        (&tickets, 50, "/metadata", "too_many", |n| create(json!({"metadata": pairs(n)}))),
        (&tickets, 500, "/metadata/a", "too_long", |n| create(json!({"metadata": {"a": long(n)}}))),
        (&tickets, 50, "/evidence", "too_many", |n| {
            create(json!({"evidence": vec![json!({"kind": "file", "ref": "https://a.b/"}); n]}))
        }),
        (&tickets, 2_048, "/evidence/0/ref", "too_long", |n| {
            evidence("file", &format!("https://a.b/{}", "x".repeat(n - 12)))
        }),
        (&tickets, 200, "/contact/name", "too_long", |n| {
            create(json!({"contact": {"email": "a@b.c", "name": long(n)}}))
        }),
        (&tickets, 254, "/contact/email", "invalid_email", |n| {
            create(json!({"contact": {"email": format!("{}@example.com", "x".repeat(n - 12))}}))
        }),
        (&tickets, 15, "/contact/phone", "invalid_phone", |n| {
            create(json!({"contact": {"phone": format!("+{}", "1".repeat(n))}}))
        }),
        (&endpoints, 2_048, "/url", "too_long", |n| json!({"url": format!("https://a.bc/{}", "x".repeat(n - 13))})),
        (&endpoints, 500, "/description", "too_long", |n| json!({"url": "https://a.bc/", "description": long(n)})),
        (&endpoints, 20, "/events", "too_many", |n| json!({"url": "https://a.bc/", "events": vec!["*"; n]})),
        (&format!("{ticket}/thread"), 65_536, "/body", "too_long", |n| json!({"kind": "note", "body": long(n)})),
        (&format!("{ticket}/assign"), 500, "/reason", "too_long", |n| json!({"owner_id": ANN, "reason": long(n)})),
    ];
    for (path, bound, pointer, code, body) in rows {
        let answer = admin.post(path, body(bound)).await;
        assert!(answer.status < 300, "{path} {pointer} of {bound}: {answer:?}");
        let answer = admin.post(path, body(bound + 1)).await.expect(422);
        assert_eq!(answer.faults(), [fault(pointer, code)], "{path}");
    }

    let name = |n: usize| create(json!({"metadata": {long(n): "1"}}));
    admin.post(&tickets, name(40)).await.expect(201);
    let answer = admin.post(&tickets, name(41)).await.expect(422);
    assert_eq!(answer.faults(), [fault(&format!("/metadata/{}", long(41)), "invalid_name")]);
    let transitions = format!("{ticket}/transitions");
    let resolve = |n: usize| json!({"to": "resolved", "resolution_note": long(n), "reason": long(n / 20)});
    let answer = admin.post(&transitions, resolve(10_020)).await.expect(422);
    assert_eq!(answer.faults(), [fault("/reason", "too_long"), fault("/resolution_note", "too_long")]);
    admin.post(&transitions, resolve(10_001)).await.expect(422);
    admin.post(&transitions, resolve(10_000)).await.expect(200);
}

#[tokio::test]
async fn a_body_has_256_kib_at_most() {
    const MAX: usize = 256 * 1024;
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let of = |bytes: usize| {
        let body = br#"{"subject":"A"}"#;
        Ask::post("/tickets").fresh_key().text([&body[..], &vec![b' '; bytes - body.len()]].concat())
    };
    admin.send(of(MAX)).await.expect(201);
    admin.send(of(MAX).chunked()).await.expect(201);
    for bytes in [MAX + 1, 300 * 1024] {
        admin.send(of(bytes)).await.problem(413, "payload_too_large");
        admin.send(of(bytes).chunked()).await.problem(413, "payload_too_large");
    }
    assert_eq!(admin.all("/tickets").await.len(), 2);
}

/// What a server answers to bytes on a wire, up to and with the end of the head.
async fn head_of(server: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server).await.expect("a connection");
    stream.write_all(request).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("an answer").expect("a whole head"));
    }
    String::from_utf8(head).expect("text").to_lowercase()
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_without_waiting_for_it() {
    let app = TestApp::start().await;
    let server = app.serve().await;
    // Declared as too large by who waits to be asked for it, and as more than is read for nothing.
    for declared in ["content-length: 307200\r\nexpect: 100-continue", "content-length: 1073741824"] {
        let request = format!("POST /tickets/v1/tickets HTTP/1.1\r\nhost: a\r\n{declared}\r\n\r\n");
        let head = head_of(server.address, request.as_bytes()).await;
        assert!(head.starts_with("http/1.1 413 ") && head.contains("\r\nrequest-id: req_"), "{head}");
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let of = |media_type: &str| {
        let ask = Ask::post("/tickets").fresh_key().json(&json!({"subject": "A"})).without(header::CONTENT_TYPE);
        ask.header("content-type", media_type)
    };
    for good in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;a=b"] {
        admin.send(of(good)).await.expect(201);
    }
    for bad in [
        "",
        "json",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/ json",
    ] {
        admin.send(of(bad)).await.problem(415, "unsupported_media_type");
    }
    let undeclared = Ask::post("/tickets").fresh_key().json(&json!({"subject": "A"})).without(header::CONTENT_TYPE);
    admin.send(undeclared).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn idempotency_keys_have_their_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let of = |key: &[u8]| Ask::post("/tickets").json(&json!({"subject": "A"})).header("idempotency-key", key);
    let longest = "k".repeat(255);
    let too_long = "k".repeat(256);
    let quoted_longest = format!("\"{}\"", "q".repeat(255));
    let quoted_too_long = format!("\"{too_long}\"");
    for good in ["k", "!~", &longest, &quoted_longest, "a,b;c=d"] {
        admin.send(of(good.as_bytes())).await.expect(201);
    }
    for bad in [
        b"a b".as_slice(),
        b"\"a b\"",
        b"a\tb",
        b"\xFF",
        "\u{e9}".as_bytes(),
        br#""a"b""#,
        br#""a\b""#,
        too_long.as_bytes(),
        quoted_too_long.as_bytes(),
    ] {
        admin.send(of(bad)).await.problem(400, "idempotency_key_invalid");
    }
    for none in [b"".as_slice(), b"\"\""] {
        admin.send(of(none)).await.problem(400, "idempotency_key_required");
    }
    admin.send(Ask::post("/tickets").json(&json!({"subject": "A"}))).await.problem(400, "idempotency_key_required");
    let key = fresh_key();
    let two = of(key.as_bytes()).header("idempotency-key", &key);
    admin.send(two).await.problem(400, "idempotency_key_invalid");
    admin.send(of(key.as_bytes())).await.expect(201);
}

#[tokio::test]
async fn ids_in_paths_have_their_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for id in [
        "1",
        "tkt_",
        UNKNOWN,
        &format!("usr_{UNKNOWN}"),
        &format!("tkt_{}", &UNKNOWN[1..]),
        &format!("tkt_{UNKNOWN}0"),
        "tkt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "tkt_01J9X2M3N4P5Q6R7S8T9VAWBXI",
        "tkt_01J9X2M3N4P5Q6R7S8T9VAWBX%00",
        "tkt_01J9X2M3N4P5Q6R7S8T9VAWBX%20",
        "tkt_%C3%A9",
        "tkt_%FF",
        "%FF",
        "%2F",
        "%27%20OR%201=1--",
    ] {
        for under in ["", "/thread"] {
            let problem = admin.get(&format!("/tickets/{id}{under}")).await.problem(400, "invalid_parameter");
            assert!(text(&problem, "detail").contains("`id`"), "{problem}");
        }
        admin.patch(&format!("/tickets/{id}"), json!({})).await.problem(400, "invalid_parameter");
    }
    admin.get("/tickets//thread").await.problem(400, "invalid_parameter");
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let thread = format!("/tickets/{}/thread", text(&ticket, "id"));
    let problem = admin.get(&format!("{thread}/ent_1")).await.problem(400, "invalid_parameter");
    assert!(text(&problem, "detail").contains("`entry`"), "{problem}");
    for (list, prefix) in
        [("events", "evt"), ("webhook_endpoints", "whe"), ("deliveries", "dlv"), ("dead_letters", "dlv")]
    {
        admin.get(&format!("/{list}/tkt_{UNKNOWN}")).await.problem(400, "invalid_parameter");
        admin.get(&format!("/{list}/{prefix}_8ZZZZZZZZZZZZZZZZZZZZZZZZZ")).await.problem(400, "invalid_parameter");
        admin.get(&format!("/{list}/{prefix}_{UNKNOWN}")).await.problem(404, "not_found");
        admin.get(&format!("/{list}/{prefix}_7ZZZZZZZZZZZZZZZZZZZZZZZZZ")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_those_that_it_has() {
    let client = TestApp::start().await.anonymous();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        let mut has: BTreeSet<_> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if has.contains("GET") {
            has.insert("HEAD".to_owned());
        }
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            if has.contains(method.as_str()) {
                continue;
            }
            let answer = client.send(Ask::outside(method, &path)).await;
            answer.problem(405, "method_not_allowed");
            let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned);
            assert_eq!(allowed.collect::<BTreeSet<_>>(), has, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_not_found() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    for nowhere in ["", "/", "/ticket", "/tickets/", &format!("{path}/"), &format!("{path}/nothing"), "/%FF"] {
        admin.get(nowhere).await.problem(404, "not_found");
    }
    for nowhere in ["/", "/tickets", "/v1/tickets", "/tickets/v2/tickets", "/../etc/passwd"] {
        admin.send(Ask::outside(Method::GET, nowhere)).await.problem(404, "not_found");
    }
}

/// What somebody might send who looks for a way in: kept as it is, or not lawful, and never more than text.
#[tokio::test]
async fn text_is_only_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for hostile in [
        "'; DROP TABLE tickets; --",
        "%",
        "_",
        "<script>alert(1)</script>",
        "${jndi:ldap://a}",
        "\u{202E}x",
        "\u{1F3AB}",
    ] {
        let body = json!({"subject": hostile, "topic": hostile, "tags": [hostile], "metadata": {"a": hostile}, "body": hostile});
        let ticket = admin.ticket(body).await;
        let read = admin.get(&format!("/tickets/{}", text(&ticket, "id"))).await.expect(200).json();
        for name in ["subject", "topic"] {
            assert_eq!(read[name], hostile);
        }
        assert_eq!((&read["tags"][0], &read["metadata"]["a"]), (&json!(hostile), &json!(hostile)));
        let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for query in ["tag", "topic"] {
            assert_eq!(
                admin.all(&format!("/tickets?{query}={encoded}")).await,
                slice::from_ref(&ticket),
                "{query}={hostile}"
            );
        }
    }
    assert_eq!(admin.all("/tickets?tag=%FF").await.len(), 0);
    // Not every database can hold it, so it is in none.
    admin.get("/tickets?tag=%00").await.problem(400, "invalid_parameter");
}
