use sk_tickets_core::{
    Command, EntryId, Error, Page, PostEntry, PostKind, RedactEntry, Scope, ThreadEntry, TicketCommand, TicketId,
};

use super::{
    answers::{Changed, Created, Found},
    arguments::{Body, IfMatch, Paged},
    call::{Call, not_found},
};

pub(super) async fn post(
    call: Call,
    id: TicketId,
    body: Body<PostEntry>,
    if_match: IfMatch,
) -> Result<Created<ThreadEntry>, Error> {
    // A note is triage; a message reaches the customer.
    if body.request.kind == PostKind::Message {
        call.require(Scope::TicketsWrite)?;
    }
    call.execute_if(if_match, Command::Ticket(TicketCommand::Post(id, body.request)), &body.sent).await
}

pub(super) async fn redact(
    call: Call,
    id: TicketId,
    entry: EntryId,
    body: Body<RedactEntry>,
    if_match: IfMatch,
) -> Result<Changed<ThreadEntry>, Error> {
    call.execute_if(if_match, Command::Redact(id, entry, body.request), &body.sent).await
}

pub(super) async fn list(call: Call, id: TicketId, list: Paged<()>) -> Result<Found<Page<ThreadEntry>>, Error> {
    Ok(Found(call.desk.thread(id, &list.page).await?.ok_or_else(not_found)?))
}

pub(super) async fn get(call: Call, id: TicketId, entry: EntryId) -> Result<Found<ThreadEntry>, Error> {
    Ok(Found(call.desk.thread_entry(id, entry).await?.ok_or_else(not_found)?))
}
