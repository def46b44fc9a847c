//! What the lists show: filters, bounds, orders and shapes.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::app::{ANN, BOB, BOT, CUSTOMER, Client, TestApp, names, text};

/// The letters of the tickets that a query shows.
async fn shown(client: &Client, query: &str) -> String {
    let rows = client.all(&format!("/tickets?order=asc&{query}")).await;
    rows.iter().map(|row| text(row, "subject")).collect()
}

/// Tickets `A` to `H`, a minute apart from 2027-01-15T08:01:00Z on.
async fn stage(app: &TestApp, client: &Client) {
    for (letter, body) in [
        ("A", json!({"priority": "low", "tags": ["red"], "source": "voice"})),
        ("B", json!({"priority": "urgent", "tags": ["red", "blue"], "topic": "billing"})),
        ("C", json!({"owner_id": ANN, "contact_id": CUSTOMER, "source": "email"})),
        ("D", json!({"owner_id": BOB, "tags": ["blue"], "topic": "billing", "priority": "high"})),
        ("E", json!({"owner_id": BOT, "contact_id": CUSTOMER, "topic": "a&b=c d"})),
        ("F", json!({"owner_id": ANN, "source": "form", "tags": ["r\u{e9}d"]})),
        ("G", json!({"owner_id": ANN, "source": "chat"})),
        ("H", json!({"tags": ["red"]})),
    ] {
        app.clock.advance(Duration::from_secs(60));
        let mut body = body;
        body["subject"] = json!(letter);
        let ticket = client.ticket(body).await;
        let transitions = format!("/tickets/{}/transitions", text(&ticket, "id"));
        let move_to = match letter {
            "D" => json!({"to": "pending", "reason": "asked"}),
            "E" => json!({"to": "on_hold", "reason": "supplier"}),
            "F" => json!({"to": "resolved", "resolution_note": "Done"}),
            "G" | "H" => json!({"to": "closed", "reason": "spam"}),
            _ => continue,
        };
        client.post(&transitions, move_to).await.expect(200);
    }
}

#[tokio::test]
async fn every_filter_shows_what_it_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    stage(&app, &admin).await;
    for (query, letters) in [
        ("", "ABCDEFGH".to_owned()),
        ("status=new", "AB".to_owned()),
        ("status=open", "C".to_owned()),
        ("status=pending", "D".to_owned()),
        ("status=on_hold", "E".to_owned()),
        ("status=resolved", "F".to_owned()),
        ("status=closed", "GH".to_owned()),
        ("status=new&status=closed", "ABGH".to_owned()),
        ("status=closed&status=new&status=closed", "ABGH".to_owned()),
        ("queue=default", "ABCDEFGH".to_owned()),
        ("queue=nowhere", String::new()),
        ("owner_id=none", "ABH".to_owned()),
        (&format!("owner_id={ANN}"), "CFG".to_owned()),
        (&format!("owner_id={}", ANN.to_lowercase()), "CFG".to_owned()),
        (&format!("owner_id={BOT}"), "E".to_owned()),
        (&format!("contact_id={CUSTOMER}"), "CE".to_owned()),
        ("topic=billing", "BD".to_owned()),
        ("topic=a%26b%3Dc+d", "E".to_owned()),
        ("topic=bill", String::new()),
        ("priority=low", "A".to_owned()),
        ("priority=normal", "CEFGH".to_owned()),
        ("priority=high", "D".to_owned()),
        ("priority=urgent", "B".to_owned()),
        ("tag=red", "ABH".to_owned()),
        ("tag=blue", "BD".to_owned()),
        ("tag=r%C3%A9d", "F".to_owned()),
        ("source=voice", "A".to_owned()),
        ("source=api", "BDEH".to_owned()),
        ("source=email", "C".to_owned()),
        ("source=form", "F".to_owned()),
        ("source=chat", "G".to_owned()),
        ("created_after=2027-01-15T08:03:30Z", "DEFGH".to_owned()),
        ("created_before=2027-01-15T08:03:30Z", "ABC".to_owned()),
        ("created_after=2027-01-15T08:03:30Z&created_before=2027-01-15T09:05:30%2B01:00", "DE".to_owned()),
        ("created_after=2028-01-01T00:00:00Z", String::new()),
        ("tag=red&status=new", "AB".to_owned()),
        ("tag=red&status=new&priority=urgent&topic=billing&owner_id=none&queue=default&source=api", "B".to_owned()),
    ] {
        assert_eq!(shown(&admin, query).await, letters, "{query}");
        // The other way round it is the same.
        let rows = admin.all(&format!("/tickets?{query}")).await;
        let newest_first: String = rows.iter().map(|row| text(row, "subject")).collect();
        assert_eq!(newest_first, letters.chars().rev().collect::<String>(), "{query}");
    }
}

#[tokio::test]
async fn the_bounds_of_time_leave_no_ticket_out_between_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    stage(&app, &admin).await;
    let at = "2027-01-15T08:03:00.000Z";
    let after = shown(&admin, &format!("created_after={at}")).await;
    let before = shown(&admin, &format!("created_before={at}")).await;
    // `C` was made at that very moment: it is neither after nor before, or in exactly one of them.
    assert!(!(after.contains('C') && before.contains('C')), "{before} {after}");
    let both: BTreeSet<_> = before.chars().chain(after.chars()).chain(['C']).collect();
    assert_eq!(both.into_iter().collect::<String>(), "ABCDEFGH");
}

