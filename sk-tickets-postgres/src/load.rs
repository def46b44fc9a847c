//! What a mutation needs to know, in one read.

use sk_tickets_core::{
    model::{contact::ContactHandle, delivery::DeliveryFilter, id::TicketKind, queue::DEFAULT_QUEUE},
    platform::{idempotency::IdempotencyKey, realm::Environment},
    store::{Loaded, Lookup, Subject},
};

use crate::{
    columns::{Columns, Read},
    deliveries,
    error::Result,
    policy::policies_of_realm,
    pool::Transaction,
    reader::attempts_of_delivery,
    realms::RealmNumber,
    redaction,
    row::{
        self, CONTACT_WIDTH, DELIVERY_WIDTH, ENDPOINT_WIDTH, FORM_WIDTH, NOTIFICATION_WIDTH, QUEUE_WIDTH,
        RECORDED_WIDTH, TICKET_WIDTH, TIMERS_WIDTH, attempt_columns, contact_columns, delivery_columns,
        endpoint_columns, form_columns, notification_columns, queue_columns, recorded_columns, ticket_columns,
        timer_columns,
    },
    statement::{Query, Value, id, in_realm, text},
    store::PostgresStore,
};

/// Joins one row, or nulls, of a table of the realm.
macro_rules! joined {
    ($name:literal, $columns:expr, $table:literal, $condition:literal) => {
        concat!(
            " LEFT JOIN LATERAL (SELECT ",
            $columns,
            " FROM sk_tickets.",
            $table,
            " WHERE tenant = realm.tenant AND environment = realm.environment AND ",
            $condition,
            " LIMIT 1) AS ",
            $name,
            " ON true"
        )
    };
}

