//! Places in queues, known without counting all who are ahead.
//!
//! What waits in a queue with one priority is a lane, in the order of `queued_at` and id. A lane is kept as blocks: each
//! begins at a place and goes on to where the next one begins, and says how many tickets wait in it. So a ticket's place
//! is the sum of the lanes that come before its own, of the blocks that come before its own, and a count within one block.
//! The blocks change with the tickets, in the same transaction; since there is one writer, nobody waits for them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sk_tickets_core::model::ticket::Ticket;

use crate::{
    columns::{Columns, Read, rank},
    error::{Fault, Result},
    realms::RealmNumber,
};

/// A block with more is cut in two.
const BLOCK_MAX: i64 = 128;
/// Two neighbours with no more together become one.
const MERGED_MAX: i64 = 64;

/// A place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) queue: String,
    pub(crate) priority: i64,
    pub(crate) queued_at: i64,
    pub(crate) id: [u8; 16],
}

impl Place {
    /// That of a ticket, if it waits.
    pub(crate) fn of(ticket: &Ticket) -> Option<Self> {
        let queued_at = ticket.queued_at?.as_millis();
        Some(Self { queue: ticket.queue.clone(), priority: rank(ticket.priority), queued_at, id: ticket.id.to_bytes() })
    }
}

/// A stretch of a lane.
struct Block {
    start_at: i64,
    start_id: Vec<u8>,
    waiting: i64,
}

impl Block {
    fn read(row: &Row<'_>) -> Read<Self> {
        let mut columns = Columns::of(row);
        Ok(Self { start_at: columns.plain()?, start_id: columns.plain()?, waiting: columns.plain()? })
    }
}

/// Notes that a ticket waits elsewhere than before, or no more, or since now. The ticket is written already.
pub(crate) fn moved(
    connection: &Connection,
    realm: RealmNumber,
    before: Option<&Place>,
    after: Option<&Place>,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    if let Some(place) = before {
        leave(connection, realm, place)?;
    }
    if let Some(place) = after {
        enter(connection, realm, place)?;
    }
    Ok(())
}

fn enter(connection: &Connection, realm: RealmNumber, place: &Place) -> Result<()> {
    let Some(mut block) = find(connection, OF_PLACE, realm, place, place.queued_at, &place.id)? else {
        // The first block of a lane begins before every place.
        let first = Block { start_at: i64::MIN, start_id: Vec::new(), waiting: 1 };
        return insert(connection, realm, place, &first);
    };
    block.waiting += 1;
    if block.waiting > BLOCK_MAX {
        let values = params![place.queue, place.priority, block.start_at, block.start_id, BLOCK_MAX / 2];
        let (start_at, start_id) =
            connection.prepare_cached(MIDDLE)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let second = Block { start_at, start_id, waiting: block.waiting - BLOCK_MAX / 2 };
        insert(connection, realm, place, &second)?;
        block.waiting = BLOCK_MAX / 2;
    }
    update(connection, realm, place, &block)
}

fn leave(connection: &Connection, realm: RealmNumber, place: &Place) -> Result<()> {
    let block = find(connection, OF_PLACE, realm, place, place.queued_at, &place.id)?;
    let mut block = block.filter(|block| block.waiting > 0).ok_or(Fault::Broken(LOST))?;
    block.waiting -= 1;
    // However tickets leave, there never are many more blocks than those that wait would need.
    if let Some(next) = find(connection, NEXT, realm, place, block.start_at, &block.start_id)?
        && block.waiting + next.waiting <= MERGED_MAX
    {
        delete(connection, realm, place, &next)?;
        block.waiting += next.waiting;
    }
    if let Some(mut previous) = find(connection, PREVIOUS, realm, place, block.start_at, &block.start_id)?
        && previous.waiting + block.waiting <= MERGED_MAX
    {
        delete(connection, realm, place, &block)?;
        previous.waiting += block.waiting;
        block = previous;
    }
    update(connection, realm, place, &block)
}

const LOST: &str = "a ticket that waits is in no block";

/// Where the second half of a block begins. Of the current realm, as the view has it.
const MIDDLE: &str = "SELECT queued_at, id FROM my_tickets_waiting
                      WHERE queue = ?1 AND priority = ?2 AND (queued_at, id) >= (?3, ?4)
                      ORDER BY queued_at, id LIMIT 1 OFFSET ?5";

/// The block that a place is in.
const OF_PLACE: &str = "SELECT start_at, start_id, waiting FROM my_queue_blocks
                        WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND (start_at, start_id) <= (?4, ?5)
                        ORDER BY start_at DESC, start_id DESC LIMIT 1";

