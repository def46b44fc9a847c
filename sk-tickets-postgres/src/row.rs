//! Rows as the model has them.
//!
//! The columns of each table are listed once, next to the function that reads them in that order.

use sk_tickets_core::{
    model::{
        api_key::ApiKey,
        contact::Contact,
        delivery::{Attempt, Delivery},
        endpoint::{Endpoint, OldSecret},
        event::Event,
        form::Form,
        notification::Notification,
        queue::Queue,
        sla::{KeptPolicy, SlaPolicy, Timers},
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    platform::{
        id::Id,
        idempotency::{Fingerprint, Recorded, SecretSlot, StoredResponse},
        realm::{Environment, Realm, Tenant},
        seal::Sealed,
        time::Timestamp,
    },
};
use sqlx::Error;
use uuid::Uuid;

use crate::columns::{Columns, Read, of_rank};

/// The columns of a ticket.
macro_rules! ticket_columns {
    () => {
        "id, version, subject, status, priority, source, topic, queue, queued_at, owner_id, contact_id, call_id, tags, \
         metadata::text, resolution_note, reopen_count, follow_up_of, sla::text, created_at, updated_at, \
         first_resolved_at, resolved_at, closed_at"
    };
}
pub(crate) use ticket_columns;

/// How many [`ticket_columns`] there are.
pub(crate) const TICKET_WIDTH: usize = 23;

/// A ticket out of [`ticket_columns`].
pub(crate) fn ticket(columns: &mut Columns<'_>, environment: Environment) -> Read<Ticket> {
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
        tags: columns.plain()?,
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

/// The SLA policies of a realm, which are read as one value.
pub(crate) fn policies(columns: &mut Columns<'_>) -> Read<Vec<KeptPolicy>> {
    type Row = (u64, String, i16, Option<u64>, Option<u64>, Option<u64>, i64, i64);
    let policy = |row: Row| {
        let (revision, id, priority, first_response_seconds, resolution_seconds, warn_before_seconds, created, updated) =
            row;
        let priority = of_rank(priority).map_err(|error| Error::Decode(error.into()))?;
        let policy = SlaPolicy {
            id: Id::from_bytes(id.parse::<Uuid>().map_err(decode)?.into_bytes()),
            priority,
            first_response_seconds,
            resolution_seconds,
            warn_before_seconds,
            created_at: Timestamp::from_millis(created),
            updated_at: Timestamp::from_millis(updated),
        };
        Ok(KeptPolicy { policy, revision })
    };
    columns.maybe_json::<Vec<Row>>()?.unwrap_or_default().into_iter().map(policy).collect()
}

/// The columns of a ticket's times.
macro_rules! timer_columns {
    () => {
        "resolution_used_ms, first_replied_at, resolution_since, targets::text, first_response_breached_at, \
         resolution_breached_at, auto_close_at, wakes_at, at_risk_at, clocked"
    };
}
pub(crate) use timer_columns;

/// How many [`timer_columns`] there are.
pub(crate) const TIMERS_WIDTH: usize = 10;

/// The times of a ticket out of [`timer_columns`].
pub(crate) fn timers(columns: &mut Columns<'_>) -> Read<Timers> {
    Ok(Timers {
        resolution_used_ms: columns.number()?,
        first_replied_at: columns.maybe_time()?,
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

/// The columns of a queue.
macro_rules! queue_columns {
    () => {
        "id, key, name, topics, default_owner_id, default_priority, created_at"
    };
}
pub(crate) use queue_columns;

/// How many [`queue_columns`] there are.
pub(crate) const QUEUE_WIDTH: usize = 7;

/// A queue out of [`queue_columns`].
pub(crate) fn queue(columns: &mut Columns<'_>) -> Read<Queue> {
    Ok(Queue {
        id: columns.id()?,
        key: columns.plain()?,
        name: columns.plain()?,
        topics: columns.plain()?,
        default_owner_id: columns.maybe_word()?,
        default_priority: columns.maybe_priority()?,
        created_at: columns.maybe_time()?,
    })
}

/// The columns of a thread entry.
macro_rules! entry_columns {
    () => {
        "id, ticket_id, sequence, visibility, actor::text, body, evidence::text, created_at, detail::text"
    };
}
pub(crate) use entry_columns;

/// How many [`entry_columns`] there are.
pub(crate) const ENTRY_WIDTH: usize = 9;

/// A thread entry out of [`entry_columns`].
pub(crate) fn entry(columns: &mut Columns<'_>) -> Read<ThreadEntry> {
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
pub(crate) fn event(columns: &mut Columns<'_>) -> Read<Event> {
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
         old_secrets, old_secrets_until"
    };
}
pub(crate) use endpoint_columns;

/// How many [`endpoint_columns`] there are.
pub(crate) const ENDPOINT_WIDTH: usize = 11;

/// An endpoint out of [`endpoint_columns`].
pub(crate) fn endpoint(columns: &mut Columns<'_>) -> Read<Endpoint> {
    Ok(Endpoint {
        id: columns.id()?,
        url: columns.plain()?,
        description: columns.plain()?,
        events: columns.words()?,
        status: columns.word()?,
        disabled_reason: columns.maybe_word()?,
        failing_since: columns.maybe_time()?,
        created_at: columns.time()?,
        secret: columns.secret()?,
        old_secrets: old_secrets(columns)?,
    })
}

/// The replaced secrets of an endpoint, out of `old_secrets, old_secrets_until`.
pub(crate) fn old_secrets(columns: &mut Columns<'_>) -> Read<Vec<OldSecret>> {
    let secrets: Vec<Vec<u8>> = columns.plain()?;
    let until: Vec<i64> = columns.plain()?;
    let secrets = secrets.into_iter().map(Sealed::from_bytes).zip(until.into_iter().map(Timestamp::from_millis));
    Ok(secrets.map(|(secret, until)| OldSecret { secret, until }).collect())
}

/// The columns of a contact.
macro_rules! contact_columns {
    () => {
        "id, name, email, phone, created_at"
    };
}
pub(crate) use contact_columns;

/// How many [`contact_columns`] there are.
pub(crate) const CONTACT_WIDTH: usize = 5;

/// A contact out of [`contact_columns`].
pub(crate) fn contact(columns: &mut Columns<'_>) -> Read<Contact> {
    Ok(Contact {
        id: columns.id()?,
        name: columns.plain()?,
        email: columns.plain()?,
        phone: columns.plain()?,
        created_at: columns.time()?,
    })
}

/// The columns of a form.
macro_rules! form_columns {
    () => {
        "id, name, topics::text, allowed_origins, locale, theme::text, created_at"
    };
}
pub(crate) use form_columns;

/// How many [`form_columns`] there are.
pub(crate) const FORM_WIDTH: usize = 7;

/// A form out of [`form_columns`].
pub(crate) fn form(columns: &mut Columns<'_>) -> Read<Form> {
    Ok(Form {
        id: columns.id()?,
        name: columns.plain()?,
        topics: columns.json()?,
        allowed_origins: columns.words()?,
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

/// How many [`notification_columns`] there are.
pub(crate) const NOTIFICATION_WIDTH: usize = 12;

/// A notification out of [`notification_columns`].
pub(crate) fn notification(columns: &mut Columns<'_>) -> Read<Notification> {
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

/// The columns of a delivery.
macro_rules! delivery_columns {
    () => {
        "id, endpoint_id, event_id, event_type, ticket_id, status, reason, discard_reason, next_attempt_at, created_at"
    };
}
pub(crate) use delivery_columns;

/// The attempts at a delivery, as arrays of their columns: what [`attempts`] reads.
macro_rules! attempt_columns {
    () => {
        "array_agg(number ORDER BY number) AS numbers, array_agg(at ORDER BY number) AS times, \
         array_agg(status_code ORDER BY number) AS status_codes, array_agg(error ORDER BY number) AS errors, \
         array_agg(latency_ms ORDER BY number) AS latencies, array_agg(response ORDER BY number) AS responses"
    };
}
pub(crate) use attempt_columns;

/// How many [`delivery_columns`] and [`attempt_columns`] there are.
pub(crate) const DELIVERY_WIDTH: usize = 10 + 6;

/// A delivery out of [`delivery_columns`] and [`attempt_columns`].
pub(crate) fn delivery(columns: &mut Columns<'_>) -> Read<Delivery> {
    let delivery = Delivery {
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
    };
    Ok(Delivery { attempts: attempts(columns)?, ..delivery })
}

fn attempts(columns: &mut Columns<'_>) -> Read<Vec<Attempt>> {
    // Null where there are none.
    let numbers: Option<Vec<i64>> = columns.plain()?;
    let times: Option<Vec<i64>> = columns.plain()?;
    let status_codes: Option<Vec<Option<i32>>> = columns.plain()?;
    let errors: Option<Vec<Option<Vec<u8>>>> = columns.plain()?;
    let latencies: Option<Vec<i64>> = columns.plain()?;
    let responses: Option<Vec<Option<Vec<u8>>>> = columns.plain()?;

    let mut attempts = Vec::new();
    let (mut times, mut status_codes) = (times.into_iter().flatten(), status_codes.into_iter().flatten());
    let (mut errors, mut latencies) = (errors.into_iter().flatten(), latencies.into_iter().flatten());
    let mut responses = responses.into_iter().flatten();
    for number in numbers.into_iter().flatten() {
        let of_one = || Error::Decode("an attempt lacks a column".into());
        attempts.push(Attempt {
            number: number.try_into().map_err(decode)?,
            at: Timestamp::from_millis(times.next().ok_or_else(of_one)?),
            status_code: status_codes.next().flatten().map(TryInto::try_into).transpose().map_err(decode)?,
            error: errors.next().flatten().map(String::from_utf8).transpose().map_err(decode)?,
            latency_ms: latencies.next().ok_or_else(of_one)?.try_into().map_err(decode)?,
            response: responses.next().flatten().map(String::from_utf8).transpose().map_err(decode)?,
        });
    }
    Ok(attempts)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Decode(Box::new(error))
}

/// The columns of what is recorded of a key.
macro_rules! recorded_columns {
    () => {
        "fingerprint, status, location, etag, content_type, body, secret_at, secret"
    };
}
pub(crate) use recorded_columns;

/// How many [`recorded_columns`] there are.
pub(crate) const RECORDED_WIDTH: usize = 8;

/// What is recorded of a key, out of [`recorded_columns`].
pub(crate) fn recorded(columns: &mut Columns<'_>) -> Read<Recorded> {
    Ok(Recorded {
        fingerprint: Fingerprint(columns.plain()?),
        response: StoredResponse {
            status: columns.plain::<i32>()?.try_into().map_err(decode)?,
            location: columns.plain()?,
            etag: columns.plain()?,
            content_type: columns.plain()?,
            body: columns.plain()?,
            secret: columns.maybe(2, secret_slot)?,
        },
    })
}

fn secret_slot(columns: &mut Columns<'_>) -> Read<SecretSlot> {
    Ok(SecretSlot { at: columns.number()?, secret: columns.secret()? })
}

/// A realm and the number of its tenant, out of `tenant, tenant_name, environment`.
pub(crate) fn realm(columns: &mut Columns<'_>) -> Read<(i64, Realm)> {
    let number = columns.plain()?;
    let tenant: Tenant = columns.word()?;
    Ok((number, Realm::assume(tenant, columns.environment()?)))
}

/// An API key and the number of its tenant, out of
/// `tenant, tenant_name, environment, id, name, scopes, created_at, expires_at, revoked_at, last_used_at`.
pub(crate) fn api_key(columns: &mut Columns<'_>) -> Read<(i64, ApiKey)> {
    let (tenant, realm) = realm(columns)?;
    let key = ApiKey {
        id: columns.id()?,
        realm,
        name: columns.plain()?,
        scopes: columns.words()?,
        created_at: columns.time()?,
        expires_at: columns.maybe_time()?,
        revoked_at: columns.maybe_time()?,
        last_used_at: columns.maybe_time()?,
    };
    Ok((tenant, key))
}