#[tokio::test]
async fn a_page_has_its_shape() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let page = admin.get("/tickets").await.expect(200).json();
    assert_eq!(page, json!({"object": "list", "data": [], "has_more": false, "next_cursor": null}));
    for number in 0..26 {
        admin.ticket(json!({"subject": format!("{number}")})).await;
    }
    let page = admin.get("/tickets").await.expect(200).json();
    assert_eq!(names(&page), ["data", "has_more", "next_cursor", "object"]);
    let rows = page["data"].as_array().unwrap();
    assert_eq!((rows.len(), text(&rows[0], "subject")), (25, "25"), "25 unless asked otherwise, the newest first");
    assert_eq!(page["has_more"], true);
    let cursor = text(&page, "next_cursor");
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{cursor}");
    let page = admin.get(&format!("/tickets?cursor={cursor}")).await.expect(200).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(false), &Value::Null));

    // A list has no position of a ticket, and a page that is just full has no next one.
    assert_eq!(page["data"][0].get("queue_position"), None);
    let page = admin.get("/tickets?limit=26").await.expect(200).json();
    assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn what_a_list_does_not_know_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for list in ["/tickets", "/events", "/webhook_endpoints", "/deliveries", "/dead_letters"] {
        for limit in ["1", "100"] {
            admin.get(&format!("{list}?limit={limit}")).await.expect(200);
        }
        for query in [
            "limit=0",
            "limit=101",
            "limit=abc",
            "limit=-1",
            "limit=%2B1",
            "limit=",
            "limit=1.0",
            "limit=99999999999999999999",
            "limit=1&limit=1",
            "order=up",
            "order=ASC",
            "order=asc&order=asc",
            "page=2",
            "LIMIT=1",
            "%00=1",
        ] {
            admin.get(&format!("{list}?{query}")).await.problem(400, "invalid_parameter");
        }
    }
    for query in [
        "status=opened",
        "status=open,new",
        "status=",
        "owner_id=nobody",
        "owner_id=ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC",
        "contact_id=usr_01J9X2M3N4P5Q6R7S8T9VAWBXC",
        "priority=top",
        "source=fax",
        "created_after=yesterday",
        "created_after=2027-13-01T00:00:00Z",
        "created_before=2027-01-15",
        "topic=%00",
        "topic=",
        "tag=a%00",
        "queue=%00default",
        "topic=a&topic=b",
        "tag=a&tag=b",
        "queue=a&queue=b",
        "priority=low&priority=high",
    ] {
        admin.get(&format!("/tickets?{query}")).await.problem(400, "invalid_parameter");
    }
    // All faults at once.
    let problem = admin.get("/tickets?limit=0&status=x&foo=1").await.problem(400, "invalid_parameter");
    for name in ["limit", "status", "foo"] {
        assert!(text(&problem, "detail").contains(name), "{problem}");
    }
}

#[tokio::test]
async fn a_thread_is_read_oldest_first_unless_asked_otherwise() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}/thread", text(&ticket, "id"));
    for number in 2..=10 {
        admin.post(&path, json!({"kind": "note", "body": format!("{number}")})).await.expect(201);
    }
    let sequences = async |query: &str| {
        let mut sequences = Vec::new();
        let mut next = format!("{path}?{query}");
        loop {
            let page = admin.get(&next).await.expect(200).json();
            sequences.extend(page["data"].as_array().unwrap().iter().map(|row| row["sequence"].as_u64().unwrap()));
            let Some(cursor) = page["next_cursor"].as_str() else { return sequences };
            next = format!("{path}?{query}&cursor={cursor}");
        }
    };
    assert_eq!(sequences("limit=3").await, (1..=10).collect::<Vec<_>>());
    assert_eq!(sequences("limit=3&order=desc").await, (1..=10).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn deliveries_are_found_by_status_and_endpoint() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut endpoints = Vec::new();
    for _ in 0..2 {
        let made = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201).json();
        endpoints.push(text(&made, "id").to_owned());
    }
    admin.ticket(json!({"subject": "A"})).await;
    admin.post(&format!("/webhook_endpoints/{}/disable", endpoints[0]), json!({})).await.expect(200);
    admin.ticket(json!({"subject": "B"})).await;

    let count = async |list: String| admin.all(&list).await.len();
    let dead = count("/deliveries?status=dead".to_owned()).await;
    let pending = count("/deliveries?status=pending".to_owned()).await;
    assert_eq!((dead, pending, count("/deliveries".to_owned()).await), (2, 2, 4));
    assert_eq!(count("/deliveries?status=delivered".to_owned()).await, 0);
    assert_eq!(count("/dead_letters".to_owned()).await, 2);
    for (endpoint, dead_letters) in [(&endpoints[0], 2), (&endpoints[1], 0)] {
        assert_eq!(count(format!("/deliveries?endpoint_id={endpoint}")).await, 2);
        assert_eq!(count(format!("/dead_letters?endpoint_id={endpoint}")).await, dead_letters);
    }
    assert_eq!(count(format!("/deliveries?endpoint_id={}&status=pending", endpoints[1])).await, 2);
    for query in ["/deliveries?status=done", "/deliveries?endpoint_id=x", "/dead_letters?status=dead"] {
        admin.get(query).await.problem(400, "invalid_parameter");
    }
}
