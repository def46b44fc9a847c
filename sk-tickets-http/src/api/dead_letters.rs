use sk_tickets_core::{
    Command, DeadLetterCommand, Delivery, DeliveryFilter, DeliveryId, DiscardDeadLetter, Error, JobId, Page,
    ReplayDeadLetters, ReplayJob,
};

use super::{
    answers::{Accepted, Changed, Found},
    arguments::{Body, Filter, NoBody, Paged},
    call::{Call, not_found},
    deliveries,
};
use crate::platform::query::Query;

pub(super) async fn list(call: Call, list: Paged<Letters>) -> Result<Found<Page<Delivery>>, Error> {
    let Letters(filter) = list.filter;
    Ok(Found(call.desk.deliveries(&filter, &list.page).await?))
}

pub(super) async fn get(call: Call, id: DeliveryId) -> Result<Found<Delivery>, Error> {
    let delivery = call.desk.delivery(id).await?.filter(Delivery::is_dead_letter);
    Ok(Found(delivery.ok_or_else(not_found)?))
}

pub(super) async fn replay(call: Call, id: DeliveryId, body: NoBody) -> Result<Changed<Delivery>, Error> {
    call.execute(Command::DeadLetter(DeadLetterCommand::Replay(id)), &body.sent).await
}

pub(super) async fn replay_all(call: Call, body: Body<ReplayDeadLetters>) -> Result<Accepted<ReplayJob>, Error> {
    call.execute(Command::ReplayDeadLetters(body.request), &body.sent).await
}

pub(super) async fn job(call: Call, id: JobId) -> Result<Found<ReplayJob>, Error> {
    Ok(Found(call.desk.replay_job(id).await?.ok_or_else(not_found)?))
}

pub(super) async fn discard(
    call: Call,
    id: DeliveryId,
    body: Body<DiscardDeadLetter>,
) -> Result<Changed<Delivery>, Error> {
    call.execute(Command::DeadLetter(DeadLetterCommand::Discard(id, body.request)), &body.sent).await
}

/// Deliveries that are dead letters.
#[derive(Debug)]
pub(super) struct Letters(DeliveryFilter);

impl Filter for Letters {
    fn read(query: &mut Query) -> Self {
        Self(DeliveryFilter { dead_letters: true, ..deliveries::shared_filter(query) })
    }
}
