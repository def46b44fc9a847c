//! Contacts: made, found, changed; and whom tickets are about.

use serde_json::json;
use sk_tickets_core::Scope;

use crate::app::{ACME, Ask, CUSTOMER, TestApp, text};

#[tokio::test]
async fn a_contact_is_made_found_and_changed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin
        .post("/contacts", json!({"name": "Ann", "email": "Ann@Example.com", "phone": "+49 30 123456"}))
        .await
        .expect(201);
    let contact = made.json();
    let mut fields: Vec<_> = contact.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["created_at", "email", "id", "name", "object", "phone"]);
    assert_eq!((text(&contact, "email"), text(&contact, "phone")), ("ann@example.com", "+4930123456"));
    let path = format!("/contacts/{}", text(&contact, "id"));
    assert_eq!(made.header("location"), Some(format!("/tickets/v1{path}").as_str()));
    assert_eq!(admin.get(&path).await.expect(200).json(), contact);

    let changed = admin.patch(&path, json!({"name": null, "phone": "+4930654321"})).await.expect(200).json();
    assert_eq!((&changed["name"], &changed["phone"]), (&json!(null), &json!("+4930654321")));
    for (query, count) in
        [("", 1), ("email=ANN@example.com", 1), ("phone=%2B4930654321", 1), ("email=bob@example.com", 0)]
    {
        assert_eq!(admin.all(&format!("/contacts?{query}")).await.len(), count, "{query}");
    }
    admin.get("/contacts?email=nobody").await.expect(400);
    admin.get("/contacts?name=Ann").await.expect(400);
}

#[tokio::test]
async fn a_reference_of_another_systems_gets_an_address() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = admin.ticket(json!({"subject": "Part delayed", "contact_id": CUSTOMER})).await;
    assert_eq!(text(&ticket, "contact_id"), CUSTOMER);
    let path = format!("/contacts/{CUSTOMER}");
    admin.get(&path).await.expect(404);

    let body = json!({"id": CUSTOMER, "email": "ann@example.com"});
    let ask = Ask::post("/contacts").fresh_key().json(&body);
    let made = admin.send(ask.clone()).await.expect(201);
    assert_eq!(made.json()["id"], CUSTOMER);
    let replayed = admin.send(ask).await.expect(201);
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), (Some("true"), &made.body));
    let again = admin.post("/contacts", json!({"id": CUSTOMER, "name": "Ann"})).await.expect(200).json();
    assert_eq!((text(&again, "name"), text(&again, "email")), ("Ann", "ann@example.com"));

    // Who comes along with a ticket is found by the address.
    let inline = json!({"subject": "Again", "contact": {"email": "ANN@example.com"}});
    assert_eq!(admin.ticket(inline).await["contact_id"], CUSTOMER);
    assert_eq!(admin.all(&format!("/tickets?contact_id={CUSTOMER}")).await.len(), 2);
}

#[tokio::test]
async fn no_two_contacts_have_one_address_and_the_other_is_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = admin.post("/contacts", json!({"email": "ann@example.com"})).await.expect(201).json();
    let bob = admin.post("/contacts", json!({"phone": "+4930123456"})).await.expect(201).json();
    for (body, holder) in [(json!({"email": "Ann@example.com"}), &ann), (json!({"phone": "+4930123456"}), &bob)] {
        let refused = admin.post("/contacts", body).await.problem(409, "contact_exists");
        assert_eq!(refused["contact_id"], holder["id"]);
    }
    let path = format!("/contacts/{}", text(&bob, "id"));
    admin.patch(&path, json!({"email": "ann@example.com"})).await.problem(409, "contact_exists");
    let live = app.client(crate::app::ACME_LIVE, &[Scope::Admin]).await;
    live.post("/contacts", json!({"email": "ann@example.com"})).await.expect(201);
}

#[tokio::test]
async fn what_is_no_contact_is_refused_with_every_fault() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let refused = admin
        .post("/contacts", json!({"id": "usr_x", "name": "", "email": "ann", "phone": "12", "fax": "1"}))
        .await
        .problem(422, "validation_failed");
    let mut pointers: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|fault| text(fault, "pointer")).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/email", "/fax", "/id", "/name", "/phone"]);
    admin.post("/contacts", json!({})).await.problem(422, "validation_failed");
    admin.post("/contacts", json!({"email": null})).await.problem(422, "validation_failed");
    admin.patch(&format!("/contacts/{CUSTOMER}"), json!({"name": "Ann"})).await.expect(404);
}

#[tokio::test]
async fn to_change_contacts_takes_the_scope_to_write() {
    let app = TestApp::start().await;
    let triage = app.client(ACME, &[Scope::TicketsTriage]).await;
    triage.post("/contacts", json!({"email": "ann@example.com"})).await.problem(403, "insufficient_scope");
    let made = app.admin().await.post("/contacts", json!({"email": "ann@example.com"})).await.expect(201).json();
    let path = format!("/contacts/{}", text(&made, "id"));
    triage.patch(&path, json!({"name": "Ann"})).await.problem(403, "insufficient_scope");
    triage.get(&path).await.expect(200);
}
