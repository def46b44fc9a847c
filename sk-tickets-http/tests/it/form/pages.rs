//! What the pages of a form say, and what their headers keep out.

use sk_tickets_core::{
    CreateForm, UpdateForm,
    model::form::{Locale, ThemePatch},
    platform::input::Patch,
};

use super::{Customer, SHOP, form, form_in, html, token};
use crate::app::{ACME, ACME_LIVE, Answer, Ask, TestApp, fresh_idempotency_key};

/// The directives of a policy, by name.
fn policy(answer: &Answer) -> Vec<(String, String)> {
    let policy = answer.header("content-security-policy").unwrap();
    policy
        .split("; ")
        .map(|directive| directive.split_once(' ').unwrap())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect()
}

#[tokio::test]
async fn nothing_but_the_page_itself_is_let_in() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let shown = customer.client.get(&customer.page).await.expect(200);
    let page = html(&shown);
    let (_, rest) = page.split_once("<style nonce=\"").unwrap();
    let nonce = rest.split('"').next().unwrap();
    assert!(nonce.len() >= 22, "{nonce}");
    let of_page = format!("'nonce-{nonce}'");
    let frames = format!("'self' {SHOP}");
    let expected = [
        ("default-src", "'none'"),
        ("style-src", &of_page),
        ("script-src", &of_page),
        ("img-src", "data:"),
        ("form-action", "'self'"),
        ("base-uri", "'none'"),
        ("frame-ancestors", &frames),
    ];
    assert_eq!(policy(&shown), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value) in [
        // So that going back shows the same page, and what is sent from there is known to have been sent.
        ("cache-control", "private, no-cache"),
        // So that browsers tell the page's own origin, and nobody else anything.
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(shown.header(name), Some(value));
    }
    for header in ["set-cookie", "access-control-allow-origin", "x-frame-options"] {
        assert_eq!(shown.header(header), None);
    }
    for fetched in ["src=", "<link rel=\"stylesheet", "@import", "url(", " style=\"", " onclick=", "http"] {
        let page = page.replace(&format!("data-embedders=\"{SHOP}\""), "");
        assert!(!page.contains(fetched), "{fetched}: {page}");
    }
    let again = html(&customer.client.get(&customer.page).await.expect(200));
    assert!(!again.contains(nonce), "each page has a nonce of its own");
}

#[tokio::test]
async fn a_form_that_nobody_may_embed_is_framed_by_its_own_origin_alone() {
    let app = TestApp::start().await;
    let form = app.desk().create_form(&fresh_idempotency_key(), CreateForm::new("Help").unwrap()).await.unwrap().value;
    let shown = Customer::at(&app, &form).client.get(&format!("/forms/{}/page", form.id)).await.expect(200);
    assert!(policy(&shown).contains(&("frame-ancestors".to_owned(), "'self'".to_owned())));
    assert!(!html(&shown).contains("<select"), "without topics there is nothing to choose");
}

#[tokio::test]
async fn a_form_that_is_not_there_is_told_to_people_and_is_the_same_in_every_realm() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for path in
        ["/forms/frm_00000000000000000000000000/page", "/forms/junk/page", "/forms/tkt_00000000000000000000000000/page"]
    {
        let answer = client.get(path).await.expect(404);
        assert!(html(&answer).contains("<h1>There is no form here</h1>"));
        assert!(policy(&answer).contains(&("frame-ancestors".to_owned(), "'none'".to_owned())));
        client.send(Ask::post(path).form(&[("email", "a@b.c")])).await.expect(404);
    }
    client.get("/forms/junk/embed.js").await.expect(404);
    // What is no text names nothing either.
    let of_forms = ["/forms/%FF/page", "/forms/%FF/embed.js"].map(|path| (path, "<h1>There is no form here</h1>"));
    let of_receipts = ["/forms/%FF/receipt/junk", "/forms/junk/receipt/%FF", "/forms/junk/receipt/junk"]
        .map(|path| (path, "<h1>There is nothing here</h1>"));
    for (path, heading) in of_forms.into_iter().chain(of_receipts) {
        assert!(html(&client.get(path).await.expect(404)).contains(heading), "{path}");
    }
    client.send(Ask::post("/forms/%FF/page").form(&[("email", "a@b.c")])).await.expect(404);
}

