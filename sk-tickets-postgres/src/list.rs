//! The SQL of lists, assembled from fixed fragments for the filters that are set. What callers give is always bound.
//!
//! **Invariant:** for each filter there is an index that gives its rows in the order of pages, so that a page costs the
//! same at any depth. A condition that is not asked for is not in the text (there is no `$1 IS NULL OR …`), and every
//! operator in the text is leakproof, so that it may use an index under row-level security.

use std::fmt::Write;

use sk_tickets_core::{
    model::{
        id::TicketId,
        page::Order,
        ticket::{OwnerFilter, Status, TicketFilter},
    },
    platform::{
        id::{EndpointId, Id, IdKind},
        idempotency::IdempotencyKey,
        time::Timestamp,
    },
    store::PageSpec,
};

use crate::{
    columns::rank,
    reader::limit,
    realms::RealmNumber,
    row::{endpoint_columns, ticket_columns},
    statement::{Query, Value, id, in_realm, text},
};

pub(crate) const fn direction(order: Order) -> &'static str {
    match order {
        Order::Asc => "ASC",
        Order::Desc => "DESC",
    }
}

/// Which way the next page lies.
pub(crate) const fn beyond(order: Order) -> &'static str {
    match order {
        Order::Asc => ">",
        Order::Desc => "<",
    }
}

/// The first rows of any of the branches, in order of id. Each branch comes in that order, no longer than the whole.
pub(crate) fn first_of(branches: &[String], order: Order, limit: &str) -> String {
    let tail = format!("ORDER BY id {} LIMIT {limit}", direction(order));
    match branches {
        [one] => format!("{one} {tail}"),
        many => {
            let many: Vec<_> = many.iter().map(|branch| format!("({branch} {tail})")).collect();
            format!("{} {tail}", many.join(" UNION ALL "))
        }
    }
}

/// Adds the condition that rows come after those of the pages before, once all others are bound; answers the limit.
///
/// Of a statement with an unknown limit the planner thinks that it reads a tenth of what there is, so that a plan for the one at
/// hand seems so much better that it is made anew each time. What is filtered by values is to be planned so: in a plan for any
/// value, what few rows have may be looked for in all of them. What is not is planned once, with its limit in its text.
fn narrow<K: IdKind>(query: &mut Query, conditions: &mut String, page: PageSpec<Id<K>>) -> String {
    let most = if query.binds_more_than_the_realm() {
        query.bind(Value::Number(limit(page.limit)))
    } else {
        page.limit.to_string()
    };
    if let Some(after) = page.after {
        let _ = write!(conditions, " AND id {} {}", beyond(page.order), query.bind(id(after)));
    }
    most
}

/// A page of tickets.
pub(crate) fn tickets(realm: RealmNumber, filter: &TicketFilter, page: PageSpec<TicketId>) -> Query {
    let mut query = Query::on(realm);
    let filtered = Filtered::by(&mut query, filter);
    let mut condition = String::new();
    let limit = narrow(&mut query, &mut condition, page);
    query.sql = format!(
        concat!(in_realm!("SELECT ticket.* FROM realm "), "{} CROSS JOIN LATERAL ({}) AS ticket ORDER BY ticket.id {}"),
        filtered.span,
        first_of(&filtered.branches(&condition), page.order, &limit),
        direction(page.order)
    );
    query
}

/// What a filter lets through, as SQL.
pub(crate) struct Filtered {
    /// The row that the range of ids comes from.
    pub(crate) span: String,
    /// What must hold of a ticket, but for its status.
    conditions: String,
    /// The parameters of the statuses; none if any will do.
    statuses: Vec<String>,
}

