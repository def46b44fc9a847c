//! The life of a ticket, and the shapes of everything it shows.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::CreateTicket;

use crate::app::{ANN, Ask, BOB, BOT, CUSTOMER, Client, TestApp, fresh_idempotency_key, names, text};

const TICKET: [&str; 25] = [
    "call_id",
    "closed_at",
    "contact_id",
    "created_at",
    "environment",
    "first_resolved_at",
    "follow_up_of",
    "id",
    "metadata",
    "object",
    "owner_id",
    "priority",
    "queue",
    "queued_at",
    "reopen_count",
    "resolution_note",
    "resolved_at",
    "sla",
    "source",
    "status",
    "subject",
    "tags",
    "topic",
    "updated_at",
    "version",
];
const ENTRY: [&str; 10] =
    ["actor", "body", "created_at", "evidence", "id", "kind", "object", "sequence", "ticket_id", "visibility"];
const EVENT: [&str; 8] = ["data", "environment", "id", "object", "ticket_id", "ticket_version", "timestamp", "type"];

fn with<'a>(names: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut all = [names, more].concat();
    all.sort_unstable();
    all
}

/// The events of a ticket, oldest first: type and data.
async fn told(client: &Client, id: &str) -> Vec<(String, Value)> {
    let events = client.all("/events?order=asc").await;
    let of_ticket = events.iter().filter(|event| event["ticket_id"] == id);
    of_ticket.map(|event| (text(event, "type").to_owned(), event["data"].clone())).collect()
}

fn types(told: &[(String, Value)]) -> Vec<&str> {
    told.iter().map(|(event_type, _)| event_type.as_str()).collect()
}

async fn thread(client: &Client, path: &str) -> Vec<Value> {
    client.all(&format!("{path}/thread")).await
}

