use sk_tickets_core::{
    Command, CreateEndpoint, EndpointCommand, EndpointId, EndpointView, Error, Page, RotateSecret, UpdateEndpoint,
};

use super::{
    answers::{Changed, Created, Deleted, Found},
    arguments::{Body, NoBody, Paged},
    call::{Call, not_found},
};

pub(super) async fn create(call: Call, body: Body<CreateEndpoint>) -> Result<Created<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Create(body.request)), &body.sent).await
}

pub(super) async fn list(call: Call, list: Paged<()>) -> Result<Found<Page<EndpointView>>, Error> {
    Ok(Found(call.desk.endpoints(&list.page).await?))
}

pub(super) async fn get(call: Call, id: EndpointId) -> Result<Found<EndpointView>, Error> {
    Ok(Found(call.desk.endpoint(id).await?.ok_or_else(not_found)?))
}

pub(super) async fn update(
    call: Call,
    id: EndpointId,
    body: Body<UpdateEndpoint>,
) -> Result<Changed<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Update(id, body.request)), &body.sent).await
}

pub(super) async fn delete(call: Call, id: EndpointId, body: NoBody) -> Result<Deleted, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Delete(id)), &body.sent).await
}

pub(super) async fn enable(call: Call, id: EndpointId, body: NoBody) -> Result<Changed<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Enable(id)), &body.sent).await
}

pub(super) async fn disable(call: Call, id: EndpointId, body: NoBody) -> Result<Changed<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Disable(id)), &body.sent).await
}

pub(super) async fn ping(call: Call, id: EndpointId, body: NoBody) -> Result<Changed<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::Ping(id)), &body.sent).await
}

pub(super) async fn rotate_secret(
    call: Call,
    id: EndpointId,
    body: Body<RotateSecret>,
) -> Result<Changed<EndpointView>, Error> {
    call.execute(Command::Endpoint(EndpointCommand::RotateSecret(id, body.request)), &body.sent).await
}
