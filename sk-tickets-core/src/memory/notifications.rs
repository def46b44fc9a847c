use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, NotificationRow, RealmData};
use crate::{
    model::{
        id::NotificationId,
        notification::{Notification, Outcome},
    },
    platform::{realm::Realm, time::Timestamp},
    store::{
        ClaimedNotifications, LeasedNotification, NotificationBacklog, NotificationChange, NotificationLease,
        NotificationQueue, Result, RevivedNotification, Settled, SettledNotification, WorkerId,
    },
};

#[async_trait]
impl NotificationQueue for MemoryStore {
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<ClaimedNotifications> {
        let mut world = self.world();
        let mut due: Vec<(Timestamp, NotificationId, Realm)> = Vec::new();
        for (realm, data) in &world.realms {
            for (id, row) in &data.notifications {
                due.extend(row.claimable_at().filter(|at| *at <= now).map(|at| (at, *id, realm.clone())));
            }
        }
        due.sort();
        due.truncate(limit);
        let mut notifications = Vec::new();
        for (_, id, realm) in due {
            let Some(row) = world.realms.get_mut(&realm).and_then(|data| data.notifications.get_mut(&id)) else {
                continue;
            };
            row.token += 1;
            row.lease = Some((worker, now + lease));
            let Notification { ticket_id, to, subject, text, .. } = row.notification.clone();
            notifications.push(LeasedNotification {
                lease: NotificationLease { realm, notification_id: id, token: row.token },
                ticket_id,
                to: to.unwrap_or_default(),
                subject,
                text,
                failures: row.failures,
            });
        }
        let rows = world.realms.values().flat_map(|data| data.notifications.values());
        let next = rows.filter_map(NotificationRow::claimable_at).filter(|at| *at > now).min();
        Ok(ClaimedNotifications { notifications, next })
    }

    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> Result<Settled> {
        Ok(self.with_held(lease, |row| row.lease = row.lease.map(|(worker, _)| (worker, until))))
    }

    async fn notification_retry(&self, lease: &NotificationLease, error: &str, at: Timestamp) -> Result<Settled> {
        let settled = self.with_held(lease, |row| {
            row.lease = None;
            row.failures += 1;
            row.notification.attempts += 1;
            row.notification.last_error = Some(error.to_owned());
            row.notification.next_attempt_at = Some(at);
        });
        self.mail.notify_one();
        Ok(settled)
    }

    async fn notification_release(&self, worker: WorkerId) -> Result<()> {
        let mut world = self.world();
        let rows = world.realms.values_mut().flat_map(|data| data.notifications.values_mut());
        for row in rows.filter(|row| row.lease.is_some_and(|(holder, _)| holder == worker)) {
            row.lease = None;
        }
        drop(world);
        self.mail.notify_one();
        Ok(())
    }

    async fn notification_backlog(&self) -> Result<NotificationBacklog> {
        let world = self.world();
        let mut backlog = NotificationBacklog::default();
        for NotificationRow { notification, .. } in world.realms.values().flat_map(|data| data.notifications.values()) {
            match notification.outcome {
                Outcome::Pending => {
                    backlog.pending += 1;
                    let at = notification.created_at;
                    backlog.oldest = Some(backlog.oldest.map_or(at, |oldest| oldest.min(at)));
                }
                Outcome::Dead => backlog.dead += 1,
                Outcome::Sent | Outcome::Captured | Outcome::NoAddress => {}
            }
        }
        Ok(backlog)
    }

    async fn notification_wait(&self) {
        self.mail.notified().await;
    }
}

impl MemoryStore {
    /// Changes the notification of a lease, if that still holds.
    fn with_held(&self, lease: &NotificationLease, change: impl FnOnce(&mut NotificationRow)) -> Settled {
        let mut world = self.world();
        let row = world.realms.get_mut(&lease.realm).and_then(|data| {
            let row = data.notifications.get_mut(&lease.notification_id)?;
            row.is_held_by(lease.token).then_some(row)
        });
        row.map_or(Settled::LeaseLost, |row| {
            change(row);
            Settled::Recorded
        })
    }
}

impl RealmData {
    /// Whether a change can take place.
    pub(super) fn may_change_notification(&self, change: &NotificationChange) -> bool {
        match change {
            NotificationChange::Create(notification) => !self.notifications.contains_key(&notification.id),
            NotificationChange::Settle(SettledNotification { id, token, .. }) => {
                self.notifications.get(id).is_some_and(|row| row.is_held_by(*token))
            }
        }
    }

    pub(super) fn change_notification(&mut self, change: &NotificationChange) {
        match change {
            NotificationChange::Create(notification) => {
                let notification = notification.clone();
                let row = NotificationRow { notification, failures: 0, token: 0, lease: None };
                self.notifications.insert(row.notification.id, row);
            }
            NotificationChange::Settle(settled) => {
                let SettledNotification { id, token: _, outcome, attempts, last_error, sent_at } = settled.clone();
                if let Some(row) = self.notifications.get_mut(&id) {
                    row.lease = None;
                    let before = row.notification.clone();
                    row.notification =
                        Notification { outcome, attempts, last_error, sent_at, next_attempt_at: None, ..before };
                }
            }
        }
    }

    pub(super) fn revive_notification(&mut self, change: &RevivedNotification, at: Timestamp) -> bool {
        let RevivedNotification { id, to, ticket: (ticket, version) } = change;
        if self.version(*ticket) != Some(*version) {
            return false;
        }
        match self.notifications.get_mut(id) {
            Some(row) if row.notification.outcome == Outcome::Dead => {
                row.failures = 0;
                row.notification.outcome = Outcome::Pending;
                row.notification.to.clone_from(to);
                row.notification.next_attempt_at = Some(at);
                true
            }
            Some(_) | None => false,
        }
    }
}

impl NotificationRow {
    /// When a worker may take it; none if it is not pending.
    fn claimable_at(&self) -> Option<Timestamp> {
        if self.notification.outcome != Outcome::Pending {
            return None;
        }
        self.lease.map(|(_, end)| end).or(self.notification.next_attempt_at)
    }

    fn is_held_by(&self, token: u64) -> bool {
        self.lease.is_some() && self.token == token
    }
}
