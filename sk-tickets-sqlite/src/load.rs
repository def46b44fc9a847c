//! What a mutation needs to know, in one read.

use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::{
        contact::{Contact, ContactHandle},
        delivery::DeliveryFilter,
        id::TicketId,
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
    commit, deliveries, endpoint,
    error::Result,
    reader::{find_delivery, find_ticket, one},
    realms::RealmNumber,
    row::{self, contact_columns},
};

/// A [`Subject`] that can go to another thread.
pub(crate) enum Wanted {
    NewTicket { contact: Option<ContactHandle>, follow_up_of: Option<TicketId> },
    Ticket(TicketId),
    NewEndpoint,
    Endpoint(EndpointId),
    Delivery(DeliveryId),
    DeadLetters(DeliveryFilter),
}

impl From<Subject<'_>> for Wanted {
    fn from(subject: Subject<'_>) -> Self {
        match subject {
            Subject::NewTicket { contact, follow_up_of } => Self::NewTicket { contact: contact.cloned(), follow_up_of },
            Subject::Ticket(id) => Self::Ticket(id),
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
        Wanted::NewTicket { contact, follow_up_of } => {
            if let Some(handle) = contact {
                loaded.contact = find_contact(connection, realm, &handle)?;
            }
            if let Some(id) = follow_up_of {
                loaded.ticket = find_ticket(connection, realm, environment, id)?;
            }
        }
        Wanted::Ticket(id) => {
            loaded.ticket = find_ticket(connection, realm, environment, id)?;
            loaded.thread_length = thread_length(connection, realm, id)?;
        }
        Wanted::NewEndpoint => loaded.endpoint_count = endpoint::count(connection, realm)?,
        Wanted::Endpoint(id) => loaded.endpoint = endpoint::find(connection, realm, id)?,
        Wanted::Delivery(id) => {
            loaded.delivery = find_delivery(connection, realm, id)?;
            if let Some(delivery) = &loaded.delivery {
                loaded.endpoint = endpoint::find(connection, realm, delivery.endpoint_id)?;
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

/// How many entries a thread has: as many as the last one's number, since there are no gaps.
fn thread_length(connection: &Connection, realm: RealmNumber, ticket: TicketId) -> Result<u64> {
    let length = connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM my_thread_entries WHERE realm = ?1 AND ticket_id = ?2")?
        .query_row(params![realm, ticket.to_bytes()], |row| Columns::of(row).number())?;
    Ok(length)
}

/// The contact with an address or, by phone, the one without an address first.
fn find_contact(connection: &Connection, realm: RealmNumber, handle: &ContactHandle) -> Result<Option<Contact>> {
    match handle {
        ContactHandle::Email(email) => {
            let sql = concat!("SELECT ", contact_columns!(), " FROM my_contacts WHERE realm = ?1 AND email = ?2");
            one(connection, sql, params![realm, email], row::contact)
        }
        ContactHandle::Phone(phone) => {
            let sql = concat!(
                "SELECT ",
                contact_columns!(),
                " FROM my_contacts WHERE realm = ?1 AND phone = ?2 ORDER BY email IS NOT NULL, id LIMIT 1"
            );
            one(connection, sql, params![realm, phone], row::contact)
        }
    }
}