#[tokio::test]
async fn a_call_is_shown_in_one_spelling_however_it_was_given() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (upper, lower) = ("cal_01J9X2M3N4P5Q6R7S8T9VAWBXC", "cal_01j9x2m3n4p5q6r7s8t9vawbxc");
    let call = |id: &str| json!({"kind": "call", "ref": id});
    let shown = json!([{"kind": "call", "ref": upper, "label": null}]);
    for (call_id, evidence) in [(lower, upper), (upper, lower), (lower, &upper.to_uppercase())] {
        let ticket = json!({"subject": "A", "call_id": call_id, "evidence": [call(evidence)]});
        let ticket = admin.ticket(ticket).await;
        let path = format!("/tickets/{}", text(&ticket, "id"));
        assert_eq!(ticket["call_id"], upper);
        assert_eq!(thread(&admin, &path).await[0]["evidence"], shown, "{evidence}");
        let note = json!({"kind": "note", "body": "Hm", "evidence": [call(evidence)]});
        let note = admin.post(&format!("{path}/thread"), note).await.expect(201).json();
        assert_eq!(note["evidence"], shown, "{evidence}");
    }
    // A key stands for what was sent.
    let sent = |id: &str| Ask::post("/tickets").key("spelt").json(&json!({"subject": "A", "evidence": [call(id)]}));
    admin.send(sent(lower)).await.expect(201);
    admin.send(sent(upper)).await.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn a_ticket_with_everything() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = admin.ticket(json!({"subject": "Before"})).await;
    let made = admin
        .post(
            "/tickets",
            json!({
                "subject": "Part delayed", "contact": {"name": "Eve", "email": "Eve@Example.com", "phone": "+49 30 123456"},
                "source": "voice", "topic": "shipping", "queue": "default", "priority": "high", "owner_id": ANN,
                "call_id": "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC", "body": "Where is it?",
                "evidence": [
                    {"kind": "recording", "ref": "rec_01J9X2M3N4P5Q6R7S8T9VAWBXC", "label": "The call"},
                    {"kind": "file", "ref": "https://example.com/a.pdf"},
                ],
                "tags": ["b", "a", "b"], "metadata": {"order": "4711"}, "follow_up_of": before["id"],
                "actor_id": "agt_01J9X2M3N4P5Q6R7S8T9VAWBXC",
            }),
        )
        .await
        .expect(201);
    let ticket = made.json();
    assert_eq!(names(&ticket), TICKET);
    let id = text(&ticket, "id");
    assert_eq!(made.header("location"), Some(format!("/tickets/v1/tickets/{id}").as_str()));
    assert_eq!(made.header("content-type"), Some("application/json"));
    let now = "2027-01-15T08:00:00.000Z";
    assert_eq!(
        ticket,
        json!({
            "id": id, "object": "ticket", "environment": "test", "version": 1, "subject": "Part delayed",
            "status": "open", "priority": "high", "source": "voice", "topic": "shipping", "queue": "default",
            "queued_at": null, "owner_id": ANN, "contact_id": ticket["contact_id"],
            "call_id": "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC", "tags": ["b", "a"], "metadata": {"order": "4711"},
            "resolution_note": null, "reopen_count": 0, "follow_up_of": before["id"], "sla": null,
            "created_at": now, "updated_at": now, "first_resolved_at": null, "resolved_at": null, "closed_at": null,
        })
    );
    assert!(text(&ticket, "contact_id").starts_with("ctc_"));

    let path = made.header("location").unwrap();
    let read = admin.get(path).await.expect(200).json();
    assert_eq!(names(&read), with(&TICKET, &["queue_position"]));
    assert_eq!(read["queue_position"], Value::Null);

    let thread = thread(&admin, path).await;
    let [said, assignment, transition] = thread.as_slice() else { panic!("three entries in {thread:?}") };
    assert_eq!(names(said), ENTRY);
    assert_eq!(
        (text(said, "kind"), text(said, "visibility"), text(said, "body")),
        ("message", "public", "Where is it?")
    );
    assert_eq!(said["actor"], json!({"type": "agent", "id": BOT}));
    assert_eq!(
        said["evidence"],
        json!([
            {"kind": "recording", "ref": "rec_01J9X2M3N4P5Q6R7S8T9VAWBXC", "label": "The call"},
            {"kind": "file", "ref": "https://example.com/a.pdf", "label": null},
            {"kind": "call", "ref": "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC", "label": null},
        ])
    );
    assert_eq!(names(assignment), with(&ENTRY, &["owner_id", "previous_owner_id", "cause", "reason"]));
    assert_eq!(names(transition), with(&ENTRY, &["from", "to", "reason", "resolution_note"]));
    assert_eq!([1, 2, 3].map(Value::from), [0, 1, 2].map(|index: usize| thread[index]["sequence"].clone()));

    let told = told(&admin, id).await;
    assert_eq!(types(&told), ["ticket.created", "ticket.assigned", "ticket.status_changed"]);
    for (_, data) in &told {
        assert_eq!(data["ticket"], ticket, "each event has the ticket as it was");
    }
    assert_eq!(names(&told[0].1), ["actor", "entry", "evidence", "ticket"]);
    assert_eq!((&told[0].1["entry"], &told[0].1["evidence"]), (said, &said["evidence"]));
    assert_eq!((&told[1].1["owner_id"], &told[1].1["cause"]), (&json!(ANN), &json!("create")));
    assert_eq!(
        (&told[2].1["from"], &told[2].1["to"], &told[2].1["reason"]),
        (&json!("new"), &json!("open"), &json!("assigned"))
    );
}

#[tokio::test]
async fn events_have_their_shape() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let event = &admin.all("/events").await[0];
    assert_eq!(names(event), EVENT);
    assert_eq!(
        (text(event, "object"), text(event, "type"), text(event, "environment")),
        ("event", "ticket.created", "test")
    );
    assert_eq!((&event["ticket_id"], event["ticket_version"].as_u64()), (&ticket["id"], Some(1)));
    assert!(text(event, "id").starts_with("evt_"));
    assert_eq!(&admin.get(&format!("/events/{}", text(event, "id"))).await.expect(200).json(), event);
}

#[tokio::test]
async fn a_ticket_with_a_subject_and_nothing_else_waits_in_its_queue() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    for (name, value) in [("status", "new"), ("priority", "normal"), ("source", "api"), ("queue", "default")] {
        assert_eq!(text(&ticket, name), value);
    }
    assert_eq!(ticket["queued_at"], ticket["created_at"]);
    let path = format!("/tickets/{}", text(&ticket, "id"));
    assert_eq!(admin.get(&path).await.json()["queue_position"], 1);
    let thread = thread(&admin, &path).await;
    assert_eq!((thread.len(), text(&thread[0], "kind"), &thread[0]["body"]), (1, "evidence", &Value::Null));
    assert_eq!(text(&thread[0]["actor"], "type"), "api_key");

    // What presses more is before it.
    admin.ticket(json!({"subject": "B", "priority": "urgent"})).await;
    assert_eq!(admin.get(&path).await.json()["queue_position"], 2);
}

