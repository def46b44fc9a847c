use sk_tickets_core::{
    Command, Contact, ContactCommand, ContactFilter, ContactId, CreateContact, Email, Error, Page, Phone, UpdateContact,
};

use super::{
    answers::{Changed, Found, Upserted},
    arguments::{Body, Filter, Paged},
    call::{Call, not_found},
};
use crate::platform::query::Query;

pub(super) async fn create(call: Call, body: Body<CreateContact>) -> Result<Upserted<Contact>, Error> {
    call.execute(Command::Contact(ContactCommand::Create(body.request)), &body.sent).await
}

pub(super) async fn list(call: Call, list: Paged<ContactFilter>) -> Result<Found<Page<Contact>>, Error> {
    Ok(Found(call.desk.contacts(&list.filter, &list.page).await?))
}

pub(super) async fn get(call: Call, id: ContactId) -> Result<Found<Contact>, Error> {
    Ok(Found(call.desk.contact(id).await?.ok_or_else(not_found)?))
}

pub(super) async fn update(call: Call, id: ContactId, body: Body<UpdateContact>) -> Result<Changed<Contact>, Error> {
    call.execute(Command::Contact(ContactCommand::Update(id, body.request)), &body.sent).await
}

impl Filter for ContactFilter {
    fn read(query: &mut Query) -> Self {
        // Read as those of contacts are, so that however they are written the same ones are found.
        Self {
            email: query
                .one("email", "Only the contact with this e-mail address.")
                .map(|email: Email| email.to_string()),
            phone: query.one("phone", "Only contacts with this phone number.").map(|phone: Phone| phone.to_string()),
        }
    }
}
