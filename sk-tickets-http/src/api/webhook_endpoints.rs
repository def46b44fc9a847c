use axum::response::Response;
use sk_tickets_core::{Command, CreateEndpoint, EndpointCommand, EndpointId, Error, RotateSecret, UpdateEndpoint};

use super::call::{Call, json, not_found};

pub(super) async fn create(call: Call) -> Result<Response, Error> {
    call.no_query()?;
    let (body, sent) = call.request::<CreateEndpoint>()?;
    call.execute(Command::Endpoint(EndpointCommand::Create(body)), &sent).await
}

pub(super) async fn list(call: Call) -> Result<Response, Error> {
    let ((), page) = call.list(|_| ())?;
    json(&call.desk.endpoints(&page).await?)
}

pub(super) async fn get(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    json(&call.desk.endpoint(id).await?.ok_or_else(not_found)?)
}

pub(super) async fn update(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<UpdateEndpoint>()?;
    call.execute(Command::Endpoint(EndpointCommand::Update(id, body)), &sent).await
}

pub(super) async fn delete(call: Call) -> Result<Response, Error> {
    bare(call, EndpointCommand::Delete).await
}

pub(super) async fn enable(call: Call) -> Result<Response, Error> {
    bare(call, EndpointCommand::Enable).await
}

pub(super) async fn disable(call: Call) -> Result<Response, Error> {
    bare(call, EndpointCommand::Disable).await
}

pub(super) async fn ping(call: Call) -> Result<Response, Error> {
    bare(call, EndpointCommand::Ping).await
}

pub(super) async fn rotate_secret(call: Call) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let (body, sent) = call.request::<RotateSecret>()?;
    call.execute(Command::Endpoint(EndpointCommand::RotateSecret(id, body)), &sent).await
}

/// A command that says no more than which endpoint.
async fn bare(call: Call, command: fn(EndpointId) -> EndpointCommand) -> Result<Response, Error> {
    let id = call.id("id")?;
    call.no_query()?;
    let sent = call.no_fields()?;
    call.execute(Command::Endpoint(command(id)), &sent).await
}