#[tokio::test]
async fn contacts_are_found_by_their_address_else_by_their_number() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact_of = async |contact: Value| {
        admin.ticket(json!({"subject": "A", "contact": contact})).await["contact_id"].as_str().unwrap().to_owned()
    };
    let eve = contact_of(json!({"email": "eve@example.com", "phone": "+4930123456"})).await;
    assert_eq!(contact_of(json!({"email": "EVE@example.com", "name": "Eve"})).await, eve);
    let phone = contact_of(json!({"phone": "+49 (30) 999-999"})).await;
    assert_eq!(contact_of(json!({"phone": "+4930999999"})).await, phone);
    assert_ne!(phone, eve);
    // An id of another system is taken as it is.
    assert_eq!(admin.ticket(json!({"subject": "A", "contact_id": CUSTOMER})).await["contact_id"], CUSTOMER);
}

#[tokio::test]
async fn patch_merges() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin
        .ticket(
            json!({"subject": "A", "topic": "t", "tags": ["a"], "metadata": {"keep": "1", "drop": "2", "change": "3"}}),
        )
        .await;
    let id = text(&ticket, "id").to_owned();
    let path = format!("/tickets/{id}");
    let patch = async |body: Value| admin.patch(&path, body).await.expect(200).json();

    let patched = patch(json!({"metadata": {"drop": null, "change": "4", "new": "5"}})).await;
    assert_eq!(names(&patched), TICKET);
    assert_eq!(patched["metadata"], json!({"keep": "1", "change": "4", "new": "5"}));
    assert_eq!((&patched["subject"], &patched["tags"]), (&ticket["subject"], &ticket["tags"]));
    let patched = patch(json!({"tags": ["b", "c"], "topic": null, "priority": "urgent", "subject": "B"})).await;
    assert_eq!(patched["tags"], json!(["b", "c"]), "tags are replaced");
    assert_eq!(
        (&patched["topic"], &patched["priority"], &patched["subject"]),
        (&Value::Null, &json!("urgent"), &json!("B"))
    );
    let patched = patch(json!({"tags": null, "metadata": null})).await;
    assert_eq!((&patched["tags"], &patched["metadata"]), (&json!([]), &json!({})));
    assert_eq!(patched["version"], 4);

    // What changes nothing is no change.
    for nothing in [json!({}), json!({"subject": "B"}), json!({"tags": [], "metadata": {"gone": null}})] {
        assert_eq!(patch(nothing).await["version"], 4);
    }
    let told = told(&admin, &id).await;
    assert_eq!(types(&told), ["ticket.created", "ticket.updated", "ticket.updated", "ticket.updated"]);
    assert_eq!(told[2].1["changed"], json!(["subject", "priority", "tags", "topic"]));
}

#[tokio::test]
async fn metadata_never_grows_past_its_bound() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let pairs = |from: usize, to: usize| -> Value {
        (from..to).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into()
    };
    let ticket = admin.ticket(json!({"subject": "A", "metadata": pairs(0, 49)})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    admin.patch(&path, json!({"metadata": pairs(49, 50)})).await.expect(200);
    let answer = admin.patch(&path, json!({"metadata": pairs(50, 51)})).await.expect(422);
    assert_eq!(answer.faults(), [("/metadata".to_owned(), "too_many".to_owned())]);
    admin.patch(&path, json!({"metadata": {"0": null, "50": "x"}})).await.expect(200);
}

