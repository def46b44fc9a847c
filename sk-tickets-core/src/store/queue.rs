use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::{Lane, Result, Slots};
use crate::{
    model::{delivery::Attempt, endpoint::OldSecret},
    platform::{
        id::{DeliveryId, EndpointId, EventId},
        realm::Realm,
        seal::Sealed,
        time::Timestamp,
    },
};

/// A worker, for as long as it lives; random, so that no two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct WorkerId(pub u64);

/// A worker's timed right to one delivery. It is fenced: once it was lost, nothing can be settled with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Lease {
    /// The realm of the delivery.
    pub realm: Realm,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Grows each time the delivery is leased.
    pub token: u64,
}

/// A delivery that a worker holds, with all it needs to attempt it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct LeasedDelivery {
    /// The right to it.
    pub lease: Lease,
    /// For whom it is.
    pub endpoint_id: EndpointId,
    /// Where it is posted to.
    pub url: String,
    /// What it is signed with.
    pub secret: Sealed,
    /// What it is signed with besides, the newest first; some may have run out.
    pub old_secrets: Vec<OldSecret>,
    /// The id of the event: the `webhook-id`.
    pub event_id: EventId,
    /// The bytes to sign and send.
    pub payload: Vec<u8>,
    /// How many attempts were made before, in all.
    pub attempts_before: u32,
    /// How many attempts have failed since the schedule began.
    pub failures: u32,
    /// The lane that it was claimed in.
    pub lane: Lane,
}

/// What a worker is to do.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Claimed {
    /// What it holds from now on.
    pub deliveries: Vec<LeasedDelivery>,
    /// When to look again: the first time after now at which a pending delivery is due or a lease runs out, or sooner, if
    /// another worker's claim hid what is due.
    pub next: Option<Timestamp>,
    /// Whether a job that replays dead letters is not completed.
    pub replaying: bool,
}

/// What waits, in all realms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Backlog {
    /// How many deliveries are pending.
    pub pending: u64,
    /// When the one of them that is due first is, or was, due.
    pub oldest_due: Option<Timestamp>,
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// When the event of the oldest of them happened.
    pub oldest_dead_letter: Option<Timestamp>,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum NextStep {
    /// It was delivered. The endpoint is no longer failing.
    Delivered,
    /// It failed and is due again then. The endpoint is failing.
    RetryAt(Timestamp),
    /// It failed and is dead for [`Exhausted`](crate::model::delivery::DeadReason::Exhausted). The endpoint is
    /// failing.
    DeadLetter,
    /// The receiver is gone: the endpoint is disabled, and this and its other pending deliveries are dead for
    /// [`EndpointDisabled`](crate::model::delivery::DeadReason::EndpointDisabled).
    DisableEndpoint,
}

/// An attempt that was made under a lease, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct Settlement {
    /// The right to the delivery.
    pub lease: Lease,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows.
    pub next: NextStep,
}

/// Whether a lease still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Settled {
    /// It did; what was asked was done.
    Recorded,
    /// It did not: the delivery was leased anew, settled or given up meanwhile. Nothing was done.
    LeaseLost,
}

/// The outbox as workers see it, across all realms. Time is a parameter: the store has no clock.
#[async_trait]
pub trait DeliveryQueue: Debug + Send + Sync + 'static {
    /// Leases pending deliveries that are due at `now` until `now + lease`: in each lane as many as there are slots.
    ///
    /// ### To ensure correctness
    /// - no two claims give the same delivery, unless the first one's lease has run out
    /// - each lease of a delivery has a larger token than the one before
    /// - a delivery is in the lane that [`Lane::of`] says
    /// - never are more deliveries of an endpoint leased than [`Lane::in_flight_max`] says: of a failing one at all, of
    ///   another one in each lane. A lease that ran out does not count
    /// - the deliveries of an endpoint in a lane come by when they were due, then by id
    /// - of several endpoints the one with fewer deliveries leased in the lane comes first, be it by this very claim; of
    ///   those with as many, the one whose next delivery was due first, then by its id (which realm comes first where ids
    ///   are alike is up to the store)
    /// - the cost depends neither on how many deliveries of an endpoint wait, nor on how many were delivered
    async fn claim_due(&self, worker: WorkerId, now: Timestamp, lease: Duration, slots: Slots) -> Result<Claimed>;

    /// Extends a lease until `until`.
    ///
    /// ### To ensure correctness
    /// - a lost lease is not extended
    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Settled>;

    /// Records attempts and what follows from them, and ends their leases. Answers for each, in their order.
    ///
    /// ### To ensure correctness
    /// - an attempt, its delivery and its endpoint change in one transaction, which those of the others may share
    /// - it comes to the same as if each were settled by itself, one after the other
    /// - with a lost lease nothing is recorded, and the others are none the worse for it
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>>;

    /// Ends the leases that `worker` holds; what it held is due as it was before.
    async fn release(&self, worker: WorkerId) -> Result<()>;

    /// Goes on with the job that was made first of those that are not completed: looks at up to `limit` of the dead
    /// letters that match and come after those it has looked at, by id. A letter whose endpoint is enabled becomes pending,
    /// due at `now`, with the schedule from its start; any other has failed.
    ///
    /// Answers whether there was such a job. One that another worker is at counts as none.
    ///
    /// ### To ensure correctness
    /// - the letters and the job's progress ([`ReplayJob::advance`](crate::model::replay_job::ReplayJob::advance)) change
    ///   in one transaction
    /// - the job is at its end when there were fewer letters than `limit`
    /// - no two workers do the same part of a job
    async fn replay_some(&self, now: Timestamp, limit: usize) -> Result<bool>;

    /// What waits.
    async fn backlog(&self) -> Result<Backlog>;

    /// Returns when there may be new work since the last call, or whenever it likes. May be dropped at any point.
    ///
    /// ### To ensure correctness
    /// - work that was committed between two calls is not missed: the second returns at once
    async fn wait_for_work(&self);
}
