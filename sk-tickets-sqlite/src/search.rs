//! Tickets by the words in them.
//!
//! Words are scattered: those of one ticket lie all over an index of words, and if that is large, a ticket writes as many
//! pages as it has words. So the index is cut into blocks of some hundred tickets, in the order of ids. What is new goes
//! into the last block, which is small, and what is old stays where it is. A search goes through the blocks in the order of
//! pages, and in each through the tickets of one word, looking up the others by their keys: there is nothing to sort, and a
//! page begins where the one before ended. What blocks cost is a look at each of them for a word that is hardly anywhere.
//!
//! The word to go by is the one with the fewest tickets, by a count that never goes far.

use std::cmp::Reverse;

use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter};
use sk_tickets_core::{
    model::{
        id::TicketId,
        search::SearchQuery,
        ticket::{Ticket, TicketFilter},
    },
    platform::realm::Realm,
    store::{self, PageSpec, TicketSearch},
};

use crate::{
    error::Result,
    list::{self, Query},
    pool::snapshot,
    reader::rows,
    realms::{RealmNumber, Skew},
    row,
    store::SqliteStore,
};

/// The newest blocks, in which the tickets of a word are counted.
const COUNTED_BLOCKS: i64 = 16;
/// How far they are counted. A word with more is common, and other filters may lead to fewer.
const COUNTED_TICKETS: i64 = 256;

/// The words of a search, the rarest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranked {
    pub(crate) terms: Vec<String>,
    /// Even the rarest is common.
    pub(crate) are_common: bool,
}

impl Ranked {
    fn of(connection: &Connection, realm: RealmNumber, query: &SearchQuery) -> Result<Self> {
        let mut counted = Vec::with_capacity(query.terms().len());
        for term in query.terms() {
            let count: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM (
                         SELECT 1
                         FROM (SELECT number FROM my_search_blocks WHERE realm = ?1 ORDER BY first_id DESC LIMIT ?3) AS blocks
                         CROSS JOIN my_ticket_terms AS terms
                         WHERE terms.realm = ?1 AND terms.block = blocks.number AND terms.term = ?2 LIMIT ?4)",
                )?
                .query_row(params![realm, term, COUNTED_BLOCKS, COUNTED_TICKETS], |row| row.get(0))?;
            counted.push((count, term.to_owned()));
        }
        // Of words that are as frequent the longest is likely to be the rarest.
        counted.sort_by_key(|(count, term)| (*count, Reverse(term.len())));
        let are_common = counted.first().is_some_and(|(count, _)| *count == COUNTED_TICKETS);
        Ok(Self { terms: counted.into_iter().map(|(_, term)| term).collect(), are_common })
    }
}

#[async_trait]
impl TicketSearch for SqliteStore {
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> store::Result<Vec<Ticket>> {
        let environment = realm.environment();
        let (query, filter) = (query.clone(), filter.clone());
        self.read("search tickets", realm, move |connection, realm| {
            snapshot(connection, || {
                let ranked = Ranked::of(connection, realm, &query)?;
                let times = [filter.created_after, filter.created_before];
                let skew = Skew::for_times(connection, realm, times)?;
                let Query { sql, values } = list::tickets(realm, skew, &filter, Some(&ranked), page);
                rows(connection, &sql, params_from_iter(values), |row| row::ticket(row, environment))
            })
        })
        .await
    }
}
