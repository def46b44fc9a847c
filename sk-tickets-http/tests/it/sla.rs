//! Service levels through the API: policies, what a ticket shows, and the events when the clock moves.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::{Scope, Timestamp};

use crate::app::{ACME, ANN, Ask, Client, GLOBEX, TestApp, names, text};

async fn told(client: &Client, kind: &str) -> Vec<Value> {
    client.all("/events").await.into_iter().filter(|event| event["type"] == kind).collect()
}

fn made_at(ticket: &Value) -> Timestamp {
    text(ticket, "created_at").parse().expect("a time")
}

#[tokio::test]
async fn a_policy_gives_new_tickets_clocks_that_ring() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.all("/sla_policies").await, [] as [Value; 0]);
    let body = json!({"first_response_seconds": 600, "resolution_seconds": 3600, "warn_before_seconds": 60});
    let ask = Ask::put("/sla_policies/high").fresh_key().json(&body);
    let set = admin.send(ask.clone()).await.expect(200);
    let policy = set.json();
    assert_eq!(
        names(&policy),
        [
            "created_at",
            "first_response_seconds",
            "id",
            "object",
            "priority",
            "resolution_seconds",
            "updated_at",
            "warn_before_seconds"
        ]
    );
    assert_eq!((text(&policy, "object"), text(&policy, "priority")), ("sla_policy", "high"));
    admin.send(ask).await.expect(200).assert_replays(&set);
    assert_eq!(admin.all("/sla_policies").await, [policy]);

    assert_eq!(admin.ticket(json!({"subject": "No hurry"})).await["sla"], Value::Null);
    let ticket = admin.ticket(json!({"subject": "Part delayed", "priority": "high"})).await;
    let due = |seconds| (made_at(&ticket) + Duration::from_secs(seconds)).to_string();
    let running = |seconds| json!({"due_at": due(seconds), "state": "running"});
    assert_eq!(ticket["sla"], json!({"first_response": running(600), "resolution": running(3600)}));

    let sweeper = app.tickets.sweeper();
    app.clock.advance(Duration::from_secs(540));
    sweeper.sweep().await.unwrap();
    let warning = told(&admin, "ticket.sla_warning").await.remove(0);
    assert_eq!(warning["ticket_id"], ticket["id"]);
    let said = |event: &Value| {
        let mut data = event["data"].clone();
        data.as_object_mut().unwrap().remove("ticket");
        data
    };
    let actor = json!({"type": "system", "id": null});
    assert_eq!(
        said(&warning),
        json!({"metric": "first_response", "threshold_seconds": 600, "due_at": due(600), "breached_at": null,
               "actor": actor})
    );
    app.clock.advance(Duration::from_secs(60));
    sweeper.sweep().await.unwrap();
    sweeper.sweep().await.unwrap();
    let breaches = told(&admin, "ticket.sla_breached").await;
    assert_eq!(breaches.len(), 1);
    assert_eq!(
        said(&breaches[0]),
        json!({"metric": "first_response", "threshold_seconds": 600, "due_at": due(600), "breached_at": due(600),
               "actor": actor})
    );
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let seen = admin.get(&path).await.expect(200).json();
    assert_eq!(seen["sla"]["first_response"], json!({"due_at": due(600), "state": "breached"}));
    assert_eq!(breaches[0]["data"]["ticket"]["sla"], seen["sla"]);

    let pending = json!({"to": "pending", "reason": "asked", "owner_id": ANN});
    let paused = admin.post(&format!("{path}/transitions"), pending).await.expect(200).json();
    assert_eq!(paused["sla"]["resolution"], json!({"due_at": null, "state": "paused"}));
    app.clock.advance(Duration::from_secs(1_000));
    let open = admin.post(&format!("{path}/transitions"), json!({"to": "open"})).await.expect(200).json();
    assert_eq!(open["sla"]["resolution"], running(4_600), "the remaining time goes on");
    let note = json!({"to": "resolved", "resolution_note": "Sent"});
    let resolved = admin.post(&format!("{path}/transitions"), note).await.expect(200).json();
    assert_eq!(resolved["sla"]["resolution"]["state"], "met");
    app.clock.advance(Duration::from_secs(7 * 24 * 3_600));
    sweeper.sweep().await.unwrap();
    assert_eq!(admin.get(&path).await.expect(200).json()["status"], "closed");
    assert_eq!(told(&admin, "ticket.sla_breached").await.len(), 1);
}

