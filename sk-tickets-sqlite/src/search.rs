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
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use sk_tickets_core::{
    model::{
        id::TicketId,
        search::{SearchQuery, TermChanges},
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

/// With so many tickets, a block is full. More, and a commit writes more pages; fewer, and a search looks at more blocks.
const BLOCK_TICKETS: i64 = 512;
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

/// Changes what a ticket can be found by.
pub(crate) fn change_terms(
    connection: &Connection,
    realm: RealmNumber,
    ticket: TicketId,
    is_new: bool,
    changes: &TermChanges,
) -> Result<()> {
    let TermChanges { gained, lost } = changes;
    if gained.is_empty() && lost.is_empty() && !is_new {
        return Ok(());
    }
    let block = block(connection, realm, ticket, is_new)?;
    let id = ticket.to_bytes();
    macro_rules! insert {
        () => {
            "INSERT INTO ticket_terms (realm, block, term, ticket_id, texts) VALUES (?1, ?2, ?3, ?4, ?5)"
        };
    }
    // An upsert keeps what every page was, to be able to undo itself: a third of its cost, which a new ticket can do without.
    let mut gain = connection.prepare_cached(if is_new {
        insert!()
    } else {
        concat!(insert!(), " ON CONFLICT (realm, block, term, ticket_id) DO UPDATE SET texts = texts + excluded.texts")
    })?;
    for (term, texts) in gained {
        gain.execute(params![realm, block, term, id, texts])?;
    }
    for (term, texts) in lost {
        let before: Option<i64> = connection
            .prepare_cached(
                "SELECT texts FROM my_ticket_terms WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
            )?
            .query_row(params![realm, block, term, id], |row| row.get(0))
            .optional()?;
        let after = before.map_or(0, |before| before - i64::from(*texts));
        if after > 0 {
            connection
                .prepare_cached(
                    "UPDATE ticket_terms SET texts = ?5
                     WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
                )?
                .execute(params![realm, block, term, id, after])?;
        } else {
            connection
                .prepare_cached(
                    "DELETE FROM ticket_terms WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
                )?
                .execute(params![realm, block, term, id])?;
        }
    }
    Ok(())
}

/// The number of the block that a ticket is in. One that is new is counted there, or begins the next block.
fn block(connection: &Connection, realm: RealmNumber, ticket: TicketId, is_new: bool) -> Result<i64> {
    let id = ticket.to_bytes();
    let found = connection
        .prepare_cached(
            "SELECT first_id, number, tickets FROM my_search_blocks WHERE realm = ?1 AND first_id <= ?2
             ORDER BY first_id DESC LIMIT 1",
        )?
        .query_row(params![realm, id], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let (first_id, number) = match found {
        // Before any id, so that there is a block for each.
        None => (Vec::new(), 1),
        Some((_, number, tickets)) if is_new && tickets >= BLOCK_TICKETS && is_last(connection, realm, ticket)? => {
            (id.to_vec(), number + 1)
        }
        Some((first_id, number, tickets)) if is_new => {
            connection
                .prepare_cached("UPDATE search_blocks SET tickets = ?3 WHERE realm = ?1 AND first_id = ?2")?
                .execute(params![realm, first_id, tickets + 1])?;
            return Ok(number);
        }
        Some((_, number, _)) => return Ok(number),
    };
    connection
        .prepare_cached("INSERT INTO search_blocks (realm, first_id, number, tickets) VALUES (?1, ?2, ?3, 1)")?
        .execute(params![realm, first_id, number])?;
    Ok(number)
}

/// Whether no ticket comes after this one. A block must not begin before a ticket that is in another.
fn is_last(connection: &Connection, realm: RealmNumber, ticket: TicketId) -> Result<bool> {
    let later = connection
        .prepare_cached("SELECT 1 FROM my_tickets WHERE realm = ?1 AND id > ?2 LIMIT 1")?
        .query_row(params![realm, ticket.to_bytes()], |_| Ok(()))
        .optional()?;
    Ok(later.is_none())
}
