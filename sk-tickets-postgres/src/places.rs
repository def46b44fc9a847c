//! Places in queues, known without counting all who are ahead, and why they are exact.
//!
//! What waits in a queue with one priority is a lane, in the order of `queued_at` and id. A lane is kept as blocks: each
//! begins at a place and goes on to where the next one begins, and says how many tickets wait in it. So a ticket's place
//! is the sum of the lanes that come before its own, of the blocks that come before its own, and a count within one block.
//!
//! A block that every commit changed would make them wait for each other. So commits only note what moves: in
//! `queue_moves`, +1 for a place that a ticket came to and -1 for one that it left, in the ticket's own transaction. One
//! commit in 256 takes all moves that it sees into the blocks (`fold_places`), under the realm's lock, if that is free just
//! then; it cuts blocks that have grown and merges those that have shrunk. Nobody waits for it.
//!
//! **What blocks and moves say together is exact.** A ticket and its move are committed at once, and a fold takes moves out
//! and puts them into blocks at once. So in any snapshot the tickets that are seen to wait in a stretch of a lane are as
//! many as its blocks say, and the moves within it come to. A read is one statement, so one snapshot: it adds the blocks
//! before the ticket's own, the moves before the beginning of that one, and counts the tickets from there.
//!
//! **It matters nowhere how a lane is cut.** To cut a block, it is asked in one snapshot what tickets and moves there are in
//! its first half: what the blocks know of it is the difference. To merge two is to add them.
//!
//! With 100,000 who wait a read adds 400 to 1,600 blocks and up to some 256 moves, and counts at most 256 tickets.

use crate::{
    row::ticket_columns,
    statement::{asked, in_realm},
};

/// The sum of a column of those rows of a table that are of the ticket's queue and come before its block.
macro_rules! before_block {
    ($sum:literal, $table:literal, $place:literal) => {
        concat!(
            "(SELECT COALESCE(sum(",
            $sum,
            "), 0)::bigint FROM sk_tickets.",
            $table,
            " WHERE tenant = realm.tenant AND environment = realm.environment AND queue = ticket.queue
                AND priority > ticket.priority)
             + (SELECT COALESCE(sum(",
            $sum,
            "), 0)::bigint FROM sk_tickets.",
            $table,
            " WHERE tenant = realm.tenant AND environment = realm.environment AND queue = ticket.queue
                AND priority = ticket.priority AND ",
            $place,
            " < (block.start_at, block.start_id))"
        )
    };
}

/// For [each](crate::statement::for_each) of those that ask, the ticket it asks for, and how many come before that in its
/// queue; null if it does not wait.
///
/// Where its block begins is a subquery of its own: to Postgres `COALESCE` is not leakproof, and a comparison with one could
/// not use an index under row-level security.
pub(crate) const TICKET: &str = in_realm!(
    "SELECT ticket.*, place.ahead, asked.number FROM realm",
    asked!("(SELECT $3::uuid[])", "id"),
    " CROSS JOIN LATERAL (SELECT ",
    ticket_columns!(),
    " FROM sk_tickets.tickets WHERE tenant = realm.tenant AND environment = realm.environment AND id = asked.id OFFSET 0
     ) AS ticket
     LEFT JOIN LATERAL (
         SELECT start_at, start_id FROM sk_tickets.queue_blocks
         WHERE tenant = realm.tenant AND environment = realm.environment AND ticket.queued_at IS NOT NULL
           AND queue = ticket.queue AND priority = ticket.priority
           AND (start_at, start_id) <= (ticket.queued_at, ticket.id)
         ORDER BY start_at DESC, start_id DESC LIMIT 1
     ) AS found ON true
     CROSS JOIN LATERAL (
         SELECT COALESCE(found.start_at, -9223372036854775808) AS start_at,
                COALESCE(found.start_id, '00000000-0000-0000-0000-000000000000') AS start_id OFFSET 0
     ) AS block
     LEFT JOIN LATERAL (
         SELECT ",
    before_block!("waiting", "queue_blocks", "(start_at, start_id)"),
    " + ",
    before_block!("delta", "queue_moves", "(queued_at, ticket_id)"),
    " + (SELECT count(*) FROM sk_tickets.tickets
            WHERE tenant = realm.tenant AND environment = realm.environment AND queue = ticket.queue
              AND priority = ticket.priority AND queued_at IS NOT NULL
              AND (queued_at, id) >= (block.start_at, block.start_id)
              AND (queued_at, id) < (ticket.queued_at, ticket.id)) AS ahead
         WHERE ticket.queued_at IS NOT NULL OFFSET 0
     ) AS place ON true"
);
