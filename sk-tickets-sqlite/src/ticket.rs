//! Tickets and what is around them, as writes change them.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use sk_tickets_core::{
    model::{
        id::TicketId,
        sla::Timers,
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    store::{Expectation, TicketChange},
};

use crate::{
    commit::Change,
    contact, endpoint,
    error::{Fault, Result},
    feed, notification, outbox,
    places::{self, Place},
    policy,
    realms::{RealmNumber, Skew},
    row::{self, ticket_columns, timer_columns},
    words::Words,
};

/// Changes a ticket, and adds what comes with it; what it is found by is noted and not yet written.
pub(crate) fn change(
    connection: &Connection,
    realm: RealmNumber,
    change: &TicketChange,
    words: &mut Words,
) -> Result<Change> {
    let TicketChange { expect, ticket, timers, policy, contact, notification, entries, events, terms } = change;
    if let Some(policy) = policy
        && !policy::is_in_force(connection, realm, *policy)?
    {
        return Ok(Change::Stale);
    }
    let fresh = match expect {
        Expectation::Absent => insert_ticket(connection, realm, ticket, timers)?,
        Expectation::Version(version) => update_ticket(connection, realm, ticket, timers, *version)?,
    };
    if !fresh {
        return Ok(Change::Stale);
    }
    if let Some(contact) = contact
        && !contact::insert(connection, realm, contact)?
    {
        return Ok(Change::Stale);
    }
    if let Some(change) = notification
        && !notification::change(connection, realm, change)?
    {
        return Ok(Change::Stale);
    }
    for entry in entries {
        insert_entry(connection, realm, entry)?;
    }
    words.change(connection, realm, ticket.id, *expect == Expectation::Absent, terms)?;
    if events.is_empty() {
        return Ok(Change::Done);
    }
    let endpoints = endpoint::all(connection, realm)?;
    let mut position = feed::last_position(connection, realm)?;
    let mut due = false;
    for event in events {
        position += 1;
        feed::insert_event(connection, realm, Some(position), event)?;
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.wants(event.event_type)) {
            due |= outbox::deliver(connection, realm, event, endpoint)?;
        }
    }
    Ok(if due { Change::Due } else { Change::Done })
}

/// Whether a ticket is in this version.
pub(crate) fn is_in(connection: &Connection, realm: RealmNumber, id: TicketId, version: Version) -> Result<bool> {
    let is_in = connection
        .prepare_cached("SELECT 1 FROM my_tickets WHERE realm = ?1 AND id = ?2 AND version = ?3")?
        .exists(params![realm, id.to_bytes(), i64::try_from(version.0)?])?;
    Ok(is_in)
}

/// Adds a ticket; false if there is one with its id.
fn insert_ticket(connection: &Connection, realm: RealmNumber, ticket: &Ticket, timers: &Timers) -> Result<bool> {
    let key = [Value::Integer(realm), row::id(ticket.id)];
    let values = row::ticket_values(ticket)?.into_iter().chain(row::timer_values(timers)?).map(|(_, value)| value);
    let inserted = connection
        .prepare_cached(concat!(
            "INSERT INTO tickets (realm, id, ",
            ticket_columns!(),
            ", ",
            timer_columns!(),
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                       ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (realm, id) DO NOTHING"
        ))?
        .execute(params_from_iter(key.into_iter().chain(values)))?;
    if inserted == 0 {
        return Ok(false);
    }
    Skew::note(connection, realm, ticket.id.timestamp(), ticket.created_at)?;
    for tag in &ticket.tags {
        insert_tag(connection, realm, tag, ticket.id)?;
    }
    places::moved(connection, realm, None, Place::of(ticket).as_ref())?;
    Ok(true)
}

/// Set with every change, since there always must be something to set.
const VERSION: &str = "version";