/// All that is known of what is looked up: one row, of what each part joins.
pub(crate) async fn load(store: &PostgresStore, realm: RealmNumber, lookup: Lookup<'_>) -> Result<Loaded> {
    let mut query = Query::on(realm);
    // A key is never empty, so this one is nobody's.
    query.values.push(text(lookup.key.map_or("", |key| key.as_str())));
    query.sql = match lookup.subject {
        Subject::NewTicket { contact, follow_up_of, queue, topic } => {
            let nobody = ContactHandle::Email(String::new());
            let handle = contact.unwrap_or(&nobody);
            let (ContactHandle::Email(handle_text) | ContactHandle::Phone(handle_text)) = handle;
            query.values.push(text(handle_text));
            query.values.push(follow_up_of.map_or(Value::NoId, id));
            // No key and no topic is empty, so these are nobody's.
            query.values.extend([text(queue.unwrap_or("")), text(topic.unwrap_or("")), text(DEFAULT_QUEUE)]);
            match handle {
                ContactHandle::Email(_) => NEW_TICKET_BY_EMAIL,
                ContactHandle::Phone(_) => NEW_TICKET_BY_PHONE,
            }
            .to_owned()
        }
        Subject::Ticket(ticket) | Subject::Redaction(ticket) => {
            query.values.push(id(ticket));
            TICKET.to_owned()
        }
        Subject::TicketAndQueue(ticket, queue) => {
            query.values.extend([id(ticket), text(queue)]);
            TICKET_AND_QUEUE.to_owned()
        }
        Subject::Queue(key) => {
            query.values.push(text(key));
            QUEUE.to_owned()
        }
        Subject::Queues => {
            query.sql = QUEUES.to_owned();
            return queues(store, query).await;
        }
        Subject::Notification(notification) => {
            query.values.push(id(notification));
            NOTIFICATION.to_owned()
        }
        Subject::Contact { id: contact, email, phone } => {
            // No handle is empty, so these are nobody's.
            query.values.extend([
                contact.map_or(Value::NoId, id),
                text(email.unwrap_or("")),
                text(phone.unwrap_or("")),
            ]);
            CONTACT.to_owned()
        }
        Subject::Policies => POLICIES.to_owned(),
        Subject::NewForm => NEW_FORM.to_owned(),
        Subject::Form(form) => {
            query.values.push(id(form));
            FORM.to_owned()
        }
        Subject::NewEndpoint => NEW_ENDPOINT.to_owned(),
        Subject::Endpoint(endpoint) => {
            query.values.push(id(endpoint));
            ENDPOINT.to_owned()
        }
        Subject::Delivery(delivery) => {
            query.values.push(id(delivery));
            DELIVERY.to_owned()
        }
        Subject::DeadLetters { endpoint_id, types, from, to } => {
            query.values.push(endpoint_id.map_or(Value::NoId, id));
            let types = types.to_vec();
            let filter = DeliveryFilter { status: None, endpoint_id, types, from, to, dead_letters: true };
            dead_letters(&mut query, &filter)
        }
    };

    let loaded = store.one(query, |columns| {
        let mut loaded = Loaded { recorded: columns.maybe(RECORDED_WIDTH, row::recorded)?, ..Loaded::default() };
        let environment = realm.environment;
        match lookup.subject {
            Subject::NewTicket { .. } => {
                loaded.contact = columns.maybe(CONTACT_WIDTH, row::contact)?;
                loaded.ticket = columns.maybe(TICKET_WIDTH, |columns| row::ticket(columns, environment))?;
                loaded.queue = columns.maybe(QUEUE_WIDTH, row::queue)?;
                loaded.policies = row::policies(columns)?;
            }
            Subject::Policies => loaded.policies = row::policies(columns)?,
            Subject::Ticket(_) => {
                read_ticket(&mut loaded, columns, environment)?;
                loaded.policies = row::policies(columns)?;
            }
            Subject::Redaction(_) => read_ticket(&mut loaded, columns, environment)?,
            Subject::Queue(_) => loaded.queue = columns.maybe(QUEUE_WIDTH, row::queue)?,
            Subject::TicketAndQueue(..) => {
                loaded.ticket = columns.maybe(TICKET_WIDTH, |columns| row::ticket(columns, environment))?;
                loaded.timers = columns.maybe(TIMERS_WIDTH, row::timers)?.unwrap_or_default();
                loaded.thread_length = columns.maybe_number()?.unwrap_or_default();
                loaded.queue = columns.maybe(QUEUE_WIDTH, row::queue)?;
                loaded.policies = row::policies(columns)?;
            }
            Subject::Notification(_) => {
                loaded.notification = columns.maybe(NOTIFICATION_WIDTH, row::notification)?;
                loaded.notification_lease = columns.maybe_number()?;
                loaded.ticket = columns.maybe(TICKET_WIDTH, |columns| row::ticket(columns, environment))?;
                loaded.timers = columns.maybe(TIMERS_WIDTH, row::timers)?.unwrap_or_default();
                loaded.thread_length = columns.maybe_number()?.unwrap_or_default();
                loaded.contact = columns.maybe(CONTACT_WIDTH, row::contact)?;
            }
            Subject::Queues => {}
            Subject::Contact { .. } => {
                loaded.contact = columns.maybe(CONTACT_WIDTH, row::contact)?;
                loaded.email_holder = columns.maybe_id()?;
                loaded.phone_holder = columns.maybe_id()?;
            }
            Subject::NewForm => loaded.form_count = columns.number()?,
            Subject::Form(_) => loaded.form = columns.maybe(FORM_WIDTH, row::form)?,
            Subject::NewEndpoint => loaded.endpoint_count = columns.number()?,
            Subject::Endpoint(_) => loaded.endpoint = columns.maybe(ENDPOINT_WIDTH, row::endpoint)?,
            Subject::Delivery(_) => {
                loaded.delivery = columns.maybe(DELIVERY_WIDTH, row::delivery)?;
                loaded.endpoint = columns.maybe(ENDPOINT_WIDTH, row::endpoint)?;
                loaded.ticket = columns.maybe(TICKET_WIDTH, |columns| row::ticket(columns, environment))?;
            }
            Subject::DeadLetters { .. } => {
                loaded.endpoint = columns.maybe(ENDPOINT_WIDTH, row::endpoint)?;
                loaded.dead_letters = columns.number()?;
            }
        }
        Ok(loaded)
    });
    let mut loaded = loaded.await?.unwrap_or_default();
    if let (Subject::Redaction(ticket), Some(_)) = (lookup.subject, &loaded.ticket) {
        loaded.traces = redaction::traces(store, realm, ticket).await?;
    }
    Ok(loaded)
}

/// What is known of a ticket that is to be changed, out of [`TICKET`].
fn read_ticket(loaded: &mut Loaded, columns: &mut Columns<'_>, environment: Environment) -> Read<()> {
    loaded.ticket = columns.maybe(TICKET_WIDTH, |columns| row::ticket(columns, environment))?;
    loaded.timers = columns.maybe(TIMERS_WIDTH, row::timers)?.unwrap_or_default();
    loaded.thread_length = columns.maybe_number()?.unwrap_or_default();
    loaded.contact = columns.maybe(CONTACT_WIDTH, row::contact)?;
    Ok(())
}

