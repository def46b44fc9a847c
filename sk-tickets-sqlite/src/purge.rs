//! Drops what is old. The one place that takes away what else only ever is added to.

use rusqlite::{Connection, params};
use sk_tickets_core::{
    platform::{
        id::{DeliveryId, EventId},
        idempotency::EXPIRED,
        time::Timestamp,
    },
    store::{Purge, Purged},
};

use crate::{
    columns::Columns,
    error::Result,
    outbox::{deliveries_of, is_dead_letter},
    realms::{RealmNumber, Skew},
};

/// Drops what is old; false if there is nothing.
pub(crate) fn purge(connection: &Connection, realm: RealmNumber, purge: &Purge) -> Result<bool> {
    let Purge { what, before, limit } = *purge;
    let limit = i64::try_from(limit)?;
    let dropped = match what {
        Purged::Answers => purge_answers(connection, realm, before, limit)?,
        Purged::Events => purge_events(connection, realm, before, limit)?,
        Purged::Deliveries => purge_deliveries(connection, realm, before, limit)?,
        Purged::Responses => purge_responses(connection, realm, before, limit)?,
    };
    Ok(dropped > 0)
}

/// Those whose answer is kept are in an index by their age.
const OLD_ANSWERS: &str =
    "SELECT key FROM my_kept_answers WHERE realm = ?1 AND created_at < ?2 ORDER BY created_at LIMIT ?3";

