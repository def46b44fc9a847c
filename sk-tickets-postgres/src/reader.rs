//! Reads within a realm.

use async_trait::async_trait;
use sk_tickets_core::{
    model::{
        contact::{Contact, ContactFilter},
        delivery::{Delivery, DeliveryFilter},
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
        realm::Realm,
        seal::Sealed,
        time::Timestamp,
    },
    store::{self, FeedPage, Loaded, Lookup, PageSpec, RealmReader},
};
use sqlx::postgres::PgRow;

use crate::{
    columns::{Columns, Read},
    contact, deliveries,
    error::Result,
    feed, form, list,
    load::load,
    notification, policy, queues,
    realms::RealmNumber,
    replay,
    row::{
        self, ENTRY_WIDTH, attempt_columns, contact_columns, delivery_columns, endpoint_columns, entry_columns,
        event_columns, queue_columns,
    },
    statement::{self, Query, Value, id, in_realm},
    store::{Inner, PostgresStore},
};

/// Every queue, by id.
pub(crate) const QUEUES: &str = in_realm!(
    "SELECT queue.* FROM realm CROSS JOIN LATERAL (SELECT ",
    queue_columns!(),
    " FROM sk_tickets.queues WHERE tenant = realm.tenant AND environment = realm.environment OFFSET 0) AS queue
     ORDER BY queue.id"
);

/// The attempts at `delivery`, for a place in `FROM` after it.
macro_rules! attempts_of_delivery {
    () => {
        concat!(
            "CROSS JOIN LATERAL (SELECT ",
            attempt_columns!(),
            " FROM sk_tickets.delivery_attempts
              WHERE tenant = realm.tenant AND environment = realm.environment AND delivery_id = delivery.id OFFSET 0
             ) AS attempts"
        )
    };
}
pub(crate) use attempts_of_delivery;

#[async_trait]
impl RealmReader for PostgresStore {
    async fn ticket(&self, realm: &Realm, id: TicketId) -> store::Result<Option<TicketView>> {
        self.read("read a ticket", realm, async |realm| {
            let Inner { pool, reads, .. } = &*self.inner;
            let Some(row) = reads.ticket_view.row(pool, realm, vec![statement::id(id)]).await? else { return Ok(None) };
            let mut columns = Columns::of(&row);
            let ticket = row::ticket(&mut columns, realm.environment)?;
            let ahead: Option<u64> = columns.maybe_number()?;
            let queue_position = ahead.map(|ahead| ahead + 1);
            Ok(Some(TicketView { ticket, queue_position }))
        })
        .await
    }

    async fn ticket_page(
        &self,
        realm: &Realm,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> store::Result<Vec<Ticket>> {
        self.read("list tickets", realm, async |realm| {
            let query = list::tickets(realm, filter, page);
            self.all(query, |columns| row::ticket(columns, realm.environment)).await
        })
        .await
    }

    async fn thread_page(
        &self,
        realm: &Realm,
        ticket: TicketId,
        page: PageSpec<u64>,
    ) -> store::Result<Option<Vec<ThreadEntry>>> {
        self.read("list a thread", realm, async |realm| {
            let mut query = Query::on(realm);
            query.values.push(id(ticket));
            query.values.push(Value::Number(after_number(page.after, page.order)));
            query.values.push(Value::Number(limit(page.limit)));
            // A ticket without entries after these still gives a row, in which the entry is null.
            macro_rules! thread {
                ($beyond:literal, $direction:literal) => {
                    in_realm!(
                        "SELECT entry.* FROM realm
                         CROSS JOIN LATERAL (
                             SELECT id FROM sk_tickets.tickets
                             WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0
                         ) AS ticket
                         LEFT JOIN LATERAL (SELECT ",
                        entry_columns!(),
                        " FROM sk_tickets.thread_entries
                             WHERE tenant = realm.tenant AND environment = realm.environment AND ticket_id = ticket.id
                               AND sequence ",
                        $beyond,
                        " $4 ORDER BY sequence ",
                        $direction,
                        " LIMIT $5) AS entry ON true ORDER BY entry.sequence ",
                        $direction
                    )
                };
            }
            query.sql = match page.order {
                Order::Asc => thread!(">", "ASC"),
                Order::Desc => thread!("<", "DESC"),
            }
            .to_owned();
            let entries = self.all(query, |columns| columns.maybe(ENTRY_WIDTH, row::entry)).await?;
            Ok(if entries.is_empty() { None } else { Some(entries.into_iter().flatten().collect()) })
        })
        .await
    }

    async fn thread_entry(
        &self,
        realm: &Realm,
        ticket: TicketId,
        entry: EntryId,
    ) -> store::Result<Option<ThreadEntry>> {
        self.read("read a thread entry", realm, async |realm| {
            let sql = in_realm!(
                "SELECT entry.* FROM realm CROSS JOIN LATERAL (SELECT ",
                entry_columns!(),
                " FROM sk_tickets.thread_entries
                 WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 AND ticket_id = $4 OFFSET 0
                 ) AS entry"
            );
            let mut query = with_id(realm, sql, entry);
            query.values.push(id(ticket));
            self.one(query, row::entry).await
        })
        .await
    }

    async fn event(&self, realm: &Realm, id: EventId) -> store::Result<Option<Event>> {
        self.read("read an event", realm, async |realm| {
            // A ping has no ticket.
            let sql = in_realm!(
                "SELECT event.* FROM realm CROSS JOIN LATERAL (SELECT ",
                event_columns!(),
                " FROM sk_tickets.events
                 WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 AND ticket_id IS NOT NULL
                   AND length(payload) > 0 OFFSET 0) AS event"
            );
            self.one(with_id(realm, sql, id), row::event).await
        })
        .await
    }

