use axum::response::Response;
use sk_tickets_core::{Command, Error, PostEntry, PostKind, Scope, TicketCommand};

use super::call::{Call, json, not_found};

pub(super) async fn post(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<PostEntry>()?;
    // A note is triage; a message reaches the customer.
    if body.kind == PostKind::Message {
        call.require(Scope::TicketsWrite)?;
    }
    call.execute_if_match(Command::Ticket(TicketCommand::Post(id, body)), &sent).await
}

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    let ((), page) = call.list(|_| ())?;
    json(&call.desk.thread(id, &page).await?.ok_or_else(not_found)?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let (id, entry) = (call.id("id")?, call.id("entry")?);
    call.no_query()?;
    json(&call.desk.thread_entry(id, entry).await?.ok_or_else(not_found)?)
}
