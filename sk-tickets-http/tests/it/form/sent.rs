//! What is sent is a ticket, once, and has a receipt.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::{Scope, model::form::Locale};

use super::{A_WHILE, Customer, form, form_in, html, receipt, token};
use crate::app::{ACME, ACME_LIVE, ANN, Ask, GLOBEX, TestApp, text};

#[tokio::test]
async fn a_submission_is_a_ticket_at_once_with_the_queue_and_owner_of_its_topic() {
    let app = TestApp::start().await;
    let form = form(&app).await;
    let customer = Customer::at(&app, &form);
    receipt(&customer.look_and_send(&[]).await);

    let admin = app.admin().await;
    let tickets = admin.all("/tickets").await;
    let [ticket] = tickets.as_slice() else { panic!("{tickets:?}") };
    assert_eq!(ticket["subject"], "Where is my order?");
    assert_eq!(
        (&ticket["source"], &ticket["topic"], &ticket["queue"]),
        (&json!("form"), &json!("delivery"), &json!("orders"))
    );
    assert_eq!((&ticket["status"], text(ticket, "owner_id").get(..4)), (&json!("open"), Some("usr_")));
    let thread = admin.all(&format!("/tickets/{}/thread", text(ticket, "id"))).await;
    assert_eq!(thread[0]["body"], "Ordered two weeks ago.\nNothing since.");
    assert_eq!(thread[0]["evidence"], json!([{"kind": "form", "ref": form.id, "label": null}]));
    let contact = admin.get(&format!("/contacts/{}", text(ticket, "contact_id"))).await.expect(200).json();
    assert_eq!((&contact["name"], &contact["email"]), (&json!("Ann Smith"), &json!("ann@example.com")));
}

#[tokio::test]
async fn a_topic_that_the_form_does_not_offer_leads_to_the_default_queue() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    // One that nobody knows, one of a queue that is not for customers, one that is no topic, and none.
    for topic in ["nonsense", "payroll", &"x".repeat(1_000), ""] {
        receipt(&customer.look_and_send(&[("topic", topic)]).await);
    }
    let tickets = app.admin().await.all("/tickets").await;
    assert_eq!(tickets.len(), 4);
    for ticket in tickets {
        assert_eq!((&ticket["queue"], &ticket["owner_id"]), (&json!("default"), &Value::Null), "{ticket}");
    }
}

#[tokio::test]
async fn double_click_reload_and_back_make_one_ticket() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let token = customer.look().await;
    app.clock.advance(A_WHILE);
    let (one, other) = tokio::join!(customer.send(&token, &[]), customer.send(&token, &[]));
    let first = receipt(&one);
    assert_eq!(receipt(&other), first);
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(receipt(&customer.send(&token, &[]).await), first);
    assert_eq!(customer.tickets().await, 1);
}

#[tokio::test]
async fn going_back_and_changing_the_text_is_told_and_can_be_sent_anew() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let first_token = customer.look().await;
    app.clock.advance(A_WHILE);
    let first = receipt(&customer.send(&first_token, &[]).await);

    let changed = [("message", "And now it is broken, too.")];
    let told = customer.send(&first_token, &changed).await.expect(409);
    let page = html(&told);
    let (_, secret) = first.rsplit_once('/').unwrap();
    assert!(page.contains("Already sent") && page.contains(&format!("href=\"receipt/{secret}\"")), "{page}");
    assert!(page.contains("And now it is broken, too."), "{page}");
    assert_eq!(customer.tickets().await, 1);

    app.clock.advance(A_WHILE);
    assert_ne!(receipt(&customer.send(&token(&told), &changed).await), first);
    assert_eq!(customer.tickets().await, 2);
}

#[tokio::test]
async fn the_receipt_tells_how_the_ticket_stands_and_nothing_personal() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let receipt = receipt(&customer.look_and_send(&[]).await);
    let admin = app.admin().await;
    let ticket = admin.all("/tickets").await.remove(0);
    let id = text(&ticket, "id");

    let shown = customer.client.get(&receipt).await.expect(200);
    let page = html(&shown);
    assert!(page.contains(id) && page.contains("In progress"), "{page}");
    assert!(page.contains(&format!("href=\"{receipt}\"")), "{page}");
    for personal in ["Ann", "ann@example.com", "Where is my order?", "two weeks", "usr_"] {
        assert!(!page.contains(personal), "{personal}: {page}");
    }
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-robots-tag", "noindex")]
    {
        assert_eq!(shown.header(name), Some(value));
    }

    let resolve = json!({"to": "resolved", "resolution_note": "Sent again", "owner_id": ANN});
    admin.post(&format!("/tickets/{id}/transitions"), resolve).await.expect(200);
    let page = html(&customer.client.get(&receipt).await.expect(200));
    assert!(page.contains("Solved") && !page.contains("Sent again"), "{page}");
}