/// What is known of the head of a queue, which is locked by this; nothing if none waits, or if the key is recorded.
pub(crate) async fn head(
    transaction: &mut Transaction<'_>,
    realm: RealmNumber,
    key: Option<&IdempotencyKey>,
    queue: &str,
) -> Result<Loaded> {
    // A key is never empty, so this one is nobody's.
    let key = text(key.map_or("", |key| key.as_str()));
    let mut query = Query::on(realm);
    query.values.extend([key.clone(), text(queue)]);
    query.sql = HEAD.to_owned();
    let rows = transaction.rows(query.bound()).await?;
    let head = rows.first().map(|row| Columns::of(row).maybe_id::<TicketKind>()).transpose()?.flatten();
    let mut loaded = Loaded::default();
    let Some(head) = head else { return Ok(loaded) };
    // With a snapshot of its own: as it is now that it is locked.
    let mut query = Query::on(realm);
    query.values.extend([key, id(head)]);
    query.sql = TICKET.to_owned();
    if let Some(row) = transaction.rows(query.bound()).await?.first() {
        let mut columns = Columns::of(row);
        columns.maybe(RECORDED_WIDTH, row::recorded)?;
        read_ticket(&mut loaded, &mut columns, realm.environment)?;
        loaded.policies = row::policies(&mut columns)?;
    }
    Ok(loaded)
}

const HEAD: &str = "SELECT sk_tickets.queue_head($1, $2, $3, $4)";

/// One row for each queue, or one for none.
async fn queues(store: &PostgresStore, query: Query) -> Result<Loaded> {
    let rows = store.all(query, |columns| {
        Ok((columns.maybe(RECORDED_WIDTH, row::recorded)?, columns.maybe(QUEUE_WIDTH, row::queue)?))
    });
    let mut loaded = Loaded::default();
    for (recorded, queue) in rows.await? {
        loaded.recorded = recorded;
        loaded.queues.extend(queue);
    }
    Ok(loaded)
}

macro_rules! recorded {
    () => {
        joined!("recorded", recorded_columns!(), "claims", "key = $3")
    };
}

/// The queue `$6` or, if none is named, the one that has the topic `$7` or else the default one, `$8`.
macro_rules! new_tickets_queue {
    () => {
        concat!(
            " LEFT JOIN LATERAL (
                 SELECT queues.key FROM sk_tickets.queue_topics AS topics
                 JOIN sk_tickets.queues AS queues
                   ON queues.tenant = topics.tenant AND queues.environment = topics.environment
                      AND queues.id = topics.queue_id
                 WHERE topics.tenant = realm.tenant AND topics.environment = realm.environment AND topics.topic = $7
                 LIMIT 1) AS routed ON true",
            joined!("queue", queue_columns!(), "queues", "key = COALESCE(NULLIF($6, ''), routed.key, $8)")
        )
    };
}

const NEW_TICKET_BY_EMAIL: &str = in_realm!(
    "SELECT recorded.*, contact.*, ticket.*, queue.*, policies.kept FROM realm",
    recorded!(),
    joined!("contact", contact_columns!(), "contacts", "email = $4"),
    joined!("ticket", ticket_columns!(), "tickets", "id = $5"),
    new_tickets_queue!(),
    policies_of_realm!()
);

/// Of the contacts with this number the one without an address first.
const NEW_TICKET_BY_PHONE: &str = in_realm!(
    "SELECT recorded.*, contact.*, ticket.*, queue.*, policies.kept FROM realm",
    recorded!(),
    joined!("contact", contact_columns!(), "contacts", "phone = $4 ORDER BY email IS NOT NULL, id"),
    joined!("ticket", ticket_columns!(), "tickets", "id = $5"),
    new_tickets_queue!(),
    policies_of_realm!()
);

/// A thread has as many entries as the last one's number, since there are no gaps.
const TICKET: &str = in_realm!(
    "SELECT recorded.*, ticket.*, last.sequence, contact.*, policies.kept FROM realm",
    recorded!(),
    joined!("ticket", concat!(ticket_columns!(), ", ", timer_columns!()), "tickets", "id = $4"),
    joined!("last", "sequence", "thread_entries", "ticket_id = $4 ORDER BY sequence DESC"),
    joined!("contact", contact_columns!(), "contacts", "id = ticket.contact_id"),
    policies_of_realm!()
);

