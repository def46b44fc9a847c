//! What a mutation needs to know, in one read.

use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::{
        contact::ContactHandle,
        delivery::DeliveryFilter,
        id::{ContactId, FormId, NotificationId, TicketId},
        notification::Notification,
        sla::Timers,
    },
    platform::{
        id::{DeliveryId, EndpointId},
        idempotency::IdempotencyKey,
        realm::Environment,
    },
    store::{Loaded, Subject},
};

use crate::{
    columns::Columns,
    commit, contact, deliveries, endpoint,
    error::Result,
    form, notification, policy, queues,
    reader::{find_delivery, find_ticket, one},
    realms::RealmNumber,
    redaction,
    row::{self, timer_columns},
};

/// A [`Subject`] that can go to another thread.
pub(crate) enum Wanted {
    NewTicket {
        contact: Option<ContactHandle>,
        follow_up_of: Option<TicketId>,
        queue: Option<String>,
        topic: Option<String>,
    },
    Ticket(TicketId),
    Redaction(TicketId),
    TicketAndQueue(TicketId, String),
    Queue(String),
    Queues,
    Notification(NotificationId),
    Policies,
    Contact {
        id: Option<ContactId>,
        email: Option<String>,
        phone: Option<String>,
    },
    NewForm,
    Form(FormId),
    NewEndpoint,
    Endpoint(EndpointId),
    Delivery(DeliveryId),
    DeadLetters(DeliveryFilter),
}

impl From<Subject<'_>> for Wanted {
    fn from(subject: Subject<'_>) -> Self {
        match subject {
            Subject::NewTicket { contact, follow_up_of, queue, topic } => Self::NewTicket {
                contact: contact.cloned(),
                follow_up_of,
                queue: queue.map(str::to_owned),
                topic: topic.map(str::to_owned),
            },
            Subject::Ticket(id) => Self::Ticket(id),
            Subject::TicketAndQueue(id, queue) => Self::TicketAndQueue(id, queue.to_owned()),
            Subject::Queue(key) => Self::Queue(key.to_owned()),
            Subject::Queues => Self::Queues,
            Subject::Notification(id) => Self::Notification(id),
            Subject::Redaction(id) => Self::Redaction(id),
            Subject::Policies => Self::Policies,
            Subject::Contact { id, email, phone } => {
                Self::Contact { id, email: email.map(str::to_owned), phone: phone.map(str::to_owned) }
            }
            Subject::NewForm => Self::NewForm,
            Subject::Form(id) => Self::Form(id),
            Subject::NewEndpoint => Self::NewEndpoint,
            Subject::Endpoint(id) => Self::Endpoint(id),
            Subject::Delivery(id) => Self::Delivery(id),
            Subject::DeadLetters { endpoint_id, types, from, to } => Self::DeadLetters(DeliveryFilter {
                status: None,
                endpoint_id,
                types: types.to_vec(),
                from,
                to,
                dead_letters: true,
            }),
        }
    }
}

impl Wanted {
    /// Whether it is found by keys, so that it takes microseconds.
    pub(crate) const fn is_brief(&self) -> bool {
        match self {
            Self::NewTicket { .. }
            | Self::Ticket(_)
            | Self::TicketAndQueue(..)
            | Self::Queue(_)
            | Self::Queues
            | Self::Notification(_)
            | Self::Policies
            | Self::Contact { .. }
            | Self::NewForm
            | Self::Form(_)
            | Self::NewEndpoint
            | Self::Endpoint(_)
            | Self::Delivery(_) => true,
            // A whole thread with all that was said of it; a count.
            Self::Redaction(_) | Self::DeadLetters(_) => false,
        }
    }
}