/// The block after the one that begins there.
const NEXT: &str = "SELECT start_at, start_id, waiting FROM my_queue_blocks
                    WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND (start_at, start_id) > (?4, ?5)
                    ORDER BY start_at, start_id LIMIT 1";

/// The block before the one that begins there.
const PREVIOUS: &str = "SELECT start_at, start_id, waiting FROM my_queue_blocks
                        WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND (start_at, start_id) < (?4, ?5)
                        ORDER BY start_at DESC, start_id DESC LIMIT 1";

fn find(
    connection: &Connection,
    sql: &str,
    realm: RealmNumber,
    lane: &Place,
    at: i64,
    id: &[u8],
) -> Result<Option<Block>> {
    let values = params![realm, lane.queue, lane.priority, at, id];
    Ok(connection.prepare_cached(sql)?.query_row(values, Block::read).optional()?)
}

fn insert(connection: &Connection, realm: RealmNumber, lane: &Place, block: &Block) -> Result<()> {
    let Block { start_at, start_id, waiting } = block;
    connection
        .prepare_cached(
            "INSERT INTO queue_blocks (realm, queue, priority, start_at, start_id, waiting)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![realm, lane.queue, lane.priority, start_at, start_id, waiting])?;
    Ok(())
}

fn update(connection: &Connection, realm: RealmNumber, lane: &Place, block: &Block) -> Result<()> {
    let Block { start_at, start_id, waiting } = block;
    connection
        .prepare_cached(
            "UPDATE queue_blocks SET waiting = ?6
             WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND start_at = ?4 AND start_id = ?5",
        )?
        .execute(params![realm, lane.queue, lane.priority, start_at, start_id, waiting])?;
    Ok(())
}

fn delete(connection: &Connection, realm: RealmNumber, lane: &Place, block: &Block) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM queue_blocks
             WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND start_at = ?4 AND start_id = ?5",
        )?
        .execute(params![realm, lane.queue, lane.priority, block.start_at, block.start_id])?;
    Ok(())
}

/// How many come before a place whose block begins at the last two parameters.
const AHEAD: &str = "
    SELECT (SELECT coalesce(sum(waiting), 0) FROM my_queue_blocks
            WHERE realm = ?1 AND queue = ?2 AND priority > ?3)
         + (SELECT coalesce(sum(waiting), 0) FROM my_queue_blocks
            WHERE realm = ?1 AND queue = ?2 AND priority = ?3 AND (start_at, start_id) < (?6, ?7))
         + (SELECT count(*) FROM my_tickets_waiting
            WHERE queue = ?2 AND priority = ?3 AND (queued_at, id) >= (?6, ?7) AND (queued_at, id) < (?4, ?5))";

