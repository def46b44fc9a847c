//! What customers are told: written with the ticket, sent by workers.

use std::{io, time::Duration};

use async_trait::async_trait;
use sk_tickets_core::{
    Notification, Outcome, Realm, Ticket, Timestamp,
    store::{
        ClaimedNotifications, LeasedNotification, NotificationBacklog, NotificationChange, NotificationLease,
        NotificationQueue, Result, RevivedNotification, Settled, SettledNotification, WorkerId,
    },
};

use crate::{
    journal::{Batch, Journal},
    rows::{NotificationRow, key},
    store::JournalStore,
};

/// The notifications of all realms.
fn all(journal: &Journal) -> io::Result<Vec<NotificationRow>> {
    journal.pick(|key| key.split('/').nth(2) == Some("notification"))
}

fn put(batch: &mut Batch, row: &NotificationRow) -> io::Result<()> {
    batch.put(key(&row.realm()?, "notification", row.notification.id), row)
}

/// Changes one along with its ticket; false if it is not as expected.
pub(crate) fn change(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    change: &NotificationChange,
) -> io::Result<bool> {
    let find = |id| journal.get::<NotificationRow>(&key(realm, "notification", id));
    match change {
        NotificationChange::Create(new) => {
            if find(new.id)?.is_some() {
                return Ok(false);
            }
            put(batch, &NotificationRow::of(realm, new.clone()))?;
        }
        NotificationChange::Settle(settled) => {
            let SettledNotification { id, token, outcome, attempts, last_error, sent_at } = settled.clone();
            let Some(mut row) = find(id)?.filter(|row| row.is_held_by(token)) else { return Ok(false) };
            row.lease = None;
            row.notification =
                Notification { outcome, attempts, last_error, sent_at, next_attempt_at: None, ..row.notification };
            put(batch, &row)?;
        }
    }
    Ok(true)
}

/// Makes one that is dead pending; false if it is not.
pub(crate) fn revive(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    change: &RevivedNotification,
    at: Timestamp,
) -> io::Result<bool> {
    let RevivedNotification { id, to, ticket: (ticket, version) } = change;
    if journal.get::<Ticket>(&key(realm, "ticket", ticket))?.is_none_or(|ticket| ticket.version != *version) {
        return Ok(false);
    }
    let row = journal.get::<NotificationRow>(&key(realm, "notification", id))?;
    let Some(mut row) = row.filter(|row| row.notification.outcome == Outcome::Dead) else { return Ok(false) };
    row.failures = 0;
    row.notification.outcome = Outcome::Pending;
    row.notification.to.clone_from(to);
    row.notification.next_attempt_at = Some(at);
    put(batch, &row)?;
    Ok(true)
}

#[async_trait]
impl NotificationQueue for JournalStore {
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<ClaimedNotifications> {
        self.with(move |journal| {
            let mut due = all(journal)?;
            due.retain(|row| row.claimable_at().is_some_and(|at| at <= now));
            due.sort_by_key(|row| (row.claimable_at(), row.notification.id));
            due.truncate(limit);
            let (mut notifications, mut batch) = (Vec::new(), Batch::default());
            for mut row in due {
                row.token += 1;
                row.lease = Some((worker.0, now + lease));
                put(&mut batch, &row)?;
                notifications.push(leased(&row)?);
            }
            journal.write(batch)?;
            let next = all(journal)?.iter().filter_map(NotificationRow::claimable_at).filter(|at| *at > now).min();
            Ok(ClaimedNotifications { notifications, next })
        })
        .await
    }

    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> Result<Settled> {
        self.with_held(lease, move |row| row.lease = row.lease.map(|(worker, _)| (worker, until))).await
    }

    async fn notification_retry(&self, lease: &NotificationLease, error: &str, at: Timestamp) -> Result<Settled> {
        let error = error.to_owned();
        let settled = self.with_held(lease, move |row| {
            row.lease = None;
            row.failures += 1;
            row.notification.attempts += 1;
            row.notification.last_error = Some(error);
            row.notification.next_attempt_at = Some(at);
        });
        let settled = settled.await?;
        self.mail.notify_one();
        Ok(settled)
    }

    async fn notification_release(&self, worker: WorkerId) -> Result<()> {
        self.with(move |journal| {
            let mut batch = Batch::default();
            for mut row in all(journal)? {
                if row.lease.take_if(|(holder, _)| *holder == worker.0).is_some() {
                    put(&mut batch, &row)?;
                }
            }
            journal.write(batch)
        })
        .await?;
        self.mail.notify_one();
        Ok(())
    }

    async fn notification_backlog(&self) -> Result<NotificationBacklog> {
        self.with(|journal| {
            let all = all(journal)?;
            let of = |outcome| all.iter().map(|row| &row.notification).filter(move |one| one.outcome == outcome);
            Ok(NotificationBacklog {
                pending: of(Outcome::Pending).count() as u64,
                oldest: of(Outcome::Pending).map(|one| one.created_at).min(),
                dead: of(Outcome::Dead).count() as u64,
            })
        })
        .await
    }

    async fn notification_wait(&self) {
        self.mail.notified().await;
    }
}

impl JournalStore {
    /// Changes the notification of a lease, if that still holds.
    async fn with_held(
        &self,
        lease: &NotificationLease,
        change: impl FnOnce(&mut NotificationRow) + Send + 'static,
    ) -> Result<Settled> {
        let (at, token) = (key(&lease.realm, "notification", lease.notification_id), lease.token);
        self.with(move |journal| {
            let row = journal.get::<NotificationRow>(&at)?.filter(|row| row.is_held_by(token));
            let Some(mut row) = row else { return Ok(Settled::LeaseLost) };
            change(&mut row);
            let mut batch = Batch::default();
            put(&mut batch, &row)?;
            journal.write(batch)?;
            Ok(Settled::Recorded)
        })
        .await
    }
}

fn leased(row: &NotificationRow) -> io::Result<LeasedNotification> {
    let Notification { id, ticket_id, to, subject, text, .. } = row.notification.clone();
    Ok(LeasedNotification {
        lease: NotificationLease { realm: row.realm()?, notification_id: id, token: row.token },
        ticket_id,
        to: to.unwrap_or_default(),
        subject,
        text,
        failures: row.failures,
    })
}
