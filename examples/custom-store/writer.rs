//! Commits: look if it can take place, gather the rows, write them in one batch.

use std::io;

use async_trait::async_trait;
use sk_tickets_core::{
    Contact, Delivery, DeliveryStatus, EndpointId, Event, Form, Priority, Realm, ReplayJob, Ticket, Timestamp,
    limits::ENDPOINTS_MAX,
    model::{
        delivery::{DeadReason, delivery_id},
        endpoint::{Endpoint, EndpointStatus},
        redaction::REDACTED,
    },
    store::{
        Commit, CommitOutcome, ContactChange, DeliveryAction, DeliveryChange, Effect, EndpointChange, Expectation,
        FormChange, PolicyChange, QueueChange, RealmWriter, RedactionChange, Result, SecretChange, TicketChange,
    },
};

use crate::{
    journal::{Batch, Journal},
    notifications, purge,
    reader::{answers_showing, endpoint, endpoints, feed_key, form_count, head, last_position, queues},
    rows::{ClaimRow, DeliveryRow, EndpointRow, EventRow, JobRow, NotificationRow, PolicyRow, key, number},
    store::{JournalStore, public_form},
};

#[async_trait]
impl RealmWriter for JournalStore {
    async fn commit(&self, commit: Commit) -> Result<CommitOutcome> {
        let may_be_due = commit.effect().may_be_due();
        let outcome = self.with(move |journal| apply(journal, &commit)).await?;
        self.work.notify_one();
        self.mail.notify_one();
        if may_be_due {
            self.due.notify_one();
        }
        Ok(outcome)
    }
}

fn apply(journal: &mut Journal, commit: &Commit) -> io::Result<CommitOutcome> {
    let Effect::QueueClaim(claim) = commit.effect() else { return store(journal, commit) };
    // Nobody else has the journal, so nobody else is about to take the head.
    let (commit, answer) = claim.settle(commit, &head(journal, commit.realm(), claim.queue())?);
    Ok(match store(journal, &commit)? {
        CommitOutcome::Applied => CommitOutcome::Claimed(answer),
        other => other,
    })
}

fn store(journal: &mut Journal, commit: &Commit) -> io::Result<CommitOutcome> {
    let realm = commit.realm();
    let mut batch = Batch::default();
    if let Some((claim, response)) = commit.claim() {
        let at = key(realm, "claim", claim.key.as_str());
        if let Some(recorded) = journal.get::<ClaimRow>(&at)?.map(ClaimRow::recorded) {
            let same = recorded.fingerprint == claim.fingerprint;
            return Ok(if same { CommitOutcome::Replayed(recorded.response) } else { CommitOutcome::KeyReused });
        }
        batch.put(at, &ClaimRow::of(claim, response, commit.shows(), commit.at()))?;
    }
    let fresh = match commit.effect() {
        Effect::None => true,
        Effect::Unchanged(ticket, version) => {
            journal.get::<Ticket>(&key(realm, "ticket", ticket))?.is_some_and(|ticket| ticket.version == *version)
        }
        Effect::Redact(redaction) => redact(journal, &mut batch, realm, redaction)?,
        Effect::Ticket(change) => change_ticket(journal, &mut batch, realm, change)?,
        Effect::Contact(change) => change_contact(journal, &mut batch, realm, change)?,
        Effect::Queue(change) => change_queue(journal, &mut batch, realm, change)?,
        Effect::Form(change) => change_form(journal, &mut batch, realm, change)?,
        Effect::Policy(change) => change_policy(journal, &mut batch, realm, change)?,
        Effect::QueueClaim(_) => return Err(io::Error::other("a claim was not settled")),
        Effect::Endpoint(change) => change_endpoint(journal, &mut batch, realm, change)?,
        Effect::Delivery(change) => change_delivery(journal, &mut batch, realm, change, commit.at())?,
        Effect::Notification(change) => notifications::revive(journal, &mut batch, realm, change, commit.at())?,
        Effect::Replay(job) => add_job(journal, &mut batch, realm, job)?,
        Effect::Secret(change) => change_secret(journal, &mut batch, realm, change)?,
        Effect::Purge(purge) => purge::purge(journal, &mut batch, realm, purge)?,
    };
    if !fresh {
        return Ok(CommitOutcome::Stale);
    }
    journal.write(batch)?;
    if let Effect::Redact(_) | Effect::Purge(_) = commit.effect() {
        // The lines before still have it.
        journal.rewrite()?;
    }
    Ok(CommitOutcome::Applied)
}

