//! Tickets found by the words in them.

use serde_json::json;
use sk_tickets_core::Scope;

use crate::app::{ACME_LIVE, ANN, Client, GLOBEX, TestApp, text};

/// The letters of the tickets that a query shows.
async fn shown(client: &Client, query: &str) -> String {
    let rows = client.all(&format!("/tickets?order=asc&{query}")).await;
    rows.iter().filter_map(|row| text(row, "subject").chars().next()).collect()
}

#[tokio::test]
async fn tickets_are_found_by_the_words_in_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in [
        json!({"subject": "A: Part delayed", "body": "Where is my order 4711?"}),
        json!({"subject": "B: Straße", "owner_id": ANN, "tags": ["vip"], "body": "The part is broken"}),
        json!({"subject": "C: 部件延迟", "evidence": [
            {"kind": "file", "ref": "https://example.com/a.png", "label": "Part, seen from above"}
        ]}),
    ] {
        admin.ticket(body).await;
    }
    for (query, letters) in [
        ("q=part", "ABC"),
        ("q=PART%20delayed", "A"),
        ("q=order-4711+part", "A"),
        ("q=STRASSE", "B"),
        ("q=%E5%BB%B6%E8%BF%9F", "C"),
        ("q=above", "C"),
        ("q=part&tag=vip", "B"),
        ("q=part&status=new", "AC"),
        ("q=part&owner_id=none&tag=vip", ""),
        ("q=par", ""),
        ("q=example", ""),
        ("q=%F0%9F%98%80+part", "ABC"),
    ] {
        assert_eq!(shown(&admin, query).await, letters, "{query}");
    }

    let ticket = admin.all("/tickets?q=delayed").await.remove(0);
    let path = format!("/tickets/{}", text(&ticket, "id"));
    admin.patch(&path, json!({"subject": "A: Part is here"})).await.expect(200);
    admin.post(&format!("{path}/thread"), json!({"kind": "note", "body": "Sorted out"})).await.expect(201);
    assert_eq!((shown(&admin, "q=delayed").await.as_str(), shown(&admin, "q=sorted+here").await.as_str()), ("", "A"));
}

#[tokio::test]
async fn a_query_without_a_word_or_with_too_many_is_refused() {
    let admin = TestApp::start().await.admin().await;
    let many = (0..33).map(|number| number.to_string()).collect::<Vec<_>>().join("+");
    for (query, why) in [
        ("q=", "`q` must have at least 1 character"),
        ("q=%3F%21", "`q` must have a letter or a digit"),
        ("q=%00part", "`q` must not contain the character U+0000"),
        (&format!("q={}", "x".repeat(201)), "`q` must have at most 200 characters"),
        (&format!("q={many}"), "`q` must have at most 32 different words"),
        ("q=a&q=b", "`q` may be given only once"),
    ] {
        let problem = admin.get(&format!("/tickets?{query}")).await.problem(400, "invalid_parameter");
        assert_eq!(problem["detail"], why, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_of_a_search_is_for_its_words() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..5 {
        admin.ticket(json!({"subject": format!("Part {number}"), "body": "delayed"})).await;
    }
    let first = admin.get("/tickets?q=part+delayed&limit=2").await.expect(200).json();
    let cursor = text(&first, "next_cursor");
    admin.get(&format!("/tickets?q=delayed+PART&limit=2&cursor={cursor}")).await.expect(200);
    for other in ["q=part", "q=part+delayed&status=new", "limit=2"] {
        admin.get(&format!("/tickets?{other}&cursor={cursor}")).await.problem(400, "cursor_filter_mismatch");
    }
    assert_eq!(admin.all("/tickets?q=part+delayed").await.len(), 5);
}

#[tokio::test]
async fn nobody_finds_what_is_anothers() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.ticket(json!({"subject": "Secret part"})).await;
    for others in [ACME_LIVE, GLOBEX] {
        let reader = app.client(others, &[Scope::TicketsRead]).await;
        assert!(reader.all("/tickets?q=secret").await.is_empty());
    }
}
