//! Words as they are taken out, and all that has them.

use serde_json::{Value as Json, json};
use sk_tickets_core::{
    model::{id::TicketId, redaction::REDACTED},
    platform::idempotency::IdempotencyKey,
    store::{RedactionChange, Traces},
};

use crate::{
    columns::{Columns, Read},
    error::Result,
    realms::RealmNumber,
    row::{self, entry_columns, event_columns, notification_columns},
    statement::{Query, id, in_realm, uuid},
    store::PostgresStore,
};

/// All that has the words of a ticket. Read piece by piece, after the ticket: see [`Traces`].
pub(crate) async fn traces(store: &PostgresStore, realm: RealmNumber, ticket: TicketId) -> Result<Traces> {
    let answer = |columns: &mut Columns<'_>| Ok((IdempotencyKey::from_kept(columns.plain()?), columns.plain()?));
    Ok(Traces {
        thread: all(store, of_ticket(realm, THREAD, ticket), row::entry).await?,
        events: all(store, of_ticket(realm, EVENTS, ticket), row::event).await?,
        notifications: all(store, of_ticket(realm, NOTIFICATIONS, ticket), row::notification).await?,
        answers: all(store, of_ticket(realm, ANSWERS, ticket), answer).await?,
    })
}

/// Everything of a table that belongs to the ticket `$3`.
macro_rules! of_ticket {
    ($columns:expr, $table:literal, $rest:literal) => {
        in_realm!(
            "SELECT found.* FROM realm CROSS JOIN LATERAL (SELECT ",
            $columns,
            " FROM sk_tickets.",
            $table,
            " WHERE tenant = realm.tenant AND environment = realm.environment AND ticket_id = $3 ",
            $rest,
            " OFFSET 0) AS found"
        )
    };
}

pub(crate) const THREAD: &str = of_ticket!(entry_columns!(), "thread_entries", "ORDER BY sequence");
pub(crate) const EVENTS: &str =
    of_ticket!(event_columns!(), "events", "AND length(payload) > 0 ORDER BY ticket_version, id");
pub(crate) const NOTIFICATIONS: &str = of_ticket!(notification_columns!(), "notifications", "ORDER BY id");
pub(crate) const ANSWERS: &str = of_ticket!("key, body", "claims", "ORDER BY key");

pub(crate) fn of_ticket(realm: RealmNumber, sql: &str, ticket: TicketId) -> Query {
    let mut query = Query::on(realm);
    query.sql = sql.to_owned();
    query.values.push(id(ticket));
    query
}

async fn all<T>(store: &PostgresStore, query: Query, read: impl Fn(&mut Columns<'_>) -> Read<T>) -> Result<Vec<T>> {
    let rows = store.inner.pool.rows(query.bound()).await?;
    Ok(rows.iter().map(|row| read(&mut Columns::of(row))).collect::<Read<_>>()?)
}

/// What is put in place of bytes: payloads of events, then bodies of answers.
pub(crate) fn bytes(redaction: &RedactionChange) -> impl Iterator<Item = &[u8]> {
    let payloads = redaction.events.iter().map(|(_, payload)| payload.as_slice());
    payloads.chain(redaction.answers.iter().map(|(_, body)| body.as_slice()))
}

/// What is replaced by what. Its [`bytes`] are bound beside it, after so many others.
pub(crate) fn replacements(redaction: &RedactionChange, others: usize) -> Result<Json> {
    let RedactionChange { change, entry, events, answers, notifications, answers_seen } = redaction;
    let numbers = others + 1..;
    let payloads = events
        .iter()
        .zip(numbers.clone())
        .map(|((event, _), number)| json!({ "id": uuid(*event).to_string(), "number": number }));
    let bodies = answers
        .iter()
        .zip(numbers.skip(events.len()))
        .map(|((key, _), number)| json!({ "key": key.as_str(), "number": number }));
    let texts = notifications
        .iter()
        .map(|(id, subject, text)| json!({ "id": uuid(*id).to_string(), "subject": subject, "text": text }));
    Ok(json!({
        "ticket_id": uuid(change.ticket.id).to_string(),
        "entry": {
            "id": uuid(entry.id).to_string(),
            "body": entry.body,
            "evidence": entry.evidence,
            "detail": entry.detail,
        },
        "payloads": payloads.collect::<Json>(),
        "answers": bodies.collect::<Json>(),
        "notifications": texts.collect::<Json>(),
        "answers_seen": i64::try_from(*answers_seen)?,
        "tombstone": REDACTED,
    }))
}
