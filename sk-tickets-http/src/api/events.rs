use axum::response::Response;
use sk_tickets_core::Error;

use super::call::{Call, json, not_found};

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let ((), page) = call.list(|_| ())?;
    json(&call.desk.events(&page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    json(&call.desk.event(id).await?.ok_or_else(not_found)?)
}