#[tokio::test]
async fn a_reply_in_time_has_met_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.put("/sla_policies/normal", json!({"first_response_seconds": 60})).await.expect(200);
    let ticket = admin.ticket(json!({"subject": "Part delayed"})).await;
    assert_eq!(ticket["sla"]["resolution"], Value::Null);
    let thread = format!("/tickets/{}/thread", text(&ticket, "id"));
    app.clock.advance(Duration::from_secs(59));
    admin.post(&thread, json!({"kind": "note", "body": "Nobody told them yet"})).await.expect(201);
    admin.post(&thread, json!({"kind": "message", "body": "We are on it", "actor_id": ANN})).await.expect(201);
    app.clock.advance(Duration::from_secs(60));
    app.tickets.sweeper().sweep().await.unwrap();
    let seen = admin.get(&format!("/tickets/{}", text(&ticket, "id"))).await.expect(200).json();
    assert_eq!(seen["sla"]["first_response"]["state"], "met");
    assert_eq!(told(&admin, "ticket.sla_breached").await, [] as [Value; 0]);
}

#[tokio::test]
async fn what_is_no_policy_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.put("/sla_policies/soon", json!({})).await.problem(404, "not_found");
    for (body, faults) in [
        (json!({"first_response_seconds": 0}), vec![("/first_response_seconds", "out_of_range")]),
        (json!({"resolution_seconds": "1h"}), vec![("/resolution_seconds", "wrong_type")]),
        (
            json!({"first_response_seconds": 60, "resolution_seconds": 600, "warn_before_seconds": 60}),
            vec![("/warn_before_seconds", "too_early")],
        ),
        (
            json!({"first_response_seconds": -1, "resolution_seconds": 1e12}),
            vec![("/first_response_seconds", "out_of_range"), ("/resolution_seconds", "out_of_range")],
        ),
    ] {
        let answer = admin.put("/sla_policies/low", body.clone()).await;
        let faults: Vec<_> = faults.into_iter().map(|(at, code)| (at.to_owned(), code.to_owned())).collect();
        assert_eq!(answer.expect(422).faults(), faults, "{body}");
    }
    let triage = app.client(ACME, &[Scope::TicketsWrite]).await;
    triage.put("/sla_policies/low", json!({})).await.problem(403, "insufficient_scope");
    admin.put("/sla_policies/low", json!({})).await.expect(200);
    assert_eq!(triage.all("/sla_policies").await.len(), 1);
    let others = app.client(GLOBEX, Scope::ALL).await;
    assert_eq!(others.all("/sla_policies").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_changed_policy_moves_what_runs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.put("/sla_policies/normal", json!({"resolution_seconds": 3_600})).await.expect(200);
    let ticket = admin.ticket(json!({"subject": "Part delayed"})).await;
    app.clock.advance(Duration::from_secs(600));
    admin.put("/sla_policies/normal", json!({"resolution_seconds": 1_800})).await.expect(200);
    while app.tickets.sweeper().sweep().await.unwrap().more {}
    let seen = admin.get(&format!("/tickets/{}", text(&ticket, "id"))).await.expect(200).json();
    let due = (made_at(&ticket) + Duration::from_secs(1_800)).to_string();
    assert_eq!(seen["sla"]["resolution"], json!({"due_at": due, "state": "running"}));
    assert_eq!(seen["version"], 2);
    let updated = told(&admin, "ticket.updated").await.remove(0);
    assert_eq!(updated["data"]["changed"], json!(["sla"]));
    assert_eq!(updated["data"]["actor"]["type"], "system");
}
