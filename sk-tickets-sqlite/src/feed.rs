//! Events as writes add them.

use rusqlite::{Connection, params};
use sk_tickets_core::model::{event::Event, id::TicketId};

use crate::{
    error::Result,
    realms::{RealmNumber, Skew},
};

/// Where the feed ends. Events are never deleted, so no position is given out twice.
pub(crate) fn last_position(connection: &Connection, realm: RealmNumber) -> Result<i64> {
    let position: Option<i64> = connection
        .prepare_cached("SELECT max(position) FROM my_events WHERE realm = ?1")?
        .query_row([realm], |row| row.get(0))?;
    Ok(position.unwrap_or(0))
}

/// Adds an event, to the feed if it has a position there.
pub(crate) fn insert_event(
    connection: &Connection,
    realm: RealmNumber,
    position: Option<i64>,
    event: &Event,
) -> Result<()> {
    let Event { id, event_type, ticket_id, ticket_version, at, payload } = event;
    connection
        .prepare_cached(
            "INSERT INTO events (realm, id, position, event_type, ticket_id, ticket_version, at, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            position,
            event_type.as_str(),
            ticket_id.map(TicketId::to_bytes),
            ticket_version.map(|version| i64::try_from(version.0)).transpose()?,
            at.as_millis(),
            payload,
        ])?;
    Skew::note(connection, realm, id.timestamp(), *at)
}
