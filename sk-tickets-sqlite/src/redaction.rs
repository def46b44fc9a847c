//! Words as they are taken out, and all that has them. The one place that changes what else is only added to.

use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::{id::TicketId, redaction::REDACTED, thread::ThreadEntry},
    platform::{id::EventId, idempotency::IdempotencyKey},
    store::{RedactionChange, Traces},
};

use crate::{
    columns::Columns,
    error::Result,
    outbox::deliveries_of,
    realms::RealmNumber,
    row::{self, entry_columns, event_columns, notification_columns},
};

/// All that has the words of a ticket.
pub(crate) fn traces(connection: &Connection, realm: RealmNumber, ticket: TicketId) -> Result<Traces> {
    let key = params![realm, ticket.to_bytes()];
    Ok(Traces {
        thread: connection.prepare_cached(THREAD)?.query_map(key, row::entry)?.collect::<rusqlite::Result<_>>()?,
        events: connection
            .prepare_cached(EVENTS)?
            .query_map(key, |row| row::event(&mut Columns::of(row)))?
            .collect::<rusqlite::Result<_>>()?,
        notifications: connection
            .prepare_cached(NOTIFICATIONS)?
            .query_map(key, row::notification)?
            .collect::<rusqlite::Result<_>>()?,
        answers: connection
            .prepare_cached(ANSWERS)?
            .query_map(key, |row| Ok((IdempotencyKey::from_kept(row.get(0)?), row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?,
    })
}

const THREAD: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM my_thread_entries WHERE realm = ?1 AND ticket_id = ?2 ORDER BY sequence"
);
const EVENTS: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM my_events WHERE realm = ?1 AND ticket_id = ?2 AND length(payload) > 0 ORDER BY ticket_version, id"
);
const NOTIFICATIONS: &str = concat!(
    "SELECT ",
    notification_columns!(),
    " FROM my_notifications_by_ticket WHERE realm = ?1 AND ticket_id = ?2 ORDER BY id"
);
const ANSWERS: &str = "SELECT key, body FROM my_claims WHERE realm = ?1 AND ticket_id = ?2 ORDER BY key";
const ANSWERS_SEEN: &str = "SELECT count(*) FROM my_claims WHERE realm = ?1 AND ticket_id = ?2";

/// Replaces the words; false if an answer has them that the change does not know of.
pub(crate) fn replace(connection: &Connection, realm: RealmNumber, redaction: &RedactionChange) -> Result<bool> {
    let RedactionChange { change, entry, events, answers, notifications, answers_seen } = redaction;
    let seen: i64 = connection
        .prepare_cached(ANSWERS_SEEN)?
        .query_row(params![realm, change.ticket.id.to_bytes()], |row| row.get(0))?;
    if usize::try_from(seen)? != *answers_seen {
        return Ok(false);
    }
    replace_entry(connection, realm, entry)?;
    for (event, payload) in events {
        connection
            .prepare_cached("UPDATE events SET payload = ?3 WHERE realm = ?1 AND id = ?2 AND length(payload) > 0")?
            .execute(params![realm, event.to_bytes(), payload])?;
        forget_attempts(connection, realm, *event)?;
    }
    for (id, subject, text) in notifications {
        connection
            .prepare_cached("UPDATE notifications SET subject = ?3, text = ?4 WHERE realm = ?1 AND id = ?2")?
            .execute(params![realm, id.to_bytes(), subject, text])?;
        connection
            .prepare_cached(
                "UPDATE notifications SET last_error = ?3 WHERE realm = ?1 AND id = ?2 AND last_error IS NOT NULL",
            )?
            .execute(params![realm, id.to_bytes(), REDACTED])?;
    }
    for (key, body) in answers {
        connection.prepare_cached("UPDATE claims SET body = ?3 WHERE realm = ?1 AND key = ?2")?.execute(params![
            realm,
            key.as_str(),
            body
        ])?;
    }
    Ok(true)
}

fn replace_entry(connection: &Connection, realm: RealmNumber, entry: &ThreadEntry) -> Result<()> {
    let ThreadEntry { ticket_id, sequence, body, evidence, detail, id: _, visibility: _, actor: _, created_at: _ } =
        entry;
    connection
        .prepare_cached(
            "UPDATE thread_entries SET body = ?4, evidence = ?5, detail = ?6
             WHERE realm = ?1 AND ticket_id = ?2 AND sequence = ?3",
        )?
        .execute(params![
            realm,
            ticket_id.to_bytes(),
            i64::try_from(*sequence)?,
            body,
            row::json(evidence)?,
            row::json(detail)?,
        ])?;
    Ok(())
}

/// Ends the leases on an event's deliveries, so that whoever sends the old payload just now brings nothing of it back, and
/// replaces what receivers have answered to it.
fn forget_attempts(connection: &Connection, realm: RealmNumber, event: EventId) -> Result<()> {
    let [first, last] = deliveries_of(event);
    let deliveries = connection
        .prepare_cached(
            "UPDATE deliveries
             SET lease_owner = NULL, claimable_at = next_attempt_at
             WHERE realm = ?1 AND id BETWEEN ?2 AND ?3 AND event_id = ?4
             RETURNING id",
        )?
        .query_map(params![realm, first, last, event.to_bytes()], |row| row.get::<_, [u8; 16]>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for delivery in deliveries {
        for sql in [FORGET_ERRORS, FORGET_RESPONSES] {
            connection.prepare_cached(sql)?.execute(params![realm, delivery, REDACTED])?;
        }
    }
    Ok(())
}

const FORGET_ERRORS: &str =
    "UPDATE delivery_attempts SET error = ?3 WHERE realm = ?1 AND delivery_id = ?2 AND error IS NOT NULL";
const FORGET_RESPONSES: &str =
    "UPDATE delivery_attempts SET response = ?3 WHERE realm = ?1 AND delivery_id = ?2 AND response IS NOT NULL";
