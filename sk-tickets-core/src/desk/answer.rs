//! How an outcome is told: the very bytes that are recorded with a key and given again.

use serde::Serialize;

use super::BASE_PATH;
use crate::{
    decide::{EndpointCommand, TicketCommand},
    model::{
        delivery::Delivery,
        endpoint::{Endpoint, EndpointView},
        thread::ThreadEntry,
        ticket::Ticket,
    },
    platform::{
        id::RequestId,
        idempotency::StoredResponse,
        problem::{PROBLEM_JSON, Problem},
    },
};

const JSON: &str = "application/json";

fn answer(status: u16, body: &impl Serialize) -> StoredResponse {
    StoredResponse {
        status,
        location: None,
        etag: None,
        content_type: Some(JSON.to_owned()),
        // Plain data with text for names: no resource of ours can fail to be written.
        body: serde_json::to_vec(body).unwrap_or_default(),
    }
}

pub(super) fn ticket(command: &TicketCommand, ticket: &Ticket, entry: Option<&ThreadEntry>) -> StoredResponse {
    let path = format!("{BASE_PATH}/tickets/{}", ticket.id);
    match (command, entry) {
        (TicketCommand::Post(..), Some(entry)) => {
            StoredResponse { location: Some(format!("{path}/thread/{}", entry.id)), ..answer(201, entry) }
        }
        (TicketCommand::Create(_), _) => {
            StoredResponse { location: Some(path), etag: Some(ticket.version.etag()), ..answer(201, ticket) }
        }
        (
            TicketCommand::Update(..)
            | TicketCommand::Assign(..)
            | TicketCommand::Transition(..)
            | TicketCommand::Post(..),
            _,
        ) => StoredResponse { etag: Some(ticket.version.etag()), ..answer(200, ticket) },
    }
}

pub(super) fn endpoint(command: &EndpointCommand, endpoint: Endpoint) -> StoredResponse {
    match command {
        EndpointCommand::Create(_) => {
            let location = Some(format!("{BASE_PATH}/webhook_endpoints/{}", endpoint.id));
            StoredResponse { location, ..answer(201, &EndpointView::with_secret(endpoint)) }
        }
        EndpointCommand::Delete(_) => {
            StoredResponse { status: 204, location: None, etag: None, content_type: None, body: Vec::new() }
        }
        EndpointCommand::Update(..)
        | EndpointCommand::Enable(_)
        | EndpointCommand::Disable(_)
        | EndpointCommand::Ping(_) => answer(200, &EndpointView::public(endpoint)),
    }
}

pub(super) fn delivery(delivery: &Delivery) -> StoredResponse {
    answer(200, delivery)
}

pub(super) fn problem(problem: &Problem, docs: &str, request_id: RequestId) -> StoredResponse {
    StoredResponse {
        status: problem.status(),
        location: None,
        etag: None,
        content_type: Some(PROBLEM_JSON.to_owned()),
        body: problem.to_json(docs, request_id),
    }
}
