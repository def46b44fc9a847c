use axum::response::Response;
use sk_tickets_core::{
    Command, DeadLetterCommand, Delivery, DeliveryFilter, DiscardDeadLetter, Error, ReplayDeadLetters,
};

use super::{
    call::{Call, json, not_found},
    deliveries,
};

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let (filter, page) =
        call.list(|query| DeliveryFilter { dead_letters: true, ..deliveries::shared_filter(query) })?;
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

pub(super) async fn replay_all(call: Call) -> Result<Response, Error> {
    call.no_query()?;
    let (body, sent) = call.request::<ReplayDeadLetters>()?;
    call.execute(Command::ReplayDeadLetters(body), &sent).await
}

pub(super) async fn job(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    json(&call.desk.replay_job(id).await?.ok_or_else(not_found)?)
}

pub(super) async fn discard(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<DiscardDeadLetter>()?;
    call.execute(Command::DeadLetter(DeadLetterCommand::Discard(id, body)), &sent).await
}