#[tokio::test]
async fn a_form_speaks_its_language_and_says_that_it_is_a_test() {
    let app = TestApp::start().await;
    let german = form_in(&app, ACME, Locale::De).await;
    let customer = Customer::at(&app, &german);
    let page = html(&customer.client.get(&customer.page).await.expect(200));
    for part in ["<html lang=\"de\">", ">Nachricht</label>", ">Absenden</button>", "<p class=\"badge\">Test</p>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let told = customer.look_and_send(&[("email", "")]).await.expect(422);
    assert!(html(&told).contains("Geben Sie Ihre E-Mail-Adresse ein"));

    let live = form_in(&app, ACME_LIVE, Locale::En).await;
    let page = html(&app.anonymous().get(&format!("/forms/{}/page", live.id)).await.expect(200));
    assert!(page.contains("<html lang=\"en\">") && !page.contains("<p class=\"badge\">"), "{page}");
}

#[tokio::test]
async fn every_field_has_a_label_and_what_browsers_fill_in() {
    let app = TestApp::start().await;
    let customer = Customer::at(&app, &form(&app).await);
    let page = html(&customer.client.get(&customer.page).await.expect(200));
    for field in ["name", "email", "topic", "subject", "message", "website"] {
        assert!(page.contains(&format!("<label for=\"{field}\">")), "{field}");
        assert_eq!(page.matches(&format!(" id=\"{field}\"")).count(), 1, "{field}");
    }
    for part in [
        "autocomplete=\"name\"",
        "type=\"email\" value=\"\" autocomplete=\"email\"",
        "<option value=\"delivery\">Where is my order?</option>",
        "aria-hidden=\"true\"><label for=\"website\"",
        "name=\"website\" tabindex=\"-1\" autocomplete=\"off\"",
        "method=\"post\" action=\"page?send\" novalidate",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn a_name_cannot_leave_its_place_and_a_theme_is_in_the_style() {
    let app = TestApp::start().await;
    let hostile = "</title><script>alert(1)</script>\"'";
    let create = CreateForm {
        theme: Some(ThemePatch { accent: Patch::Set("#0b6e4f".parse().unwrap()), ..ThemePatch::nothing() }),
        ..CreateForm::new(hostile).unwrap()
    };
    let form = app.desk().create_form(&fresh_idempotency_key(), create).await.unwrap().value;
    let client = app.anonymous();
    let page = html(&client.get(&format!("/forms/{}/page", form.id)).await.expect(200));
    assert!(!page.contains("<script>") && page.contains("--accent:#0b6e4f"), "{page}");
    let script = client.get(&format!("/forms/{}/embed.js", form.id)).await.expect(200);
    let script = String::from_utf8(script.body.to_vec()).unwrap();
    assert!(script.ends_with("(\"</title><script>alert(1)</script>\\\"'\");\n"), "{script}");
    assert!(!script.contains("document.body."), "in a head, there is no body yet: {script}");
}

#[tokio::test]
async fn the_script_can_be_run_by_every_site_and_is_asked_for_only_when_it_is_news() {
    let app = TestApp::start().await;
    let form = form(&app).await;
    let (client, path) = (app.anonymous(), format!("/forms/{}/embed.js", form.id));
    let script = client.get(&path).await.expect(200);
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cache-control", "public, max-age=300"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(script.header(name), Some(value));
    }
    let etag = script.header("etag").unwrap().to_owned();
    let known = || client.send(Ask::get(&path).header("if-none-match", &etag));
    let unchanged = known().await.expect(304);
    assert!(unchanged.body.is_empty());
    let renamed = UpdateForm {
        name: sk_tickets_core::platform::input::Change(Some("Write to us".parse().unwrap())),
        ..UpdateForm::nothing()
    };
    app.desk().update_form(&fresh_idempotency_key(), form.id, renamed).await.unwrap();
    known().await.expect(200);
}

#[tokio::test]
async fn within_another_application_s_path_the_receipt_is_there_too() {
    use tower::ServiceExt;

    let app = TestApp::start().await;
    let form = form(&app).await;
    let shown = token(&app.anonymous().get(&format!("/forms/{}/page", form.id)).await.expect(200));
    app.clock.advance(super::A_WHILE);
    let host = axum::Router::new().nest("/support", app.router.clone());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(super::fields(&shown, &[])).finish();
    let request = http::Request::post(format!("/support/tickets/v1/forms/{}/page", form.id))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(body))
        .unwrap();
    let Ok(sent) = host.clone().oneshot(request).await;
    assert_eq!(sent.status(), 303);
    let location = sent.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("/support/tickets/v1/forms/"), "{location}");
    let Ok(receipt) = host.oneshot(http::Request::get(location).body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(receipt.status(), 200);
}