/// All that is known of what is wanted.
pub(crate) fn load(
    connection: &Connection,
    realm: RealmNumber,
    environment: Environment,
    key: Option<&IdempotencyKey>,
    wanted: Wanted,
) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    if let Some(key) = key {
        loaded.recorded = commit::find_recorded(connection, realm, key.as_str())?;
    }
    match wanted {
        Wanted::NewTicket { contact, follow_up_of, queue, topic } => {
            loaded.queue = match queue {
                Some(key) => queues::find(connection, realm, &key)?,
                None => queues::find_by_topic(connection, realm, topic.as_deref())?,
            };
            loaded.policies = policy::all(connection, realm)?;
            if let Some(handle) = contact {
                loaded.contact = contact::find_by_handle(connection, realm, &handle)?;
            }
            if let Some(id) = follow_up_of {
                loaded.ticket = find_ticket(connection, realm, environment, id)?;
            }
        }
        Wanted::Ticket(id) => {
            loaded.ticket = find_ticket(connection, realm, environment, id)?;
            loaded.policies = policy::all(connection, realm)?;
            loaded.timers = timers(connection, realm, id)?;
            loaded.thread_length = thread_length(connection, realm, id)?;
            if let Some(id) = loaded.ticket.as_ref().and_then(|ticket| ticket.contact_id) {
                loaded.contact = contact::find(connection, realm, id)?;
            }
        }
        Wanted::Notification(id) => {
            loaded.notification = notification::find(connection, realm, id)?;
            if let Some(Notification { ticket_id, contact_id, .. }) = loaded.notification {
                loaded.notification_lease = notification::lease_token(connection, realm, id)?;
                loaded.ticket = find_ticket(connection, realm, environment, ticket_id)?;
                loaded.timers = timers(connection, realm, ticket_id)?;
                loaded.thread_length = thread_length(connection, realm, ticket_id)?;
                loaded.contact = contact::find(connection, realm, contact_id)?;
            }
        }
        Wanted::TicketAndQueue(id, queue) => {
            loaded.ticket = find_ticket(connection, realm, environment, id)?;
            loaded.timers = timers(connection, realm, id)?;
            loaded.thread_length = thread_length(connection, realm, id)?;
            loaded.queue = queues::find(connection, realm, &queue)?;
            loaded.policies = policy::all(connection, realm)?;
        }
        Wanted::Queue(key) => loaded.queue = queues::find(connection, realm, &key)?,
        Wanted::Queues => loaded.queues = queues::all(connection, realm)?,
        Wanted::Redaction(id) => {
            loaded.ticket = find_ticket(connection, realm, environment, id)?;
            loaded.timers = timers(connection, realm, id)?;
            loaded.thread_length = thread_length(connection, realm, id)?;
            if let Some(id) = loaded.ticket.as_ref().and_then(|ticket| ticket.contact_id) {
                loaded.contact = contact::find(connection, realm, id)?;
            }
            loaded.traces = redaction::traces(connection, realm, id)?;
        }
        Wanted::Contact { id, email, phone } => {
            if let Some(id) = id {
                loaded.contact = contact::find(connection, realm, id)?;
            }
            if let Some(email) = email {
                loaded.email_holder = contact::email_holder(connection, realm, &email)?;
            }
            let own = loaded.contact.as_ref().and_then(|contact| contact.phone.as_deref());
            if let Some(phone) = phone.as_deref().or(own) {
                loaded.phone_holder = contact::phone_holder(connection, realm, phone)?;
            }
        }
        Wanted::Policies => loaded.policies = policy::all(connection, realm)?,
        Wanted::NewForm => loaded.form_count = form::count(connection, realm)?,
        Wanted::Form(id) => loaded.form = form::find(connection, realm, id)?,
        Wanted::NewEndpoint => loaded.endpoint_count = endpoint::count(connection, realm)?,
        Wanted::Endpoint(id) => loaded.endpoint = endpoint::find(connection, realm, id)?,
        Wanted::Delivery(id) => {
            loaded.delivery = find_delivery(connection, realm, id)?;
            if let Some(delivery) = &loaded.delivery {
                loaded.endpoint = endpoint::find(connection, realm, delivery.endpoint_id)?;
                if let Some(id) = delivery.ticket_id {
                    loaded.ticket = find_ticket(connection, realm, environment, id)?;
                }
            }
        }
        Wanted::DeadLetters(filter) => {
            if let Some(id) = filter.endpoint_id {
                loaded.endpoint = endpoint::find(connection, realm, id)?;
            }
            loaded.dead_letters = deliveries::count(connection, realm, &filter)?;
        }
    }
    Ok(loaded)
}

/// The times that are kept of a ticket.
fn timers(connection: &Connection, realm: RealmNumber, ticket: TicketId) -> Result<Timers> {
    let sql = concat!("SELECT ", timer_columns!(), " FROM my_tickets WHERE realm = ?1 AND id = ?2");
    Ok(one(connection, sql, params![realm, ticket.to_bytes()], row::timers)?.unwrap_or_default())
}

/// How many entries a thread has: as many as the last one's number, since there are no gaps.
fn thread_length(connection: &Connection, realm: RealmNumber, ticket: TicketId) -> Result<u64> {
    let length = connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM my_thread_entries WHERE realm = ?1 AND ticket_id = ?2")?
        .query_row(params![realm, ticket.to_bytes()], |row| Columns::of(row).number())?;
    Ok(length)
}