#[tokio::test]
async fn assigning_opens_and_unassigning_queues_anew() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let id = text(&ticket, "id").to_owned();
    let path = format!("/tickets/{id}/assign");
    let assign = async |body: Value| admin.post(&path, body).await.expect(200).json();

    let assigned = assign(json!({"owner_id": BOT, "reason": "knows it", "actor_id": ANN})).await;
    assert_eq!((text(&assigned, "owner_id"), text(&assigned, "status")), (BOT, "open"));
    assert_eq!(assigned["queued_at"], Value::Null);
    assert_eq!(
        assign(json!({"owner_id": BOT})).await["version"],
        assigned["version"],
        "the same owner changes nothing"
    );
    assert_eq!(assign(json!({"owner_id": BOB})).await["owner_id"], BOB);
    app.clock.advance(Duration::from_secs(60));
    let back = assign(json!({"owner_id": null})).await;
    assert_eq!((&back["owner_id"], text(&back, "status")), (&Value::Null, "open"));
    assert_eq!(back["queued_at"], back["updated_at"]);

    let told = told(&admin, &id).await;
    assert_eq!(
        types(&told),
        ["ticket.created", "ticket.assigned", "ticket.status_changed", "ticket.assigned", "ticket.unassigned"]
    );
    assert_eq!(told[1].1["actor"], json!({"type": "user", "id": ANN}));
    assert_eq!((&told[3].1["previous_owner_id"], &told[4].1["previous_owner_id"]), (&json!(BOT), &json!(BOB)));
}

#[tokio::test]
async fn a_ticket_goes_its_way_through_guarded_transitions() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let id = text(&ticket, "id").to_owned();
    let path = format!("/tickets/{id}/transitions");
    let refused = async |body: Value, status, code| admin.post(&path, body).await.problem(status, code);
    let moved = async |body: Value| admin.post(&path, body).await.expect(200).json();

    refused(json!({"to": "open"}), 422, "owner_required").await;
    refused(json!({"to": "pending", "owner_id": ANN}), 422, "reason_required").await;
    refused(json!({"to": "resolved", "owner_id": ANN}), 422, "resolution_note_required").await;
    refused(json!({"to": "closed"}), 422, "reason_required").await;
    let problem = refused(json!({"to": "new"}), 409, "illegal_transition").await;
    assert_eq!(problem["allowed"], json!(["open", "pending", "on_hold", "resolved", "closed"]));

    let pending = moved(json!({"to": "pending", "owner_id": ANN, "reason": "asked"})).await;
    assert_eq!((text(&pending, "status"), text(&pending, "owner_id")), ("pending", ANN));
    assert_eq!(moved(json!({"to": "open"})).await["status"], "open");
    assert_eq!(moved(json!({"to": "on_hold", "reason": "supplier"})).await["status"], "on_hold");
    app.clock.advance(Duration::from_secs(60));
    let resolved = moved(json!({"to": "resolved", "resolution_note": "Sent a new one"})).await;
    assert_eq!(text(&resolved, "resolution_note"), "Sent a new one");
    assert_eq!(
        (&resolved["resolved_at"], &resolved["first_resolved_at"]),
        (&resolved["updated_at"], &resolved["updated_at"])
    );
    let problem = refused(json!({"to": "pending", "reason": "asked"}), 409, "illegal_transition").await;
    assert_eq!(problem["allowed"], json!(["open", "closed"]));

    let reopened = moved(json!({"to": "open", "reason": "broken again"})).await;
    assert_eq!((&reopened["resolution_note"], &reopened["resolved_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&reopened["reopen_count"], &reopened["owner_id"]), (&json!(1), &json!(ANN)));
    assert_eq!(reopened["first_resolved_at"], resolved["first_resolved_at"]);
    let closed = moved(json!({"to": "closed", "reason": "abandoned"})).await;
    assert_eq!(closed["closed_at"], closed["updated_at"]);
    assert_eq!(refused(json!({"to": "open", "reason": "no"}), 409, "illegal_transition").await["allowed"], json!([]));

    let told = told(&admin, &id).await;
    assert_eq!(
        types(&told),
        [
            "ticket.created",
            "ticket.assigned",
            "ticket.status_changed",
            "ticket.status_changed",
            "ticket.status_changed",
            "ticket.status_changed",
            "ticket.resolved",
            "ticket.status_changed",
            "ticket.reopened",
            "ticket.status_changed",
        ]
    );
    assert_eq!(told[6].1["resolution_note"], "Sent a new one");
    assert_eq!(told[8].1["reopen_count"], 1);
}

#[tokio::test]
async fn a_posted_entry_is_where_its_location_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}/thread", text(&ticket, "id"));
    for (kind, visibility) in [("message", "public"), ("note", "internal")] {
        let body =
            json!({"kind": kind, "body": "Look", "evidence": [{"kind": "other", "ref": "https://example.com/"}]});
        let posted = admin.post(&path, body).await.expect(201);
        let entry = posted.json();
        assert_eq!(names(&entry), ENTRY);
        assert_eq!((text(&entry, "kind"), text(&entry, "visibility")), (kind, visibility));
        assert_eq!(admin.get(posted.header("location").unwrap()).await.expect(200).json(), entry);
    }
    let told = told(&admin, text(&ticket, "id")).await;
    assert_eq!(types(&told), ["ticket.created", "ticket.message_added", "ticket.message_added"]);
    assert_eq!(told[2].1["entry"]["visibility"], "internal");
}

