use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::Result;
use crate::{
    model::delivery::Attempt,
    platform::{
        id::{DeliveryId, EndpointId, EventId},
        realm::Realm,
        time::Timestamp,
        webhook::WebhookSecret,
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
    /// What it is signed with, the newest first.
    pub secrets: Vec<WebhookSecret>,
    /// The id of the event: the `webhook-id`.
    pub event_id: EventId,
    /// The bytes to sign and send.
    pub payload: Vec<u8>,
    /// How many attempts were made before, in all.
    pub attempts_before: u32,
    /// How many attempts have failed since the schedule began.
    pub failures: u32,
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
    /// Leases up to `limit` pending deliveries that are due at `now`, the longest due first, until `now + lease`.
    ///
    /// ### To ensure correctness
    /// - those due at the same time come by id
    /// - no two claims give the same delivery, unless the first one's lease has run out
    /// - each lease of a delivery has a larger token than the one before
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<LeasedDelivery>>;

    /// Extends a lease until `until`.
    ///
    /// ### To ensure correctness
    /// - a lost lease is not extended
    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Settled>;

    /// Records an attempt and what follows from it, and ends the lease.
    ///
    /// ### To ensure correctness
    /// - the attempt, the delivery and the endpoint change in one transaction
    /// - with a lost lease nothing is recorded
    async fn settle(&self, lease: &Lease, attempt: Attempt, next: NextStep) -> Result<Settled>;

    /// Ends the leases that `worker` holds; what it held is due as it was before.
    async fn release(&self, worker: WorkerId) -> Result<()>;

    /// When the next pending delivery can be claimed: when it is due or, if it is leased, when its lease runs out.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// Returns when there may be new work since the last call, or whenever it likes. May be dropped at any point.
    ///
    /// ### To ensure correctness
    /// - work that was committed between two calls is not missed: the second returns at once
    async fn wait_for_work(&self);
}
