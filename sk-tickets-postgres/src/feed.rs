//! The feed, and why a follower misses nothing.
//!
//! An id, a time or a number drawn by a transaction says when it began, not when it was committed: the smaller one may
//! appear later, behind a reader that has passed it. So commits give events no place. They put them into `feed_pending`,
//! and a step of its own, `number_events`, moves what is there into `feed`:
//!
//! 1. It locks the realm's row, which holds the last position, until its own transaction ends.
//! 2. With a snapshot taken after that, it takes what is pending: what is committed, and its own transaction's.
//! 3. It gives out the positions after the last one, without gaps, and notes the new last one.
//!
//! **Once a position was read, no smaller one appears.** A position is read only after the transaction that gave it out
//! was committed, all of its positions at once. Transactions that give out positions follow each other, by the lock; each
//! begins after the last position that the one before has noted; and if one fails, its positions and its note are gone
//! together. So at any moment the positions that can be read are 1 to n, without gaps, and n only grows.
//!
//! **A client reads its own writes.** Every read of the feed numbers first. What was committed before the read is either
//! pending, and then numbered by it, or being numbered by another, for whom it waits at the lock: until the other is
//! committed, the rows are still pending for everyone else.
//!
//! **The events of a ticket keep their order.** A later version is committed after the earlier one, because both write the
//! ticket's row. So if a batch has the later one, it has the earlier one too, or an earlier batch had it; within a batch
//! they are sorted. Events of different tickets follow each other as they came, unless their transactions overlapped.
//!
//! **Nobody needs to read.** One commit in 256 does the step too, if the realm is not locked just then. So what is pending
//! stays little where nobody reads for months, and the first read after that costs as any other. The commit's own events
//! are in that batch; they and their positions appear together.
//!
//! Nothing in this needs transaction ids or positions in the log, so it holds on any engine that locks rows. The realm is
//! locked only where something is pending, and no writer waits for the numbering.

use sk_tickets_core::{
    model::{event::FeedPosition, page::Order},
    store::{FeedPage, PageSpec},
};

use crate::{
    columns::{Columns, number_of},
    error::{Fault, Result},
    pool::Pool,
    reader::{after_number, limit},
    realms::RealmNumber,
    row,
};

/// A page of the feed, after all that is committed was numbered.
pub(crate) async fn page(pool: &Pool, realm: RealmNumber, page: PageSpec<FeedPosition>) -> Result<FeedPage> {
    let query = sqlx::query(
        "SELECT position, id, event_type, ticket_id, ticket_version, at, payload
         FROM sk_tickets.event_page($1, $2, $3, $4, $5)",
    )
    .bind(realm.tenant)
    .bind(number_of(realm.environment))
    .bind(after_number(page.after.map(|position| position.0), page.order))
    .bind(page.order == Order::Asc)
    .bind(limit(page.limit));
    let mut rows = pool.rows(query).await?;
    let purged = match rows.pop() {
        Some(row) => Columns::of(&row).number()?,
        None => return Err(Fault::Broken("a page of the feed does not say how far it is purged")),
    };
    let read = |row| {
        let mut columns = Columns::of(row);
        let position = FeedPosition(columns.number()?);
        Ok((position, row::event(&mut columns)?))
    };
    let events = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(FeedPage { events, purged: FeedPosition(purged) })
}
