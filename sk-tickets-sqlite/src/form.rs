//! Forms: as writes change them, and as they are found.

use rusqlite::{Connection, params, types::Value};
use sk_tickets_core::{
    model::{form::Form, id::FormId},
    platform::realm::Realm,
    store::{FormChange, PageSpec},
};

use crate::{
    columns::Columns,
    error::Result,
    list::{self, Query},
    reader::one,
    realms::RealmNumber,
    row::{self, form_columns},
};

/// Changes a form; false if things are not as expected.
pub(crate) fn change(connection: &Connection, realm: RealmNumber, change: &FormChange) -> Result<bool> {
    match change {
        FormChange::Create { form, others } => {
            Ok(count(connection, realm)? == *others && insert(connection, realm, form)?)
        }
        FormChange::Update { before, after } => update(connection, realm, before, after),
    }
}

/// Adds a form; false if there is one with its id, in whatever realm.
fn insert(connection: &Connection, realm: RealmNumber, form: &Form) -> Result<bool> {
    let Form { id, name, topics, allowed_origins, locale, theme, created_at } = form;
    let inserted = connection
        .prepare_cached(concat!(
            "INSERT INTO forms (realm, ",
            form_columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING"
        ))?
        .execute(params![
            realm,
            id.to_bytes(),
            name,
            row::json(topics)?,
            row::json(allowed_origins)?,
            locale.as_str(),
            row::json(theme)?,
            created_at.as_millis(),
        ])?;
    Ok(inserted == 1)
}

fn update(connection: &Connection, realm: RealmNumber, before: &Form, after: &Form) -> Result<bool> {
    if find(connection, realm, before.id)?.as_ref() != Some(before) {
        return Ok(false);
    }
    let Form { id, name, topics, allowed_origins, locale, theme, created_at } = after;
    let updated = connection
        .prepare_cached(
            "UPDATE forms SET name = ?3, topics = ?4, allowed_origins = ?5, locale = ?6, theme = ?7, created_at = ?8
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            name,
            row::json(topics)?,
            row::json(allowed_origins)?,
            locale.as_str(),
            row::json(theme)?,
            created_at.as_millis(),
        ])?;
    Ok(updated == 1)
}

/// The form with an id.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, id: FormId) -> Result<Option<Form>> {
    let sql = concat!("SELECT ", form_columns!(), " FROM my_forms WHERE realm = ?1 AND id = ?2");
    one(connection, sql, params![realm, id.to_bytes()], |row| row::form(&mut Columns::of(row)))
}

/// How many there are.
pub(crate) fn count(connection: &Connection, realm: RealmNumber) -> Result<usize> {
    let sql = "SELECT count(*) FROM my_forms WHERE realm = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([realm], |row| Columns::of(row).number())?)
}

/// A page of forms.
pub(crate) fn page(realm: RealmNumber, page: PageSpec<FormId>) -> Query {
    let mut query = Query::default();
    let in_realm = format!("realm = {}", query.bind(Value::Integer(realm)));
    list::by_id(query, form_columns!(), "my_forms", &in_realm, page)
}

/// The one form that the scope is for, and its realm.
pub(crate) fn find_public(connection: &Connection) -> Result<Option<(Realm, Form)>> {
    let sql = concat!("SELECT tenant, environment, ", form_columns!(), " FROM public_form");
    one(connection, sql, params![], |row| {
        let mut columns = Columns::of(row);
        Ok((row::realm(&mut columns)?, row::form(&mut columns)?))
    })
}
