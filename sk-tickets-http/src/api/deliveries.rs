use sk_tickets_core::{Delivery, DeliveryFilter, DeliveryId, Error, Page};

use super::{
    answers::Found,
    arguments::{Filter, Paged},
    call::{Call, not_found},
};
use crate::platform::query::Query;

pub(super) async fn list(call: Call, list: Paged<DeliveryFilter>) -> Result<Found<Page<Delivery>>, Error> {
    Ok(Found(call.desk.deliveries(&list.filter, &list.page).await?))
}

pub(super) async fn get(call: Call, id: DeliveryId) -> Result<Found<Delivery>, Error> {
    Ok(Found(call.desk.delivery(id).await?.ok_or_else(not_found)?))
}

impl Filter for DeliveryFilter {
    fn read(query: &mut Query) -> Self {
        Self { status: query.one("status", "Only deliveries that stand so."), ..shared_filter(query) }
    }
}

/// What deliveries and dead letters are filtered by alike.
pub(super) fn shared_filter(query: &mut Query) -> DeliveryFilter {
    DeliveryFilter {
        status: None,
        endpoint_id: query.one("endpoint_id", "Only those for this endpoint."),
        types: query.all("type", "Only those of events of this type, or of one of these."),
        from: query.one("from", "Only those of events since then."),
        to: query.one("to", "Only those of events before then."),
        dead_letters: false,
    }
}
