//! Reads within a realm.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use sk_tickets_core::{
    model::{
        contact::{Contact, ContactFilter},
        delivery::{Attempt, Delivery, DeliveryFilter},
        endpoint::Endpoint,
        event::{Event, FeedPosition},
        form::Form,
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::{Notification, NotificationFilter},
        page::Order,
        queue::{Queue, Workload},
        replay_job::ReplayJob,
        sla::{KeptPolicy, PolicyWork},
        thread::ThreadEntry,
        ticket::{Priority, Ticket, TicketFilter, TicketView},
    },
    platform::{
        id::{DeliveryId, EndpointId, EventId, JobId},
        idempotency::IdempotencyKey,
        realm::{Environment, Realm},
        seal::Sealed,
        time::Timestamp,
    },
    store::{self, FeedPage, Loaded, Lookup, PageSpec, RealmReader},
};

use crate::{
    columns::Columns,
    contact, deliveries, endpoint,
    error::Result,
    feed, form,
    guard::{Guarded, Scope},
    list::{self, Query},
    load::{Wanted, load},
    notification, places, policy,
    pool::snapshot,
    queues,
    realms::{RealmNumber, Realms, Skew},
    replay,
    row::{self, attempt_columns, delivery_columns, entry_columns, event_columns, ticket_columns},
    store::SqliteStore,
};

#[async_trait]
impl RealmReader for SqliteStore {
    async fn ticket(&self, realm: &Realm, id: TicketId) -> store::Result<Option<TicketView>> {
        let environment = realm.environment();
        self.find("read a ticket", realm, |connection, realm| {
            snapshot(connection, || {
                let Some(ticket) = find_ticket(connection, realm, environment, id)? else { return Ok(None) };
                let queue_position = places::position(connection, realm, &ticket)?;
                Ok(Some(TicketView { ticket, queue_position }))
            })
        })
        .await
    }

    async fn ticket_page(
        &self,
        realm: &Realm,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> store::Result<Vec<Ticket>> {
        let environment = realm.environment();
        let filter = filter.clone();
        self.read("list tickets", realm, move |connection, realm| {
            snapshot(connection, || {
                let times = [filter.created_after, filter.created_before];
                let skew = Skew::for_times(connection, realm, times)?;
                let Query { sql, values } = list::tickets(realm, skew, &filter, None, page);
                rows(connection, &sql, params_from_iter(values), |row| row::ticket(row, environment))
            })
        })
        .await
    }

    async fn thread_page(
        &self,
        realm: &Realm,
        ticket: TicketId,
        page: PageSpec<u64>,
    ) -> store::Result<Option<Vec<ThreadEntry>>> {
        self.read("list a thread", realm, move |connection, realm| {
            snapshot(connection, || {
                let ticket = ticket.to_bytes();
                let exists = connection
                    .prepare_cached("SELECT 1 FROM my_tickets WHERE realm = ?1 AND id = ?2")?
                    .query_row(params![realm, ticket], |_| Ok(()))
                    .optional()?;
                if exists.is_none() {
                    return Ok(None);
                }
                let sql = match page.order {
                    Order::Asc => concat!(
                        "SELECT ",
                        entry_columns!(),
                        " FROM my_thread_entries WHERE realm = ?1 AND ticket_id = ?2 AND sequence > ?3
                         ORDER BY sequence ASC LIMIT ?4"
                    ),
                    Order::Desc => concat!(
                        "SELECT ",
                        entry_columns!(),
                        " FROM my_thread_entries WHERE realm = ?1 AND ticket_id = ?2 AND sequence < ?3
                         ORDER BY sequence DESC LIMIT ?4"
                    ),
                };
                let (after, limit) = (after_number(page.after, page.order), row_limit(page.limit));
                rows(connection, sql, params![realm, ticket, after, limit], row::entry).map(Some)
            })
        })
        .await
    }

    async fn thread_entry(
        &self,
        realm: &Realm,
        ticket: TicketId,
        entry: EntryId,
    ) -> store::Result<Option<ThreadEntry>> {
        self.find("read a thread entry", realm, |connection, realm| {
            // By the id alone, which is unique; that it is in this ticket's thread is looked at after.
            let sql = concat!(
                "SELECT ",
                entry_columns!(),
                " FROM my_thread_entries WHERE realm = ?1 AND id = ?2 AND +ticket_id = ?3"
            );
            one(connection, sql, params![realm, entry.to_bytes(), ticket.to_bytes()], row::entry)
        })
        .await
    }

    async fn event(&self, realm: &Realm, id: EventId) -> store::Result<Option<Event>> {
        self.find("read an event", realm, |connection, realm| {
            let sql = concat!(
                "SELECT ",
                event_columns!(),
                " FROM my_events WHERE realm = ?1 AND id = ?2 AND +position IS NOT NULL AND length(payload) > 0"
            );
            one(connection, sql, params![realm, id.to_bytes()], |row| row::event(&mut Columns::of(row)))
        })
        .await
    }

    async fn event_page(&self, realm: &Realm, page: PageSpec<FeedPosition>) -> store::Result<FeedPage> {
        self.read("list events", realm, move |connection, realm| feed::page(connection, realm, page)).await
    }

    async fn contact(&self, realm: &Realm, id: ContactId) -> store::Result<Option<Contact>> {
        self.find("read a contact", realm, |connection, realm| contact::find(connection, realm, id)).await
    }

    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        page: PageSpec<ContactId>,
    ) -> store::Result<Vec<Contact>> {
        let filter = filter.clone();
        self.read("list contacts", realm, move |connection, realm| {
            let Query { sql, values } = contact::page(realm, &filter, page);
            rows(connection, &sql, params_from_iter(values), row::contact)
        })
        .await
    }

