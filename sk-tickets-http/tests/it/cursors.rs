//! A cursor goes on where it was made for, and nowhere else.

use std::time::Duration;

use serde_json::json;
use sk_tickets_core::Scope;

use crate::{
    app::{ACME, ACME_LIVE, Answer, Client, GLOBEX, TestApp, text},
    openapi::contract::{DOCUMENT, resolve},
};

/// A realm where every list has two rows; gives the id of a ticket with a thread of two.
async fn fill(client: &Client) -> String {
    for _ in 0..2 {
        client.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201);
    }
    let endpoints = client.all("/webhook_endpoints").await;
    let mut last = String::new();
    for subject in ["A", "B"] {
        last = text(&client.ticket(json!({"subject": subject, "tags": ["red"]})).await, "id").to_owned();
    }
    client.post(&format!("/tickets/{last}/thread"), json!({"kind": "note", "body": "Hm"})).await.expect(201);
    let path = format!("/webhook_endpoints/{}/disable", text(&endpoints[0], "id"));
    client.post(&path, json!({})).await.expect(200);
    last
}

/// The cursor of the first page of a list.
async fn cursor(client: &Client, list: &str) -> String {
    let separator = if list.contains('?') { '&' } else { '?' };
    let page = client.get(&format!("{list}{separator}limit=1")).await.expect(200).json();
    text(&page, "next_cursor").to_owned()
}

async fn go_on(client: &Client, list: &str, cursor: &str) -> Answer {
    let separator = if list.contains('?') { '&' } else { '?' };
    client.get(&format!("{list}{separator}limit=1&cursor={cursor}")).await
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill(&admin).await;
    let cursor = cursor(&admin, "/tickets").await;
    go_on(&admin, "/tickets", &cursor).await.expect(200);
    for length in 0..cursor.len() {
        go_on(&admin, "/tickets", &cursor[..length]).await.problem(400, "invalid_cursor");
    }
    for position in 0..cursor.len() {
        let mut other = cursor.clone().into_bytes();
        other[position] = if other[position] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        go_on(&admin, "/tickets", &other).await.problem(400, "invalid_cursor");
    }
    for forged in
        ["x", "AAAA", "%00", "%F0%9F%8E%AB", "null", &format!("{cursor}A"), &format!("{cursor}="), &"A".repeat(4_000)]
    {
        go_on(&admin, "/tickets", forged).await.problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_in_its_own_list_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let live = app.client(ACME_LIVE, &[Scope::Admin]).await;
    let globex = app.client(GLOBEX, &[Scope::Admin]).await;
    let ticket = fill(&admin).await;
    for stranger in [&live, &globex] {
        fill(stranger).await;
    }
    let thread = format!("/tickets/{ticket}/thread");
    let other_thread =
        admin.all("/tickets").await.iter().map(|row| text(row, "id").to_owned()).find(|id| *id != ticket);
    let other_thread = format!("/tickets/{}/thread", other_thread.unwrap());
    let lists = ["/tickets", "/events", "/webhook_endpoints", "/deliveries", "/dead_letters", &thread];
    for list in lists {
        let cursor = cursor(&admin, list).await;
        go_on(&admin, list, &cursor).await.expect(200);
        // Another key of the realm goes on as well.
        go_on(&app.client(ACME, &[Scope::Admin]).await, list, &cursor).await.expect(200);
        for stranger in [&live, &globex] {
            if list != thread {
                go_on(stranger, list, &cursor).await.problem(400, "invalid_cursor");
            }
        }
        for other in lists.into_iter().chain([other_thread.as_str()]).filter(|other| *other != list) {
            go_on(&admin, other, &cursor).await.problem(400, "invalid_cursor");
        }
    }
}

#[tokio::test]
async fn a_cursor_goes_on_under_its_own_filters_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill(&admin).await;
    let plain = cursor(&admin, "/tickets").await;
    for other in ["?tag=red", "?status=new", "?order=asc", "?owner_id=none", "?created_after=2020-01-01T00:00:00Z"] {
        go_on(&admin, &format!("/tickets{other}"), &plain).await.problem(400, "cursor_filter_mismatch");
        let filtered = cursor(&admin, &format!("/tickets{other}")).await;
        go_on(&admin, "/tickets", &filtered).await.problem(400, "cursor_filter_mismatch");
        go_on(&admin, &format!("/tickets{other}"), &filtered).await.expect(200);
    }
    for list in ["/events", "/webhook_endpoints", "/deliveries", "/dead_letters"] {
        let cursor = cursor(&admin, list).await;
        go_on(&admin, &format!("{list}?order=asc"), &cursor).await.problem(400, "cursor_filter_mismatch");
        // To say what is so anyway is no other order, and the size of a page is no filter.
        go_on(&admin, &format!("{list}?order=desc"), &cursor).await.expect(200);
        admin.get(&format!("{list}?limit=50&cursor={cursor}")).await.expect(200);
    }
}

#[tokio::test]
async fn who_follows_the_feed_is_told_if_they_missed_something() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for subject in ["A", "B"] {
        admin.ticket(json!({"subject": subject})).await;
    }
    let feed = "/events?order=asc";
    let cursor = cursor(&admin, feed).await;
    go_on(&admin, feed, &cursor).await.expect(200);
    app.clock.advance(Duration::from_secs(91 * 86_400));
    app.tickets.purger("events=90d".parse().unwrap()).purge().await.unwrap();
    // That it may be answered so, the document says of this list alone.
    go_on(&admin, feed, &cursor).await.problem(410, "cursor_expired");
    let afresh = admin.get(feed).await.expect(200).json();
    go_on(&admin, feed, text(&afresh, "next_cursor")).await.expect(200);

    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|item| item.as_object().unwrap().values());
    let telling: Vec<_> = operations
        .filter(|operation| resolve(&DOCUMENT, &operation["responses"]["410"]).to_string().contains("cursor_expired"))
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(telling, ["list_events"]);
}

#[tokio::test]
async fn a_cursor_goes_on_under_the_same_filter_however_it_was_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill(&admin).await;
    let types = ("type=ticket.created", "type=ticket.assigned");
    for (list, (one, two)) in
        [("/tickets", ("status=new", "status=open")), ("/deliveries", types), ("/dead_letters", types)]
    {
        let cursor = cursor(&admin, &format!("{list}?{one}&{two}")).await;
        for same in [format!("{two}&{one}"), format!("{one}&{two}&{two}")] {
            go_on(&admin, &format!("{list}?{same}"), &cursor).await.expect(200);
        }
        for other in [one, two] {
            let answer = go_on(&admin, &format!("{list}?{other}"), &cursor).await;
            answer.problem(400, "cursor_filter_mismatch");
        }
    }
}

#[tokio::test]
async fn a_cursor_outlives_the_server_that_made_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill(&admin).await;
    let cursor = cursor(&admin, "/tickets").await;
    let page = go_on(&admin, "/tickets", &cursor).await.expect(200);
    let beside = app.beside().await.admin().await;
    assert_eq!(go_on(&beside, "/tickets", &cursor).await.expect(200).json(), page.json());
    drop((admin, beside));
    let admin = app.restart().await.admin().await;
    assert_eq!(go_on(&admin, "/tickets", &cursor).await.expect(200).json(), page.json());
}
