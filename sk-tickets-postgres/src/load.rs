//! What a mutation needs to know, in one read.

use sk_tickets_core::{
    model::{contact::ContactHandle, delivery::DeliveryFilter, id::TicketKind},
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
    statement::{Query, Value, asked, for_each, id, in_realm, text},
    store::{Inner, PostgresStore},
};

/// Joins one row, or nulls, of a table of the realm.
macro_rules! joined {
    ($name:literal, $columns:expr, $table:literal, $condition:expr) => {
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
    let Inner { pool, reads, .. } = &*store.inner;
    // A key is never empty, so this one is nobody's; nor is a queue's key, a topic, or a handle.
    let key = text(lookup.key.map_or("", |key| key.as_str()));
    let maybe = |given: Option<&str>| text(given.unwrap_or(""));
    let first = async |query: Query| Ok(pool.rows(query.bound()).await?.into_iter().next());
    let alone = async |sql: &str, values: Vec<Value>| {
        let mut query = Query::on(realm);
        query.sql = sql.to_owned();
        query.values.push(key.clone());
        query.values.extend(values);
        first(query).await
    };
    let row = match lookup.subject {
        Subject::NewTicket { contact, follow_up_of, queue, topic } => {
            let (read, handle) = match contact {
                Some(ContactHandle::Phone(phone)) => (&reads.new_ticket_by_phone, phone.as_str()),
                Some(ContactHandle::Email(email)) => (&reads.new_ticket_by_email, email.as_str()),
                None => (&reads.new_ticket_by_email, ""),
            };
            let follow_up_of = follow_up_of.map_or(Value::NoId, id);
            read.row(pool, realm, vec![key.clone(), text(handle), follow_up_of, maybe(queue), maybe(topic)]).await
        }
        Subject::Ticket(ticket) | Subject::Redaction(ticket) => {
            reads.ticket.row(pool, realm, vec![key.clone(), id(ticket)]).await
        }
        Subject::TicketAndQueue(ticket, queue) => alone(TICKET_AND_QUEUE, vec![id(ticket), text(queue)]).await,
        Subject::Queue(queue) => alone(QUEUE, vec![text(queue)]).await,
        Subject::Queues => return queues(store, realm, key).await,
        Subject::Notification(notification) => alone(NOTIFICATION, vec![id(notification)]).await,
        Subject::Contact { id: contact, email, phone } => {
            alone(CONTACT, vec![contact.map_or(Value::NoId, id), maybe(email), maybe(phone)]).await
        }
        Subject::Policies => alone(POLICIES, vec![]).await,
        Subject::NewForm => alone(NEW_FORM, vec![]).await,
        Subject::Form(form) => alone(FORM, vec![id(form)]).await,
        Subject::NewEndpoint => alone(NEW_ENDPOINT, vec![]).await,
        Subject::Endpoint(endpoint) => alone(ENDPOINT, vec![id(endpoint)]).await,
        Subject::Delivery(delivery) => alone(DELIVERY, vec![id(delivery)]).await,
        Subject::DeadLetters { endpoint_id, types, from, to } => {
            let types = types.to_vec();
            let filter = DeliveryFilter { status: None, endpoint_id, types, from, to, dead_letters: true };
            first(dead_letters(realm, key.clone(), &filter)).await
        }
    }?;
    let Some(row) = row else { return Ok(Loaded::default()) };
    let mut loaded = read(lookup.subject, realm.environment, &mut Columns::of(&row))?;
    if let (Subject::Redaction(ticket), Some(_)) = (lookup.subject, &loaded.ticket) {
        loaded.traces = redaction::traces(store, realm, ticket).await?;
    }
    Ok(loaded)
}

/// What of a row is known of a subject.
fn read(subject: Subject<'_>, environment: Environment, columns: &mut Columns<'_>) -> Read<Loaded> {
    let mut loaded = Loaded { recorded: columns.maybe(RECORDED_WIDTH, row::recorded)?, ..Loaded::default() };
    match subject {
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
    let query = for_each(realm, TICKET, &[vec![key, id(head)]]);
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
async fn queues(store: &PostgresStore, realm: RealmNumber, key: Value) -> Result<Loaded> {
    let mut query = Query::on(realm);
    query.sql = QUEUES.to_owned();
    query.values.push(key);
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
    ($key:literal) => {
        joined!("recorded", recorded_columns!(), "claims", concat!("key = ", $key))
    };
    () => {
        recorded!("$3")
    };
}

/// The queue that is asked for or, if none is named, the one that has the topic or else the default one.
macro_rules! new_tickets_queue {
    () => {
        concat!(
            " LEFT JOIN LATERAL (
                 SELECT queues.key FROM sk_tickets.queue_topics AS topics
                 JOIN sk_tickets.queues AS queues
                   ON queues.tenant = topics.tenant AND queues.environment = topics.environment
                      AND queues.id = topics.queue_id
                 WHERE topics.tenant = realm.tenant AND topics.environment = realm.environment AND topics.topic = asked.topic
                 LIMIT 1) AS routed ON true",
            joined!("queue", queue_columns!(), "queues", "key = COALESCE(NULLIF(asked.queue, ''), routed.key, 'default')")
        )
    };
}

/// What those have to say who ask for what it takes to make a ticket.
macro_rules! new_tickets {
    () => {
        asked!(
            "(SELECT $3::text[]), (SELECT $4::text[]), (SELECT $5::uuid[]), (SELECT $6::text[]), (SELECT $7::text[])",
            "key, handle, follow_up_of, queue, topic"
        )
    };
}

/// For [each](crate::statement::for_each) of those that ask.
pub(crate) const NEW_TICKET_BY_EMAIL: &str = in_realm!(
    "SELECT recorded.*, contact.*, ticket.*, queue.*, policies.kept, asked.number FROM realm",
    policies_of_realm!(),
    new_tickets!(),
    recorded!("asked.key"),
    joined!("contact", contact_columns!(), "contacts", "email = asked.handle"),
    joined!("ticket", ticket_columns!(), "tickets", "id = asked.follow_up_of"),
    new_tickets_queue!(),
);

/// Of the contacts with this number the one without an address first.
pub(crate) const NEW_TICKET_BY_PHONE: &str = in_realm!(
    "SELECT recorded.*, contact.*, ticket.*, queue.*, policies.kept, asked.number FROM realm",
    policies_of_realm!(),
    new_tickets!(),
    recorded!("asked.key"),
    joined!("contact", contact_columns!(), "contacts", "phone = asked.handle ORDER BY email IS NOT NULL, id"),
    joined!("ticket", ticket_columns!(), "tickets", "id = asked.follow_up_of"),
    new_tickets_queue!(),
);

/// For [each](crate::statement::for_each) of those that ask. A thread has as many entries as the last one's number, since there are
/// no gaps.
pub(crate) const TICKET: &str = in_realm!(
    "SELECT recorded.*, ticket.*, last.sequence, contact.*, policies.kept, asked.number FROM realm",
    policies_of_realm!(),
    asked!("(SELECT $3::text[]), (SELECT $4::uuid[])", "key, id"),
    recorded!("asked.key"),
    joined!("ticket", concat!(ticket_columns!(), ", ", timer_columns!()), "tickets", "id = asked.id"),
    joined!("last", "sequence", "thread_entries", "ticket_id = asked.id ORDER BY sequence DESC"),
    joined!("contact", contact_columns!(), "contacts", "id = ticket.contact_id"),
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

/// The query for an endpoint and for how many dead letters match.
fn dead_letters(realm: RealmNumber, key: Value, filter: &DeliveryFilter) -> Query {
    let select = in_realm!(
        "SELECT recorded.*, endpoint.*, letters.count FROM realm",
        recorded!(),
        joined!("endpoint", endpoint_columns!(), "endpoints", "id = $4 AND deleted_at IS NULL")
    );
    let mut query = Query::on(realm);
    query.values.extend([key, filter.endpoint_id.map_or(Value::NoId, id)]);
    query.sql = format!("{select} {} AS letters", deliveries::count(&mut query, filter));
    query
}