#[tokio::test]
async fn the_customer_s_message_opens_what_waits_for_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A", "owner_id": ANN, "contact_id": CUSTOMER})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let transition = async |body: Value| admin.post(&format!("{path}/transitions"), body).await.expect(200);
    let post = async |body: Value| admin.post(&format!("{path}/thread"), body).await.expect(201);
    let status = async || text(&admin.get(&path).await.json(), "status").to_owned();
    let by_customer = json!({"kind": "message", "body": "And?", "actor_id": CUSTOMER});

    transition(json!({"to": "pending", "reason": "asked"})).await;
    post(json!({"kind": "message", "body": "Any news?", "actor_id": ANN})).await;
    post(json!({"kind": "note", "body": "Called them"})).await;
    assert_eq!(status().await, "pending");
    post(by_customer.clone()).await;
    assert_eq!(status().await, "open");

    transition(json!({"to": "resolved", "resolution_note": "Done"})).await;
    post(json!({"kind": "message", "body": "Thanks", "actor_id": CUSTOMER, "reopen": false})).await;
    assert_eq!(status().await, "resolved");
    post(by_customer).await;
    let reopened = admin.get(&path).await.json();
    assert_eq!((text(&reopened, "status"), &reopened["reopen_count"]), ("open", &json!(1)));

    let told = told(&admin, text(&ticket, "id")).await;
    let because: Vec<_> = told.iter().filter(|(_, data)| data["reason"] == "customer_replied").collect();
    assert_eq!(
        because.iter().map(|(event_type, _)| event_type.as_str()).collect::<Vec<_>>(),
        ["ticket.status_changed", "ticket.status_changed", "ticket.reopened"]
    );
}

#[tokio::test]
async fn a_closed_ticket_takes_notes_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "A"})).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    admin.post(&format!("{path}/transitions"), json!({"to": "closed", "reason": "spam"})).await.expect(200);

    admin.post(&format!("{path}/thread"), json!({"kind": "note", "body": "Was spam"})).await.expect(201);
    for (ask, body) in [
        (Ask::post(&format!("{path}/thread")), json!({"kind": "message", "body": "Hello"})),
        (Ask::post(&format!("{path}/thread")), json!({"kind": "message", "body": "Hello", "actor_id": CUSTOMER})),
        (Ask::post(&format!("{path}/assign")), json!({"owner_id": ANN})),
        (Ask::post(&format!("{path}/assign")), json!({"owner_id": null})),
        (Ask::patch(&path), json!({"subject": "B"})),
    ] {
        admin.send(ask.fresh_key().json(&body)).await.problem(409, "ticket_closed");
    }
    let problem = admin.post(&format!("{path}/transitions"), json!({"to": "open", "reason": "no"})).await;
    assert_eq!(problem.problem(409, "illegal_transition")["allowed"], json!([]));
    let follow_up = admin.ticket(json!({"subject": "Again", "follow_up_of": ticket["id"]})).await;
    assert_eq!(follow_up["follow_up_of"], ticket["id"]);
}

#[tokio::test]
async fn what_a_desk_does_is_seen_over_http() {
    let app = TestApp::start().await;
    let create = CreateTicket::new("In process").unwrap();
    let made = app.desk().create_ticket(&fresh_idempotency_key(), create).await.unwrap().value;
    let seen = app.admin().await.get(&format!("/tickets/{}", made.id)).await.expect(200).json();
    assert_eq!(seen["subject"], "In process");
}
