use sk_tickets_core::{
    ClaimTicket, Command, CreateQueue, Error, Page, Queue, QueueCommand, QueueOverview, QueueSlug, Ticket, UpdateQueue,
};

use super::{
    answers::{Changed, Created, Found, IfAny},
    arguments::{Body, Paged},
    call::{Call, not_found},
};

pub(super) async fn create(call: Call, body: Body<CreateQueue>) -> Result<Created<Queue>, Error> {
    call.execute(Command::Queue(QueueCommand::Create(body.request)), &body.sent).await
}

pub(super) async fn list(call: Call, list: Paged<()>) -> Result<Found<Page<Queue>>, Error> {
    Ok(Found(call.desk.queues(&list.page).await?))
}

pub(super) async fn get(call: Call, key: QueueSlug) -> Result<Found<Queue>, Error> {
    Ok(Found(call.desk.queue(&key).await?.ok_or_else(not_found)?))
}

pub(super) async fn overview(call: Call, key: QueueSlug) -> Result<Found<QueueOverview>, Error> {
    Ok(Found(call.desk.queue_overview(&key).await?.ok_or_else(not_found)?))
}

pub(super) async fn update(call: Call, key: QueueSlug, body: Body<UpdateQueue>) -> Result<Changed<Queue>, Error> {
    call.execute(Command::Queue(QueueCommand::Update(key, body.request)), &body.sent).await
}

pub(super) async fn claim(call: Call, key: QueueSlug, body: Body<ClaimTicket>) -> Result<IfAny<Ticket>, Error> {
    call.execute(Command::Claim(key, body.request), &body.sent).await
}
