use axum::response::Response;
use sk_tickets_core::{DeliveryFilter, Error};

use super::call::{Call, json, not_found};

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let (filter, page) = call.list(|query| DeliveryFilter {
        status: query.one("status"),
        endpoint_id: query.one("endpoint_id"),
        dead_letters: false,
    })?;
    json(&call.desk.deliveries(&filter, &page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    json(&call.desk.delivery(id).await?.ok_or_else(not_found)?)
}