    async fn queues(&self, realm: &Realm) -> store::Result<Vec<Queue>> {
        self.find("list queues", realm, queues::all).await
    }

    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> store::Result<Workload> {
        let queue = queue.to_owned();
        self.read("look over a queue", realm, move |connection, realm| {
            snapshot(connection, || queues::counts(connection, realm, &queue, now))
        })
        .await
    }

    async fn policies(&self, realm: &Realm) -> store::Result<Vec<KeptPolicy>> {
        self.find("list SLA policies", realm, policy::all).await
    }

    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> store::Result<Option<PolicyWork>> {
        self.read("find what to do about a policy", realm, move |connection, realm| {
            snapshot(connection, || policy::work(connection, realm, priority, row_limit(limit)))
        })
        .await
    }

    async fn form(&self, realm: &Realm, id: FormId) -> store::Result<Option<Form>> {
        self.find("read a form", realm, |connection, realm| form::find(connection, realm, id)).await
    }

    async fn form_page(&self, realm: &Realm, page: PageSpec<FormId>) -> store::Result<Vec<Form>> {
        self.read("list forms", realm, move |connection, realm| {
            let Query { sql, values } = form::page(realm, page);
            rows(connection, &sql, params_from_iter(values), |row| row::form(&mut Columns::of(row)))
        })
        .await
    }

    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> store::Result<Option<Endpoint>> {
        self.find("read an endpoint", realm, |connection, realm| endpoint::find(connection, realm, id)).await
    }

    async fn endpoint_page(&self, realm: &Realm, page: PageSpec<EndpointId>) -> store::Result<Vec<Endpoint>> {
        self.read("list endpoints", realm, move |connection, realm| {
            let Query { sql, values } = endpoint::page(realm, page);
            rows(connection, &sql, params_from_iter(values), row::endpoint)
        })
        .await
    }

    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> store::Result<Option<Delivery>> {
        self.find("read a delivery", realm, |connection, realm| {
            snapshot(connection, || find_delivery(connection, realm, id))
        })
        .await
    }

    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        page: PageSpec<DeliveryId>,
    ) -> store::Result<Vec<Delivery>> {
        let filter = filter.clone();
        self.read("list deliveries", realm, move |connection, realm| {
            snapshot(connection, || {
                let skew = Skew::for_times(connection, realm, [filter.from, filter.to])?;
                let Query { sql, values } = deliveries::page(realm, skew, &filter, page);
                let mut deliveries = rows(connection, &sql, params_from_iter(values), row::delivery)?;
                for delivery in &mut deliveries {
                    delivery.attempts = attempts(connection, realm, delivery.id)?;
                }
                Ok(deliveries)
            })
        })
        .await
    }

    async fn notification(&self, realm: &Realm, id: NotificationId) -> store::Result<Option<Notification>> {
        self.find("read a notification", realm, |connection, realm| notification::find(connection, realm, id)).await
    }

    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        page: PageSpec<NotificationId>,
    ) -> store::Result<Vec<Notification>> {
        let filter = *filter;
        self.read("list notifications", realm, move |connection, realm| {
            let Query { sql, values } = notification::page(realm, filter, page);
            rows(connection, &sql, params_from_iter(values), row::notification)
        })
        .await
    }

    async fn replay_job(&self, realm: &Realm, id: JobId) -> store::Result<Option<ReplayJob>> {
        self.find("read a job", realm, |connection, realm| replay::find(connection, realm, id)).await
    }

    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> store::Result<Vec<(IdempotencyKey, Sealed)>> {
        // No key is empty.
        let after = after.map_or_else(String::new, |key| key.as_str().to_owned());
        self.read("list recorded secrets", realm, move |connection, realm| {
            let sql = "SELECT key, secret FROM my_recorded_secrets WHERE realm = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
            rows(connection, sql, params![realm, after, row_limit(limit)], |row| {
                let mut columns = Columns::of(row);
                Ok((IdempotencyKey::from_kept(columns.plain()?), columns.sealed()?))
            })
        })
        .await
    }

    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> store::Result<Loaded> {
        let environment = realm.environment();
        let Lookup { key, subject } = lookup;
        let wanted = Wanted::from(subject);
        let context = "load what a mutation needs";
        if wanted.is_brief() {
            return self
                .find(context, realm, |connection, realm| {
                    snapshot(connection, || load(connection, realm, environment, key, wanted))
                })
                .await;
        }
        let key = key.cloned();
        self.read(context, realm, move |connection, realm| {
            snapshot(connection, || load(connection, realm, environment, key.as_ref(), wanted))
        })
        .await
    }
}

