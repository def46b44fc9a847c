//! Every tool does what the REST API does.

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use super::agent::Agent;
use crate::app::{ACME, ANN, BOB, BOT, CUSTOMER, TestApp, text};

async fn full(app: &TestApp) -> Agent {
    Agent::start(app, ACME, &[Scope::Admin]).await
}

#[tokio::test]
async fn a_ticket_is_made_as_by_the_rest_api() {
    let app = TestApp::start().await;
    let (agent, client) = (full(&app).await, app.admin().await);
    let made = agent
        .call(
            "ticket_create",
            json!({
                "subject": "Part delayed", "contact": {"name": "Ann Smith", "email": "ann@example.com"}, "body": "Where is it?",
                "topic": "delivery", "priority": "high", "owner_id": ANN, "tags": ["vip"], "metadata": {"order": "4711"},
            }),
        )
        .await;
    assert_eq!(made["replayed"], false);
    let ticket = client.get(&format!("/tickets/{}", text(&made["ticket"], "id"))).await.expect(200).json();
    assert_eq!(
        (&ticket["source"], &ticket["status"], &ticket["owner_id"]),
        (&json!("api"), &json!("open"), &json!(ANN))
    );
    assert_eq!(ticket["metadata"], json!({"order": "4711"}));
    assert_eq!(made["ticket"]["version"], ticket["version"]);
    // The key acts, as an agent.
    let thread = client.all(&format!("/tickets/{}/thread", text(&ticket, "id"))).await;
    assert_eq!(thread[0]["actor"]["type"], "agent");
    assert!(text(&thread[0]["actor"], "id").starts_with("key_"));
}

#[tokio::test]
async fn somebody_else_can_be_named_as_the_actor() {
    let app = TestApp::start().await;
    let (agent, client) = (full(&app).await, app.admin().await);
    let id = agent.ticket(json!({"subject": "x", "actor_id": BOT})).await;
    agent.call("ticket_note", json!({"ticket_id": id, "body": "n", "actor_id": ANN})).await;
    let thread = client.all(&format!("/tickets/{id}/thread")).await;
    assert_eq!(thread.last().unwrap()["actor"], json!({"type": "user", "id": ANN}));
    assert_eq!(thread[0]["actor"], json!({"type": "agent", "id": BOT}));
}

#[tokio::test]
async fn a_ticket_goes_from_the_queue_to_its_end() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let low = agent.ticket(json!({"subject": "later", "priority": "low"})).await;
    let urgent = agent.ticket(json!({"subject": "now", "priority": "urgent"})).await;
    let overview = agent.call("queue_overview", json!({})).await;
    assert_eq!((&overview["queue"], &overview["waiting"]), (&json!("default"), &json!(2)));

    let claimed = agent.call("queue_claim_next", json!({"queue": "default", "owner_id": ANN})).await;
    assert_eq!(claimed["ticket"]["id"], *urgent);
    let got = agent.call("ticket_get", json!({"ticket_id": urgent})).await;
    assert_eq!(got["ticket"]["status"], "open");
    assert_eq!(got["next"][0], json!({"to": "pending", "needs": ["owner_id", "reason"]}));

    let version = got["ticket"]["version"].clone();
    let triaged = agent
        .call(
            "ticket_triage",
            json!({"ticket_id": urgent, "priority": "high", "tags": ["spare-part"], "expected_version": version}),
        )
        .await;
    assert_eq!(
        (&triaged["ticket"]["priority"], &triaged["ticket"]["untrusted"]["tags"]),
        (&json!("high"), &json!(["spare-part"]))
    );
    let note = agent.call("ticket_note", json!({"ticket_id": urgent, "body": "Called the supplier"})).await;
    assert_eq!((&note["entry"]["kind"], &note["entry"]["visibility"]), (&json!("note"), &json!("internal")));
    let reply = agent.call("ticket_reply", json!({"ticket_id": urgent, "body": "On its way"})).await;
    assert_eq!((&reply["entry"]["kind"], &reply["entry"]["visibility"]), (&json!("message"), &json!("public")));
    assert_eq!(reply["entry"]["untrusted"]["body"], "On its way");
    let done = agent
        .call("ticket_transition", json!({"ticket_id": urgent, "to": "resolved", "resolution_note": "Sent a new part"}))
        .await;
    assert_eq!(done["ticket"]["status"], "resolved");
    let got = agent.call("ticket_get", json!({"ticket_id": urgent})).await;
    assert_eq!(got["details"]["untrusted"]["resolution_note"], "Sent a new part");

    agent.call("queue_claim_next", json!({"owner_id": BOB})).await;
    let none = agent.call("queue_claim_next", json!({"owner_id": BOB})).await;
    assert_eq!(none["ticket"], Value::Null);
    let got = agent.call("ticket_get", json!({"ticket_id": low})).await;
    assert_eq!(got["ticket"]["owner_id"], BOB);
}

