//! The SQL of lists of deliveries.

use std::fmt::Write;

use rusqlite::{Connection, params_from_iter, types::Value};
use sk_tickets_core::{
    model::{
        delivery::{DeliveryFilter, DeliveryStatus},
        event::EventType,
        page::Order,
    },
    platform::id::DeliveryId,
    store::PageSpec,
};

use crate::{
    columns::Columns,
    error::Result,
    list::{Query, Within},
    outbox::is_dead_letter,
    realms::{RealmNumber, Skew},
    row::{self, delivery_columns},
};

/// Which filter leads the way through deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Endpoint,
    LetterType,
    Letter,
    Status,
    Id,
}

impl Lead {
    const fn of(filter: &DeliveryFilter) -> Self {
        match (filter.endpoint_id, filter.status, filter.dead_letters) {
            (Some(_), _, _) => Self::Endpoint,
            (None, _, true) if !filter.types.is_empty() => Self::LetterType,
            (None, _, true) => Self::Letter,
            (None, Some(_), false) => Self::Status,
            (None, None, false) => Self::Id,
        }
    }

    /// What to select from.
    const fn source(self) -> &'static str {
        match self {
            Self::Endpoint => "my_deliveries_by_endpoint",
            Self::LetterType => "my_dead_letters_by_type",
            Self::Letter => "my_dead_letters",
            Self::Status => "my_deliveries_by_status",
            Self::Id => "my_deliveries",
        }
    }
}

/// A page of deliveries.
pub(crate) fn page(realm: RealmNumber, skew: Skew, filter: &DeliveryFilter, page: PageSpec<DeliveryId>) -> Query {
    let PageSpec { after, order, limit } = page;
    let mut query = Query::default();
    let lead = Lead::of(filter);
    let conditions = match lead {
        // Each branch names its type: named twice, the index might be read by the other one, and not in order.
        Lead::LetterType => {
            let of_any_type = DeliveryFilter { types: Vec::new(), ..filter.clone() };
            conditions(&mut query, realm, skew, &of_any_type, after, order)
        }
        Lead::Endpoint | Lead::Letter | Lead::Status | Lead::Id => {
            conditions(&mut query, realm, skew, filter, after, order)
        }
    };
    let select = format!(concat!("SELECT id, ", delivery_columns!(), " FROM {} WHERE {}"), lead.source(), conditions);
    let mut branch = |column: &str, word: &str| format!("{select} AND {column} = {}", query.bind(row::text(word)));
    // Where an index has a column before the id, there is a branch for each value of it.
    let branches = match lead {
        Lead::Endpoint if filter.status.is_none() && !filter.dead_letters => {
            DeliveryStatus::ALL.iter().map(|status| branch("status", status.as_str())).collect()
        }
        Lead::LetterType => {
            let types = EventType::ALL.iter().filter(|one| filter.types.contains(one));
            types.map(|one| branch("event_type", one.as_str())).collect()
        }
        Lead::Endpoint | Lead::Letter | Lead::Status | Lead::Id => vec![select],
    };
    query.finish(&branches, order, limit)
}

/// How many deliveries match.
pub(crate) fn count(connection: &Connection, realm: RealmNumber, filter: &DeliveryFilter) -> Result<u64> {
    let skew = Skew::for_times(connection, realm, [filter.from, filter.to])?;
    let Query { sql, values } = counting(realm, skew, filter);
    let count =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| Columns::of(row).number())?;
    Ok(count)
}

fn counting(realm: RealmNumber, skew: Skew, filter: &DeliveryFilter) -> Query {
    let mut query = Query::default();
    let conditions = conditions(&mut query, realm, skew, filter, None, Order::Asc);
    query.sql = format!("SELECT count(*) FROM {} WHERE {conditions}", Lead::of(filter).source());
    query
}

/// The condition that deliveries match and come after the last page.
fn conditions(
    query: &mut Query,
    realm: RealmNumber,
    skew: Skew,
    filter: &DeliveryFilter,
    after: Option<DeliveryId>,
    order: Order,
) -> String {
    let DeliveryFilter { status, endpoint_id, types, from, to, dead_letters } = filter;
    let mut conditions = format!("realm = {}", query.bind(Value::Integer(realm)));
    if *dead_letters {
        conditions += concat!(" AND ", is_dead_letter!());
    }
    if let Some(id) = endpoint_id {
        let _ = write!(conditions, " AND endpoint_id = {}", query.bind(row::id(*id)));
    }
    if let Some(status) = status {
        let _ = write!(conditions, " AND status = {}", query.bind(row::text(status.as_str())));
    }
    if !types.is_empty() {
        let types: Vec<_> = types.iter().map(|one| query.bind(row::text(one.as_str()))).collect();
        let _ = write!(conditions, " AND event_type IN ({})", types.join(", "));
    }
    // The time in a delivery's id is that of its event's.
    let within = Within { id: "id", created_at: "created_at", after, order, from: *from, to: *to };
    conditions + &within.condition(query, skew)
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
        let none: &[EventType] = &[];
        let some: &[EventType] = &[EventType::Ping, EventType::TicketCreated, EventType::Ping];
        for (status, endpoint_id, dead_letters, types, index) in [
            (None, None, false, none, "PRIMARY KEY (realm=?"),
            (dead, None, false, none, "deliveries_status (realm=? AND status=?"),
            (None, endpoint, false, none, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
            (dead, endpoint, false, none, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
            (None, None, true, none, "deliveries_dead_letters (realm=?"),
            (None, endpoint, true, some, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?"),
            (None, None, false, some, "PRIMARY KEY (realm=?"),
            (None, None, true, some, "deliveries_dead_letters_type (realm=? AND event_type=?"),
        ] {
            let types = types.to_vec();
            let filter = DeliveryFilter { status, endpoint_id, types, dead_letters, ..DeliveryFilter::default() };
            let at = Some(Timestamp::from_millis(1_000));
            for filter in [DeliveryFilter { from: at, to: at, ..filter.clone() }, filter] {
                for page in PAGES.map(|page| super::page(1, Skew::default(), &filter, page)) {
                    let plan = plan(&connection, &page);
                    assert_walks(&plan);
                    assert!(plan.contains(index), "{index} is not in\n{plan}");
                    let in_time = filter.from.is_none() || plan.contains("id>? AND id<?)");
                    assert!(in_time, "the time bounds nothing in\n{plan}");
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
            (letters.clone(), "deliveries_dead_letters (realm=?)"),
            (
                DeliveryFilter { types: vec![EventType::Ping], ..letters },
                "deliveries_dead_letters_type (realm=? AND event_type=?)",
            ),
            (of_one, "deliveries_endpoint (realm=? AND endpoint_id=? AND status=?)"),
        ] {
            let plan = plan(&connection, &counting(1, Skew::default(), &filter));
            assert!(plan.contains("SEARCH") && plan.contains(index), "{plan}");
        }
    }
}
