//! The queue of notifications as workers see it, through functions that run as the worker role.

use std::time::Duration;

use async_trait::async_trait;
use sk_tickets_core::{
    platform::time::Timestamp,
    store::{
        self, ClaimedNotifications, LeasedNotification, NotificationBacklog, NotificationLease, NotificationQueue,
        Settled, WorkerId,
    },
};

use crate::{
    columns::{Columns, Read, number_of},
    error::{Fault, Result},
    queue::owner,
    reader::limit,
    row,
    statement::uuid,
    store::PostgresStore,
};

#[async_trait]
impl NotificationQueue for PostgresStore {
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> store::Result<ClaimedNotifications> {
        let claimed = self.claim_notifications(worker, now, now + lease, limit).await;
        claimed.map_err(|fault| fault.during("claim notifications"))
    }

    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> store::Result<Settled> {
        let renewed = async {
            let Some(realm) = self.inner.realms.find(&self.inner.pool, &lease.realm).await? else {
                return Ok(Settled::LeaseLost);
            };
            let query = sqlx::query("SELECT sk_tickets.renew_notification($1, $2, $3, $4, $5)")
                .bind(realm.tenant)
                .bind(number_of(realm.environment))
                .bind(uuid(lease.notification_id))
                .bind(i64::try_from(lease.token)?)
                .bind(until.as_millis());
            self.settled(query).await
        };
        renewed.await.map_err(|fault: Fault| fault.during("renew a lease"))
    }

    async fn notification_retry(
        &self,
        lease: &NotificationLease,
        error: &str,
        at: Timestamp,
    ) -> store::Result<Settled> {
        let put_off = async {
            let Some(realm) = self.inner.realms.find(&self.inner.pool, &lease.realm).await? else {
                return Ok(Settled::LeaseLost);
            };
            let query = sqlx::query("SELECT sk_tickets.put_off_notification($1, $2, $3, $4, $5, $6)")
                .bind(realm.tenant)
                .bind(number_of(realm.environment))
                .bind(uuid(lease.notification_id))
                .bind(i64::try_from(lease.token)?)
                .bind(error)
                .bind(at.as_millis());
            self.settled(query).await
        };
        let settled = put_off.await.map_err(|fault: Fault| fault.during("put a notification off"))?;
        // It may be due before anything that the workers wait for.
        self.inner.mail.ring();
        Ok(settled)
    }

    async fn notification_release(&self, worker: WorkerId) -> store::Result<()> {
        let release = sqlx::query("SELECT sk_tickets.release_notifications($1)").bind(owner(worker));
        let released = self.inner.pool.rows(release).await;
        released.map_err(|error| Fault::from(error).during("release notifications"))?;
        self.inner.mail.ring();
        Ok(())
    }

    async fn notification_backlog(&self) -> store::Result<NotificationBacklog> {
        let backlog = async {
            let query = sqlx::query("SELECT pending, oldest, dead FROM sk_tickets.notification_backlog()");
            let row = self.inner.pool.row(query).await?;
            let mut columns = Columns::of(&row);
            Ok(NotificationBacklog {
                pending: columns.number()?,
                oldest: columns.maybe_time()?,
                dead: columns.number()?,
            })
        };
        backlog.await.map_err(|error: sqlx::Error| Fault::from(error).during("count notifications"))
    }

    async fn notification_wait(&self) {
        self.inner.mail.wait().await;
    }
}

/// How many columns a leased notification has.
const LEASED_WIDTH: usize = 10;

impl PostgresStore {
    async fn claim_notifications(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<ClaimedNotifications> {
        let query = sqlx::query(
            "SELECT tenant, tenant_name, environment, id, token, ticket_id, recipient, subject, text, failures, next
             FROM sk_tickets.claim_notifications($1, $2, $3, $4)",
        )
        .bind(owner(worker))
        .bind(now.as_millis())
        .bind(until.as_millis())
        .bind(limit(most));
        let mut claimed = ClaimedNotifications::default();
        for row in self.inner.pool.rows(query).await? {
            let mut columns = Columns::of(&row);
            match columns.maybe(LEASED_WIDTH, |columns| self.leased_notification(columns))? {
                Some(notification) => claimed.notifications.push(notification),
                None => claimed.next = columns.maybe_time()?,
            }
        }
        Ok(claimed)
    }

    fn leased_notification(&self, columns: &mut Columns<'_>) -> Read<LeasedNotification> {
        let (tenant, realm) = row::realm(columns)?;
        // To settle it takes the number again.
        self.inner.realms.remember(&realm, tenant);
        Ok(LeasedNotification {
            lease: NotificationLease { realm, notification_id: columns.id()?, token: columns.number()? },
            ticket_id: columns.id()?,
            to: columns.plain()?,
            subject: columns.plain()?,
            text: columns.plain()?,
            failures: columns.number()?,
        })
    }
}
