//! What a commit changes, as the database's own function takes it.
//!
//! What is text is one JSON value, whose names are those of columns; what is bytes is bound beside it.

use serde_json::{Value, json};
use sk_tickets_core::{
    limits::ENDPOINTS_MAX,
    model::{
        contact::Contact,
        endpoint::{DisabledReason, Endpoint},
        event::Event,
        queue::Queue,
        search::TermChanges,
        sla::{PolicyRevision, Targets, Timers},
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    platform::{
        id::{Id, IdKind},
        time::Timestamp,
    },
    store::{
        ContactChange, DeliveryChange, Effect, EndpointChange, Expectation, QueueChange, RedactionChange, SecretChange,
        TicketChange,
    },
};

use crate::{
    columns::{number_of, rank},
    error::{Fault, Result},
    form, notification, policy,
    realms::RealmNumber,
    redaction, replay,
    statement::uuid,
};

/// What to change, and the bytes that go beside it: payloads of events first.
pub(crate) fn effect(realm: RealmNumber, effect: &Effect) -> Result<(Value, Vec<&[u8]>)> {
    Ok(match effect {
        Effect::None => (json!({ "kind": "none" }), Vec::new()),
        Effect::Unchanged(ticket, version) => {
            let version = i64::try_from(version.0)?;
            (json!({ "kind": "unchanged", "id": id(*ticket), "version": version }), Vec::new())
        }
        Effect::Ticket(change) => (ticket_change(realm, change)?, payloads(&change.events)),
        Effect::Redact(redaction) => {
            let RedactionChange { change, .. } = &**redaction;
            let mut bytes = payloads(&change.events);
            let change = ticket_change(realm, change)?;
            (redaction::replacements(redaction, change, &mut bytes)?, bytes)
        }
        Effect::Contact(change) => {
            let (action, mut before, mut after) = match &**change {
                ContactChange::Create(contact) => ("create", None, self::contact(contact)),
                ContactChange::Update { before, after } => {
                    ("update", Some(self::contact(before)), self::contact(after))
                }
            };
            for contact in before.iter_mut().chain([&mut after]) {
                place(realm, contact);
            }
            (json!({ "kind": "contact", "action": action, "before": before, "after": after }), Vec::new())
        }
        Effect::Queue(change) => {
            let mut change = match &**change {
                QueueChange::Create { queue, others } => json!({
                    "kind": "queue", "action": "create", "after": self::queue(queue), "others": others,
                }),
                QueueChange::Update { before, after } => json!({
                    "kind": "queue", "action": "update", "before": self::queue(before), "after": self::queue(after),
                }),
            };
            place(realm, &mut change["after"]);
            (change, Vec::new())
        }
        Effect::Form(change) => {
            let mut change = form::change(change);
            place(realm, &mut change["after"]);
            (change, Vec::new())
        }
        Effect::Policy(change) => {
            let mut change = policy::change(change)?;
            if change["policy"].is_object() {
                place(realm, &mut change["policy"]);
            }
            (change, Vec::new())
        }
        Effect::QueueClaim(_) => return Err(Fault::Broken("a claim was not settled")),
        Effect::Endpoint(change) => match &**change {
            EndpointChange::Create(endpoint) => {
                let mut created = self::endpoint(endpoint);
                place(realm, &mut created);
                created["failing_since"] = json!(endpoint.failing_since.map(Timestamp::as_millis));
                let change = json!({
                    "kind": "endpoint", "action": "create", "endpoint": created, "limit": ENDPOINTS_MAX,
                });
                (change, Vec::new())
            }
            EndpointChange::Update { before, after } => {
                let (before, after) = (self::endpoint(before), self::endpoint(after));
                let change = json!({
                    "kind": "endpoint", "action": "update", "id": before["id"], "before": before, "after": after,
                });
                (change, Vec::new())
            }
            EndpointChange::Delete(id) => {
                (json!({ "kind": "endpoint", "action": "delete", "id": self::id(*id) }), Vec::new())
            }
            EndpointChange::Ping(id, event) => {
                let events = std::slice::from_ref(event);
                let mut change = json!({
                    "kind": "endpoint", "action": "ping", "id": self::id(*id), "events": self::events(events)?,
                });
                note_skew(&mut change, [skew(event.id, event.at)]);
                (change, payloads(events))
            }
        },
        Effect::Delivery(DeliveryChange::Replay(id)) => {
            (json!({ "kind": "delivery", "action": "replay", "id": self::id(*id) }), Vec::new())
        }
        Effect::Delivery(DeliveryChange::Discard(id, why)) => {
            (json!({ "kind": "delivery", "action": "discard", "id": self::id(*id), "discard_reason": why }), Vec::new())
        }
        Effect::Notification(change) => (notification::revived(change), Vec::new()),
        Effect::Replay(job) => {
            let mut job = replay::columns(job)?;
            place(realm, &mut job);
            (json!({ "kind": "replay", "job": job }), Vec::new())
        }
        Effect::Secret(change) => {
            let SecretChange { key, before, after } = &**change;
            let (before, after) = (bytes(before.as_bytes()), bytes(after.as_bytes()));
            (json!({ "kind": "secret", "key": key.as_str(), "before": before, "after": after }), Vec::new())
        }
    })
}

fn payloads(events: &[Event]) -> Vec<&[u8]> {
    events.iter().map(|event| event.payload.as_slice()).collect()
}

fn ticket_change(realm: RealmNumber, change: &TicketChange) -> Result<Value> {
    let TicketChange { expect, ticket, timers, policy, contact, notification, entries, events, terms } = change;
    let TermChanges { gained, lost } = terms;
    let expect = match expect {
        Expectation::Absent => None,
        Expectation::Version(Version(version)) => Some(i64::try_from(*version)?),
    };
    let mut contact = contact.as_ref().map(self::contact);
    if let Some(contact) = &mut contact {
        place(realm, contact);
    }
    // The ticket's own is the same in every version.
    let skews = events.iter().map(|event| skew(event.id, event.at)).chain([skew(ticket.id, ticket.created_at)]);
    let mut change = json!({
        "kind": "ticket",
        "expect": expect,
        "policy": policy.map(self::policy).transpose()?,
        "ticket": self::ticket(realm, ticket, timers)?,
        "contact": contact,
        "notification": notification.as_ref().map(notification::change).transpose()?,
        "entries": entries.iter().map(entry).collect::<Result<Vec<_>>>()?,
        "events": self::events(events)?,
        "terms": { "gained": gained, "lost": lost },
    });
    note_skew(&mut change, skews);
    Ok(change)
}

/// The policy that must be in force.
fn policy(policy: PolicyRevision) -> Result<Value> {
    let PolicyRevision { priority, revision } = policy;
    Ok(json!({ "priority": rank(priority), "revision": i64::try_from(revision)? }))
}

/// How far the time in an id is ahead of when its row was made, in milliseconds.
fn skew<K: IdKind>(id: Id<K>, made_at: Timestamp) -> i64 {
    id.timestamp().as_millis() - made_at.as_millis()
}

/// Adds to a change how far the times in its ids are off.
fn note_skew(change: &mut Value, skews: impl IntoIterator<Item = i64>) {
    let (ahead, behind) =
        skews.into_iter().fold((0, 0), |(ahead, behind), skew| (ahead.max(skew), behind.max(skew.saturating_neg())));
    change["id_ahead_ms"] = json!(ahead);
    change["id_behind_ms"] = json!(behind);
}

/// Adds the columns that every key begins with.
fn place(realm: RealmNumber, row: &mut Value) {
    row["tenant"] = json!(realm.tenant);
    row["environment"] = json!(number_of(realm.environment));
}

pub(crate) fn id<K: IdKind>(id: Id<K>) -> String {
    uuid(id).to_string()
}

/// Bytes as Postgres writes them.
fn bytes(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn ticket(realm: RealmNumber, ticket: &Ticket, timers: &Timers) -> Result<Value> {
    let Ticket {
        id,
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
    let targets = (*targets != Targets::NONE).then_some(targets);
    Ok(json!({
        "tenant": realm.tenant,
        "environment": number_of(realm.environment),
        "id": self::id(*id),
        "version": i64::try_from(version.0)?,
        "subject": subject,
        "status": status.as_str(),
        "priority": rank(*priority),
        "source": source.as_str(),
        "topic": topic,
        "queue": queue,
        "queued_at": queued_at.map(Timestamp::as_millis),
        "owner_id": owner_id.map(|owner| owner.to_string()),
        "contact_id": contact_id.map(self::id),
        "call_id": call_id.map(self::id),
        "tags": tags,
        "metadata": metadata,
        "resolution_note": resolution_note,
        "reopen_count": reopen_count,
        "follow_up_of": follow_up_of.map(self::id),
        "sla": sla,
        "created_at": created_at.as_millis(),
        "updated_at": updated_at.as_millis(),
        "first_resolved_at": first_resolved_at.map(Timestamp::as_millis),
        "resolved_at": resolved_at.map(Timestamp::as_millis),
        "closed_at": closed_at.map(Timestamp::as_millis),
        "first_replied_at": first_replied_at.map(Timestamp::as_millis),
        "resolution_used_ms": i64::try_from(*resolution_used_ms)?,
        "resolution_since": resolution_since.map(Timestamp::as_millis),
        "targets": targets,
        "first_response_breached_at": first_response_breached_at.map(Timestamp::as_millis),
        "resolution_breached_at": resolution_breached_at.map(Timestamp::as_millis),
        "auto_close_at": auto_close_at.map(Timestamp::as_millis),
        "wakes_at": wakes_at.map(Timestamp::as_millis),
        "at_risk_at": at_risk_at.map(Timestamp::as_millis),
        "clocked": clocked,
    }))
}

fn contact(contact: &Contact) -> Value {
    let Contact { id, name, email, phone, created_at } = contact;
    json!({ "id": self::id(*id), "name": name, "email": email, "phone": phone, "created_at": created_at.as_millis() })
}

fn queue(queue: &Queue) -> Value {
    let Queue { id, key, name, topics, default_owner_id, default_priority, created_at } = queue;
    json!({
        "id": self::id(*id),
        "key": key,
        "name": name,
        "topics": topics,
        "default_owner_id": default_owner_id.map(|owner| owner.to_string()),
        "default_priority": default_priority.map(rank),
        "created_at": created_at.map(Timestamp::as_millis),
    })
}

fn entry(entry: &ThreadEntry) -> Result<Value> {
    let ThreadEntry { id, ticket_id, sequence, visibility, actor, body, evidence, created_at, detail } = entry;
    Ok(json!({
        "id": self::id(*id),
        "ticket_id": self::id(*ticket_id),
        "sequence": i64::try_from(*sequence)?,
        "visibility": visibility.as_str(),
        "actor": actor,
        "body": body,
        "evidence": evidence,
        "created_at": created_at.as_millis(),
        "detail": detail,
    }))
}

/// Events without their payloads, each with the number of the payload that is its own.
fn events(events: &[Event]) -> Result<Vec<Value>> {
    let event = |(index, event): (usize, &Event)| {
        let Event { id, event_type, ticket_id, ticket_version, at, payload: _ } = event;
        Ok(json!({
            "number": index + 1,
            "id": self::id(*id),
            "event_type": event_type.as_str(),
            "ticket_id": ticket_id.map(self::id),
            "ticket_version": ticket_version.map(|version| i64::try_from(version.0)).transpose()?,
            "at": at.as_millis(),
        }))
    };
    events.iter().enumerate().map(event).collect()
}

/// An endpoint without the column that belongs to the workers.
fn endpoint(endpoint: &Endpoint) -> Value {
    let Endpoint {
        id,
        url,
        description,
        events,
        status,
        disabled_reason,
        failing_since: _,
        created_at,
        secret,
        old_secrets,
    } = endpoint;
    json!({
        "id": self::id(*id),
        "url": url,
        "description": description,
        "events": events,
        "status": status.as_str(),
        "disabled_reason": disabled_reason.map(DisabledReason::as_str),
        "created_at": created_at.as_millis(),
        "secret": bytes(secret.as_bytes()),
        "old_secrets": old_secrets.iter().map(|old| bytes(old.secret.as_bytes())).collect::<Vec<_>>(),
        "old_secrets_until": old_secrets.iter().map(|old| old.until.as_millis()).collect::<Vec<_>>(),
    })
}
