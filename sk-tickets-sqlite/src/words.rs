//! What tickets can be found by, as writes change it.
//!
//! The words of a transaction are written at its end, those of all its jobs together and in the order of their index: what
//! many tickets write to one page is written at once, and no job's savepoint has to keep what all these pages were.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use sk_tickets_core::model::{id::TicketId, search::TermChanges};

use crate::{
    error::Result,
    guard::{Guarded, Scope},
    realms::RealmNumber,
};

/// With so many tickets, a block is full. More, and a commit writes more pages; fewer, and a search looks at more blocks.
const BLOCK_TICKETS: i64 = 512;

/// Words that wait for the end of their transaction.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// The words themselves, one behind the other.
    text: String,
    waiting: Vec<Word>,
}

/// Where a word is in the index, and by how much it changes there.
#[derive(Debug)]
struct Word {
    realm: RealmNumber,
    block: i64,
    /// Where it stands in the text.
    term: Range<usize>,
    ticket: [u8; 16],
    /// In how many texts more it occurs.
    texts: i64,
    /// Of a ticket that this transaction makes, which has no words yet.
    is_new: bool,
}

impl Words {
    /// Notes what a ticket is found by, and which block it is in. The ticket is written already.
    pub(crate) fn change(
        &mut self,
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
        let more = gained.iter().map(|(term, texts)| (term, i64::from(*texts)));
        let fewer = lost.iter().map(|(term, texts)| (term, -i64::from(*texts)));
        for (term, texts) in more.chain(fewer) {
            let start = self.text.len();
            self.text.push_str(term);
            let term = start..self.text.len();
            self.waiting.push(Word { realm, block, term, ticket: ticket.to_bytes(), texts, is_new });
        }
        Ok(())
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets all but the first so many: what came after them is undone.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.waiting.truncate(len);
    }

    /// Writes them.
    pub(crate) fn write(self, guarded: &Guarded) -> Result<()> {
        let Self { text, mut waiting } = self;
        let place = |word: &Word| (word.realm, word.block, &text[word.term.clone()], word.ticket);
        waiting.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        // One ticket may have been changed by several jobs.
        waiting.dedup_by(|later, word| {
            let is_same = place(later) == place(word);
            if is_same {
                word.texts += later.texts;
                word.is_new |= later.is_new;
            }
            is_same
        });
        for of_realm in waiting.chunk_by(|one, other| one.realm == other.realm) {
            guarded.within(Scope::Realm(of_realm[0].realm), |connection| write(connection, &text, of_realm))?;
        }
        Ok(())
    }
}

macro_rules! insert {
    () => {
        "INSERT INTO ticket_terms (realm, block, term, ticket_id, texts) VALUES (?1, ?2, ?3, ?4, ?5)"
    };
}

fn write(connection: &Connection, text: &str, words: &[Word]) -> Result<()> {
    // An upsert keeps what every page was, to be able to undo itself: a third of its cost, which a new ticket can do without.
    let mut insert = connection.prepare_cached(insert!())?;
    let mut add = connection.prepare_cached(concat!(
        insert!(),
        " ON CONFLICT (realm, block, term, ticket_id) DO UPDATE SET texts = texts + excluded.texts"
    ))?;
    for word in words {
        let Word { realm, block, term, ticket, texts, is_new } = word;
        let term = &text[term.clone()];
        match texts {
            0 => {}
            1.. => {
                let statement = if *is_new { &mut insert } else { &mut add };
                statement.execute(params![realm, block, term, ticket, texts])?;
            }
            ..0 => lessen(connection, params![realm, block, term, ticket], *texts)?,
        }
    }
    Ok(())
}

/// A word occurs in fewer texts of a ticket, or in none.
fn lessen(connection: &Connection, key: &[&dyn ToSql], texts: i64) -> Result<()> {
    let before: Option<i64> = connection
        .prepare_cached(
            "SELECT texts FROM my_ticket_terms WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
        )?
        .query_row(key, |row| row.get(0))
        .optional()?;
    let after = before.map_or(0, |before| before + texts);
    if after > 0 {
        connection
            .prepare_cached(
                "UPDATE ticket_terms SET texts = ?5 WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
            )?
            .execute(&[key, params![after]].concat()[..])?;
    } else {
        connection
            .prepare_cached(
                "DELETE FROM ticket_terms WHERE realm = ?1 AND block = ?2 AND term = ?3 AND ticket_id = ?4",
            )?
            .execute(key)?;
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
