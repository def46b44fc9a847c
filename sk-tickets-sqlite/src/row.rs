//! Rows as the model has them, and the model as rows.
//!
//! The columns of each table are listed once, next to the function that reads them in that order.

use rusqlite::{Row, types::Value};
use serde::Serialize;
use sk_tickets_core::{
    model::{
        api_key::ApiKey,
        contact::Contact,
        delivery::{Attempt, Delivery},
        endpoint::{Endpoint, OldSecret},
        event::Event,
        form::Form,
        id::OwnerId,
        notification::Notification,
        queue::Queue,
        replay_job::ReplayJob,
        sla::{KeptPolicy, SlaPolicy, Targets, Timers},
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    platform::{
        id::{Id, IdKind},
        idempotency::{Fingerprint, Recorded, StoredResponse},
        realm::{Environment, Realm, Tenant},
        time::Timestamp,
    },
};

use crate::{
    columns::{Columns, Read, rank},
    error::Result,
};

/// A value as its JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// The columns of a ticket after its id.
macro_rules! ticket_columns {
    () => {
        "version, subject, status, priority, source, topic, queue, queued_at, owner_id, contact_id, call_id, tags, \
         metadata, resolution_note, reopen_count, follow_up_of, sla, created_at, updated_at, first_resolved_at, \
         resolved_at, closed_at"
    };
}
pub(crate) use ticket_columns;

/// A ticket out of its id and [`ticket_columns`].
pub(crate) fn ticket(row: &Row<'_>, environment: Environment) -> Read<Ticket> {
    let mut columns = Columns::of(row);
    Ok(Ticket {
        id: columns.id()?,
        environment,
        version: Version(columns.number()?),
        subject: columns.plain()?,
        status: columns.word()?,
        priority: columns.priority()?,
        source: columns.word()?,
        topic: columns.plain()?,
        queue: columns.plain()?,
        queued_at: columns.maybe_time()?,
        owner_id: columns.maybe_word()?,
        contact_id: columns.maybe_id()?,
        call_id: columns.maybe_id()?,
        tags: columns.json()?,
        metadata: columns.json()?,
        resolution_note: columns.plain()?,
        reopen_count: columns.number()?,
        follow_up_of: columns.maybe_id()?,
        sla: columns.maybe_json()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        first_resolved_at: columns.maybe_time()?,
        resolved_at: columns.maybe_time()?,
        closed_at: columns.maybe_time()?,
    })
}

/// The columns of an SLA policy.
macro_rules! policy_columns {
    () => {
        "revision, id, priority, first_response_seconds, resolution_seconds, warn_before_seconds, created_at, updated_at"
    };
}
pub(crate) use policy_columns;

/// An SLA policy out of [`policy_columns`].
pub(crate) fn policy(row: &Row<'_>) -> Read<KeptPolicy> {
    let mut columns = Columns::of(row);
    Ok(KeptPolicy {
        revision: columns.number()?,
        policy: SlaPolicy {
            id: columns.id()?,
            priority: columns.priority()?,
            first_response_seconds: columns.maybe_number()?,
            resolution_seconds: columns.maybe_number()?,
            warn_before_seconds: columns.maybe_number()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
        },
    })
}

/// The columns of a ticket's times.
macro_rules! timer_columns {
    () => {
        "first_replied_at, resolution_used_ms, resolution_since, targets, first_response_breached_at, \
         resolution_breached_at, auto_close_at, wakes_at, at_risk_at, clocked"
    };
}
pub(crate) use timer_columns;

/// The times of a ticket out of [`timer_columns`].
pub(crate) fn timers(row: &Row<'_>) -> Read<Timers> {
    let mut columns = Columns::of(row);
    Ok(Timers {
        first_replied_at: columns.maybe_time()?,
        resolution_used_ms: columns.number()?,
        resolution_since: columns.maybe_time()?,
        targets: columns.maybe_json()?.unwrap_or_default(),
        first_response_breached_at: columns.maybe_time()?,
        resolution_breached_at: columns.maybe_time()?,
        auto_close_at: columns.maybe_time()?,
        wakes_at: columns.maybe_time()?,
        at_risk_at: columns.maybe_time()?,
        clocked: columns.plain()?,
    })
}

/// The values of the columns of a ticket's times, in the order of [`timer_columns`].
pub(crate) fn timer_values(timers: &Timers) -> Result<[(&'static str, Value); 10]> {
    let Timers {
        first_replied_at,
        resolution_used_ms,
        resolution_since,
        targets,
        first_response_breached_at,
        resolution_breached_at,
        auto_close_at,
        wakes_at,
        at_risk_at,
        clocked,
    } = timers;
    let targets = if *targets == Targets::NONE { Value::Null } else { Value::Text(json(targets)?) };
    Ok([
        ("first_replied_at", maybe_time(*first_replied_at)),
        ("resolution_used_ms", Value::Integer(i64::try_from(*resolution_used_ms)?)),
        ("resolution_since", maybe_time(*resolution_since)),
        ("targets", targets),
        ("first_response_breached_at", maybe_time(*first_response_breached_at)),
        ("resolution_breached_at", maybe_time(*resolution_breached_at)),
        ("auto_close_at", maybe_time(*auto_close_at)),
        ("wakes_at", maybe_time(*wakes_at)),
        ("at_risk_at", maybe_time(*at_risk_at)),
        ("clocked", Value::Integer(i64::from(*clocked))),
    ])
}

/// The values of a ticket's columns, in the order of [`ticket_columns`].
pub(crate) fn ticket_values(ticket: &Ticket) -> Result<[(&'static str, Value); 22]> {
    let Ticket {
        id: _,
        environment: _,
        version,
        subject,
        status,
        priority,
        source,
        topic,
        queue,
        queued_at,
        owner_id,
        contact_id,
        call_id,
        tags,
        metadata,
        resolution_note,
        reopen_count,
        follow_up_of,
        sla,
        created_at,
        updated_at,
        first_resolved_at,
        resolved_at,
        closed_at,
    } = ticket;
    Ok([
        ("version", Value::Integer(i64::try_from(version.0)?)),
        ("subject", text(subject)),
        ("status", text(status.as_str())),
        ("priority", Value::Integer(rank(*priority))),
        ("source", text(source.as_str())),
        ("topic", maybe_text(topic.as_deref())),
        ("queue", text(queue)),
        ("queued_at", maybe_time(*queued_at)),
        ("owner_id", owner(*owner_id)),
        ("contact_id", maybe_id(*contact_id)),
        ("call_id", maybe_id(*call_id)),
        ("tags", Value::Text(json(tags)?)),
        ("metadata", Value::Text(json(metadata)?)),
        ("resolution_note", maybe_text(resolution_note.as_deref())),
        ("reopen_count", Value::Integer(i64::from(*reopen_count))),
        ("follow_up_of", maybe_id(*follow_up_of)),
        ("sla", sla.as_ref().map(json).transpose()?.map_or(Value::Null, Value::Text)),
        ("created_at", time(*created_at)),
        ("updated_at", time(*updated_at)),
        ("first_resolved_at", maybe_time(*first_resolved_at)),
        ("resolved_at", maybe_time(*resolved_at)),
        ("closed_at", maybe_time(*closed_at)),
    ])
}

pub(crate) fn id<K: IdKind>(id: Id<K>) -> Value {
    Value::Blob(id.to_bytes().to_vec())
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn time(at: Timestamp) -> Value {
    Value::Integer(at.as_millis())
}

fn maybe_id<K: IdKind>(maybe: Option<Id<K>>) -> Value {
    maybe.map_or(Value::Null, id)
}

fn maybe_text(maybe: Option<&str>) -> Value {
    maybe.map_or(Value::Null, text)
}

fn maybe_time(maybe: Option<Timestamp>) -> Value {
    maybe.map_or(Value::Null, time)
}

fn owner(owner: Option<OwnerId>) -> Value {
    owner.map_or(Value::Null, |owner| Value::Text(owner.to_string()))
}

/// The columns of a thread entry.
macro_rules! entry_columns {
    () => {
        "id, ticket_id, sequence, visibility, actor, body, evidence, created_at, detail"
    };
}
pub(crate) use entry_columns;

/// A thread entry out of [`entry_columns`].
pub(crate) fn entry(row: &Row<'_>) -> Read<ThreadEntry> {
    let mut columns = Columns::of(row);
    Ok(ThreadEntry {
        id: columns.id()?,
        ticket_id: columns.id()?,
        sequence: columns.number()?,
        visibility: columns.word()?,
        actor: columns.json()?,
        body: columns.plain()?,
        evidence: columns.json()?,
        created_at: columns.time()?,
        detail: columns.json()?,
    })
}

/// The columns of an event.
macro_rules! event_columns {
    () => {
        "id, event_type, ticket_id, ticket_version, at, payload"
    };
}
pub(crate) use event_columns;

/// An event out of [`event_columns`].
pub(crate) fn event(columns: &mut Columns<'_, '_>) -> Read<Event> {
    Ok(Event {
        id: columns.id()?,
        event_type: columns.word()?,
        ticket_id: columns.maybe_id()?,
        ticket_version: columns.maybe_number()?.map(Version),
        at: columns.time()?,
        payload: columns.plain()?,
    })
}

/// The columns of an endpoint.
macro_rules! endpoint_columns {
    () => {
        "id, url, description, events, status, disabled_reason, failing_since, created_at, secret, \
         old_secrets"
    };
}
pub(crate) use endpoint_columns;

/// An endpoint out of [`endpoint_columns`].
pub(crate) fn endpoint(row: &Row<'_>) -> Read<Endpoint> {
    let mut columns = Columns::of(row);
    Ok(Endpoint {
        id: columns.id()?,
        url: columns.plain()?,
        description: columns.plain()?,
        events: columns.json()?,
        status: columns.word()?,
        disabled_reason: columns.maybe_word()?,
        failing_since: columns.maybe_time()?,
        created_at: columns.time()?,
        secret: columns.sealed()?,
        old_secrets: columns.old_secrets()?,
    })
}

/// The secrets of an endpoint that were replaced: each as when it ends and its bytes.
pub(crate) fn old_secrets(secrets: &[OldSecret]) -> Result<String> {
    let pairs = secrets.iter().map(|OldSecret { secret, until }| (until.as_millis(), secret.as_bytes()));
    json(&pairs.collect::<Vec<_>>())
}

/// The columns of a contact.
macro_rules! contact_columns {
    () => {
        "id, name, email, phone, created_at"
    };
}
pub(crate) use contact_columns;

/// A contact out of [`contact_columns`].
pub(crate) fn contact(row: &Row<'_>) -> Read<Contact> {
    let mut columns = Columns::of(row);
    Ok(Contact {
        id: columns.id()?,
        name: columns.plain()?,
        email: columns.plain()?,
        phone: columns.plain()?,
        created_at: columns.time()?,
    })
}

/// The columns of a queue.
macro_rules! queue_columns {
    () => {
        "id, key, name, topics, default_owner_id, default_priority, created_at"
    };
}
pub(crate) use queue_columns;

/// A queue out of [`queue_columns`].
pub(crate) fn queue(row: &Row<'_>) -> Read<Queue> {
    let mut columns = Columns::of(row);
    Ok(Queue {
        id: columns.id()?,
        key: columns.plain()?,
        name: columns.plain()?,
        topics: columns.json()?,
        default_owner_id: columns.maybe_word()?,
        default_priority: columns.maybe_priority()?,
        created_at: columns.maybe_time()?,
    })
}

/// The columns of a form.
macro_rules! form_columns {
    () => {
        "id, name, topics, allowed_origins, locale, theme, created_at"
    };
}
pub(crate) use form_columns;

/// A form out of [`form_columns`].
pub(crate) fn form(columns: &mut Columns<'_, '_>) -> Read<Form> {
    Ok(Form {
        id: columns.id()?,
        name: columns.plain()?,
        topics: columns.json()?,
        allowed_origins: columns.json()?,
        locale: columns.word()?,
        theme: columns.json()?,
        created_at: columns.time()?,
    })
}

/// The columns of a notification.
macro_rules! notification_columns {
    () => {
        "id, ticket_id, contact_id, outcome, recipient, subject, text, attempts, last_error, next_attempt_at, sent_at, \
         created_at"
    };
}
pub(crate) use notification_columns;

/// A notification out of [`notification_columns`].
pub(crate) fn notification(row: &Row<'_>) -> Read<Notification> {
    let mut columns = Columns::of(row);
    Ok(Notification {
        id: columns.id()?,
        ticket_id: columns.id()?,
        contact_id: columns.id()?,
        outcome: columns.word()?,
        to: columns.plain()?,
        subject: columns.plain()?,
        text: columns.plain()?,
        attempts: columns.number()?,
        last_error: columns.plain()?,
        next_attempt_at: columns.maybe_time()?,
        sent_at: columns.maybe_time()?,
        created_at: columns.time()?,
    })
}

/// The columns of a delivery after its id.
macro_rules! delivery_columns {
    () => {
        "endpoint_id, event_id, event_type, ticket_id, status, reason, discard_reason, next_attempt_at, created_at"
    };
}
pub(crate) use delivery_columns;

/// A delivery out of its id and [`delivery_columns`], without its attempts.
pub(crate) fn delivery(row: &Row<'_>) -> Read<Delivery> {
    let mut columns = Columns::of(row);
    Ok(Delivery {
        id: columns.id()?,
        endpoint_id: columns.id()?,
        event_id: columns.id()?,
        event_type: columns.word()?,
        ticket_id: columns.maybe_id()?,
        status: columns.word()?,
        reason: columns.maybe_word()?,
        discard_reason: columns.plain()?,
        next_attempt_at: columns.maybe_time()?,
        attempts: Vec::new(),
        created_at: columns.time()?,
    })
}

/// The columns of an attempt.
macro_rules! attempt_columns {
    () => {
        "number, at, status_code, error, latency_ms, response"
    };
}
pub(crate) use attempt_columns;

/// An attempt out of [`attempt_columns`].
pub(crate) fn attempt(row: &Row<'_>) -> Read<Attempt> {
    let mut columns = Columns::of(row);
    Ok(Attempt {
        number: columns.number()?,
        at: columns.time()?,
        status_code: columns.maybe_number()?,
        error: columns.plain()?,
        latency_ms: columns.number()?,
        response: columns.plain()?,
    })
}

/// The columns of what is recorded of a key.
macro_rules! recorded_columns {
    () => {
        "fingerprint, status, location, etag, content_type, body, secret_offset, secret"
    };
}
pub(crate) use recorded_columns;

/// What is recorded of a key, out of [`recorded_columns`].
pub(crate) fn recorded(row: &Row<'_>) -> Read<Recorded> {
    let mut columns = Columns::of(row);
    Ok(Recorded {
        fingerprint: Fingerprint(columns.plain()?),
        response: StoredResponse {
            status: columns.number()?,
            location: columns.plain()?,
            etag: columns.plain()?,
            content_type: columns.plain()?,
            body: columns.plain()?,
            secret: columns.secret_slot()?,
        },
    })
}

/// The columns of a job that replays dead letters.
macro_rules! replay_job_columns {
    () => {
        "id, status, endpoint_id, types, from_at, to_at, total, done, failed, created_at, finished_at"
    };
}
pub(crate) use replay_job_columns;

/// A job out of [`replay_job_columns`].
pub(crate) fn replay_job(columns: &mut Columns<'_, '_>) -> Read<ReplayJob> {
    Ok(ReplayJob {
        id: columns.id()?,
        status: columns.word()?,
        endpoint_id: columns.maybe_id()?,
        types: columns.json()?,
        from: columns.maybe_time()?,
        to: columns.maybe_time()?,
        total: columns.number()?,
        done: columns.number()?,
        failed: columns.number()?,
        created_at: columns.time()?,
        finished_at: columns.maybe_time()?,
    })
}

/// A realm out of `tenant, environment`.
pub(crate) fn realm(columns: &mut Columns<'_, '_>) -> Read<Realm> {
    let tenant: Tenant = columns.word()?;
    Ok(Realm::assume(tenant, columns.word()?))
}

/// An API key out of
/// `tenant, environment, id, name, scopes, created_at, expires_at, revoked_at, last_used_at`.
pub(crate) fn api_key(row: &Row<'_>) -> Read<ApiKey> {
    let mut columns = Columns::of(row);
    let realm = realm(&mut columns)?;
    Ok(ApiKey {
        id: columns.id()?,
        realm,
        name: columns.plain()?,
        scopes: columns.json()?,
        created_at: columns.time()?,
        expires_at: columns.maybe_time()?,
        revoked_at: columns.maybe_time()?,
        last_used_at: columns.maybe_time()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_values_of_a_ticket_are_in_step() {
        let named: Vec<_> = ticket_columns!().split(", ").collect();
        let ticket: Ticket = serde_json::from_str(
            r#"{"object":"ticket","id":"tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC","environment":"test","version":1,"subject":"s",
            "status":"new","priority":"low","source":"api","topic":null,"queue":"default","queued_at":null,
            "owner_id":null,"contact_id":null,"call_id":null,"tags":[],"metadata":{},"resolution_note":null,
            "reopen_count":0,"follow_up_of":null,"sla":null,"created_at":"2026-11-24T06:00:00.000Z",
            "updated_at":"2026-11-24T06:00:00.000Z","first_resolved_at":null,"resolved_at":null,"closed_at":null}"#,
        )
        .unwrap();
        let written: Vec<_> = ticket_values(&ticket).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(named, written);
    }
}
