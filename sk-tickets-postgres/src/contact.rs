//! Contacts as they are listed.

use std::fmt::Write;

use sk_tickets_core::{
    model::{contact::ContactFilter, id::ContactId},
    store::PageSpec,
};

use crate::{
    list,
    realms::RealmNumber,
    row::contact_columns,
    statement::{Query, text},
};

/// A page of contacts. Few have the same handle, so those are looked at all.
pub(crate) fn page(realm: RealmNumber, filter: &ContactFilter, page: PageSpec<ContactId>) -> Query {
    let ContactFilter { email, phone } = filter;
    let mut query = Query::on(realm);
    let mut conditions = String::new();
    for (column, wanted) in [("email", email), ("phone", phone)] {
        if let Some(wanted) = wanted {
            let _ = write!(conditions, " AND {column} = {}", query.bind(text(wanted)));
        }
    }
    list::by_id(query, contact_columns!(), "contacts", conditions, page)
}
