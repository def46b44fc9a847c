//! How a desk is doing.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::app::{ACME, ACME_LIVE, ANN, GLOBEX, TestApp, text};

#[tokio::test]
async fn figures_tell_how_a_desk_is_doing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.ticket(json!({"subject": "waits"})).await;
    let ticket = admin.ticket(json!({"subject": "Part delayed", "owner_id": ANN})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    app.clock.advance(Duration::from_secs(90));
    let reply = json!({"kind": "message", "body": "On its way", "actor_id": ANN});
    admin.post(&format!("{path}/thread"), reply).await.expect(201);
    app.clock.advance(Duration::from_secs(30));
    let resolve = json!({"to": "resolved", "resolution_note": "Sent"});
    admin.post(&format!("{path}/transitions"), resolve).await.expect(200);
    admin.post(&format!("{path}/transitions"), json!({"to": "open", "reason": "again"})).await.expect(200);

    let by_status = json!({"new": 1, "open": 1, "pending": 0, "on_hold": 0, "resolved": 0, "closed": 0});
    let took = |seconds: u64| {
        json!({
            "count": 1, "p50_seconds": seconds, "p90_seconds": seconds, "p95_seconds": seconds, "p99_seconds": seconds,
        })
    };
    let stats = admin.get("/stats").await.expect(200).json();
    let expected = json!({
        "object": "stats",
        "from": "2026-12-16T08:02:00.001Z",
        "to": "2027-01-15T08:02:00.001Z",
        "tickets": {
            "total": 2,
            "by_status": by_status,
            "by_queue": [{"queue": "default", "total": 2, "by_status": by_status}],
        },
        "first_response": took(90),
        "resolution": took(120),
        "sla": {"first_response_breached": 0, "resolution_breached": 0},
        "reopened": {"tickets": 1, "rate": 1.0},
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn a_time_begins_and_ends_to_the_millisecond() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made_at = text(&admin.ticket(json!({"subject": "one"})).await, "created_at").to_owned();
    assert_eq!(made_at, "2027-01-15T08:00:00.000Z");
    let total =
        async |query: &str| admin.get(&format!("/stats?{query}")).await.expect(200).json()["tickets"]["total"].clone();
    for (query, count) in [
        ("", 1),
        (&*format!("from={made_at}"), 1),
        ("from=2027-01-15T08:00:00.000Z&to=2027-01-15T08:00:00.001Z", 1),
        ("from=2027-01-15T08:00:00.001Z&to=2027-01-15T08:00:00.002Z", 0),
        (&*format!("to={made_at}"), 0),
        ("to=2027-01-15T09:00:00%2B01:00", 0),
        ("to=2027-01-15T09:00:00.001%2B01:00", 1),
    ] {
        assert_eq!(total(query).await, json!(count), "{query}");
    }
    let nothing = admin.get(&format!("/stats?to={made_at}")).await.expect(200).json();
    assert_eq!((&nothing["reopened"]["rate"], &nothing["resolution"]["p50_seconds"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_time_that_is_none_or_too_long_is_refused() {
    let admin = TestApp::start().await.admin().await;
    for (query, why) in [
        ("from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", "must be before `to`"),
        ("from=2028-01-01T00:00:00Z", "must be before `to`"),
        ("from=2026-01-01T00:00:00Z&to=2027-01-02T00:00:00.001Z", "must be at most 366 days before `to`"),
    ] {
        let problem = admin.get(&format!("/stats?{query}")).await.problem(422, "validation_failed");
        let fault = &problem["errors"][0];
        assert_eq!(
            (text(fault, "pointer"), text(fault, "code"), text(fault, "message")),
            ("/from", "invalid_range", why)
        );
    }
    admin.get("/stats?from=2026-01-01T00:00:00Z&to=2027-01-02T00:00:00Z").await.expect(200);
    for query in ["from=yesterday", "limit=3", "from=2027-01-01T00:00:00Z&from=2027-01-01T00:00:00Z"] {
        admin.get(&format!("/stats?{query}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn figures_are_of_ones_own_realm_and_for_who_may_read() {
    let app = TestApp::start().await;
    app.admin().await.ticket(json!({"subject": "mine"})).await;
    for (realm, count) in [(ACME, 1), (ACME_LIVE, 0), (GLOBEX, 0)] {
        let reader = app.client(realm, &[Scope::TicketsRead]).await;
        assert_eq!(reader.get("/stats").await.expect(200).json()["tickets"]["total"], count);
    }
    let hooks = app.client(ACME, &[Scope::Webhooks]).await;
    hooks.get("/stats").await.problem(403, "insufficient_scope");
}
