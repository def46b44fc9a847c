use std::str::FromStr;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use sk_tickets_core::{
    AssignTicket, Command, CreateTicket, Error, OwnerFilter, OwnerId, TicketCommand, TicketFilter, TransitionTicket,
    UpdateTicket,
};

use super::call::{Call, json, not_found};
use crate::platform::{
    etag::{self, Condition},
    query::Query,
};

pub(super) async fn create(call: Call) -> Result<Response, Error> {
    call.no_query()?;
    let (body, sent) = call.request::<CreateTicket>()?;
    call.execute(Command::Ticket(TicketCommand::Create(Box::new(body))), &sent).await
}

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let (filter, page) = call.list(filter)?;
    json(&call.desk.tickets(&filter, &page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let condition = etag::condition(&call.headers, &header::IF_NONE_MATCH, true)?;
    let view = call.desk.ticket(id).await?.ok_or_else(not_found)?;
    let version = view.ticket.version;
    let known = match condition {
        None => false,
        Some(Condition::Any) => true,
        Some(Condition::OneOf(versions)) => versions.contains(&version.0),
    };
    // A place in the queue moves without the version, so a ticket that waits is always told anew.
    let mut response = if known && view.queue_position.is_none() {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json(&view)?
    };
    if let Ok(etag) = HeaderValue::try_from(version.etag()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

pub(super) async fn update(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<UpdateTicket>()?;
    call.execute_if_match(Command::Ticket(TicketCommand::Update(id, body)), &sent).await
}

pub(super) async fn assign(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<AssignTicket>()?;
    call.execute_if_match(Command::Ticket(TicketCommand::Assign(id, body)), &sent).await
}

pub(super) async fn transition(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<TransitionTicket>()?;
    call.execute_if_match(Command::Ticket(TicketCommand::Transition(id, body)), &sent).await
}

fn filter(query: &mut Query) -> TicketFilter {
    TicketFilter {
        status: query.all("status"),
        queue: query.one("queue"),
        owner: query.one::<Owner>("owner_id").map(|Owner(owner)| owner),
        contact_id: query.one("contact_id"),
        topic: query.one("topic"),
        priority: query.one("priority"),
        tag: query.one("tag"),
        source: query.one("source"),
        created_after: query.one("created_after"),
        created_before: query.one("created_before"),
    }
}

/// `none`, or the id of an owner.
struct Owner(OwnerFilter);

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(OwnerFilter::Nobody));
        }
        let owner: OwnerId = text.parse().map_err(|error| format!("must be `none`, or {error}"))?;
        Ok(Self(OwnerFilter::Owner(owner)))
    }
}
