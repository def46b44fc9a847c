use sk_tickets_core::{Error, Event, EventId, Page};

use super::{
    answers::Found,
    arguments::Paged,
    call::{Call, not_found},
};

pub(super) async fn list(call: Call, list: Paged<()>) -> Result<Found<Page<Event>>, Error> {
    Ok(Found(call.desk.events(&list.page).await?))
}

pub(super) async fn get(call: Call, id: EventId) -> Result<Found<Event>, Error> {
    Ok(Found(call.desk.event(id).await?.ok_or_else(not_found)?))
}
