//! The feed: events as writes add them, and as they are listed.

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::{
        event::{Event, FeedPosition},
        id::TicketId,
        page::Order,
    },
    store::{FeedPage, PageSpec},
};

use crate::{
    columns::Columns,
    error::Result,
    reader::{after_number, row_limit, rows},
    realms::{RealmNumber, Skew},
    row::{self, event_columns},
};

macro_rules! page {
    ($bounds:literal, $order:literal) => {
        concat!(
            "SELECT position, ",
            event_columns!(),
            " FROM my_events WHERE realm = ?1 AND position > ",
            $bounds,
            " ORDER BY position ",
            $order,
            " LIMIT ?3"
        )
    };
}

/// A page of the feed.
pub(crate) fn page(connection: &Connection, realm: RealmNumber, page: PageSpec<FeedPosition>) -> Result<FeedPage> {
    // A comparison leaves out the pings, which have no position.
    let sql = match page.order {
        Order::Asc => page!("max(?2, (SELECT purged_position FROM my_realm WHERE id = ?1))", "ASC"),
        Order::Desc => page!("(SELECT purged_position FROM my_realm WHERE id = ?1) AND position < ?2", "DESC"),
    };
    let after = after_number(page.after.map(|position| position.0), page.order);
    let events = rows(connection, sql, params![realm, after, row_limit(page.limit)], |row| {
        let mut columns = Columns::of(row);
        let position = FeedPosition(columns.number()?);
        Ok((position, row::event(&mut columns)?))
    })?;
    // After the events: what was dropped in between is told of, at worst, and not left out in silence.
    let purged = connection
        .prepare_cached("SELECT purged_position FROM my_realm WHERE id = ?1")?
        .query_row([realm], |row| Columns::of(row).number())
        .optional()?;
    Ok(FeedPage { events, purged: FeedPosition(purged.unwrap_or_default()) })
}

/// Where the feed ends. What is dropped of an event leaves its position, so none is given out twice.
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