fn change_ticket(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &TicketChange) -> io::Result<bool> {
    let TicketChange { expect, ticket, timers, policy, contact, notification, entries, events, terms: _ } = change;
    let at = key(realm, "ticket", ticket.id);
    let current = journal.get::<Ticket>(&at)?.map(|ticket| ticket.version);
    let as_expected = match expect {
        Expectation::Absent => current.is_none(),
        Expectation::Version(version) => current == Some(*version),
    };
    let in_force = match policy {
        Some(policy) => revision(journal, realm, policy.priority)? == policy.revision,
        None => true,
    };
    if !as_expected || !in_force {
        return Ok(false);
    }
    batch.put(at, ticket)?;
    batch.put(key(realm, "timers", ticket.id), timers)?;
    if let Some(contact) = contact
        && !put_contact(journal, batch, realm, contact)?
    {
        return Ok(false);
    }
    if let Some(change) = notification
        && !notifications::change(journal, batch, realm, change)?
    {
        return Ok(false);
    }
    for entry in entries {
        batch.put(key(realm, "thread", format!("{}/{}", entry.ticket_id, number(entry.sequence))), entry)?;
    }
    let endpoints = endpoints(journal, realm)?;
    for (position, event) in (last_position(journal, realm)? + 1..).zip(events) {
        batch.put(feed_key(realm, position), &(position, event.id))?;
        batch.put(key(realm, "event", event.id), &EventRow::of(event)?)?;
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.wants(event.event_type)) {
            deliver(batch, realm, event, endpoint)?;
        }
    }
    Ok(true)
}

fn redact(journal: &Journal, batch: &mut Batch, realm: &Realm, redaction: &RedactionChange) -> io::Result<bool> {
    let RedactionChange { change, entry, events, answers, notifications, answers_seen } = redaction;
    let seen = answers_showing(journal, realm, change.ticket.id)?.len();
    if seen != *answers_seen || !change_ticket(journal, batch, realm, change)? {
        return Ok(false);
    }
    batch.put(key(realm, "thread", format!("{}/{}", entry.ticket_id, number(entry.sequence))), entry)?;
    for (id, payload) in events {
        let at = key(realm, "event", id);
        let Some(row) = journal.get::<EventRow>(&at)? else { continue };
        batch.put(at, &EventRow::of(&Event { payload: payload.clone(), ..row.event() })?)?;
    }
    for row in journal.scan::<DeliveryRow>(&key(realm, "delivery", "")) {
        let mut row = row?;
        if events.iter().any(|(id, _)| *id == row.delivery.event_id) {
            row.lease = None;
            for attempt in &mut row.delivery.attempts {
                attempt.error = attempt.error.take().map(|_| REDACTED.to_owned());
                attempt.response = attempt.response.take().map(|_| REDACTED.to_owned());
            }
            batch.put(key(realm, "delivery", row.delivery.id), &row)?;
        }
    }
    for (id, subject, text) in notifications {
        let at = key(realm, "notification", id);
        let Some(mut row) = journal.get::<NotificationRow>(&at)? else { continue };
        row.notification.subject.clone_from(subject);
        row.notification.text.clone_from(text);
        row.notification.last_error = row.notification.last_error.take().map(|_| REDACTED.to_owned());
        batch.put(at, &row)?;
    }
    for (name, body) in answers {
        let at = key(realm, "claim", name.as_str());
        let Some(row) = journal.get::<ClaimRow>(&at)? else { continue };
        batch.put(at, &row.with_body(body.clone()))?;
    }
    Ok(true)
}

/// The revision of the policy of a priority; 0 if there is none.
fn revision(journal: &Journal, realm: &Realm, priority: Priority) -> io::Result<u64> {
    let row = journal.get::<PolicyRow>(&key(realm, "policy", priority))?;
    Ok(row.map_or(0, |row| row.kept.revision))
}

fn change_policy(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &PolicyChange) -> io::Result<bool> {
    let at = key(realm, "policy", change.priority());
    match change {
        PolicyChange::Set { expect, after } => {
            if revision(journal, realm, change.priority())? != *expect {
                return Ok(false);
            }
            batch.put(at, &PolicyRow { kept: after.clone(), changed: true, cursor: None })?;
        }
        PolicyChange::Progress { policy, from, to } => {
            let Some(row) = journal.get::<PolicyRow>(&at)? else { return Ok(false) };
            if !row.changed || row.kept.revision != policy.revision || row.cursor != *from {
                return Ok(false);
            }
            batch.put(at, &PolicyRow { kept: row.kept, changed: to.is_some(), cursor: *to })?;
        }
    }
    Ok(true)
}

