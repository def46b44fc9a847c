//! What customers are told: listed, inspected, replayed.

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::app::{ACME, ACME_LIVE, ANN, Ask, CUSTOMER, Client, TestApp, text};

async fn resolved(client: &Client, ticket: Value) -> String {
    let ticket = client.ticket(ticket).await;
    let id = text(&ticket, "id").to_owned();
    let resolve = json!({"to": "resolved", "owner_id": ANN, "resolution_note": "The part was replaced."});
    client.post(&format!("/tickets/{id}/transitions"), resolve).await.expect(200);
    id
}

#[tokio::test]
async fn a_test_realm_captures_what_it_would_send() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = json!({"name": "Ann", "email": "Ann@Example.com"});
    let ticket = resolved(&admin, json!({"subject": "Part delayed", "contact": contact})).await;
    let listed = admin.all("/notifications").await;
    let [notification] = listed.as_slice() else { panic!("one: {listed:?}") };
    assert_eq!(notification["object"], "notification");
    assert_eq!((text(notification, "ticket_id"), text(notification, "outcome")), (ticket.as_str(), "captured"));
    assert_eq!(text(notification, "to"), "ann@example.com");
    assert_eq!(text(notification, "subject"), "Resolved: Part delayed");
    let said = text(notification, "text");
    assert!(said.starts_with("Hello Ann,\n") && said.contains("The part was replaced."), "{said}");
    let path = format!("/notifications/{}", text(notification, "id"));
    assert_eq!(admin.get(&path).await.expect(200).json(), *notification);

    let thread = admin.all(&format!("/tickets/{ticket}/thread")).await;
    let last = thread.last().unwrap();
    assert_eq!((text(last, "kind"), text(last, "visibility")), ("notification", "internal"));
    assert_eq!(last["notification_id"], notification["id"]);
    assert_eq!((text(last, "channel"), text(last, "outcome")), ("email", "captured"));
    assert_eq!(last["actor"], json!({"type": "system", "id": null}));
    admin.post(&format!("{path}/replay"), json!({})).await.problem(409, "notification_not_dead");
}

#[tokio::test]
async fn notifications_are_filtered_by_ticket_and_outcome() {
    let app = TestApp::start().await;
    let live = app.client(ACME_LIVE, Scope::ALL).await;
    let known = json!({"subject": "One", "contact": {"email": "ann@example.com"}});
    let pending = resolved(&live, known).await;
    let nowhere = resolved(&live, json!({"subject": "Two", "contact_id": CUSTOMER})).await;
    resolved(&live, json!({"subject": "Nobody's"})).await;
    for (query, tickets) in [
        (String::new(), vec![&nowhere, &pending]),
        ("outcome=pending".to_owned(), vec![&pending]),
        ("outcome=no_address".to_owned(), vec![&nowhere]),
        ("outcome=sent".to_owned(), vec![]),
        (format!("ticket_id={pending}"), vec![&pending]),
        (format!("ticket_id={pending}&outcome=no_address"), vec![]),
    ] {
        let listed = live.all(&format!("/notifications?{query}")).await;
        assert_eq!(listed.iter().map(|one| text(one, "ticket_id")).collect::<Vec<_>>(), tickets, "{query}");
    }
    live.get("/notifications?outcome=lost").await.expect(400);
    live.get("/notifications?contact_id=x").await.expect(400);
    let waiting = live.all("/notifications?outcome=pending").await.remove(0);
    assert!(waiting["next_attempt_at"].is_string() && waiting["sent_at"].is_null(), "{waiting}");
}

#[tokio::test]
async fn what_customers_are_told_is_for_admins() {
    let app = TestApp::start().await;
    let others = [Scope::TicketsRead, Scope::TicketsWrite, Scope::TicketsTriage, Scope::Webhooks];
    let other = app.client(ACME, &others).await;
    let path = "/notifications/ntf_01J9X2M3N4P5Q6R7S8T9VAWBXC";
    for ask in [Ask::get("/notifications"), Ask::get(path), Ask::post(&format!("{path}/replay")).fresh_key()] {
        other.send(ask).await.problem(403, "insufficient_scope");
    }
    let admin = app.client(ACME, &[Scope::Admin]).await;
    admin.get("/notifications").await.expect(200);
    admin.get(path).await.problem(404, "not_found");
}