/// The place of a ticket among those that wait in its queue, 1 at the head.
pub(crate) fn position(connection: &Connection, realm: RealmNumber, ticket: &Ticket) -> Result<Option<u64>> {
    let Some(place) = Place::of(ticket) else { return Ok(None) };
    let block = find(connection, OF_PLACE, realm, &place, place.queued_at, &place.id)?;
    let block = block.ok_or(Fault::Broken(LOST))?;
    let Place { queue, priority, queued_at, id } = place;
    let values = params![realm, queue, priority, queued_at, id, block.start_at, block.start_id];
    let ahead = connection.prepare_cached(AHEAD)?.query_row(values, |row| Columns::of(row).number::<u64>())?;
    Ok(Some(ahead + 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::StatementStatus;

    use super::*;
    use crate::{
        guard::{Guarded, Scope},
        list::tests::database,
    };

    /// Writes a ticket that waits, or takes it away, with no other column than it must have.
    fn write(connection: &Connection, place: &Place, waits: bool) {
        if waits {
            let values = params![place.id, place.priority, place.queue, place.queued_at];
            let insert = "INSERT INTO tickets (realm, id, version, subject, status, priority, source, queue, queued_at,
                                               tags, metadata, reopen_count, created_at, updated_at)
                          VALUES (1, ?1, 1, '', 'new', ?2, 'api', ?3, ?4, '[]', '{}', 0, 0, 0)";
            connection.prepare_cached(insert).unwrap().execute(values).unwrap();
        } else {
            let update = "UPDATE tickets SET queued_at = NULL WHERE realm = 1 AND id = ?1";
            connection.prepare_cached(update).unwrap().execute(params![place.id]).unwrap();
        }
        let (before, after) = if waits { (None, Some(place)) } else { (Some(place), None) };
        moved(connection, 1, before, after).unwrap();
    }

    fn place(number: u32) -> Place {
        let mut id = [0; 16];
        // In no order that would be kind to the blocks, and many at the same time.
        id[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B1).to_be_bytes());
        Place { queue: "default".to_owned(), priority: i64::from(number % 3), queued_at: i64::from(number / 700), id }
    }

    fn blocks(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT waiting FROM my_queue_blocks").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn assert_counted(connection: &Connection, waiting: &BTreeSet<u32>) {
        let mut places: Vec<_> = waiting.iter().map(|number| place(*number)).collect();
        places.sort_by_key(|place| (-place.priority, place.queued_at, place.id));
        for (ahead, place) in places.iter().enumerate().step_by(37) {
            let block = find(connection, OF_PLACE, 1, place, place.queued_at, &place.id).unwrap().unwrap();
            let Place { queue, priority, queued_at, id } = place;
            let values = params![1, queue, priority, queued_at, id, block.start_at, block.start_id];
            let counted: i64 = connection.query_row(AHEAD, values, |row| row.get(0)).unwrap();
            assert_eq!(counted, i64::try_from(ahead).unwrap());
        }
        let blocks = blocks(connection);
        assert_eq!(blocks.iter().sum::<i64>(), i64::try_from(waiting.len()).unwrap());
        assert!(blocks.iter().all(|waiting| (0..=BLOCK_MAX).contains(waiting)));
        // Two neighbours hold more than that, so there are at most twice as many and one for each lane.
        let merged = usize::try_from(MERGED_MAX).unwrap();
        assert!(blocks.len() <= 2 * waiting.len() / merged + 6, "{} blocks for {}", blocks.len(), waiting.len());
    }

    fn realm(connection: &mut Guarded) {
        let made = "INSERT INTO realms (id, tenant, environment) VALUES (1, 'acme', 'test')";
        connection.maintain(|connection| Ok(connection.execute_batch(made)?)).unwrap();
    }

    #[test]
    fn blocks_are_cut_and_merged_and_always_say_how_many_are_ahead() {
        const COUNT: u32 = 6_000;
        let (_folder, mut connection) = database();
        realm(&mut connection);
        connection.bare().execute_batch("BEGIN").unwrap();
        let mut waiting = BTreeSet::new();
        let done = connection.within(Scope::Realm(1), |connection| {
            for number in 0..COUNT {
                write(connection, &place(number), true);
                waiting.insert(number);
            }
            assert_counted(connection, &waiting);
            // Some of each stretch leave, then the head, then all.
            for number in (0..COUNT).filter(|number| number % 40 != 0) {
                write(connection, &place(number), false);
                waiting.remove(&number);
                if number % 1_500 == 1 {
                    assert_counted(connection, &waiting);
                }
            }
            assert_counted(connection, &waiting);
            for number in waiting.clone() {
                write(connection, &place(number), false);
                waiting.remove(&number);
            }
            assert_counted(connection, &waiting);
            Ok(())
        });
        done.unwrap();
    }

    /// Though somebody has had the database analyzed.
    #[test]
    fn how_a_place_is_found_is_planned_once() {
        let (_folder, mut connection) = database();
        realm(&mut connection);
        let fill = |connection: &Connection| {
            for number in 0..1_000 {
                write(connection, &place(number), true);
            }
            Ok(())
        };
        connection.within(Scope::Realm(1), fill).unwrap();
        connection.maintain(|connection| Ok(connection.execute_batch("ANALYZE")?)).unwrap();
        let read = |connection: &Connection| {
            let mut statement = connection.prepare(AHEAD)?;
            for number in 0..100 {
                let Place { queue, priority, queued_at, id } = place(number);
                let values = params![1, queue, priority, queued_at, id, i64::MIN, ""];
                statement.query_row(values, |row| row.get::<_, i64>(0))?;
            }
            Ok(statement.get_status(StatementStatus::RePrepare))
        };
        assert_eq!(connection.within(Scope::Realm(1), read).unwrap(), 0);
    }

    #[test]
    fn a_place_is_found_by_indexes() {
        let (_folder, connection) = database();
        for sql in [OF_PLACE, NEXT, PREVIOUS, MIDDLE, AHEAD] {
            let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> =
                statement.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap).collect();
            let walks = steps.iter().filter(|step| step.contains("queue_blocks") || step.contains("tickets"));
            for step in walks {
                assert!(step.starts_with("SEARCH") && step.contains("queue=?"), "{step}");
            }
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
    }
}
