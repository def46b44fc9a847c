//! Contacts: as writes change them, and as they are found.

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::{
        contact::{Contact, ContactFilter, ContactHandle},
        id::ContactId,
    },
    store::{ContactChange, PageSpec},
};

use crate::{
    columns::Columns,
    error::Result,
    list::{self, Query},
    reader::one,
    realms::RealmNumber,
    row::{self, contact_columns},
};

/// Changes a contact; false if it is not as expected, or if another one would have the same handle.
pub(crate) fn change(connection: &Connection, realm: RealmNumber, change: &ContactChange) -> Result<bool> {
    match change {
        ContactChange::Create(contact) => insert(connection, realm, contact),
        ContactChange::Update { before, after } => update(connection, realm, before, after),
    }
}

/// Adds a contact; false if there is one with its id, or if another one has its address or, without one, its number.
pub(crate) fn insert(connection: &Connection, realm: RealmNumber, contact: &Contact) -> Result<bool> {
    let Contact { id, name, email, phone, created_at } = contact;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO contacts (realm, id, name, email, phone, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (realm, id) DO NOTHING
             ON CONFLICT (realm, email) WHERE email IS NOT NULL DO NOTHING
             ON CONFLICT (realm, phone) WHERE email IS NULL AND phone IS NOT NULL DO NOTHING",
        )?
        .execute(params![realm, id.to_bytes(), name, email, phone, created_at.as_millis()])?;
    Ok(inserted == 1)
}

fn update(connection: &Connection, realm: RealmNumber, before: &Contact, after: &Contact) -> Result<bool> {
    let is_another = |holder: Option<ContactId>| holder.is_some_and(|holder| holder != after.id);
    let is_taken = match (&after.email, &after.phone) {
        (Some(email), _) => is_another(email_holder(connection, realm, email)?),
        (None, Some(phone)) => is_another(phone_holder(connection, realm, phone)?),
        (None, None) => false,
    };
    if is_taken || find(connection, realm, before.id)?.as_ref() != Some(before) {
        return Ok(false);
    }
    let Contact { id, name, email, phone, created_at } = after;
    let updated = connection
        .prepare_cached(
            "UPDATE contacts SET name = ?3, email = ?4, phone = ?5, created_at = ?6 WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![realm, id.to_bytes(), name, email, phone, created_at.as_millis()])?;
    Ok(updated == 1)
}

/// The contact with an id.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, id: ContactId) -> Result<Option<Contact>> {
    let sql = concat!("SELECT ", contact_columns!(), " FROM my_contacts WHERE realm = ?1 AND id = ?2");
    one(connection, sql, params![realm, id.to_bytes()], row::contact)
}

/// The contact with an address or, by phone, the one without an address first.
pub(crate) fn find_by_handle(
    connection: &Connection,
    realm: RealmNumber,
    handle: &ContactHandle,
) -> Result<Option<Contact>> {
    match handle {
        ContactHandle::Email(email) => {
            let sql = concat!("SELECT ", contact_columns!(), " FROM my_contacts WHERE realm = ?1 AND email = ?2");
            one(connection, sql, params![realm, email], row::contact)
        }
        ContactHandle::Phone(phone) => {
            let sql = concat!(
                "SELECT ",
                contact_columns!(),
                " FROM my_contacts WHERE realm = ?1 AND phone = ?2 ORDER BY email IS NOT NULL, id LIMIT 1"
            );
            one(connection, sql, params![realm, phone], row::contact)
        }
    }
}

/// Who has an e-mail address.
pub(crate) fn email_holder(connection: &Connection, realm: RealmNumber, email: &str) -> Result<Option<ContactId>> {
    holder(connection, "SELECT id FROM my_contacts WHERE realm = ?1 AND email = ?2", realm, email)
}

/// Who has a phone number and no e-mail address.
pub(crate) fn phone_holder(connection: &Connection, realm: RealmNumber, phone: &str) -> Result<Option<ContactId>> {
    let sql = "SELECT id FROM my_contacts WHERE realm = ?1 AND phone = ?2 AND email IS NULL";
    holder(connection, sql, realm, phone)
}

fn holder(connection: &Connection, sql: &str, realm: RealmNumber, handle: &str) -> Result<Option<ContactId>> {
    let found =
        connection.prepare_cached(sql)?.query_row(params![realm, handle], |row| Columns::of(row).id()).optional()?;
    Ok(found)
}

/// A page of contacts. Few have the same handle, so those are looked at all.
pub(crate) fn page(realm: RealmNumber, filter: &ContactFilter, page: PageSpec<ContactId>) -> Query {
    let ContactFilter { email, phone } = filter;
    let mut query = Query::default();
    let mut conditions = format!("realm = {}", query.bind(rusqlite::types::Value::Integer(realm)));
    for (column, wanted) in [("email", email), ("phone", phone)] {
        if let Some(wanted) = wanted {
            conditions += &format!(" AND {column} = {}", query.bind(row::text(wanted)));
        }
    }
    list::by_id(query, contact_columns!(), "my_contacts", &conditions, page)
}
