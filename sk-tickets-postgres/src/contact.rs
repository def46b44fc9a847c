//! Contacts as they are listed.

use std::fmt::Write;

use sk_tickets_core::{
    model::{contact::ContactFilter, id::ContactId, page::Order},
    store::PageSpec,
};

use crate::{
    reader::limit,
    realms::RealmNumber,
    row::contact_columns,
    statement::{Query, Value, id, in_realm, text},
};

/// A page of contacts. Few have the same handle, so those are looked at all.
pub(crate) fn page(realm: RealmNumber, filter: &ContactFilter, page: PageSpec<ContactId>) -> Query {
    let PageSpec { after, order, limit: most } = page;
    let ContactFilter { email, phone } = filter;
    let mut query = Query::on(realm);
    let mut conditions = String::new();
    for (column, wanted) in [("email", email), ("phone", phone)] {
        if let Some(wanted) = wanted {
            let _ = write!(conditions, " AND {column} = {}", query.bind(text(wanted)));
        }
    }
    let (beyond, direction) = match order {
        Order::Asc => (">", "ASC"),
        Order::Desc => ("<", "DESC"),
    };
    if let Some(after) = after {
        let _ = write!(conditions, " AND id {beyond} {}", query.bind(id(after)));
    }
    let most = query.bind(Value::Number(limit(most)));
    query.sql = format!(
        in_realm!(
            "SELECT contacts.* FROM realm CROSS JOIN LATERAL (SELECT ",
            contact_columns!(),
            " FROM sk_tickets.contacts WHERE tenant = realm.tenant AND environment = realm.environment{}
             ORDER BY id {} LIMIT {}) AS contacts ORDER BY id {}"
        ),
        conditions, direction, most, direction
    );
    query
}
