//! The SQL of lists of deliveries. Those for one endpoint, of one status, and dead letters have an index each; whatever
//! else is asked for is looked at row by row.

use std::fmt::Write;

use rusqlite::{Connection, params_from_iter, types::Value};
use sk_tickets_core::{
    model::{
        delivery::{DeliveryFilter, DeliveryStatus},
        page::Order,
    },
    platform::id::DeliveryId,
    store::PageSpec,
};

use crate::{
    columns::Columns,
    error::Result,
    list::Query,
    outbox::is_dead_letter,
    realms::RealmNumber,
    row::{self, delivery_columns},
};

/// A page of deliveries.
pub(crate) fn page(realm: RealmNumber, filter: &DeliveryFilter, page: PageSpec<DeliveryId>) -> Query {
    let mut query = Query::default();
    let mut conditions = conditions(&mut query, realm, filter);
    if let Some(after) = page.after {
        let sign = match page.order {
            Order::Asc => ">",
            Order::Desc => "<",
        };
        let _ = write!(conditions, " AND id {sign} {}", query.bind(row::id(after)));
    }
    let select = format!(concat!("SELECT id, ", delivery_columns!(), " FROM {} WHERE {}"), source(filter), conditions);
    let branches: Vec<_> = match (filter.endpoint_id, filter.status, filter.dead_letters) {
        // The index goes on with the status, so there is a branch for each.
        (Some(_), None, false) => DeliveryStatus::ALL
            .iter()
            .map(|status| format!("{select} AND status = {}", query.bind(row::text(status.as_str()))))
            .collect(),
        (Some(_), None, true) | (Some(_), Some(_), _) | (None, _, _) => vec![select],
    };
    query.finish(&branches, page.order, page.limit)
}

/// How many deliveries match.
pub(crate) fn count(connection: &Connection, realm: RealmNumber, filter: &DeliveryFilter) -> Result<u64> {
    let Query { sql, values } = counting(realm, filter);
    let count =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| Columns::of(row).number())?;
    Ok(count)
}

fn counting(realm: RealmNumber, filter: &DeliveryFilter) -> Query {
    let mut query = Query::default();
    let conditions = conditions(&mut query, realm, filter);
    query.sql = format!("SELECT count(*) FROM {} WHERE {conditions}", source(filter));
    query
}

/// What to select from: the view that has the way by the narrowest filter.
const fn source(filter: &DeliveryFilter) -> &'static str {
    match (filter.endpoint_id, filter.status, filter.dead_letters) {
        (Some(_), _, _) => "my_deliveries_by_endpoint",
        (None, _, true) => "my_dead_letters",
        (None, Some(_), false) => "my_deliveries_by_status",
        (None, None, false) => "my_deliveries",
    }
}

/// The condition that deliveries match.
fn conditions(query: &mut Query, realm: RealmNumber, filter: &DeliveryFilter) -> String {
    let DeliveryFilter { status, endpoint_id, types, from, to, dead_letters } = filter;
    let mut conditions = format!("realm = {}", query.bind(Value::Integer(realm)));
    if *dead_letters {
        conditions += concat!(" AND ", is_dead_letter!());
    }
    for (comparison, value) in [
        ("endpoint_id =", endpoint_id.map(row::id)),
        ("status =", status.map(|status| row::text(status.as_str()))),
        ("created_at >=", from.map(row::time)),
        ("created_at <", to.map(row::time)),
    ] {
        if let Some(value) = value {
            let _ = write!(conditions, " AND {comparison} {}", query.bind(value));
        }
    }
    if !types.is_empty() {
        let types: Vec<_> = types.iter().map(|one| query.bind(row::text(one.as_str()))).collect();
        let _ = write!(conditions, " AND event_type IN ({})", types.join(", "));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use sk_tickets_core::{
        model::event::EventType,
        platform::{id::EndpointId, time::Timestamp},
    };

    use super::*;
    use crate::list::tests::{assert_walks, database, plan};

    const PAGES: [PageSpec<DeliveryId>; 3] = [
        PageSpec { after: None, order: Order::Desc, limit: 26 },
        PageSpec { after: Some(DeliveryId::from_bytes([7; 16])), order: Order::Desc, limit: 26 },
        PageSpec { after: Some(DeliveryId::from_bytes([7; 16])), order: Order::Asc, limit: 26 },
    ];

    #[test]
    fn each_filter_of_deliveries_has_its_index() {
        let (_folder, connection) = database();
        let endpoint = Some(EndpointId::from_bytes([3; 16]));
        let dead = Some(DeliveryStatus::Dead);
        for (status, endpoint_id, dead_letters, index) in [
            (None, None, false, "PRIMARY KEY (realm=?"),
            (dead, None, false, "deliveries_status (realm=? AND status=?"),
            (None, endpoint, false, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
            (dead, endpoint, false, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
            (None, None, true, "deliveries_dead_letters (realm=?"),
            (None, endpoint, true, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
        ] {
            let at = Some(Timestamp::from_millis(1_000));
            let types = vec![EventType::Ping, EventType::TicketCreated];
            let bare = DeliveryFilter { status, endpoint_id, dead_letters, ..DeliveryFilter::default() };
            for filter in [DeliveryFilter { types, from: at, to: at, ..bare.clone() }, bare] {
                for page in PAGES.map(|page| super::page(1, &filter, page)) {
                    let plan = plan(&connection, &page);
                    assert_walks(&plan);
                    assert!(plan.contains(index), "{index} is not in\n{plan}");
                }
            }
        }
    }

    #[test]
    fn dead_letters_are_counted_by_their_index() {
        let (_folder, connection) = database();
        let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
        let of_one = DeliveryFilter { endpoint_id: Some(EndpointId::from_bytes([3; 16])), ..letters.clone() };
        for (filter, index) in [
            (letters, "deliveries_dead_letters (realm=?)"),
            (of_one, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?)"),
        ] {
            let plan = plan(&connection, &counting(1, &filter));
            assert!(plan.contains("SEARCH") && plan.contains(index), "{plan}");
        }
    }
}
