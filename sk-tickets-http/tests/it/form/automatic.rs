//! What looks automatic makes no ticket, and a person can send it again.

use std::time::Duration;

use sk_tickets_core::limits::FORM_POSTS_BURST;

use super::{A_WHILE, Customer, SHOP, form, html, receipt, token};
use crate::app::{Answer, Ask, TestApp};

/// What was refused can be sent again by a person, just as it stands there.
async fn assert_can_be_sent_again(customer: &Customer<'_>, refused: &Answer, status: u16) {
    assert_eq!(refused.status, status, "{refused:?}");
    let page = html(refused);
    assert!(page.contains("Not sent yet") && page.contains("role=\"alert\""), "{page}");
    for kept in ["Ann Smith", "ann@example.com", "value=\"delivery\" selected", "Ordered two weeks ago."] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    assert!(page.contains("<input id=\"website\" name=\"website\" tabindex"), "the trap is empty again");
    assert_eq!(customer.tickets().await, 0);
    customer.app.clock.advance(A_WHILE);
    receipt(&customer.send(&token(refused), &[]).await);
    assert_eq!(customer.tickets().await, 1);
}

#[tokio::test]
async fn who_has_not_seen_the_form_does_not_send_it() {
    for forged in ["", "junk", "AQAAAaIOxNjJAaIOxNTS0GNK7ltrcF4Wil7B252tojFd7s6STMd9DXd8uT0tkXEb1ddERZccyehL"] {
        let app = TestApp::start().await;
        let customer = Customer::at(&app, &form(&app).await);
        let refused = customer.send(forged, &[]).await;
        assert_can_be_sent_again(&customer, &refused, 422).await;
    }
}

#[tokio::test]
async fn a_token_of_another_form_or_a_changed_one_is_none() {
    let app = TestApp::start().await;
    let (form, other) = (form(&app).await, form(&app).await);
    let customer = Customer::at(&app, &form);
    let foreign = Customer::at(&app, &other).look().await;
    let mut changed = customer.look().await;
    changed.replace_range(10..11, if &changed[10..11] == "A" { "B" } else { "A" });
    app.clock.advance(A_WHILE);
    customer.send(&changed, &[]).await.expect(422);
    let refused = customer.send(&foreign, &[]).await;
    assert_can_be_sent_again(&customer, &refused, 422).await;
}

#[tokio::test]
async fn nobody_fills_in_a_form_within_two_seconds() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let first = customer.look().await;
    app.clock.advance(Duration::from_millis(200));
    customer.send(&first, &[]).await.expect(422);
    app.clock.advance(Duration::from_millis(1_799));
    let refused = customer.send(&first, &[]).await;
    assert_can_be_sent_again(&customer, &refused, 422).await;
}

#[tokio::test]
async fn two_seconds_are_enough() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let token = customer.look().await;
    app.clock.advance(Duration::from_secs(2));
    receipt(&customer.send(&token, &[]).await);
}

#[tokio::test]
async fn who_fills_in_what_nobody_sees_is_nobody() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let refused = customer.look_and_send(&[("website", "https://spam.example")]).await;
    assert!(!html(&refused).contains("spam.example"));
    assert_can_be_sent_again(&customer, &refused, 422).await;
}

#[tokio::test]
async fn a_page_that_was_open_for_more_than_a_day_asks_to_send_again() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let first = customer.look().await;
    app.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    let refused = customer.send(&first, &[]).await;
    assert!(html(&refused).contains("had been open for a long time"));
    assert_can_be_sent_again(&customer, &refused, 422).await;
}

#[tokio::test]
async fn a_hundred_from_one_address_are_limited_and_another_address_is_not() {
    let app = TestApp::start().await;
    let (form, other) = (form(&app).await, form(&app).await);
    let customer = Customer::at(&app, &form);
    let first = customer.look().await;
    app.clock.advance(A_WHILE);
    let from = |peer: &str| customer.ask(&first, &[]).sent_from(peer);
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(customer.client.send(from("192.0.2.1")).await);
    }
    let limited: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(limited.len(), 100 - FORM_POSTS_BURST as usize);
    assert_eq!(limited[0].header("retry-after"), Some("20"));
    let page = html(limited[0]);
    assert!(page.contains("wait 20 seconds") && page.contains("Ordered two weeks ago."), "{page}");
    assert_eq!(token(limited[0]), first, "it may have been the second click");

    // Neither what is made up in a header nor an address within one's own network makes another one.
    let disguised = from("192.0.2.1").header("x-forwarded-for", "198.51.100.7");
    customer.client.send(disguised).await.expect(429);
    customer.client.send(from("192.0.2.2")).await.expect(303);
    let elsewhere = Customer::at(&app, &other);
    let its_token = elsewhere.look().await;
    app.clock.advance(A_WHILE);
    elsewhere.client.send(elsewhere.ask(&its_token, &[]).sent_from("192.0.2.1")).await.expect(303);
    app.clock.advance(Duration::from_secs(20));
    customer.client.send(from("192.0.2.1")).await.expect(303);
    assert_eq!(customer.tickets().await, 2, "one for each token");
}

#[tokio::test]
async fn addresses_that_are_not_known_are_one() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    for _ in 0..FORM_POSTS_BURST {
        customer.send("", &[]).await.expect(422);
    }
    customer.send("", &[]).await.expect(429);
}

#[tokio::test]
async fn what_other_sites_send_is_refused() {
    for (headers, status) in [
        (&[("origin", "https://evil.example")][..], 403),
        // A sandboxed frame, and a page that does not tell.
        (&[("origin", "null")], 403),
        (&[("origin", "https://support.example.evil.example"), ("host", "support.example")], 403),
        (&[("origin", "https://support.example"), ("origin", SHOP), ("host", "support.example")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("origin", "https://support.example"), ("host", "support.example")], 303),
        (&[("origin", "http://[::1]:8080"), ("host", "[::1]:8080")], 303),
        (&[("origin", SHOP), ("host", "support.example")], 303),
        (&[("sec-fetch-site", "same-origin")], 303),
        // No browser of these years.
        (&[], 303),
    ] {
        let app = TestApp::start().await;
        let customer = Customer::at(&app, &form(&app).await);
        let token = customer.look().await;
        app.clock.advance(A_WHILE);
        let ask = |token: &str| {
            headers.iter().fold(customer.ask(token, &[]), |ask: Ask, (name, value)| ask.header(name, value))
        };
        let answer = customer.client.send(ask(&token)).await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 403 {
            assert_can_be_sent_again(&customer, &answer, 403).await;
        }
    }
}