fn purge_answers(connection: &Connection, realm: RealmNumber, before: Timestamp, limit: i64) -> Result<usize> {
    let old = connection
        .prepare_cached(OLD_ANSWERS)?
        .query_map(params![realm, before.as_millis(), limit], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let mut expire = connection.prepare_cached(
        "UPDATE claims SET fingerprint = ?3, etag = NULL, content_type = NULL, body = x'', secret = NULL,
                           secret_offset = NULL, ticket_id = NULL
         WHERE realm = ?1 AND key = ?2",
    )?;
    for key in &old {
        expire.execute(params![realm, key, EXPIRED.0])?;
    }
    Ok(old.len())
}

/// The first events of the feed that are kept, and how old they are.
const FIRST_EVENTS: &str = "SELECT position, id, at FROM my_events
     WHERE realm = ?1 AND position > (SELECT purged_position FROM my_realm WHERE id = ?1)
     ORDER BY position LIMIT ?2";

fn purge_events(connection: &Connection, realm: RealmNumber, before: Timestamp, limit: i64) -> Result<usize> {
    let mut first = connection.prepare_cached(FIRST_EVENTS)?;
    let mut first = first.query(params![realm, limit])?;
    let mut positions = Vec::new();
    while let Some(row) = first.next()? {
        let mut columns = Columns::of(row);
        let (position, event, at): (i64, EventId, Timestamp) = (columns.plain()?, columns.id()?, columns.time()?);
        if at >= before || is_needed(connection, realm, event)? {
            break;
        }
        positions.push(position);
    }
    if let [first, ..] = positions[..]
        && let Some(last) = positions.last()
    {
        connection
            .prepare_cached("UPDATE events SET payload = x'' WHERE realm = ?1 AND position BETWEEN ?2 AND ?3")?
            .execute(params![realm, first, last])?;
        connection
            .prepare_cached("UPDATE realms SET purged_position = ?2 WHERE id = ?1")?
            .execute(params![realm, last])?;
    }
    Ok(positions.len())
}

/// Whether an event is yet to be delivered, or could be.
const IS_NEEDED: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM my_deliveries WHERE realm = ?1 AND id BETWEEN ?2 AND ?3 AND event_id = ?4
                        AND (status = 'pending' OR ",
    is_dead_letter!(),
    "))"
);

fn is_needed(connection: &Connection, realm: RealmNumber, event: EventId) -> Result<bool> {
    let [first, last] = deliveries_of(event);
    let needed = connection
        .prepare_cached(IS_NEEDED)?
        .query_row(params![realm, first, last, event.to_bytes()], |row| row.get(0))?;
    Ok(needed)
}

/// Those that are done with, by when their events happened; unless an attempt was made later.
const OLD_DELIVERIES: &str = "SELECT id FROM my_deliveries_by_status AS d
     WHERE realm = ?1 AND status = ?2 AND id <= ?3 AND created_at < ?4
       AND NOT EXISTS (SELECT 1 FROM my_delivery_attempts AS a
                       WHERE a.realm = d.realm AND a.delivery_id = d.id AND a.at >= ?4)
     ORDER BY id LIMIT ?5";

fn purge_deliveries(connection: &Connection, realm: RealmNumber, before: Timestamp, limit: i64) -> Result<usize> {
    let latest = Skew::for_times(connection, realm, [Some(before), None])?.latest(before).unwrap_or(Timestamp::MAX);
    let latest = DeliveryId::from_parts(latest, [u8::MAX; 10]).to_bytes();
    let mut old: Vec<[u8; 16]> = Vec::new();
    for status in ["delivered", "dead"] {
        let limit = limit - i64::try_from(old.len())?;
        let mut listed = connection.prepare_cached(OLD_DELIVERIES)?;
        let listed = listed.query_map(params![realm, status, latest, before.as_millis(), limit], |row| row.get(0))?;
        old.extend(listed.collect::<rusqlite::Result<Vec<[u8; 16]>>>()?);
    }
    for delivery in &old {
        for sql in [
            "DELETE FROM delivery_attempts WHERE realm = ?1 AND delivery_id = ?2",
            "DELETE FROM deliveries WHERE realm = ?1 AND id = ?2",
        ] {
            connection.prepare_cached(sql)?.execute(params![realm, delivery])?;
        }
    }
    if !old.is_empty() {
        connection
            .prepare_cached(
                "UPDATE realms SET deliveries_purged_before = ?2 WHERE id = ?1 AND deliveries_purged_before < ?2",
            )?
            .execute(params![realm, before.as_millis()])?;
    }
    Ok(old.len())
}

/// Attempts with an answer are in an index by their age.
const OLD_RESPONSES: &str =
    "SELECT delivery_id, number FROM my_kept_responses WHERE realm = ?1 AND at < ?2 ORDER BY at LIMIT ?3";

fn purge_responses(connection: &Connection, realm: RealmNumber, before: Timestamp, limit: i64) -> Result<usize> {
    let old = connection
        .prepare_cached(OLD_RESPONSES)?
        .query_map(params![realm, before.as_millis(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<([u8; 16], i64)>>>()?;
    let mut forget = connection.prepare_cached(
        "UPDATE delivery_attempts SET response = NULL WHERE realm = ?1 AND delivery_id = ?2 AND number = ?3",
    )?;
    for (delivery, number) in &old {
        forget.execute(params![realm, delivery, number])?;
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;
    use crate::list::{
        Query,
        tests::{assert_walks, database, plan},
    };

    /// Whatever else there is.
    #[test]
    fn what_is_old_is_found_by_its_age() {
        let (_folder, connection) = database();
        for (sql, values, index) in [
            (OLD_ANSWERS, 3, "claims_kept (realm=? AND created_at<?)"),
            (FIRST_EVENTS, 2, "(realm=? AND position>?)"),
            (IS_NEEDED, 4, "PRIMARY KEY (realm=? AND id>? AND id<?)"),
            (OLD_DELIVERIES, 5, "deliveries_status (realm=? AND status=? AND id<?)"),
            (OLD_RESPONSES, 3, "delivery_attempts_responses (realm=? AND at<?)"),
        ] {
            let values = vec![Value::Integer(1); values];
            let plan = plan(&connection, &Query { sql: sql.to_owned(), values });
            assert_walks(&plan.replace("SCAN CONSTANT ROW", ""));
            assert!(plan.contains(index), "{index} is not in\n{plan}");
        }
    }
}
