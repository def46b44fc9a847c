//! Forms as they are set up: made, changed, listed.

use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::app::{ACME, ACME_LIVE, Ask, TestApp, text};

#[tokio::test]
async fn a_form_is_made_found_and_changed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": "Contact us",
        "topics": [{"key": "delivery", "label": "Where is my order?"}, {"key": "invoice", "label": "An invoice"}],
        "allowed_origins": ["https://Shop.example:443", "http://localhost:5000", "https://shop.example"],
        "locale": "de",
        "theme": {"accent": "#0AF", "radius": 8, "font": "serif"},
    });
    let made = admin.post("/forms", body).await.expect(201);
    let form = made.json();
    let id = text(&form, "id").to_owned();
    let mut fields: Vec<_> = form.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["allowed_origins", "created_at", "id", "locale", "name", "object", "theme", "topics"]);
    assert_eq!((text(&form, "object"), &id[..4], text(&form, "locale")), ("form", "frm_", "de"));
    assert_eq!(form["allowed_origins"], json!(["https://shop.example", "http://localhost:5000"]));
    assert_eq!(form["theme"], json!({"accent": "#00aaff", "radius": 8, "font": "serif"}));
    assert_eq!(form["topics"][1], json!({"key": "invoice", "label": "An invoice"}));
    assert_eq!(made.header("location"), Some(format!("/tickets/v1/forms/{id}").as_str()));
    let path = format!("/forms/{id}");
    assert_eq!(admin.get(&path).await.expect(200).json(), form);

    // What is not named stays; the theme is merged, lists are replaced.
    let change =
        json!({"topics": [{"key": "invoice", "label": "Money"}], "theme": {"accent": null, "text": "#111111"}});
    let changed = admin.patch(&path, change).await.expect(200).json();
    assert_eq!(changed["topics"], json!([{"key": "invoice", "label": "Money"}]));
    assert_eq!(changed["theme"], json!({"text": "#111111", "radius": 8, "font": "serif"}));
    assert_eq!((text(&changed, "name"), text(&changed, "locale")), ("Contact us", "de"));
    let bare = json!({"name": "Help", "topics": null, "allowed_origins": null, "theme": null, "locale": "en"});
    let bare = admin.patch(&path, bare).await.expect(200).json();
    let expected = json!({"object": "form", "id": id, "name": "Help", "topics": [], "allowed_origins": [], "locale": "en",
                          "theme": {}, "created_at": form["created_at"]});
    assert_eq!(bare, expected);
    assert_eq!(admin.patch(&path, json!({})).await.expect(200).json(), expected);

    let second = admin.post("/forms", json!({"name": "Second"})).await.expect(201).json();
    assert_eq!((&second["topics"], text(&second, "locale"), &second["theme"]), (&json!([]), "en", &json!({})));
    assert_eq!(admin.all("/forms").await, [second, expected]);
}

#[tokio::test]
async fn what_is_no_form_is_refused_with_every_fault() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": "",
        "topics": [{"key": "", "label": "x"}, {"label": "x"}, {"key": "a", "label": "", "hint": "x"}],
        "allowed_origins": ["https://shop.example/", "*", "https://*.example", "shop.example", "https://a.b;script-src *"],
        "locale": "xx",
        "theme": {"accent": "red;}", "background": "url(x)", "radius": 33, "font": "Comic Sans", "css": "x"},
        "color": "red",
    });
    let faults = admin.post("/forms", body).await.faults();
    let expected = [
        ("/color", "unknown_field"),
        ("/name", "too_short"),
        ("/topics/0/key", "too_short"),
        ("/topics/1/key", "required"),
        ("/topics/2/hint", "unknown_field"),
        ("/topics/2/label", "too_short"),
        ("/allowed_origins/0", "invalid_origin"),
        ("/allowed_origins/1", "invalid_origin"),
        ("/allowed_origins/2", "invalid_origin"),
        ("/allowed_origins/3", "invalid_origin"),
        ("/allowed_origins/4", "invalid_origin"),
        ("/locale", "invalid_value"),
        ("/theme/css", "unknown_field"),
        ("/theme/accent", "invalid_color"),
        ("/theme/background", "invalid_color"),
        ("/theme/radius", "out_of_range"),
        ("/theme/font", "invalid_value"),
    ];
    assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));

    let twice = json!([{"key": "a", "label": "One"}, {"key": "b", "label": "One"}, {"key": "a", "label": "Two"}]);
    let duplicate = [("/topics/2/key".to_owned(), "duplicate".to_owned())];
    assert_eq!(admin.post("/forms", json!({"name": "Help", "topics": twice})).await.faults(), duplicate);
    let form = admin.post("/forms", json!({"name": "Help"})).await.expect(201).json();
    let path = format!("/forms/{}", text(&form, "id"));
    assert_eq!(admin.patch(&path, json!({"topics": twice})).await.faults(), duplicate);
    for unlawful in [json!({"name": null}), json!({"locale": null}), json!({"id": form["id"]}), json!({"theme": []})] {
        admin.patch(&path, unlawful).await.problem(422, "validation_failed");
    }
    let many: Vec<_> = (0..51).map(|number| json!({"key": format!("{number}"), "label": "x"})).collect();
    let faults = admin.patch(&path, json!({"topics": many})).await.faults();
    assert_eq!(faults, [("/topics".to_owned(), "too_many".to_owned())]);
    assert_eq!(admin.get(&path).await.expect(200).json(), form, "nothing of it was kept");
    for none in ["frm_", "que_01J9X2M3N4P5Q6R7S8T9VAWBXC", "x"] {
        admin.get(&format!("/forms/{none}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_form_is_made_once_however_often_it_is_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ask = Ask::post("/forms").fresh_key().json(&json!({"name": "Help"}));
    let made = admin.send(ask.clone()).await.expect(201);
    let replayed = admin.send(ask).await.expect(201);
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), (Some("true"), &made.body));
    assert_eq!(replayed.header("location"), made.header("location"));
    assert_eq!(admin.all("/forms").await.len(), 1);
}

#[tokio::test]
async fn forms_take_an_admin_and_belong_to_their_realm() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = admin.post("/forms", json!({"name": "Help"})).await.expect(201).json();
    let path = format!("/forms/{}", text(&form, "id"));
    for scope in [Scope::TicketsRead, Scope::TicketsWrite, Scope::Webhooks] {
        let other = app.client(ACME, &[scope]).await;
        other.get("/forms").await.problem(403, "insufficient_scope");
        other.get(&path).await.problem(403, "insufficient_scope");
        other.post("/forms", json!({"name": "Mine"})).await.problem(403, "insufficient_scope");
        other.patch(&path, json!({"name": "Mine"})).await.problem(403, "insufficient_scope");
    }
    let live = app.client(ACME_LIVE, &[Scope::Admin]).await;
    live.get(&path).await.problem(404, "not_found");
    live.patch(&path, json!({"name": "Mine"})).await.problem(404, "not_found");
    assert_eq!(live.all("/forms").await, [Value::Null; 0]);
    assert_eq!(admin.get(&path).await.expect(200).json(), form);
}

#[tokio::test]
async fn there_are_no_more_forms_than_there_may_be() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..100 {
        admin.post("/forms", json!({"name": format!("Form {number}")})).await.expect(201);
    }
    admin.post("/forms", json!({"name": "One more"})).await.problem(409, "form_limit_reached");
    assert_eq!(admin.all("/forms").await.len(), 100);
}
