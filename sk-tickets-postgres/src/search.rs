//! Tickets by the words in them.
//!
//! Words are scattered: those of one ticket lie all over an index of words, and if that is large, a ticket writes as many
//! pages as it has words. So the index is cut into blocks of some hundred tickets, in the order of ids. What is new goes
//! into the last block, which is small, and what is old stays where it is. A search goes through the blocks in the order of
//! pages, and in each through the tickets of one word, looking up the others by their keys, until the page is full: a page
//! costs the same at any depth. What blocks cost is a look at each of them for a word that is hardly anywhere.
//!
//! The word to walk is the one with the fewest tickets. Whether these are few is found out in the same statement, by a count
//! in the newest blocks; if they are not, and another filter is likely to leave fewer, that one leads.

use std::fmt::Write;

use async_trait::async_trait;
use sk_tickets_core::{
    model::{
        id::TicketId,
        page::Order,
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

/// The newest blocks, in which the tickets of a word are counted.
const COUNTED_BLOCKS: i64 = 16;
/// How far they are counted. A word with more is common.
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
    let newest = query.bind(Value::Number(COUNTED_BLOCKS));
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
    let has = |term: &str, block: &str, id: &str| {
        format!(
            "(SELECT true FROM sk_tickets.ticket_terms AS other
              WHERE other.tenant = realm.tenant AND other.block = {block} AND other.term = {term}
                AND other.environment = realm.environment AND other.ticket_id = {id})"
        )
    };
    let leaves_few = leaves_few(filter);

    let mut walked = within("walked.ticket_id");
    for term in &asked {
        let _ = write!(walked, " AND (rarest.term = {term} OR {})", has(term, "block.number", "walked.ticket_id"));
    }
    // Whichever way leads, the other finds nothing.
    let is_rare = if leaves_few { format!(" AND rarest.tickets < {counted}") } else { String::new() };
    // How many blocks it takes is not known; that it is no number which the planner sees makes it plan for some of them, which
    // come in their order from the index, and not for all.
    //
    // Not ordered by the id of the ticket too, for which each block's would be sorted once more: within a block they come as
    // the subquery has them, since what depends on a block can only be joined to it by a loop.
    let by_words = format!(
        "SELECT found.* FROM (
             SELECT first_id, number FROM sk_tickets.search_blocks
             WHERE tenant = realm.tenant AND environment = realm.environment{}{is_rare}
             ORDER BY first_id {direction} LIMIT (SELECT NULL::bigint)
         ) AS block CROSS JOIN LATERAL (
             SELECT ticket.* FROM sk_tickets.ticket_terms AS walked CROSS JOIN LATERAL ({}) AS ticket
             WHERE walked.tenant = realm.tenant AND walked.block = block.number AND walked.term = rarest.term
               AND walked.environment = realm.environment{walked}
             ORDER BY walked.ticket_id {direction} LIMIT {limit}
         ) AS found
         ORDER BY block.first_id {direction} LIMIT {limit}",
        reach(filter, after.as_deref(), page.order),
        filtered.one("walked.ticket_id")
    );
    let found = if leaves_few {
        let mut listed = within("id");
        for term in &asked {
            let _ = write!(listed, " AND {}", has(term, &block_of("tickets.id"), "tickets.id"));
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
        rarest(&asked, &newest, &counted),
        filtered.span,
        found,
        direction
    );
    query
}

/// The number of the block that a ticket is in.
fn block_of(id: &str) -> String {
    format!(
        "(SELECT number FROM sk_tickets.search_blocks AS block
          WHERE block.tenant = realm.tenant AND block.environment = realm.environment AND block.first_id <= {id}
          ORDER BY block.first_id DESC LIMIT 1)"
    )
}

/// The condition that a block can have tickets of the page.
fn reach(filter: &TicketFilter, after: Option<&str>, order: Order) -> String {
    let after = |wanted: Order| after.filter(|_| order == wanted);
    let floor = filter.created_after.map(|_| "span.floor");
    let ceiling = filter.created_before.map(|_| "span.ceiling");
    let mut condition = String::new();
    for begin in [after(Order::Asc), floor].into_iter().flatten() {
        let _ = write!(
            condition,
            " AND first_id >= (SELECT block.first_id FROM sk_tickets.search_blocks AS block
                               WHERE block.tenant = realm.tenant AND block.environment = realm.environment
                                 AND block.first_id <= {begin} ORDER BY block.first_id DESC LIMIT 1)"
        );
    }
    for end in [after(Order::Desc), ceiling].into_iter().flatten() {
        let _ = write!(condition, " AND first_id < {end}");
    }
    condition
}

/// The row that says which of the words has the fewest tickets, and how many. Of words that are as frequent the longest is
/// likely to be the rarest.
fn rarest(asked: &[String], newest: &str, counted: &str) -> String {
    format!(
        "CROSS JOIN LATERAL (
             SELECT asked.term, (
                 SELECT count(*) FROM (
                     SELECT FROM (
                         SELECT number FROM sk_tickets.search_blocks
                         WHERE tenant = realm.tenant AND environment = realm.environment
                         ORDER BY first_id DESC LIMIT {newest}
                     ) AS block CROSS JOIN LATERAL (
                         SELECT FROM sk_tickets.ticket_terms AS counted
                         WHERE counted.tenant = realm.tenant AND counted.block = block.number
                           AND counted.term = asked.term AND counted.environment = realm.environment OFFSET 0
                     ) AS counted LIMIT {counted}
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