#[tokio::test]
async fn assigning_to_one_to_another_and_back_is_three_changes() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x"})).await;
    let mut versions = Vec::new();
    for owner in [json!(ANN), json!(BOB), json!(ANN), json!(null)] {
        let done = agent.call("ticket_assign", json!({"ticket_id": id, "owner_id": owner})).await;
        assert_eq!((&done["ticket"]["owner_id"], &done["replayed"]), (&owner, &json!(false)));
        versions.push(done["ticket"]["version"].as_u64().unwrap());
    }
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
}

#[tokio::test]
async fn lists_are_narrowed_down_and_searched() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let part = agent.ticket(json!({"subject": "Part delayed", "contact_id": CUSTOMER, "priority": "high"})).await;
    let bill =
        agent.ticket(json!({"subject": "Bill", "body": "The invoice is wrong", "owner_id": ANN, "tags": ["x"]})).await;
    let ids = |found: Value| -> Vec<String> {
        found["data"].as_array().unwrap().iter().map(|card| text(card, "id").to_owned()).collect()
    };
    for (arguments, wanted) in [
        (json!({}), vec![&bill, &part]),
        (json!({"order": "asc"}), vec![&part, &bill]),
        (json!({"status": "new"}), vec![&part]),
        (json!({"status": ["open", "new"], "contact_id": CUSTOMER}), vec![&part]),
        (json!({"owner_id": "none"}), vec![&part]),
        (json!({"owner_id": ANN}), vec![&bill]),
        (json!({"priority": "high"}), vec![&part]),
        (json!({"tag": "x", "queue": "default", "source": "api"}), vec![&bill]),
        (json!({"created_before": "2020-01-01T00:00:00Z"}), vec![]),
    ] {
        let found = agent.call("tickets_list", arguments.clone()).await;
        assert_eq!(ids(found).iter().collect::<Vec<_>>(), wanted, "{arguments}");
    }
    let found = agent.call("tickets_search", json!({"q": "INVOICE wrong"})).await;
    assert_eq!(ids(found), std::slice::from_ref(&bill));
    assert_eq!(ids(agent.call("tickets_search", json!({"q": "invoice", "status": "new"})).await), Vec::<String>::new());
}

#[tokio::test]
async fn options_tell_what_can_be_chosen_and_by_whom() {
    let app = TestApp::start().await;
    app.admin().await.post("/queues", json!({"key": "billing", "topics": ["invoice"]})).await.expect(201);
    let told = full(&app).await.call("triage_options", json!({})).await;
    assert_eq!(told["queues"][0]["key"], "billing");
    assert_eq!(told["topics"], json!([{"topic": "invoice", "queue": "billing"}]));
    assert_eq!(told["priorities"], json!(["low", "normal", "high", "urgent"]));
    assert_eq!(told["statuses"][5], json!({"status": "closed", "next": []}));
    assert_eq!(told["statuses"][0]["next"][0], json!({"to": "open", "needs": ["owner_id"]}));
    assert_eq!((&told["key"]["may_triage"], &told["key"]["may_reply"]), (&json!(true), &json!(true)));

    let told = Agent::start(&app, ACME, &[Scope::TicketsTriage]).await.call("triage_options", json!({})).await;
    assert_eq!((&told["key"]["may_triage"], &told["key"]["may_reply"]), (&json!(true), &json!(false)));
    let told = Agent::start(&app, ACME, &[Scope::TicketsRead]).await.call("triage_options", json!({})).await;
    assert_eq!((&told["key"]["may_triage"], &told["key"]["tools"].as_array().unwrap().len()), (&json!(false), &5));
}

/// What a contact writes through an agent opens what waits on them, as anywhere.
#[tokio::test]
async fn a_reply_in_the_name_of_the_customer_reopens() {
    let app = TestApp::start().await;
    let agent = full(&app).await;
    let id = agent.ticket(json!({"subject": "x", "owner_id": ANN, "contact_id": CUSTOMER})).await;
    let resolve = json!({"ticket_id": id, "to": "resolved", "resolution_note": "done"});
    agent.call("ticket_transition", resolve).await;
    let status = async || agent.call("ticket_get", json!({"ticket_id": id})).await["ticket"]["status"].clone();
    agent.call("ticket_reply", json!({"ticket_id": id, "body": "thanks", "actor_id": CUSTOMER, "reopen": false})).await;
    assert_eq!(status().await, "resolved");
    agent.call("ticket_reply", json!({"ticket_id": id, "body": "no", "actor_id": CUSTOMER})).await;
    assert_eq!(status().await, "open");
}
