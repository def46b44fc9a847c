//! Results are bounded.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use sk_tickets_core::{Scope, limits::REQUEST_BYTES_MAX};
use sk_tickets_http::{RateLimit, RouterOptions};

use super::agent::{Agent, post};
use crate::app::{ACME, TestApp, text};

#[tokio::test]
async fn two_hundred_tickets_are_paged_through_each_once() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let mut made = Vec::new();
    for number in 0..200 {
        made.push(agent.ticket(json!({"subject": format!("Ticket {number}"), "body": "not in a list"})).await);
    }
    let (mut seen, mut cursor, mut sizes) = (Vec::new(), None::<String>, Vec::new());
    loop {
        let mut arguments = json!({});
        if let Some(cursor) = &cursor {
            arguments["cursor"] = json!(cursor);
            arguments["limit"] = json!(50);
        }
        let page = agent.call("tickets_list", arguments).await;
        assert!(!page.to_string().contains("not in a list"), "summaries have no bodies");
        let rows = page["data"].as_array().unwrap();
        sizes.push(rows.len());
        seen.extend(rows.iter().map(|card| text(card, "id").to_owned()));
        if page["has_more"] == false {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        }
        cursor = Some(text(&page, "next_cursor").to_owned());
    }
    made.reverse();
    assert_eq!(seen, made);
    assert_eq!(sizes, [20, 50, 50, 50, 30]);
}

#[tokio::test]
async fn a_thread_comes_by_its_end_and_says_that_there_is_more() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    for number in 0..60 {
        agent.call("ticket_note", json!({"ticket_id": id, "body": format!("Note {number}")})).await;
    }
    let got = agent.call("ticket_get", json!({"ticket_id": id})).await;
    let bodies = |got: &Value| -> Vec<String> {
        let rows = got["thread"]["data"].as_array().unwrap();
        rows.iter().filter_map(|entry| entry["untrusted"]["body"].as_str().map(str::to_owned)).collect()
    };
    let last: Vec<_> = (40..60).map(|number| format!("Note {number}")).collect();
    assert_eq!((bodies(&got), &got["thread"]["has_more"]), (last, &json!(true)));
    let cursor = got["thread"]["next_cursor"].clone();
    let before = agent.call("ticket_get", json!({"ticket_id": id, "limit": 50, "cursor": cursor})).await;
    assert_eq!((bodies(&before).len(), &before["thread"]["has_more"]), (40, &json!(false)));
}

#[tokio::test]
async fn long_words_are_shortened_and_come_whole_alone() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let body = "ä".repeat(65_536);
    let id = agent.ticket(json!({"subject": "x", "body": body})).await;
    let evidence: Vec<_> = (0..50)
        .map(|number| json!({"kind": "other", "ref": format!("https://example.com/{number}/{}", "x".repeat(2_000)), "label": "a file"}))
        .collect();
    agent.call("ticket_note", json!({"ticket_id": id, "body": body, "evidence": evidence})).await;

    let result = agent.result("ticket_get", json!({"ticket_id": id, "limit": 50})).await;
    assert!(result["structuredContent"].to_string().chars().count() < 100_000);
    let entries = &result["structuredContent"]["thread"]["data"];
    assert_eq!((&entries[1]["shortened"], &entries[1]["evidence_count"]), (&json!(true), &json!(50)));
    assert_eq!(entries[0]["untrusted"]["body"].as_str().unwrap().chars().count(), (65_536 + 8_192) / 50);

    let last = agent.call("ticket_get", json!({"ticket_id": id, "limit": 1})).await;
    let entry = &last["thread"]["data"][0];
    assert_eq!(entry["untrusted"]["body"].as_str().unwrap(), body);
    assert!(!entry["untrusted"]["evidence"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn topics_are_listed_up_to_a_bound() {
    let app = TestApp::start().await;
    let client = app.admin().await;
    for queue in 0..3 {
        let topics: Vec<_> = (0..100).map(|topic| format!("topic-{queue}-{topic}")).collect();
        client.post("/queues", json!({"key": format!("q{queue}"), "topics": topics})).await.expect(201);
    }
    let agent = Agent::start(&app, ACME, &[Scope::TicketsRead]).await;
    let told = agent.call("triage_options", json!({})).await;
    assert_eq!((told["topics"].as_array().unwrap().len(), &told["more_topics"]), (200, &json!(true)));
    let told = agent.call("triage_options", json!({"limit": 1})).await;
    assert_eq!((told["topics"].as_array().unwrap().len(), &told["more_topics"]), (100, &json!(false)));
    assert_eq!(told["has_more"], true);
    let rest = agent.call("triage_options", json!({"cursor": told["next_cursor"]})).await;
    assert_eq!(rest["queues"].as_array().unwrap().len(), 3, "two more and the default");
}

#[tokio::test]
async fn a_message_is_as_large_as_any_request() {
    let app = TestApp::start().await;
    let authorization = format!("Bearer {}", app.key(ACME, &[Scope::Admin]).await);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let padded = |length: usize| format!("{ping}{}", " ".repeat(length - ping.len()));
    assert_eq!(post(&app.router, &headers, padded(REQUEST_BYTES_MAX)).await.status, 200);
    let reply = post(&app.router, &headers, padded(REQUEST_BYTES_MAX + 1)).await;
    assert_eq!((reply.status, &reply.json()["code"]), (413, &json!("payload_too_large")));
}

#[tokio::test]
async fn the_rate_is_the_one_of_the_key_at_every_door() {
    let app = TestApp::start().await;
    let limit = RateLimit::per_second(NonZeroU32::new(1).unwrap());
    let router = RouterOptions::new(app.tickets.clone()).rate_limit(Some(limit)).build();
    let key = app.key(ACME, &[Scope::Admin]).await;
    let agent = Agent::with_key(&router, &key).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let reply = agent.send(&ping).await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers.contains_key("ratelimit") && reply.headers.contains_key("ratelimit-policy"));
    let reply = agent.send(&ping).await;
    assert_eq!((reply.status, &reply.json()["code"]), (429, &json!("rate_limited")));
    assert_eq!(reply.headers["retry-after"], "1");
}

#[tokio::test]
async fn requests_are_counted_as_others_are() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    agent.tools().await;
    let metrics = app.anonymous().send(crate::app::Ask::outside(http::Method::GET, "/metrics")).await.expect(200);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = r#"http_requests_total{method="POST",route="/tickets/v1/mcp",status="200"} 2"#;
    assert!(text.contains(line), "{text}");
}
