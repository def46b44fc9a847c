use axum::response::Response;
use sk_tickets_core::{DeliveryFilter, Error};

use super::call::{Call, json, not_found};
use crate::platform::query::Query;

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let (filter, page) = call.list(|query| DeliveryFilter { status: query.one("status"), ..shared_filter(query) })?;
    json(&call.desk.deliveries(&filter, &page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    json(&call.desk.delivery(id).await?.ok_or_else(not_found)?)
}

/// What deliveries and dead letters are filtered by alike.
pub(super) fn shared_filter(query: &mut Query) -> DeliveryFilter {
    DeliveryFilter {
        status: None,
        endpoint_id: query.one("endpoint_id"),
        types: query.all("type"),
        from: query.one("from"),
        to: query.one("to"),
        dead_letters: false,
    }
}
