use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::{Result, Settled, WorkerId};
use crate::{
    model::id::{NotificationId, TicketId},
    platform::{realm::Realm, time::Timestamp},
};

/// A worker's timed right to one notification. It is fenced: once it was lost, nothing can be settled with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct NotificationLease {
    /// The realm of the notification.
    pub realm: Realm,
    /// The notification.
    pub notification_id: NotificationId,
    /// Grows each time the notification is leased.
    pub token: u64,
}

/// A notification that a worker holds, with all it needs to send it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct LeasedNotification {
    /// The right to it.
    pub lease: NotificationLease,
    /// What it is about.
    pub ticket_id: TicketId,
    /// The address that it goes to.
    pub to: String,
    /// The subject of the mail.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// How many attempts have failed since the schedule began.
    pub failures: u32,
}

/// What a worker is to send.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct ClaimedNotifications {
    /// What it holds from now on.
    pub notifications: Vec<LeasedNotification>,
    /// When to look again: the first time after now at which a pending notification is due or a lease runs out.
    pub next: Option<Timestamp>,
}

/// Which notifications wait, in all realms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct NotificationBacklog {
    /// How many are pending.
    pub pending: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// How many are dead.
    pub dead: u64,
}

/// The queue of notifications as workers see it, across all realms. Time is a parameter: the store has no clock.
///
/// What a lease comes to is a [commit](super::RealmWriter::commit) in the notification's realm, since it is told in the
/// ticket's thread: see [`SettledNotification`](super::SettledNotification).
#[async_trait]
pub trait NotificationQueue: Debug + Send + Sync + 'static {
    /// Leases up to `limit` pending notifications that are due at `now` until `now + lease`.
    ///
    /// ### To ensure correctness
    /// - no two claims give the same notification, unless the first one's lease has run out
    /// - each lease of a notification has a larger token than the one before
    /// - what was due first, or whose lease ran out first, comes first; then by id
    /// - the cost does not depend on how many were sent
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<ClaimedNotifications>;

    /// Extends a lease until `until`.
    ///
    /// ### To ensure correctness
    /// - a lost lease is not extended
    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> Result<Settled>;

    /// Records an attempt that failed, with why; the notification is due again at `at`, and the lease ends.
    ///
    /// ### To ensure correctness
    /// - with a lost lease nothing is recorded
    async fn notification_retry(&self, lease: &NotificationLease, error: &str, at: Timestamp) -> Result<Settled>;

    /// Ends the leases that `worker` holds; what it held is due as it was before.
    async fn notification_release(&self, worker: WorkerId) -> Result<()>;

    /// Which notifications wait.
    async fn notification_backlog(&self) -> Result<NotificationBacklog>;

    /// Returns when there may be new notifications to send since the last call, or whenever it likes. May be dropped at any
    /// point.
    ///
    /// ### To ensure correctness
    /// - a notification that was committed between two calls is not missed: the second returns at once
    async fn notification_wait(&self);
}
