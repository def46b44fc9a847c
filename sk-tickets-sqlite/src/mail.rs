//! The queue of notifications as workers see it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::id::NotificationId,
    platform::time::Timestamp,
    store::{
        self, ClaimedNotifications, LeasedNotification, NotificationBacklog, NotificationLease, NotificationQueue,
        Settled, WorkerId,
    },
};

use crate::{
    columns::Columns,
    error::Result,
    guard::{Guarded, Scope},
    lease::{NOTIFICATIONS, find, held_within, owner},
    pool::snapshot,
    realms::RealmNumber,
    row,
    store::SqliteStore,
    writer::{Transaction, Verdict},
};

#[async_trait]
impl NotificationQueue for SqliteStore {
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> store::Result<ClaimedNotifications> {
        self.write_unsynced("claim notifications", move |guarded| {
            claim(guarded, worker, now, now + lease, limit).map(Verdict::Keep)
        })
        .await
    }

    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> store::Result<Settled> {
        let realms = Arc::clone(&self.inner.realms);
        let lease = lease.clone();
        self.write_unsynced("renew a lease", move |guarded| {
            let id = lease.notification_id.to_bytes();
            NOTIFICATIONS.renew(guarded, &realms, &lease.realm, id, lease.token, until).map(Verdict::Keep)
        })
        .await
    }

    async fn notification_retry(
        &self,
        lease: &NotificationLease,
        error: &str,
        at: Timestamp,
    ) -> store::Result<Settled> {
        let realms = Arc::clone(&self.inner.realms);
        let (lease, error) = (lease.clone(), error.to_owned());
        let put_off = move |guarded: &mut Transaction<'_>| {
            let settled = held_within(guarded, &realms, &lease.realm, |connection, realm| {
                let (id, token) = (lease.notification_id.to_bytes(), i64::try_from(lease.token)?);
                let put_off = connection
                    .prepare_cached(
                        "UPDATE notifications
                         SET last_error = ?4, attempts = attempts + 1, failures = failures + 1, next_attempt_at = ?5,
                             claimable_at = ?5, lease_owner = NULL
                         WHERE realm = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL",
                    )?
                    .execute(params![realm, id, token, error, at.as_millis()])?;
                Ok(put_off)
            });
            settled.map(Verdict::Keep)
        };
        let settled = self.write("put a notification off", put_off).await?;
        // It may be due before anything that the workers wait for.
        self.inner.mail.ring();
        Ok(settled)
    }

    async fn notification_release(&self, worker: WorkerId) -> store::Result<()> {
        let release = move |guarded: &mut Transaction<'_>| NOTIFICATIONS.end_of(guarded, worker).map(Verdict::Keep);
        self.write_unsynced("release notifications", release).await?;
        self.inner.mail.ring();
        Ok(())
    }

    async fn notification_backlog(&self) -> store::Result<NotificationBacklog> {
        let count = |connection: &Connection| snapshot(connection, || backlog(connection));
        self.inner.readers.read("count notifications", move |guarded| guarded.within(Scope::Worker, count)).await
    }

    async fn notification_wait(&self) {
        self.inner.mail.wait().await;
    }
}

// What waits, in the order in which it is due: an index has just that.
const DUE: &str = "SELECT realm, id FROM worker_notifications WHERE claimable_at <= ?1
                   ORDER BY claimable_at, id, realm LIMIT ?2";
const NEXT: &str = "SELECT min(claimable_at) FROM worker_notifications WHERE claimable_at > ?1";
const PENDING: &str = "SELECT count(*), min(created_at) FROM worker_notifications";
const DEAD: &str = "SELECT count(*) FROM worker_dead_notifications";

fn claim(
    guarded: &Guarded,
    worker: WorkerId,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<ClaimedNotifications> {
    let limit = i64::try_from(limit)?;
    let due = guarded.within(Scope::Worker, |connection| find(connection, DUE, params![now.as_millis(), limit]))?;
    let mut notifications = Vec::with_capacity(due.len());
    for (realm, id) in due {
        let id = NotificationId::from_bytes(id);
        notifications
            .push(guarded.within(Scope::Realm(realm), |connection| lease(connection, worker, until, realm, id))?);
    }
    let next = guarded.within(Scope::Worker, |connection| {
        let next = connection
            .prepare_cached(NEXT)?
            .query_row(params![now.as_millis()], |row| Columns::of(row).maybe_time())?;
        Ok(next)
    })?;
    Ok(ClaimedNotifications { notifications, next })
}

fn lease(
    connection: &Connection,
    worker: WorkerId,
    until: Timestamp,
    realm: RealmNumber,
    id: NotificationId,
) -> Result<LeasedNotification> {
    connection
        .prepare_cached(
            "UPDATE notifications SET lease_owner = ?3, lease_token = lease_token + 1, claimable_at = ?4
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![realm, id.to_bytes(), owner(worker), until.as_millis()])?;
    let leased = connection
        .prepare_cached(
            "SELECT tenant, environment, lease_token, ticket_id, coalesce(recipient, ''), subject, text, failures
             FROM my_notifications AS notifications JOIN my_realm AS realms ON realms.id = notifications.realm
             WHERE notifications.realm = ?1 AND notifications.id = ?2",
        )?
        .query_row(params![realm, id.to_bytes()], |row| {
            let mut columns = Columns::of(row);
            let realm = row::realm(&mut columns)?;
            Ok(LeasedNotification {
                lease: NotificationLease { realm, notification_id: id, token: columns.number()? },
                ticket_id: columns.id()?,
                to: columns.plain()?,
                subject: columns.plain()?,
                text: columns.plain()?,
                failures: columns.number()?,
            })
        })?;
    Ok(leased)
}

fn backlog(connection: &Connection) -> Result<NotificationBacklog> {
    let (pending, oldest) = connection.prepare_cached(PENDING)?.query_row([], |row| {
        let mut columns = Columns::of(row);
        Ok((columns.number()?, columns.maybe_time()?))
    })?;
    let dead = connection.prepare_cached(DEAD)?.query_row([], |row| Columns::of(row).number())?;
    Ok(NotificationBacklog { pending, oldest, dead })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{
        Query,
        tests::{database, plan},
    };

    #[test]
    fn workers_look_at_what_waits_and_nothing_else() {
        let (_folder, connection) = database();
        let due = "COVERING INDEX notifications_due";
        for (sql, expected) in [
            (DUE, format!("SEARCH notifications USING {due} (claimable_at<?)")),
            (NEXT, format!("SEARCH notifications USING {due} (claimable_at>?)")),
            (NOTIFICATIONS.held, format!("SCAN notifications USING {due}")),
            (NOTIFICATIONS.all, format!("SCAN notifications USING {due}")),
            (PENDING, format!("SCAN notifications USING {due}")),
            (DEAD, "SCAN notifications USING COVERING INDEX notifications_dead".to_owned()),
        ] {
            let values = sql.matches('?').map(|_| rusqlite::types::Value::Integer(1)).collect();
            assert_eq!(plan(&connection, &Query { sql: sql.to_owned(), values }), expected);
        }
    }
}
