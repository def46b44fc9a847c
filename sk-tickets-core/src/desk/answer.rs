//! How an outcome is told: the very bytes that are recorded with a key and given again.

use serde::Serialize;

use super::BASE_PATH;
use crate::{
    decide::{ContactCommand, EndpointCommand, FormCommand, QueueCommand, TicketCommand},
    model::{
        contact::Contact,
        delivery::Delivery,
        endpoint::{Endpoint, EndpointView, ReplayOffer, ReplayOfferBody, Secret},
        form::Form,
        notification::Notification,
        queue::Queue,
        replay_job::ReplayJob,
        sla::SlaPolicy,
        thread::ThreadEntry,
        ticket::Ticket,
    },
    platform::{
        id::RequestId,
        idempotency::{SecretSlot, StoredResponse},
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
        secret: None,
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

/// The entry without its words: nothing in it is to be redacted.
pub(super) fn redacted(entry: &ThreadEntry) -> StoredResponse {
    answer(200, entry)
}

/// `is_new` where it was made.
pub(super) fn contact(command: &ContactCommand, contact: &Contact, is_new: bool) -> StoredResponse {
    match command {
        ContactCommand::Create(_) if is_new => {
            StoredResponse { location: Some(format!("{BASE_PATH}/contacts/{}", contact.id)), ..answer(201, contact) }
        }
        ContactCommand::Create(_) | ContactCommand::Update(..) => answer(200, contact),
    }
}

pub(super) fn queue(command: &QueueCommand, queue: &Queue) -> StoredResponse {
    match command {
        QueueCommand::Create(_) => {
            StoredResponse { location: Some(format!("{BASE_PATH}/queues/{}", queue.key)), ..answer(201, queue) }
        }
        QueueCommand::Update(..) => answer(200, queue),
    }
}

pub(super) fn form(command: &FormCommand, form: &Form) -> StoredResponse {
    match command {
        FormCommand::Create(_) => {
            StoredResponse { location: Some(format!("{BASE_PATH}/forms/{}", form.id)), ..answer(201, form) }
        }
        FormCommand::Update(..) => answer(200, form),
    }
}

pub(super) fn sla_policy(policy: &SlaPolicy) -> StoredResponse {
    answer(200, policy)
}

/// The head of a queue, given to who asked.
pub(super) fn claimed(ticket: &Ticket) -> StoredResponse {
    StoredResponse { etag: Some(ticket.version.etag()), ..answer(200, ticket) }
}

/// There is nothing to tell of.
pub(super) const fn nothing() -> StoredResponse {
    StoredResponse { status: 204, location: None, etag: None, content_type: None, body: Vec::new(), secret: None }
}

pub(super) fn endpoint(command: &EndpointCommand, endpoint: Endpoint, dead_letters: u64) -> StoredResponse {
    match command {
        EndpointCommand::Create(_) => {
            let location = Some(format!("{BASE_PATH}/webhook_endpoints/{}", endpoint.id));
            StoredResponse { location, ..with_secret(201, endpoint) }
        }
        EndpointCommand::RotateSecret(..) => with_secret(200, endpoint),
        EndpointCommand::Delete(_) => nothing(),
        EndpointCommand::Enable(_) => {
            let replay = (dead_letters > 0).then(|| offer(&endpoint, dead_letters));
            answer(200, &EndpointView { replay, ..EndpointView::public(endpoint) })
        }
        EndpointCommand::Update(..) | EndpointCommand::Disable(_) | EndpointCommand::Ping(_) => {
            answer(200, &EndpointView::public(endpoint))
        }
    }
}

/// The endpoint with a slot for its secret: the last text of the last field.
fn with_secret(status: u16, endpoint: Endpoint) -> StoredResponse {
    const AFTER: &[u8] = br#""}"#;
    let secret = endpoint.secret.clone();
    let view = EndpointView { secret: Some(Secret::slot()), ..EndpointView::public(endpoint) };
    let answer = answer(status, &view);
    debug_assert!(answer.body.ends_with(AFTER), "the secret is the last field");
    let at = answer.body.len().saturating_sub(AFTER.len());
    StoredResponse { secret: Some(SecretSlot { at, secret }), ..answer }
}

fn offer(endpoint: &Endpoint, dead_letters: u64) -> ReplayOffer {
    ReplayOffer {
        dead_letters,
        method: "POST".to_owned(),
        path: format!("{BASE_PATH}/dead_letters/replay"),
        body: ReplayOfferBody { endpoint_id: endpoint.id },
    }
}

pub(super) fn replay_job(job: &ReplayJob) -> StoredResponse {
    let location = Some(format!("{BASE_PATH}/dead_letters/jobs/{}", job.id));
    StoredResponse { location, ..answer(202, job) }
}

pub(super) fn delivery(delivery: &Delivery) -> StoredResponse {
    answer(200, delivery)
}

pub(super) fn notification(notification: &Notification) -> StoredResponse {
    answer(200, notification)
}

pub(super) fn problem(problem: &Problem, docs: &str, request_id: RequestId) -> StoredResponse {
    StoredResponse {
        status: problem.status(),
        location: None,
        etag: None,
        content_type: Some(PROBLEM_JSON.to_owned()),
        body: problem.to_json(docs, request_id),
        secret: None,
    }
}
