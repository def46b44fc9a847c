//! The hosted form, as browsers and others ask for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod automatic;
mod pages;
mod sent;

use std::time::Duration;

use sk_tickets_core::{
    CreateForm, CreateQueue, Environment, Form, UserId,
    model::form::{Locale, NewFormTopic},
    platform::{origin::Origin, text::List},
};

use crate::app::{ACME, Answer, Ask, Client, TestApp, fresh_idempotency_key, realm};

/// Longer than the shortest time that anybody needs to fill in a form.
const A_WHILE: Duration = Duration::from_secs(3);
const SHOP: &str = "https://shop.example";

/// A form with two topics, one of which leads to a queue with an owner; a shop may embed it.
async fn form(app: &TestApp) -> Form {
    form_in(app, ACME, Locale::En).await
}

async fn form_in(app: &TestApp, in_realm: (&str, Environment), locale: Locale) -> Form {
    let desk = app.tickets.desk(realm(in_realm));
    let topic = |key: &str, label: &str| NewFormTopic { key: key.parse().unwrap(), label: label.parse().unwrap() };
    let queue = CreateQueue {
        topics: List::new(vec!["delivery".parse().unwrap(), "payroll".parse().unwrap()]).unwrap(),
        default_owner_id: Some(UserId::from_bytes([1; 16]).into()),
        ..CreateQueue::new("orders".parse().unwrap())
    };
    // There may be one already.
    let _ = desk.create_queue(&fresh_idempotency_key(), queue).await;
    let create = CreateForm {
        topics: List::new(vec![topic("delivery", "Where is my order?"), topic("praise", "Praise")]).unwrap(),
        allowed_origins: List::new(vec![SHOP.parse::<Origin>().unwrap()]).unwrap(),
        locale: Some(locale),
        ..CreateForm::new("How can we help?").unwrap()
    };
    desk.create_form(&fresh_idempotency_key(), create).await.unwrap().value
}

/// A customer at a form, who reads it for a while before they send it.
struct Customer<'a> {
    app: &'a TestApp,
    client: Client,
    page: String,
}

impl<'a> Customer<'a> {
    fn at(app: &'a TestApp, form: &Form) -> Self {
        Self { app, client: app.anonymous(), page: format!("/forms/{}/page", form.id) }
    }

    /// Looks at the form; the token of its page.
    async fn look(&self) -> String {
        token(&self.client.get(&self.page).await.expect(200))
    }

    fn ask(&self, token: &str, changes: &[(&'static str, &str)]) -> Ask {
        Ask::post(&self.page).form(&fields(token, changes))
    }

    /// Sends what is filled in, with these changes.
    async fn send(&self, token: &str, changes: &[(&'static str, &str)]) -> Answer {
        self.client.send(self.ask(token, changes)).await
    }

    async fn look_and_send(&self, changes: &[(&'static str, &str)]) -> Answer {
        let token = self.look().await;
        self.app.clock.advance(A_WHILE);
        self.send(&token, changes).await
    }

    /// How many tickets there are in all.
    async fn tickets(&self) -> usize {
        self.app.admin().await.all("/tickets").await.len()
    }
}

/// What is sent, unless changed.
fn fields<'a>(token: &'a str, changes: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let mut fields = vec![
        ("token", token),
        ("name", "Ann Smith"),
        ("email", "ann@example.com"),
        ("topic", "delivery"),
        ("subject", "Where is my order?"),
        ("message", "Ordered two weeks ago.\r\nNothing since."),
        ("website", ""),
    ];
    for (name, value) in changes {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

fn html(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:?}");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The token in the hidden field of a page.
fn token(answer: &Answer) -> String {
    let html = html(answer);
    let (_, rest) = html.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token in {html}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Where the receipt is.
fn receipt(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location").unwrap().to_owned();
    assert!(location.contains("/receipt/"), "{location}");
    location
}