    async fn event_page(&self, realm: &Realm, page: PageSpec<FeedPosition>) -> store::Result<FeedPage> {
        self.read("list events", realm, async |realm| feed::page(&self.inner.pool, realm, page).await).await
    }

    async fn contact(&self, realm: &Realm, id: ContactId) -> store::Result<Option<Contact>> {
        self.read("read a contact", realm, async |realm| {
            let sql = in_realm!(
                "SELECT contact.* FROM realm CROSS JOIN LATERAL (SELECT ",
                contact_columns!(),
                " FROM sk_tickets.contacts
                 WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0) AS contact"
            );
            self.one(with_id(realm, sql, id), row::contact).await
        })
        .await
    }

    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        page: PageSpec<ContactId>,
    ) -> store::Result<Vec<Contact>> {
        self.read("list contacts", realm, async |realm| {
            self.all(contact::page(realm, filter, page), row::contact).await
        })
        .await
    }

    async fn queues(&self, realm: &Realm) -> store::Result<Vec<Queue>> {
        self.read("list queues", realm, async |realm| {
            let query = Query { sql: QUEUES.to_owned(), ..Query::on(realm) };
            self.all(query, row::queue).await
        })
        .await
    }

    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> store::Result<Workload> {
        self.read("look over a queue", realm, async |realm| {
            let counts = self.one(queues::counts(realm, queue, now), queues::read_counts).await?;
            Ok(counts.unwrap_or_default())
        })
        .await
    }

    async fn policies(&self, realm: &Realm) -> store::Result<Vec<KeptPolicy>> {
        self.read("list SLA policies", realm, async |realm| {
            let mut query = Query::on(realm);
            query.sql = policy::ALL.to_owned();
            Ok(self.one(query, row::policies).await?.unwrap_or_default())
        })
        .await
    }

    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> store::Result<Option<PolicyWork>> {
        let context = "find what to do about a policy";
        self.read(context, realm, async |realm| policy::work(self, realm, priority, limit).await).await
    }

    async fn form(&self, realm: &Realm, id: FormId) -> store::Result<Option<Form>> {
        self.read("read a form", realm, async |realm| self.one(with_id(realm, form::FORM, id), row::form).await).await
    }

    async fn form_page(&self, realm: &Realm, page: PageSpec<FormId>) -> store::Result<Vec<Form>> {
        self.read("list forms", realm, async |realm| self.all(form::page(realm, page), row::form).await).await
    }

    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> store::Result<Option<Endpoint>> {
        self.read("read an endpoint", realm, async |realm| {
            let sql = in_realm!(
                "SELECT endpoint.* FROM realm CROSS JOIN LATERAL (SELECT ",
                endpoint_columns!(),
                " FROM sk_tickets.endpoints
                 WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 AND deleted_at IS NULL
                 OFFSET 0) AS endpoint"
            );
            self.one(with_id(realm, sql, id), row::endpoint).await
        })
        .await
    }

    async fn endpoint_page(&self, realm: &Realm, page: PageSpec<EndpointId>) -> store::Result<Vec<Endpoint>> {
        self.read("list endpoints", realm, async |realm| self.all(list::endpoints(realm, page), row::endpoint).await)
            .await
    }

    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> store::Result<Option<Delivery>> {
        self.read("read a delivery", realm, async |realm| {
            let sql = in_realm!(
                "SELECT delivery.*, attempts.* FROM realm CROSS JOIN LATERAL (SELECT ",
                delivery_columns!(),
                " FROM sk_tickets.deliveries
                 WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0) AS delivery ",
                attempts_of_delivery!()
            );
            self.one(with_id(realm, sql, id), row::delivery).await
        })
        .await
    }

    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        page: PageSpec<DeliveryId>,
    ) -> store::Result<Vec<Delivery>> {
        self.read("list deliveries", realm, async |realm| {
            self.all(deliveries::page(realm, filter, page), row::delivery).await
        })
        .await
    }

    async fn notification(&self, realm: &Realm, id: NotificationId) -> store::Result<Option<Notification>> {
        self.read("read a notification", realm, async |realm| {
            self.one(with_id(realm, notification::NOTIFICATION, id), row::notification).await
        })
        .await
    }

    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        page: PageSpec<NotificationId>,
    ) -> store::Result<Vec<Notification>> {
        self.read("list notifications", realm, async |realm| {
            self.all(notification::page(realm, filter, page), row::notification).await
        })
        .await
    }

    async fn replay_job(&self, realm: &Realm, id: JobId) -> store::Result<Option<ReplayJob>> {
        self.read("read a replay job", realm, async |realm| {
            self.one(with_id(realm, replay::JOB, id), replay::job).await
        })
        .await
    }

    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> store::Result<Vec<(IdempotencyKey, Sealed)>> {
        self.read("list recorded secrets", realm, async |realm| {
            let query = list::recorded_secrets(realm, after, limit);
            self.all(query, |columns| Ok((IdempotencyKey::from_kept(columns.plain()?), columns.secret()?))).await
        })
        .await
    }

    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> store::Result<Loaded> {
        self.read("load what a mutation needs", realm, async |realm| load(self, realm, lookup).await).await
    }
}

