//! Tickets by the words in them.
//!
//! Each word has the tickets that it occurs in, in the order of pages. A search walks those of one word, from where the
//! page begins, and looks up each of the others by its key. So a page costs the same at any depth, and there is nothing to
//! sort. The word to walk is the one with the fewest tickets. Whether these are few is found out in the same statement,
//! by a count that never goes far; if they are not, and another filter is likely to leave fewer, that one leads.

use std::fmt::Write;

use async_trait::async_trait;
use sk_tickets_core::{
    model::{
        id::TicketId,
        search::SearchQuery,
        ticket::{OwnerFilter, Status, Ticket, TicketFilter},
    },
    platform::realm::Realm,
    store::{self, PageSpec, TicketSearch},
};

use crate::{
    list::{Filtered, beyond, direction, first_of},
    reader::limit,
    realms::RealmNumber,
    row,
    statement::{Query, Value, id, in_realm, text},
    store::PostgresStore,
};

/// How far the tickets of a word are counted. A word with more is common.
const COUNTED: i64 = 256;

#[async_trait]
impl TicketSearch for PostgresStore {
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> store::Result<Vec<Ticket>> {
        self.read("search tickets", realm, async |realm| {
            let query = tickets(realm, query, filter, page);
            self.all(query, |columns| row::ticket(columns, realm.environment)).await
        })
        .await
    }
}

/// A page of the tickets that have the words.
pub(crate) fn tickets(
    realm: RealmNumber,
    search: &SearchQuery,
    filter: &TicketFilter,
    page: PageSpec<TicketId>,
) -> Query {
    let mut query = Query::on(realm);
    let asked: Vec<_> = search.terms().map(|term| query.bind(text(term))).collect();
    let counted = query.bind(Value::Number(COUNTED));
    let filtered = Filtered::by(&mut query, filter);
    let after = page.after.map(|after| query.bind(id(after)));
    let limit = query.bind(Value::Number(limit(page.limit)));
    let direction = direction(page.order);
    // Within the page and, where times are asked for, within their range of ids.
    let within = |id: &str| {
        let mut condition = String::new();
        if let Some(after) = &after {
            let _ = write!(condition, " AND {id} {} {after}", beyond(page.order));
        }
        if filter.created_after.is_some() {
            let _ = write!(condition, " AND {id} >= span.floor");
        }
        if filter.created_before.is_some() {
            let _ = write!(condition, " AND {id} < span.ceiling");
        }
        condition
    };
    let has = |term: &str, id: &str| {
        format!(
            "(SELECT true FROM sk_tickets.ticket_terms AS other
              WHERE other.tenant = realm.tenant AND other.environment = realm.environment AND other.term = {term}
                AND other.ticket_id = {id})"
        )
    };
    let leaves_few = leaves_few(filter);

    let mut walked = within("walked.ticket_id");
    for term in &asked {
        let _ = write!(walked, " AND (rarest.term = {term} OR {})", has(term, "walked.ticket_id"));
    }
    if leaves_few {
        let _ = write!(walked, " AND rarest.tickets < {counted}");
    }
    let by_words = format!(
        "SELECT ticket.* FROM sk_tickets.ticket_terms AS walked CROSS JOIN LATERAL ({}) AS ticket
         WHERE walked.tenant = realm.tenant AND walked.environment = realm.environment AND walked.term = rarest.term{walked}
         ORDER BY walked.ticket_id {direction} LIMIT {limit}",
        filtered.one("walked.ticket_id")
    );
    let found = if leaves_few {
        let mut listed = within("id");
        for term in &asked {
            let _ = write!(listed, " AND {}", has(term, "tickets.id"));
        }
        let _ = write!(listed, " AND rarest.tickets >= {counted}");
        let by_filter = first_of(&filtered.branches(&listed), page.order, &limit);
        format!("({by_words}) UNION ALL (SELECT * FROM ({by_filter}) AS listed)")
    } else {
        by_words
    };
    query.sql = format!(
        concat!(
            in_realm!("SELECT ticket.* FROM realm "),
            "{} {} CROSS JOIN LATERAL ({}) AS ticket ORDER BY ticket.id {}"
        ),
        rarest(&asked, &counted),
        filtered.span,
        found,
        direction
    );
    query
}

/// The row that says which of the words has the fewest tickets, and how many. Of words that are as frequent the longest is
/// likely to be the rarest.
fn rarest(asked: &[String], counted: &str) -> String {
    format!(
        "CROSS JOIN LATERAL (
             SELECT asked.term, (
                 SELECT count(*) FROM (
                     SELECT FROM sk_tickets.ticket_terms AS counted
                     WHERE counted.tenant = realm.tenant AND counted.environment = realm.environment
                       AND counted.term = asked.term LIMIT {counted}
                 ) AS few
             ) AS tickets
             FROM unnest(ARRAY[{}]) AS asked (term) ORDER BY tickets, length(asked.term) DESC LIMIT 1
         ) AS rarest",
        asked.join(", ")
    )
}

/// Whether a filter is likely to leave fewer tickets than a common word.
fn leaves_few(filter: &TicketFilter) -> bool {
    // In the end most tickets of a realm are done, so a list of those that are not is short.
    let done = |status: &Status| matches!(status, Status::Resolved | Status::Closed);
    filter.contact_id.is_some()
        || matches!(filter.owner, Some(OwnerFilter::Owner(_)))
        || filter.tag.is_some()
        || filter.topic.is_some()
        || (!filter.status.is_empty() && !filter.status.iter().any(done))
}