impl Filtered {
    pub(crate) fn by(query: &mut Query, filter: &TicketFilter) -> Self {
        let TicketFilter {
            status,
            queue,
            owner,
            contact_id,
            topic,
            priority,
            tag,
            source,
            created_after,
            created_before,
        } = filter;
        let mut conditions = String::new();
        let span = span(query, &mut conditions, *created_after, *created_before);
        let owner_id = match owner {
            Some(OwnerFilter::Owner(owner)) => Some(Value::Text(owner.to_string())),
            Some(OwnerFilter::Nobody) => {
                conditions += " AND owner_id IS NULL";
                None
            }
            None => None,
        };
        for (column, value) in [
            ("owner_id", owner_id),
            ("contact_id", contact_id.map(id)),
            ("topic", topic.as_deref().map(text)),
            ("queue", queue.as_deref().map(text)),
            ("source", source.map(|source| text(source.as_str()))),
            ("priority", priority.map(|priority| Value::Small(rank(priority)))),
        ] {
            if let Some(value) = value {
                let _ = write!(conditions, " AND {column} = {}", query.bind(value));
            }
        }
        if let Some(tag) = tag {
            let _ = write!(
                conditions,
                " AND id IN (SELECT ticket_id FROM sk_tickets.ticket_tags AS tagged
                             WHERE tagged.tenant = realm.tenant AND tagged.environment = realm.environment
                               AND tagged.tag = {})",
                query.bind(text(tag))
            );
        }
        let statuses = Status::ALL.iter().filter(|one| status.contains(one));
        let statuses = statuses.map(|one| query.bind(text(one.as_str()))).collect();
        Self { span, conditions, statuses }
    }

    /// Tickets of any of the statuses for which something else holds too. The index has the status before the id, so
    /// there is a branch for each.
    pub(crate) fn branches(&self, condition: &str) -> Vec<String> {
        let select = |status: &str| {
            format!(
                concat!(
                    "SELECT ",
                    ticket_columns!(),
                    " FROM sk_tickets.tickets
                      WHERE tenant = realm.tenant AND environment = realm.environment{}{}{}"
                ),
                self.conditions, condition, status
            )
        };
        if self.statuses.is_empty() {
            return vec![select("")];
        }
        self.statuses.iter().map(|status| select(&format!(" AND status = {status}"))).collect()
    }

    /// A ticket of any of the statuses, which is found by its key.
    pub(crate) fn one(&self, key: &str) -> String {
        let status = if self.statuses.is_empty() {
            String::new()
        } else {
            format!(" AND status IN ({})", self.statuses.join(", "))
        };
        format!(
            concat!(
                "SELECT ",
                ticket_columns!(),
                " FROM sk_tickets.tickets
                  WHERE tenant = realm.tenant AND environment = realm.environment AND id = {}{}{} OFFSET 0"
            ),
            key, self.conditions, status
        )
    }
}

/// Adds the conditions that rows were made within a time, and that their ids lie within the range that follows from
/// it. Answers the row that the range comes from.
///
/// The walk is by ids, in the order of pages; `+ 0` keeps the index by time out of it, whose rows would have to be sorted.
pub(crate) fn span(
    query: &mut Query,
    conditions: &mut String,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> String {
    let mut bounds = Vec::new();
    if let Some(at) = from {
        let at = query.bind(Value::Number(at.as_millis()));
        let _ = write!(conditions, " AND created_at + 0 >= {at} AND id >= span.floor");
        bounds.push(format!("sk_tickets.id_floor({at} - id_behind_ms) AS floor"));
    }
    if let Some(at) = to {
        let at = query.bind(Value::Number(at.as_millis()));
        let _ = write!(conditions, " AND created_at + 0 < {at} AND id < span.ceiling");
        bounds.push(format!("sk_tickets.id_floor({at} + id_ahead_ms) AS ceiling"));
    }
    if bounds.is_empty() {
        return String::new();
    }
    format!(
        "CROSS JOIN LATERAL (SELECT {} FROM sk_tickets.realms
                             WHERE tenant = realm.tenant AND environment = realm.environment OFFSET 0) AS span",
        bounds.join(", ")
    )
}

/// A page of a table of the realm, in order of id: of rows of which more conditions hold, each after an `AND`.
pub(crate) fn by_id<K: IdKind>(
    mut query: Query,
    columns: &str,
    table: &str,
    mut conditions: String,
    page: PageSpec<Id<K>>,
) -> Query {
    let limit = narrow(&mut query, &mut conditions, page);
    let direction = direction(page.order);
    query.sql = format!(
        in_realm!(
            "SELECT listed.* FROM realm CROSS JOIN LATERAL (SELECT {} FROM sk_tickets.{}
                 WHERE tenant = realm.tenant AND environment = realm.environment{}
                 ORDER BY id {} LIMIT {}) AS listed ORDER BY listed.id {}"
        ),
        columns, table, conditions, direction, limit, direction
    );
    query
}

/// A page of the endpoints that were not deleted.
pub(crate) fn endpoints(realm: RealmNumber, page: PageSpec<EndpointId>) -> Query {
    by_id(Query::on(realm), endpoint_columns!(), "endpoints", " AND deleted_at IS NULL".to_owned(), page)
}

/// A page of the secrets in recorded answers, by key.
pub(crate) fn recorded_secrets(realm: RealmNumber, after: Option<&IdempotencyKey>, most: usize) -> Query {
    let mut query = Query::on(realm);
    // No key is empty.
    query.values.push(text(after.map_or("", IdempotencyKey::as_str)));
    query.values.push(Value::Number(limit(most)));
    query.sql = in_realm!(
        "SELECT claim.* FROM realm CROSS JOIN LATERAL (
             SELECT key, secret FROM sk_tickets.claims
             WHERE tenant = realm.tenant AND environment = realm.environment AND secret IS NOT NULL AND key > $3
             ORDER BY key LIMIT $4) AS claim ORDER BY claim.key"
    )
    .to_owned();
    query
}