impl PostgresStore {
    /// Runs a read within a realm; in one that nobody has written to, there is nothing.
    pub(crate) async fn read<T: Default>(
        &self,
        context: &'static str,
        realm: &Realm,
        work: impl AsyncFnOnce(RealmNumber) -> Result<T>,
    ) -> store::Result<T> {
        let read = async {
            match self.inner.realms.find(&self.inner.pool, realm).await? {
                Some(number) => work(number).await,
                None => Ok(T::default()),
            }
        };
        read.await.map_err(|fault| fault.during(context))
    }

    /// Every row that a query gives.
    pub(crate) async fn all<T>(&self, query: Query, read: impl Fn(&mut Columns<'_>) -> Read<T>) -> Result<Vec<T>> {
        let rows = self.inner.pool.rows(query.bound()).await?;
        Ok(rows.iter().map(|row: &PgRow| read(&mut Columns::of(row))).collect::<Read<_>>()?)
    }

    /// The one row that a query gives, if it does.
    pub(crate) async fn one<T>(
        &self,
        query: Query,
        read: impl FnOnce(&mut Columns<'_>) -> Read<T>,
    ) -> Result<Option<T>> {
        let rows = self.inner.pool.rows(query.bound()).await?;
        Ok(rows.first().map(|row| read(&mut Columns::of(row))).transpose()?)
    }
}

/// A query whose third parameter is an id.
fn with_id<K: sk_tickets_core::platform::id::IdKind>(
    realm: RealmNumber,
    sql: &str,
    wanted: sk_tickets_core::platform::id::Id<K>,
) -> Query {
    let mut query = Query::on(realm);
    query.sql = sql.to_owned();
    query.values.push(id(wanted));
    query
}

/// The number that a page comes after; without one, an end that lies beyond every row.
pub(crate) fn after_number(after: Option<u64>, order: Order) -> i64 {
    match (after, order) {
        (Some(after), _) => i64::try_from(after).unwrap_or(i64::MAX),
        (None, Order::Asc) => 0,
        (None, Order::Desc) => i64::MAX,
    }
}

pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
