use sk_tickets_core::{Command, CreateForm, Error, Form, FormCommand, FormId, Page, UpdateForm};

use super::{
    answers::{Changed, Created, Found},
    arguments::{Body, Paged},
    call::{Call, not_found},
};

pub(super) async fn create(call: Call, body: Body<CreateForm>) -> Result<Created<Form>, Error> {
    call.execute(Command::Form(FormCommand::Create(body.request)), &body.sent).await
}

pub(super) async fn list(call: Call, list: Paged<()>) -> Result<Found<Page<Form>>, Error> {
    Ok(Found(call.desk.forms(&list.page).await?))
}

pub(super) async fn get(call: Call, id: FormId) -> Result<Found<Form>, Error> {
    Ok(Found(call.desk.form(id).await?.ok_or_else(not_found)?))
}

pub(super) async fn update(call: Call, id: FormId, body: Body<UpdateForm>) -> Result<Changed<Form>, Error> {
    call.execute(Command::Form(FormCommand::Update(id, body.request)), &body.sent).await
}
