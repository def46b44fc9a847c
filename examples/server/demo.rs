//! `/demo`: a shop's page with a support form, and what becomes of what is sent. Only for the tenant that the first start
//! makes, in its test world, and only where the server listens on this machine alone.
//!
//! The form is made when somebody first looks at the page: who starts with the API finds nothing there but their own.

use std::collections::HashMap;

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use sk_tickets_core::{
    BASE_PATH, CreateForm, CreateQueue, DeliveryFilter, Desk, Error, Form, IdempotencyKey, PageRequest, Priority,
    Tickets, UserId,
    limits::PAGE_MAX,
    model::form::{NewFormTopic, ThemePatch},
    platform::{input::Patch, text::List},
};

use crate::Failure;

/// What customers can choose from: the topic, what they read, and the queue that it leads to.
const TOPICS: [(&str, &str, &str); 3] = [
    ("delivery", "Where is my order?", "orders"),
    ("damaged", "Something arrived damaged", "orders"),
    ("invoice", "A question about an invoice", "billing"),
];
/// How many events are shown.
const EVENTS_MAX: usize = 6;

/// The pages, on a desk of the tenant.
pub(crate) fn router(tickets: Tickets, desk: Desk) -> Router {
    let file = |content_type: &'static str, body: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, content_type)], body) })
    };
    Router::new()
        .route("/demo", get(page))
        .route("/demo/events", get(events))
        .route("/demo/style.css", file("text/css; charset=utf-8", include_str!("../demo/style.css")))
        .route("/demo/script.js", file("text/javascript; charset=utf-8", include_str!("../demo/script.js")))
        .with_state(Demo { tickets, desk })
}

#[derive(Debug, Clone)]
struct Demo {
    tickets: Tickets,
    desk: Desk,
}

async fn page(State(demo): State<Demo>) -> Response {
    match demo.form().await {
        Ok(Some(form)) => {
            let at = format!("{BASE_PATH}/forms/{}", form.id);
            Html(include_str!("../demo/index.html").replace("{{form}}", &at)).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "a first start on an empty database makes the demo\n").into_response(),
        Err(error) => failed(&*error),
    }
}

impl Demo {
    /// The form, which is made the first time: asked again with the same key, the answer is that of the first time. None
    /// if the tenant is not there.
    async fn form(&self) -> Result<Option<Form>, Failure> {
        let keys = self.tickets.store().api_keys().await?;
        if !keys.iter().any(|key| key.realm == *self.desk.realm()) {
            return Ok(None);
        }
        self.make_queues().await?;
        let topics = TOPICS.iter().map(|(key, label, _)| -> Result<_, Failure> {
            Ok(NewFormTopic { key: key.parse()?, label: label.parse()? })
        });
        let topics = List::new(topics.collect::<Result<_, _>>()?)?;
        let theme = ThemePatch { accent: Patch::Set("#2f6b45".parse()?), ..ThemePatch::nothing() };
        let create = CreateForm { topics, theme: Some(theme), ..CreateForm::new("How can we help?")? };
        Ok(Some(self.desk.create_form(&IdempotencyKey::system("demo form"), create).await?.value))
    }

    /// Queues for the topics, each with an owner.
    async fn make_queues(&self) -> Result<(), Failure> {
        for (queue, owner, priority) in [("orders", 1, Priority::High), ("billing", 2, Priority::Normal)] {
            let topics = TOPICS.iter().filter(|(.., to)| *to == queue).map(|(topic, ..)| topic.parse());
            let create = CreateQueue {
                topics: List::new(topics.collect::<Result<_, _>>()?)?,
                default_owner_id: Some(UserId::from_bytes([owner; 16]).into()),
                default_priority: Some(priority),
                ..CreateQueue::new(queue.parse()?)
            };
            match self.desk.create_queue(&IdempotencyKey::system(&format!("demo {queue}")), create).await {
                Ok(_) => {}
                // Somebody has a queue or a topic of that name already, which will do.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The newest events, and which webhooks told of them.
async fn events(State(demo): State<Demo>) -> Response {
    match recent(&demo.desk).await {
        Ok(recent) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, recent.to_string()).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn recent(desk: &Desk) -> Result<Value, Error> {
    let whole_page = PageRequest::first().limit(PAGE_MAX);
    let events = desk.events(&PageRequest::first().limit(EVENTS_MAX)).await?.data;
    let endpoints: HashMap<_, _> =
        desk.endpoints(&whole_page).await?.data.into_iter().map(|endpoint| (endpoint.id, endpoint.url)).collect();
    let deliveries = desk.deliveries(&DeliveryFilter::default(), &whole_page).await?.data;
    let events: Vec<_> = events
        .iter()
        .map(|event| {
            let payload: Value = serde_json::from_slice(&event.payload).unwrap_or_default();
            let ticket = &payload["data"]["ticket"];
            let webhooks: Vec<_> = deliveries
                .iter()
                .filter(|delivery| delivery.event_id == event.id)
                .map(|delivery| json!({"to": endpoints.get(&delivery.endpoint_id), "status": delivery.status}))
                .collect();
            // Nothing that a customer wrote: whoever is at this machine can see it.
            json!({
                "id": event.id,
                "type": event.event_type,
                "ticket_id": event.ticket_id,
                "topic": ticket["topic"],
                "queue": ticket["queue"],
                "owner_id": ticket["owner_id"],
                "webhooks": webhooks,
            })
        })
        .collect();
    Ok(json!({"events": events, "has_endpoints": !endpoints.is_empty()}))
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!("the demo: {error}");
    (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong; the log says what\n").into_response()
}