#[tokio::test]
async fn a_receipt_is_found_by_its_own_form_and_token_alone() {
    let app = TestApp::start().await;
    let (mine, other) = (form(&app).await, form(&app).await);
    let (live, foreign) = (form_in(&app, ACME_LIVE, Locale::En).await, form_in(&app, GLOBEX, Locale::En).await);
    let customer = Customer::at(&app, &mine);
    let receipt = receipt(&customer.look_and_send(&[]).await);
    let (_, secret) = receipt.rsplit_once('/').unwrap();
    let mut wrong = vec![format!("/forms/{}/receipt/{}", mine.id, &secret[..secret.len() - 1])];
    wrong.extend([&other, &live, &foreign].map(|form| format!("/forms/{}/receipt/{secret}", form.id)));
    wrong.push(format!("/forms/{}/receipt/{}", mine.id, customer.look().await));
    wrong.push(format!("/forms/{}/receipt/junk", mine.id));
    wrong.push(format!("/forms/frm_00000000000000000000000000/receipt/{secret}"));
    wrong.push(format!("/forms/junk/receipt/{secret}"));
    let mut pages = Vec::new();
    for path in wrong {
        let answer = customer.client.get(&path).await.expect(404);
        pages.push(without_nonces(&html(&answer)));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "they all say the same: {pages:?}");
}

/// A page without what differs each time.
fn without_nonces(page: &str) -> String {
    page.split("nonce=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect()
}

#[tokio::test]
async fn a_form_makes_tickets_in_its_own_realm() {
    let app = TestApp::start().await;
    for realm in [ACME, ACME_LIVE, GLOBEX] {
        let form = form_in(&app, realm, Locale::En).await;
        receipt(&Customer::at(&app, &form).look_and_send(&[]).await);
        let client = app.client(realm, &[Scope::Admin]).await;
        assert_eq!(client.all("/tickets").await.len(), 1, "{realm:?}");
    }
}

#[tokio::test]
async fn faults_are_told_beside_their_fields_and_nothing_typed_is_lost() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let first = customer.look().await;
    app.clock.advance(A_WHILE);
    let long = "x".repeat(201);
    let faulty = [("email", "nonsense"), ("subject", long.as_str()), ("message", " \r\n "), ("topic", "praise")];
    let told = customer.send(&first, &faulty).await.expect(422);
    let page = html(&told);
    assert!(page.contains("<title>Error: How can we help?</title>"), "{page}");
    assert!(page.contains(r#"id="errors" role="alert" tabindex="-1" autofocus"#), "{page}");
    for (field, words) in [
        ("email", "Enter an e-mail address such as ann@example.com"),
        ("subject", "Subject: use at most 200 characters"),
        ("message", "Enter your message"),
    ] {
        assert!(page.contains(&format!("<a href=\"#{field}\">{words}</a>")), "{field}: {page}");
        assert!(page.contains(&format!("id=\"{field}-fault\">{words}</p>")), "{field}: {page}");
        assert!(page.contains(&format!("aria-invalid=\"true\" aria-describedby=\"{field}-fault\"")), "{field}: {page}");
    }
    assert_eq!(page.matches("aria-invalid").count() - page.matches("[aria-invalid").count(), 3, "{page}");
    for kept in ["value=\"Ann Smith\"", "value=\"nonsense\"", &format!("value=\"{long}\""), "value=\"praise\" selected"]
    {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    assert_eq!(told.header("cache-control"), Some("no-store"));
    assert_eq!(token(&told), first, "it is the same submission still");
    assert_eq!(customer.tickets().await, 0);

    receipt(&customer.send(&first, &[]).await);
    assert_eq!(customer.tickets().await, 1);
}

#[tokio::test]
async fn hostile_text_is_text_in_every_field() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let first = customer.look().await;
    app.clock.advance(A_WHILE);
    let hostile = r#""></textarea></title><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"#;
    let everywhere = ["token", "name", "email", "topic", "subject", "message", "website"].map(|name| (name, hostile));
    for (fields, status) in [(&everywhere[..], 422), (&everywhere[1..6], 422), (&everywhere[1..2], 303)] {
        let answer = customer.send(&first, fields).await.expect(status);
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        for harm in ["<script>alert", "<img", "\"></textarea>"] {
            assert!(!page.contains(harm), "{harm}: {page}");
        }
    }
    assert_eq!(
        customer
            .client
            .get(&format!("/forms/{}/page", hostile.replace(['"', '<', '>', ' ', '{', '}'], "")))
            .await
            .status,
        404
    );
    // A message that begins with a line break keeps it, and is what is sent again.
    let message = "\r\n<b>&amp;</b>";
    let page = html(&customer.send(&first, &[("message", message), ("email", "")]).await.expect(422));
    assert!(page.contains(">\n\r\n&lt;b&gt;&amp;amp;&lt;/b&gt;</textarea>"), "{page}");
}

#[tokio::test]
async fn what_is_no_form_is_refused_in_words() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let token = customer.look().await;
    app.clock.advance(A_WHILE);
    let json = Ask::post(&customer.page).json(&json!({"email": "ann@example.com"}));
    let multipart = customer.ask(&token, &[]).without(http::header::CONTENT_TYPE);
    let multipart = multipart.header("content-type", "multipart/form-data; boundary=x");
    for ask in [json, multipart, Ask::post(&customer.page)] {
        let page = html(&customer.client.send(ask).await.expect(415));
        assert!(page.contains("This could not be read") && page.contains("href=\"page\""), "{page}");
    }
    let large = customer.ask(&token, &[("message", &"x".repeat(300_000))]);
    for ask in [large.clone(), large.chunked()] {
        let page = html(&customer.client.send(ask).await.expect(413));
        assert!(page.contains("This is too long"), "{page}");
    }
    let wrong = customer.client.send(Ask::delete(&customer.page)).await;
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, POST"));
    assert_eq!(customer.tickets().await, 0);
}
