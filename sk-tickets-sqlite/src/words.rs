//! What tickets can be found by, as writes change it.
//!
//! The words of a transaction are written at its end, those of all its jobs together and in the order of their index: what
//! many tickets write to one page is written at once, and no job's savepoint has to keep what all these pages were.

use std::{ops::Range, sync::LazyLock};

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
        waiting.retain(|word| word.texts != 0);
        let (new, changed): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|word| word.is_new);
        for words in new.chunk_by(|one, other| (one.realm, one.block) == (other.realm, other.block)) {
            guarded.within(Scope::Realm(words[0].realm), |connection| insert(connection, &text, words))?;
        }
        for words in changed.chunk_by(|one, other| one.realm == other.realm) {
            guarded.within(Scope::Realm(words[0].realm), |connection| change(connection, &text, words))?;
        }
        Ok(())
    }
}

/// How many words of new tickets a statement writes: most of what it takes to write one is to begin and to end.
const TOGETHER: usize = 16;

static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert_sql(1));
static INSERT_TOGETHER: LazyLock<String> = LazyLock::new(|| insert_sql(TOGETHER));

/// The statement that adds so many words of a block to the index.
///
/// A statement that can be undone keeps what every page was, which is a third of its cost. One that fails as it stands need
/// not, and what fails here fails the transaction.
fn insert_sql(words: usize) -> String {
    let row = |first: usize| format!("(?1, ?2, ?{first}, ?{}, ?{})", first + 1, first + 2);
    let rows: Vec<_> = (3..).step_by(3).take(words).map(row).collect();
    format!("INSERT OR FAIL INTO ticket_terms (realm, block, term, ticket_id, texts) VALUES {}", rows.join(", "))
}

/// Adds words of one block that belong to new tickets, of which none are there.
fn insert(connection: &Connection, text: &str, words: &[Word]) -> Result<()> {
    let mut insert_one = connection.prepare_cached(&INSERT_ONE)?;
    let mut insert_together = connection.prepare_cached(&INSERT_TOGETHER)?;
    let together = words.chunks_exact(TOGETHER);
    let one_by_one = together.remainder().chunks(1);
    for words in together.chain(one_by_one) {
        let insert = if words.len() == 1 { &mut insert_one } else { &mut insert_together };
        insert.raw_bind_parameter(1, words[0].realm)?;
        insert.raw_bind_parameter(2, words[0].block)?;
        for (place, Word { term, ticket, texts, .. }) in (3..).step_by(3).zip(words) {
            insert.raw_bind_parameter(place, &text[term.clone()])?;
            insert.raw_bind_parameter(place + 1, ticket)?;
            insert.raw_bind_parameter(place + 2, texts)?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}

/// Changes words of a realm that belong to tickets that were there before.
fn change(connection: &Connection, text: &str, words: &[Word]) -> Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO ticket_terms (realm, block, term, ticket_id, texts) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (realm, block, term, ticket_id) DO UPDATE SET texts = texts + excluded.texts",
    )?;
    for Word { realm, block, term, ticket, texts, .. } in words {
        let term = &text[term.clone()];
        if *texts > 0 {
            add.execute(params![realm, block, term, ticket, texts])?;
        } else {
            lessen(connection, params![realm, block, term, ticket], *texts)?;
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