impl SqliteStore {
    /// Runs a read of what is found by its key within a realm, right here.
    pub(crate) async fn find<T: Default>(
        &self,
        context: &'static str,
        realm: &Realm,
        work: impl FnOnce(&Connection, RealmNumber) -> Result<T>,
    ) -> store::Result<T> {
        let realms = &self.inner.realms;
        self.inner.readers.read_here(context, |guarded| within(guarded, realms, realm, work)).await
    }

    /// Runs a read within a realm on a thread that may block.
    pub(crate) async fn read<T, F>(&self, context: &'static str, realm: &Realm, work: F) -> store::Result<T>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection, RealmNumber) -> Result<T> + Send + 'static,
    {
        let realm = realm.clone();
        let realms = Arc::clone(&self.inner.realms);
        self.inner.readers.read(context, move |guarded| within(guarded, &realms, &realm, work)).await
    }
}

/// Runs a read within a realm; in one that nobody has written to, there is nothing.
fn within<T: Default>(
    guarded: &Guarded,
    realms: &Realms,
    realm: &Realm,
    work: impl FnOnce(&Connection, RealmNumber) -> Result<T>,
) -> Result<T> {
    match realms.find(guarded, realm)? {
        Some(number) => guarded.within(Scope::Realm(number), |connection| work(connection, number)),
        None => Ok(T::default()),
    }
}

pub(crate) fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn one<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(connection.prepare_cached(sql)?.query_row(values, read).optional()?)
}

/// The number that a page comes after; without one, an end that lies beyond every row.
pub(crate) fn after_number(after: Option<u64>, order: Order) -> i64 {
    match (after, order) {
        (Some(after), _) => i64::try_from(after).unwrap_or(i64::MAX),
        (None, Order::Asc) => 0,
        (None, Order::Desc) => i64::MAX,
    }
}

pub(crate) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn find_ticket(
    connection: &Connection,
    realm: RealmNumber,
    environment: Environment,
    id: TicketId,
) -> Result<Option<Ticket>> {
    let sql = concat!("SELECT id, ", ticket_columns!(), " FROM my_tickets WHERE realm = ?1 AND id = ?2");
    one(connection, sql, params![realm, id.to_bytes()], |row| row::ticket(row, environment))
}

pub(crate) fn find_delivery(connection: &Connection, realm: RealmNumber, id: DeliveryId) -> Result<Option<Delivery>> {
    let sql = concat!("SELECT id, ", delivery_columns!(), " FROM my_deliveries WHERE realm = ?1 AND id = ?2");
    let delivery = one(connection, sql, params![realm, id.to_bytes()], row::delivery)?;
    let Some(mut delivery) = delivery else { return Ok(None) };
    delivery.attempts = attempts(connection, realm, id)?;
    Ok(Some(delivery))
}

fn attempts(connection: &Connection, realm: RealmNumber, delivery: DeliveryId) -> Result<Vec<Attempt>> {
    let sql = concat!(
        "SELECT ",
        attempt_columns!(),
        " FROM my_delivery_attempts WHERE realm = ?1 AND delivery_id = ?2 ORDER BY number"
    );
    rows(connection, sql, params![realm, delivery.to_bytes()], row::attempt)
}
