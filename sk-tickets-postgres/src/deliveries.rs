//! The SQL of lists of deliveries. What [`list`](crate::list) says of lists holds here too, but for the types of deliveries
//! that are no dead letters: an index of those would cost something with each event, so they are looked through.

use std::fmt::Write;

use sk_tickets_core::{
    model::{
        delivery::{DeliveryFilter, DeliveryStatus},
        event::EventType,
    },
    platform::id::DeliveryId,
    store::PageSpec,
};

use crate::{
    list::{beyond, direction, first_of, span},
    reader::{attempts_of_delivery, limit},
    realms::RealmNumber,
    row::{attempt_columns, delivery_columns},
    statement::{Query, Value, id, in_realm, text},
};

/// A page of deliveries.
pub(crate) fn page(realm: RealmNumber, filter: &DeliveryFilter, page: PageSpec<DeliveryId>) -> Query {
    let mut query = Query::on(realm);
    let Matching { span, mut conditions } = matching(&mut query, filter);
    if let Some(after) = page.after {
        let _ = write!(conditions, " AND id {} {}", beyond(page.order), query.bind(id(after)));
    }
    let select = |condition: &str| format!(concat!("SELECT ", delivery_columns!(), "{}{}"), conditions, condition);
    let branches: Vec<_> = branches(&mut query, filter).iter().map(|condition| select(condition)).collect();
    let limit = query.bind(Value::Number(limit(page.limit)));
    query.sql = format!(
        concat!(
            in_realm!("SELECT delivery.*, attempts.* FROM realm "),
            "{} CROSS JOIN LATERAL ({}) AS delivery ",
            attempts_of_delivery!(),
            " ORDER BY delivery.id {}"
        ),
        span,
        first_of(&branches, page.order, &limit),
        direction(page.order)
    );
    query
}

/// How many deliveries match, for a place in `FROM` after the realm.
pub(crate) fn count(query: &mut Query, filter: &DeliveryFilter) -> String {
    let Matching { span, conditions } = matching(query, filter);
    format!("{span} CROSS JOIN LATERAL (SELECT count(*){conditions} OFFSET 0)")
}

/// What a filter of deliveries comes to.
struct Matching {
    /// The row that bounds of time come from, to be joined first.
    span: String,
    /// From the table on.
    conditions: String,
}

/// The conditions of a filter of deliveries.
fn matching(query: &mut Query, filter: &DeliveryFilter) -> Matching {
    let DeliveryFilter { status, endpoint_id, types, from, to, dead_letters } = filter;
    let mut conditions =
        " FROM sk_tickets.deliveries WHERE tenant = realm.tenant AND environment = realm.environment".to_owned();
    if let Some(status) = status {
        let _ = write!(conditions, " AND status = {}", query.bind(text(status.as_str())));
    }
    if let Some(endpoint) = endpoint_id {
        let _ = write!(conditions, " AND endpoint_id = {}", query.bind(id(*endpoint)));
    }
    if !types.is_empty() {
        let types: Vec<_> = types.iter().map(|one| query.bind(text(one.as_str()))).collect();
        let _ = write!(conditions, " AND event_type IN ({})", types.join(", "));
    }
    if *dead_letters {
        // The same words as in the partial indexes, so that they are used.
        conditions += " AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled')";
    }
    let span = span(query, &mut conditions, *from, *to);
    Matching { span, conditions }
}

/// One more condition for each branch of a page of deliveries: where an index has a column before the id, a branch for
/// each value.
fn branches(query: &mut Query, filter: &DeliveryFilter) -> Vec<String> {
    let DeliveryFilter { status, endpoint_id, types, dead_letters, .. } = filter;
    let mut is = |column: &str, word: &str| format!(" AND {column} = {}", query.bind(text(word)));
    if *dead_letters && !types.is_empty() {
        let types = EventType::ALL.iter().filter(|one| types.contains(one));
        types.map(|one| is("event_type", one.as_str())).collect()
    } else if endpoint_id.is_some() && status.is_none() && !dead_letters {
        DeliveryStatus::ALL.iter().map(|status| is("status", status.as_str())).collect()
    } else {
        vec![String::new()]
    }
}
