//! What a commit changes, as the database's own function takes it.
//!
//! What is text is one JSON value, whose names are those of columns; what is bytes is bound beside it.

use serde_json::{Value, json};
use sk_tickets_core::{
    limits::ENDPOINTS_MAX,
    model::{
        contact::Contact,
        endpoint::{DisabledReason, Endpoint},
        id::TicketId,
        queue::Queue,
        ticket::Version,
    },
    platform::{
        id::{Id, IdKind},
        time::Timestamp,
    },
    store::{
        ContactChange, DeliveryAction, DeliveryChange, Effect, EndpointChange, Purge, Purged, QueueChange, SecretChange,
    },
};

use crate::{
    columns::{number_of, rank},
    error::{Fault, Result},
    form, notification, policy,
    realms::RealmNumber,
    replay,
    statement::uuid,
};

/// What to change, and the bytes that go beside it: the payload of an event.
pub(crate) fn effect(realm: RealmNumber, effect: &Effect) -> Result<(Value, Vec<&[u8]>)> {
    Ok(match effect {
        Effect::None => (json!({ "kind": "none" }), Vec::new()),
        Effect::Unchanged(ticket, version) => {
            let mut change = expected(*ticket, *version)?;
            change["kind"] = json!("unchanged");
            (change, Vec::new())
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
        Effect::Ticket(_) | Effect::Redact(_) => {
            return Err(Fault::Broken("a change of a ticket has a form of its own"));
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
                let skew = skew(event.id, event.at);
                let change = json!({
                    "kind": "endpoint",
                    "action": "ping",
                    "id": self::id(*id),
                    "event_id": self::id(event.id),
                    "event_type": event.event_type.as_str(),
                    "event_at": event.at.as_millis(),
                    "id_ahead_ms": skew.max(0),
                    "id_behind_ms": skew.saturating_neg().max(0),
                });
                (change, vec![event.payload.as_slice()])
            }
        },
        Effect::Delivery(change) => {
            let DeliveryChange { id, ticket, action } = &**change;
            let (action, why) = match action {
                DeliveryAction::Replay => ("replay", None),
                DeliveryAction::Discard(why) => ("discard", Some(why)),
            };
            let change = json!({
                "kind": "delivery",
                "action": action,
                "id": self::id(*id),
                "discard_reason": why,
                "ticket": ticket.map(|(id, version)| expected(id, version)).transpose()?,
            });
            (change, Vec::new())
        }
        Effect::Notification(change) => (notification::revived(change)?, Vec::new()),
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
        Effect::Purge(Purge { what, before, limit }) => {
            let what = match what {
                Purged::Answers => "answers",
                Purged::Events => "events",
                Purged::Deliveries => "deliveries",
                Purged::Responses => "responses",
            };
            (json!({ "kind": "purge", "what": what, "before": before.as_millis(), "limit": limit }), Vec::new())
        }
    })
}

/// A ticket, and the version that it is expected in.
pub(crate) fn expected(ticket: TicketId, version: Version) -> Result<Value> {
    Ok(json!({ "id": id(ticket), "version": i64::try_from(version.0)? }))
}

/// How far the time in an id is ahead of when its row was made, in milliseconds.
pub(crate) fn skew<K: IdKind>(id: Id<K>, made_at: Timestamp) -> i64 {
    id.timestamp().as_millis() - made_at.as_millis()
}

/// Adds the columns that every key begins with.
fn place(realm: RealmNumber, row: &mut Value) {
    row["tenant"] = json!(realm.tenant);
    row["environment"] = json!(number_of(realm.environment));
}

/// A row with the columns that every key begins with.
pub(crate) fn placed(realm: RealmNumber, mut row: Value) -> Value {
    place(realm, &mut row);
    row
}

pub(crate) fn id<K: IdKind>(id: Id<K>) -> String {
    uuid(id).to_string()
}

/// Bytes as Postgres writes them.
fn bytes(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn contact(contact: &Contact) -> Value {
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
