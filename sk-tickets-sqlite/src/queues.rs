//! Queues: as writes change them, and as they are found.

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::{
        id::{QueueId, TicketId},
        queue::{DEFAULT_QUEUE, Queue, Workload},
    },
    platform::time::Timestamp,
    store::QueueChange,
};

use crate::{
    columns::{Columns, rank},
    error::Result,
    reader::{one, rows},
    realms::RealmNumber,
    row::{self, queue_columns},
};

/// Changes a queue; false if things are not as expected, or if another one has one of its topics.
pub(crate) fn change(connection: &Connection, realm: RealmNumber, change: &QueueChange) -> Result<bool> {
    match change {
        QueueChange::Create { queue, others } => Ok(all(connection, realm)?.len() == *others
            && insert(connection, realm, queue)?
            && insert_topics(connection, realm, queue.id, &queue.topics)?),
        QueueChange::Update { before, after } => update(connection, realm, before, after),
    }
}

fn insert(connection: &Connection, realm: RealmNumber, queue: &Queue) -> Result<bool> {
    let Queue { id, key, name, topics, default_owner_id, default_priority, created_at } = queue;
    let inserted = connection
        .prepare_cached(concat!(
            "INSERT INTO queues (realm, ",
            queue_columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (realm, id) DO NOTHING ON CONFLICT (realm, key) DO NOTHING"
        ))?
        .execute(params![
            realm,
            id.to_bytes(),
            key,
            name,
            row::json(topics)?,
            default_owner_id.map(|owner| owner.to_string()),
            default_priority.map(rank),
            created_at.map(Timestamp::as_millis),
        ])?;
    Ok(inserted == 1)
}

fn update(connection: &Connection, realm: RealmNumber, before: &Queue, after: &Queue) -> Result<bool> {
    if find(connection, realm, &before.key)?.as_ref() != Some(before) {
        return Ok(false);
    }
    for topic in before.topics.iter().filter(|topic| !after.topics.contains(topic)) {
        connection
            .prepare_cached("DELETE FROM queue_topics WHERE realm = ?1 AND topic = ?2")?
            .execute(params![realm, topic])?;
    }
    let new = after.topics.iter().filter(|topic| !before.topics.contains(topic));
    if !insert_topics(connection, realm, before.id, new)? {
        return Ok(false);
    }
    // The id and the key never change.
    let Queue { id: _, key: _, name, topics, default_owner_id, default_priority, created_at } = after;
    connection
        .prepare_cached(
            "UPDATE queues SET name = ?3, topics = ?4, default_owner_id = ?5, default_priority = ?6, created_at = ?7
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![
            realm,
            before.id.to_bytes(),
            name,
            row::json(topics)?,
            default_owner_id.map(|owner| owner.to_string()),
            default_priority.map(rank),
            created_at.map(Timestamp::as_millis),
        ])?;
    Ok(true)
}