const NOTIFICATION: &str = in_realm!(
    "SELECT recorded.*, notification.*, lease.lease_token, ticket.*, last.sequence, contact.* FROM realm",
    recorded!(),
    joined!("notification", notification_columns!(), "notifications", "id = $4"),
    joined!("lease", "lease_token", "notifications", "id = $4 AND lease_owner IS NOT NULL"),
    joined!("ticket", concat!(ticket_columns!(), ", ", timer_columns!()), "tickets", "id = notification.ticket_id"),
    joined!("last", "sequence", "thread_entries", "ticket_id = notification.ticket_id ORDER BY sequence DESC"),
    joined!("contact", contact_columns!(), "contacts", "id = notification.contact_id")
);

const TICKET_AND_QUEUE: &str = in_realm!(
    "SELECT recorded.*, ticket.*, last.sequence, queue.*, policies.kept FROM realm",
    recorded!(),
    joined!("ticket", concat!(ticket_columns!(), ", ", timer_columns!()), "tickets", "id = $4"),
    joined!("last", "sequence", "thread_entries", "ticket_id = $4 ORDER BY sequence DESC"),
    joined!("queue", queue_columns!(), "queues", "key = $5"),
    policies_of_realm!()
);

const QUEUE: &str = in_realm!(
    "SELECT recorded.*, queue.* FROM realm",
    recorded!(),
    joined!("queue", queue_columns!(), "queues", "key = $4")
);

const QUEUES: &str = in_realm!(
    "SELECT recorded.*, queue.* FROM realm",
    recorded!(),
    " LEFT JOIN LATERAL (SELECT ",
    queue_columns!(),
    " FROM sk_tickets.queues WHERE tenant = realm.tenant AND environment = realm.environment OFFSET 0) AS queue ON true
     ORDER BY queue.id"
);

const POLICIES: &str = in_realm!("SELECT recorded.*, policies.kept FROM realm", recorded!(), policies_of_realm!());

/// Who has the number is asked of the number that is named or, where none is, of the contact's own.
const CONTACT: &str = in_realm!(
    "SELECT recorded.*, contact.*, by_email.id, by_phone.id FROM realm",
    recorded!(),
    joined!("contact", contact_columns!(), "contacts", "id = $4"),
    joined!("by_email", "id", "contacts", "email = $5"),
    joined!("by_phone", "id", "contacts", "phone = COALESCE(NULLIF($6, ''), contact.phone) AND email IS NULL")
);

const NEW_FORM: &str =
    in_realm!("SELECT recorded.*, forms.count FROM realm", recorded!(), joined!("forms", "count(*)", "forms", "true"));

const FORM: &str = in_realm!(
    "SELECT recorded.*, form.* FROM realm",
    recorded!(),
    joined!("form", form_columns!(), "forms", "id = $4")
);

const NEW_ENDPOINT: &str = in_realm!(
    "SELECT recorded.*, endpoints.count FROM realm",
    recorded!(),
    joined!("endpoints", "count(*)", "endpoints", "deleted_at IS NULL")
);

const ENDPOINT: &str = in_realm!(
    "SELECT recorded.*, endpoint.* FROM realm",
    recorded!(),
    joined!("endpoint", endpoint_columns!(), "endpoints", "id = $4 AND deleted_at IS NULL")
);

const DELIVERY: &str = in_realm!(
    "SELECT recorded.*, delivery.*, attempts.*, endpoint.*, ticket.* FROM realm",
    recorded!(),
    joined!("delivery", delivery_columns!(), "deliveries", "id = $4"),
    " ",
    attempts_of_delivery!(),
    joined!("endpoint", endpoint_columns!(), "endpoints", "id = delivery.endpoint_id AND deleted_at IS NULL"),
    joined!("ticket", ticket_columns!(), "tickets", "id = delivery.ticket_id")
);

/// The endpoint `$4`, and how many dead letters match.
fn dead_letters(query: &mut Query, filter: &DeliveryFilter) -> String {
    let select = in_realm!(
        "SELECT recorded.*, endpoint.*, letters.count FROM realm",
        recorded!(),
        joined!("endpoint", endpoint_columns!(), "endpoints", "id = $4 AND deleted_at IS NULL")
    );
    format!("{select} {} AS letters", deliveries::count(query, filter))
}