/// Makes a ticket in this version into what it is to be; false if there is none.
///
/// Only columns that change are set, so that only their indexes are written.
fn update_ticket(
    connection: &Connection,
    realm: RealmNumber,
    ticket: &Ticket,
    timers: &Timers,
    version: Version,
) -> Result<bool> {
    let key = params![realm, ticket.id.to_bytes()];
    let values: Vec<_> = row::ticket_values(ticket)?.into_iter().chain(row::timer_values(timers)?).collect();
    let before = connection
        .prepare_cached(concat!(
            "SELECT ",
            ticket_columns!(),
            ", ",
            timer_columns!(),
            " FROM my_tickets WHERE realm = ?1 AND id = ?2"
        ))?
        .query_row(key, |row| (0..values.len()).map(|index| row.get(index)).collect::<rusqlite::Result<Vec<Value>>>())
        .optional()?;
    let Some(before) = before else { return Ok(false) };
    let place_before = place(ticket.id, values.iter().map(|(name, _)| *name).zip(&before))?;
    let changed: Vec<_> =
        values.into_iter().zip(before).filter(|((name, after), before)| *name == VERSION || after != before).collect();

    let sets: Vec<_> = changed.iter().map(|((name, _), _)| format!("{name} = ?")).collect();
    let sql = format!("UPDATE tickets SET {} WHERE realm = ? AND id = ? AND version = ?", sets.join(", "));
    let condition = [Value::Integer(realm), row::id(ticket.id), Value::Integer(i64::try_from(version.0)?)];
    let values = changed.iter().map(|((_, after), _)| after.clone()).chain(condition);
    if connection.prepare_cached(&sql)?.execute(params_from_iter(values))? == 0 {
        return Ok(false);
    }
    match changed.iter().find(|((name, _), _)| *name == "tags") {
        Some((_, Value::Text(before))) => update_tags(connection, realm, ticket, before)?,
        Some(_) => return Err(Fault::Broken("the tags of a ticket are not text")),
        None => {}
    }
    places::moved(connection, realm, place_before.as_ref(), Place::of(ticket).as_ref())?;
    Ok(true)
}

/// Where a ticket with these columns waits, if it does.
fn place<'a>(id: TicketId, columns: impl Iterator<Item = (&'static str, &'a Value)>) -> Result<Option<Place>> {
    let (mut queue, mut priority, mut queued_at) = (None, None, None);
    for (name, value) in columns {
        match (name, value) {
            ("queue", Value::Text(text)) => queue = Some(text.clone()),
            ("priority", Value::Integer(number)) => priority = Some(*number),
            ("queued_at", Value::Integer(number)) => queued_at = Some(*number),
            _ => {}
        }
    }
    let Some(queued_at) = queued_at else { return Ok(None) };
    let (queue, priority) = queue.zip(priority).ok_or(Fault::Broken("a ticket has no queue or no priority"))?;
    Ok(Some(Place { queue, priority, queued_at, id: id.to_bytes() }))
}

fn update_tags(connection: &Connection, realm: RealmNumber, ticket: &Ticket, before: &str) -> Result<()> {
    let before: BTreeSet<String> = serde_json::from_str(before)?;
    let after: BTreeSet<String> = ticket.tags.iter().cloned().collect();
    for tag in before.difference(&after) {
        connection
            .prepare_cached("DELETE FROM ticket_tags WHERE realm = ?1 AND tag = ?2 AND ticket_id = ?3")?
            .execute(params![realm, tag, ticket.id.to_bytes()])?;
    }
    for tag in after.difference(&before) {
        insert_tag(connection, realm, tag, ticket.id)?;
    }
    Ok(())
}

fn insert_tag(connection: &Connection, realm: RealmNumber, tag: &str, ticket: TicketId) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO ticket_tags (realm, tag, ticket_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (realm, tag, ticket_id) DO NOTHING",
        )?
        .execute(params![realm, tag, ticket.to_bytes()])?;
    Ok(())
}

fn insert_entry(connection: &Connection, realm: RealmNumber, entry: &ThreadEntry) -> Result<()> {
    let ThreadEntry { id, ticket_id, sequence, visibility, actor, body, evidence, created_at, detail } = entry;
    connection
        .prepare_cached(
            "INSERT INTO thread_entries (realm, ticket_id, sequence, id, visibility, actor, body, evidence, detail,
                                         created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            realm,
            ticket_id.to_bytes(),
            i64::try_from(*sequence)?,
            id.to_bytes(),
            visibility.as_str(),
            row::json(actor)?,
            body,
            row::json(evidence)?,
            row::json(detail)?,
            created_at.as_millis(),
        ])?;
    Ok(())
}
