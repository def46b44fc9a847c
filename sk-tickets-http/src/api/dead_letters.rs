use axum::response::Response;
use sk_tickets_core::{Command, DeadLetterCommand, Delivery, DeliveryFilter, DiscardDeadLetter, Error};

use super::call::{Call, json, not_found};

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let (filter, page) =
        call.list(|query| DeliveryFilter { status: None, endpoint_id: query.one("endpoint_id"), dead_letters: true })?;
    json(&call.desk.deliveries(&filter, &page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let delivery = call.desk.delivery(id).await?.filter(Delivery::is_dead_letter);
    json(&delivery.ok_or_else(not_found)?)
}

pub(super) async fn replay(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let sent = call.no_fields()?;
    call.execute(Command::DeadLetter(DeadLetterCommand::Replay(id)), &sent).await
}

pub(super) async fn discard(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<DiscardDeadLetter>()?;
    call.execute(Command::DeadLetter(DeadLetterCommand::Discard(id, body)), &sent).await
}