fn change_contact(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &ContactChange) -> io::Result<bool> {
    let current = |id| journal.get::<Contact>(&key(realm, "contact", id));
    match change {
        ContactChange::Create(contact) if current(contact.id)?.is_some() => Ok(false),
        ContactChange::Update { before, after: _ } if current(before.id)?.as_ref() != Some(before) => Ok(false),
        ContactChange::Create(contact) => put_contact(journal, batch, realm, contact),
        ContactChange::Update { before: _, after } => put_contact(journal, batch, realm, after),
    }
}

/// Puts a contact; false if another one would be found instead of it.
fn put_contact(journal: &Journal, batch: &mut Batch, realm: &Realm, contact: &Contact) -> io::Result<bool> {
    for other in journal.scan::<Contact>(&key(realm, "contact", "")) {
        let other = other?;
        if other.id != contact.id && is_same_person(contact, &other) {
            return Ok(false);
        }
    }
    batch.put(key(realm, "contact", contact.id), contact)?;
    Ok(true)
}

/// Whether two contacts would be found by the same address or, where neither has one, by the same number.
fn is_same_person(one: &Contact, other: &Contact) -> bool {
    match (&one.email, &other.email) {
        (Some(email), Some(taken)) => email == taken,
        (None, None) => one.phone.is_some() && one.phone == other.phone,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn change_queue(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &QueueChange) -> io::Result<bool> {
    let queues = queues(journal, realm)?;
    let after = match change {
        QueueChange::Create { queue, others } => {
            let is_taken = queues.iter().any(|other| other.id == queue.id || other.key == queue.key);
            if is_taken || queues.len() != *others {
                return Ok(false);
            }
            queue
        }
        QueueChange::Update { before, after } => {
            if !queues.contains(before) {
                return Ok(false);
            }
            after
        }
    };
    let mut others = queues.iter().filter(|other| other.id != after.id);
    if others.any(|other| other.topics.iter().any(|topic| after.topics.contains(topic))) {
        return Ok(false);
    }
    batch.put(key(realm, "queue", after.id), after)?;
    Ok(true)
}

fn change_form(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &FormChange) -> io::Result<bool> {
    let after = match change {
        FormChange::Create { form, others } => {
            if form_count(journal, realm) != *others || public_form(journal, form.id)?.is_some() {
                return Ok(false);
            }
            form
        }
        FormChange::Update { before, after } => {
            if journal.get::<Form>(&key(realm, "form", before.id))?.as_ref() != Some(before) {
                return Ok(false);
            }
            after
        }
    };
    batch.put(key(realm, "form", after.id), after)?;
    Ok(true)
}

fn deliver(batch: &mut Batch, realm: &Realm, event: &Event, endpoint: &Endpoint) -> io::Result<()> {
    let (status, reason, next_attempt_at) = match endpoint.status {
        EndpointStatus::Enabled => (DeliveryStatus::Pending, None, Some(event.at)),
        EndpointStatus::Disabled => (DeliveryStatus::Dead, Some(DeadReason::EndpointDisabled), None),
    };
    let delivery = Delivery {
        id: delivery_id(event.id, endpoint.id),
        endpoint_id: endpoint.id,
        event_id: event.id,
        event_type: event.event_type,
        ticket_id: event.ticket_id,
        status,
        reason,
        discard_reason: None,
        next_attempt_at,
        attempts: Vec::new(),
        created_at: event.at,
    };
    batch.put(key(realm, "delivery", delivery.id), &DeliveryRow::of(realm, delivery))
}

fn change_endpoint(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &EndpointChange) -> io::Result<bool> {
    match change {
        EndpointChange::Create(new) => {
            let at = key(realm, "endpoint", new.id);
            if endpoints(journal, realm)?.len() >= ENDPOINTS_MAX || journal.get::<EndpointRow>(&at)?.is_some() {
                return Ok(false);
            }
            batch.put(at, &EndpointRow::of(new))?;
        }
        EndpointChange::Update { before, after } => {
            let Some(current) = endpoint(journal, realm, before.id)? else { return Ok(false) };
            let failing_since = current.failing_since;
            if current != (Endpoint { failing_since, ..before.clone() }) {
                return Ok(false);
            }
            let enabled = before.status == EndpointStatus::Disabled && after.status == EndpointStatus::Enabled;
            let failing_since = if enabled { None } else { failing_since };
            put_endpoint(batch, realm, &Endpoint { failing_since, ..after.clone() })?;
            if after.status == EndpointStatus::Disabled {
                bury(journal, batch, realm, after.id, DeadReason::EndpointDisabled)?;
            } else if before.url != after.url {
                end_leases(journal, batch, realm, after.id)?;
            }
        }
        EndpointChange::Delete(id) => {
            let Some(current) = endpoint(journal, realm, *id)? else { return Ok(false) };
            batch.put(key(realm, "endpoint", id), &EndpointRow::deleted(&current))?;
            bury(journal, batch, realm, *id, DeadReason::EndpointDeleted)?;
        }
        EndpointChange::Ping(id, event) => {
            let Some(endpoint) = endpoint(journal, realm, *id)? else { return Ok(false) };
            batch.put(key(realm, "event", event.id), &EventRow::of(event)?)?;
            deliver(batch, realm, event, &endpoint)?;
        }
    }
    Ok(true)
}

pub(crate) fn put_endpoint(batch: &mut Batch, realm: &Realm, endpoint: &Endpoint) -> io::Result<()> {
    batch.put(key(realm, "endpoint", endpoint.id), &EndpointRow::of(endpoint))
}

/// What of an endpoint's was leased is due as it was before.
fn end_leases(journal: &Journal, batch: &mut Batch, realm: &Realm, endpoint: EndpointId) -> io::Result<()> {
    for row in journal.scan::<DeliveryRow>(&key(realm, "delivery", "")) {
        let mut row = row?;
        if row.delivery.endpoint_id == endpoint && row.lease.take().is_some() {
            batch.put(key(realm, "delivery", row.delivery.id), &row)?;
        }
    }
    Ok(())
}

/// Makes the pending deliveries of an endpoint dead; if it is deleted, gives up its dead letters too.
pub(crate) fn bury(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    endpoint: EndpointId,
    reason: DeadReason,
) -> io::Result<()> {
    for row in journal.scan::<DeliveryRow>(&key(realm, "delivery", "")) {
        let mut row = row?;
        let given_up = reason == DeadReason::EndpointDeleted && row.delivery.is_dead_letter();
        if row.delivery.endpoint_id == endpoint && (row.delivery.status == DeliveryStatus::Pending || given_up) {
            row.bury(reason);
            batch.put(key(realm, "delivery", row.delivery.id), &row)?;
        }
    }
    Ok(())
}

fn add_job(journal: &Journal, batch: &mut Batch, realm: &Realm, job: &ReplayJob) -> io::Result<bool> {
    let at = key(realm, "job", job.id);
    if journal.get::<JobRow>(&at)?.is_some() {
        return Ok(false);
    }
    batch.put(at, &JobRow::of(realm, job.clone()))?;
    Ok(true)
}

fn change_secret(journal: &Journal, batch: &mut Batch, realm: &Realm, change: &SecretChange) -> io::Result<bool> {
    let SecretChange { key: name, before, after } = change;
    let at = key(realm, "claim", name.as_str());
    let Some(row) = journal.get::<ClaimRow>(&at)? else { return Ok(false) };
    let Some((place, _)) = row.secret().filter(|(_, secret)| secret == before) else { return Ok(false) };
    batch.put(at, &row.with_secret(place, after))?;
    Ok(true)
}

fn change_delivery(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    change: &DeliveryChange,
    at: Timestamp,
) -> io::Result<bool> {
    let DeliveryChange { id, ticket, action } = change;
    if let Some((ticket, version)) = ticket
        && journal.get::<Ticket>(&key(realm, "ticket", ticket))?.is_none_or(|ticket| ticket.version != *version)
    {
        return Ok(false);
    }
    let row = journal.get::<DeliveryRow>(&key(realm, "delivery", id))?;
    let Some(mut row) = row.filter(|row| row.delivery.is_dead_letter()) else { return Ok(false) };
    match action {
        DeliveryAction::Replay => {
            let told = endpoint(journal, realm, row.delivery.endpoint_id)?;
            if told.is_none_or(|told| told.status != EndpointStatus::Enabled) {
                return Ok(false);
            }
            row.revive(at);
        }
        DeliveryAction::Discard(reason) => {
            row.delivery.reason = Some(DeadReason::Discarded);
            row.delivery.discard_reason = Some(reason.clone());
        }
    }
    batch.put(key(realm, "delivery", id), &row)?;
    Ok(true)
}