/// Leads topics to a queue; false if one of them leads to another.
fn insert_topics<'a>(
    connection: &Connection,
    realm: RealmNumber,
    queue: QueueId,
    topics: impl IntoIterator<Item = &'a String>,
) -> Result<bool> {
    for topic in topics {
        let inserted = connection
            .prepare_cached(
                "INSERT INTO queue_topics (realm, topic, queue_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT (realm, topic) DO NOTHING",
            )?
            .execute(params![realm, topic, queue.to_bytes()])?;
        if inserted == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The queue with a key.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, key: &str) -> Result<Option<Queue>> {
    let sql = concat!("SELECT ", queue_columns!(), " FROM my_queues WHERE realm = ?1 AND key = ?2");
    one(connection, sql, params![realm, key], row::queue)
}

/// The queue that has a topic or, if none has, the default one.
pub(crate) fn find_by_topic(connection: &Connection, realm: RealmNumber, topic: Option<&str>) -> Result<Option<Queue>> {
    let sql = concat!(
        "SELECT ",
        queue_columns!(),
        " FROM my_queues WHERE realm = ?1
          AND id = (SELECT queue_id FROM my_queue_topics WHERE realm = ?1 AND topic = ?2)"
    );
    let by_topic = match topic {
        Some(topic) => one(connection, sql, params![realm, topic], row::queue)?,
        None => None,
    };
    if by_topic.is_some() { Ok(by_topic) } else { find(connection, realm, DEFAULT_QUEUE) }
}

const IN_HAND: &str = "SELECT status, count(*) FROM my_tickets_in_hand WHERE queue = ?1 GROUP BY status";

const AT_RISK: &str = "SELECT count(*) FROM my_tickets_at_risk WHERE queue = ?1 AND at_risk_at <= ?2";

/// The head of each lane has waited longest in it.
const OLDEST: &str = "
    SELECT min((SELECT queued_at FROM my_tickets_waiting WHERE queue = ?1 AND priority = lanes.priority
                ORDER BY queued_at, id LIMIT 1))
    FROM (SELECT 0 AS priority UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS lanes";

/// What there is to do in a queue.
pub(crate) fn counts(connection: &Connection, realm: RealmNumber, queue: &str, now: Timestamp) -> Result<Workload> {
    let mut counts = Workload::default();
    let by_status = rows(connection, IN_HAND, params![queue], |row| {
        let mut columns = Columns::of(row);
        Ok((columns.word()?, columns.number()?))
    })?;
    for (status, count) in by_status {
        counts.by_status.add(status, count);
    }
    let waiting = "SELECT coalesce(sum(waiting), 0) FROM my_queue_blocks WHERE realm = ?1 AND queue = ?2";
    counts.waiting =
        connection.prepare_cached(waiting)?.query_row(params![realm, queue], |row| Columns::of(row).number())?;
    counts.oldest_queued_at =
        connection.prepare_cached(OLDEST)?.query_row(params![queue], |row| Columns::of(row).maybe_time())?;
    counts.at_risk = connection
        .prepare_cached(AT_RISK)?
        .query_row(params![queue, now.as_millis()], |row| Columns::of(row).number())?;
    Ok(counts)
}

const HEAD: &str = "SELECT id FROM my_tickets_waiting WHERE queue = ?1 ORDER BY priority DESC, queued_at, id LIMIT 1";

/// The ticket that waits in a queue and comes before all others. Of the current realm, as the view has it.
pub(crate) fn head(connection: &Connection, queue: &str) -> Result<Option<TicketId>> {
    let head = connection.prepare_cached(HEAD)?.query_row(params![queue], |row| Columns::of(row).id()).optional()?;
    Ok(head)
}

/// Every queue, by id.
pub(crate) fn all(connection: &Connection, realm: RealmNumber) -> Result<Vec<Queue>> {
    let sql = concat!("SELECT ", queue_columns!(), " FROM my_queues WHERE realm = ?1 ORDER BY id");
    rows(connection, sql, params![realm], row::queue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{
        Query,
        tests::{assert_walks, database, plan},
    };

    #[test]
    fn the_head_is_the_first_of_an_index() {
        let (_folder, connection) = database();
        let plan = plan(&connection, &Query { sql: HEAD.to_owned(), values: vec![row::text("default")] });
        assert_walks(&plan);
        assert!(plan.contains("tickets_waiting (realm=? AND queue=?"), "{plan}");
    }

    #[test]
    fn what_there_is_to_do_is_counted_in_indexes_of_what_is_not_closed() {
        let (_folder, connection) = database();
        for (sql, index) in [(IN_HAND, "tickets_in_hand"), (AT_RISK, "tickets_at_risk"), (OLDEST, "tickets_waiting")] {
            let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> =
                statement.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap).collect();
            let of_tickets: Vec<_> = steps.iter().filter(|step| step.contains("tickets")).collect();
            let walked = format!("{index} (realm=? AND queue=?");
            assert!(!of_tickets.is_empty() && of_tickets.iter().all(|step| step.contains(&walked)), "{steps:?}");
        }
    }
}
