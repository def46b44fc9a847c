//! What is due at tickets, across realms: by functions that run as the worker role.

use async_trait::async_trait;
use sk_tickets_core::{
    model::{sla::DueTicket, ticket::Priority},
    platform::{realm::Realm, time::Timestamp},
    store::{self, Agenda},
};
use uuid::Uuid;

use crate::{
    columns::{Columns, number_of},
    error::{Fault, Result},
    reader::limit,
    row,
    statement::uuid,
    store::PostgresStore,
};

#[async_trait]
impl Agenda for PostgresStore {
    async fn tickets_due(
        &self,
        now: Timestamp,
        after: Option<&DueTicket>,
        limit: usize,
    ) -> store::Result<Vec<DueTicket>> {
        self.due(now, after, limit).await.map_err(|fault| fault.during("list due tickets"))
    }

    async fn next_due(&self, now: Timestamp) -> store::Result<Option<Timestamp>> {
        let next = async {
            let query = sqlx::query("SELECT sk_tickets.next_ticket_due($1)").bind(now.as_millis());
            Columns::of(&self.inner.pool.row(query).await?).maybe_time()
        };
        next.await.map_err(|error: sqlx::Error| Fault::from(error).during("find out when a ticket is due"))
    }

    async fn policies_changed(&self) -> store::Result<Vec<(Realm, Priority)>> {
        self.changed().await.map_err(|fault| fault.during("list changed policies"))
    }

    async fn wait_for_due(&self) {
        self.inner.due.wait().await;
    }
}

impl PostgresStore {
    async fn due(&self, now: Timestamp, after: Option<&DueTicket>, most: usize) -> Result<Vec<DueTicket>> {
        // Before the first millisecond.
        let mut beyond = (-1, Uuid::nil(), 0, 0);
        if let Some(DueTicket { wakes_at, realm, ticket_id }) = after {
            let tenant = self.inner.realms.find(&self.inner.pool, realm).await?.map_or(i64::MAX, |realm| realm.tenant);
            beyond = (wakes_at.as_millis(), uuid(*ticket_id), tenant, number_of(realm.environment()));
        }
        let (at, id, tenant, environment) = beyond;
        let query = sqlx::query(
            "SELECT tenant, tenant_name, environment, wakes_at, id FROM sk_tickets.tickets_due($1, $2, $3, $4, $5, $6)",
        )
        .bind(now.as_millis())
        .bind(at)
        .bind(id)
        .bind(tenant)
        .bind(environment)
        .bind(limit(most));
        let rows = self.inner.pool.rows(query).await?;
        let due = rows.iter().map(|row| {
            let mut columns = Columns::of(row);
            let (tenant, realm) = row::realm(&mut columns)?;
            self.inner.realms.remember(&realm, tenant);
            Ok(DueTicket { realm, wakes_at: columns.time()?, ticket_id: columns.id()? })
        });
        Ok(due.collect::<sqlx::Result<_>>()?)
    }

    async fn changed(&self) -> Result<Vec<(Realm, Priority)>> {
        let query = sqlx::query("SELECT tenant, tenant_name, environment, priority FROM sk_tickets.policies_changed()");
        let rows = self.inner.pool.rows(query).await?;
        let changed = rows.iter().map(|row| {
            let mut columns = Columns::of(row);
            let (tenant, realm) = row::realm(&mut columns)?;
            self.inner.realms.remember(&realm, tenant);
            Ok((realm, columns.priority()?))
        });
        Ok(changed.collect::<sqlx::Result<_>>()?)
    }
}
