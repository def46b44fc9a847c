//! Delivers what the outbox holds: claims due deliveries under a lease, signs and sends them, settles what came of it.

mod attempt;
mod sender;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet, yield_now},
};

pub use sender::{SendError, WebhookReply, WebhookRequest, WebhookSender};

use crate::{
    limits::{FIRST_ATTEMPTS_AT_ONCE_MAX, RETRIES_AT_ONCE_MAX},
    platform::{
        crash_point::crash_point,
        seal::Keyring,
        system::Entropy,
        time::{Clock, Timestamp},
        webhook::Schedule,
    },
    store::{Claimed, Lane, Settled, Settlement, Slots, Store, StoreError, WorkerId},
};

/// How long a worker holds a delivery before it must renew: after a crash another starts within this.
const LEASE: Duration = Duration::from_secs(10);
/// How many deliveries a worker attempts at a time: this bounds its memory, whatever waits. A lane is never full of what one
/// tenant's slow endpoints have under way.
const SLOTS: Slots = Slots { first: FIRST_ATTEMPTS_AT_ONCE_MAX, retry: RETRIES_AT_ONCE_MAX };
/// How many of them it claims at a time: a claim is to be short, since others wait for it.
const CLAIMED_AT_A_TIME: Slots = Slots { first: 96, retry: 32 };
/// How many attempts it settles at a time, for the same reason.
const SETTLED_AT_A_TIME: usize = 128;
/// How many leases it renews at a time. Those of a thousand attempts that have begun together would fill the queue of a
/// store's writer, or take all of its connections.
const RENEWED_AT_A_TIME: usize = 8;
/// How often a worker looks, even if nobody wakes it: another process may have written, or handed its leases back.
const POLL: Duration = Duration::from_millis(500);
/// How long a worker that is told to stop lets attempts finish before it hands their leases back: together with the above
/// less than a second, within which another worker goes on.
const GRACE: Duration = Duration::from_millis(400);
/// How many dead letters a job replays at a time, between two looks for what is due.
const REPLAYED_AT_A_TIME: usize = 100;

/// A worker that delivers webhooks. Made by [`Tickets::dispatcher`](crate::Tickets::dispatcher).
#[derive(Debug, Clone)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    schedule: Arc<Schedule>,
    keyring: Arc<Keyring>,
    worker: WorkerId,
    renewals: Arc<Semaphore>,
}

impl Dispatcher {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        sender: Arc<dyn WebhookSender>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        schedule: Schedule,
        keyring: Arc<Keyring>,
    ) -> Self {
        let mut worker = [0; 8];
        entropy.fill(&mut worker);
        let worker = WorkerId(u64::from_be_bytes(worker));
        let renewals = Arc::new(Semaphore::new(RENEWED_AT_A_TIME));
        Self { store, sender, clock, schedule: Arc::new(schedule), keyring, worker, renewals }
    }

    /// Works until `shutdown` is ready. Then attempts under way get a moment to finish, and the leases of the rest
    /// are handed back, so that another worker goes on at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut under_way = UnderWay::new();
        loop {
            let next = match self.start_due(&mut under_way).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "due deliveries could not be claimed; trying again");
                    Look { at: self.clock.now() + POLL, or_when_woken: false }
                }
            };
            // With as many attempts under way as there may be, there is nothing to look for.
            let free = under_way.free() != Slots::NONE;
            select! {
                biased;
                () = &mut shutdown => break,
                Some(first) = under_way.attempts.join_next() => self.settle(under_way.ended(first).await).await,
                () = self.store.wait_for_work(), if free && next.or_when_woken => {}
                () = self.clock.sleep_until(next.at), if free => {}
            }
        }
        let mut deadline = pin!(self.clock.sleep_until(self.clock.now() + GRACE));
        loop {
            select! {
                biased;
                first = under_way.attempts.join_next() => match first {
                    Some(first) => self.settle(under_way.ended(first).await).await,
                    None => break,
                },
                () = &mut deadline => break,
            }
        }
        under_way.attempts.abort_all();
        while let Some(first) = under_way.attempts.join_next().await {
            self.settle(under_way.ended(first).await).await;
        }
        if let Err(error) = self.store.release(self.worker).await {
            tracing::warn!(%error, "leases were not handed back; they run out by themselves");
        }
    }

    /// Settles attempts that have ended, together; their slots are free after that. Where the store cannot be reached, once
    /// more at once. What cannot be settled is attempted again when its lease has run out: at least once, never not at all.
    async fn settle(&self, ended: Vec<Ended>) {
        let (settlements, slots): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
        let settlements: Vec<_> = settlements.into_iter().flatten().collect();
        let mut settled = self.try_settle(&settlements).await;
        // As when a connection was lost: whether it took place is not known, and if it has, it does not again.
        if let Err(error) = &settled
            && error.retry_after().is_some()
        {
            settled = self.try_settle(&settlements).await;
        }
        match settled {
            // Whichever of them the store cannot keep is to harm no other.
            Err(error) if error.retry_after().is_none() && settlements.len() > 1 => {
                for one in settlements.chunks(1) {
                    self.try_settle(one).await.unwrap_or_else(|error| unsettled(one, &error));
                }
            }
            Err(error) => unsettled(&settlements, &error),
            Ok(()) => {}
        }
        drop(slots);
    }

    async fn try_settle(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        if settlements.is_empty() {
            return Ok(());
        }
        crash_point("delivery.settle");
        for (one, settled) in settlements.iter().zip(self.store.settle(settlements).await?) {
            if settled == Settled::LeaseLost {
                tracing::warn!(delivery = %one.lease.delivery_id, "lost the lease before the attempt was settled");
            }
        }
        Ok(())
    }

    /// Starts an attempt of each due delivery for which there is room, goes on with a replay of dead letters if there is
    /// one, and says when to look again.
    async fn start_due(&self, under_way: &mut UnderWay) -> Result<Look, StoreError> {
        let now = self.clock.now();
        let Claimed { deliveries, next, replaying } =
            self.store.claim_due(self.worker, now, LEASE, under_way.free().min(CLAIMED_AT_A_TIME)).await?;
        if !deliveries.is_empty() {
            crash_point("delivery.claimed");
        }
        let claimed = |lane| deliveries.iter().filter(|delivery| delivery.lane == lane).count();
        let more_may_be_due = Lane::ALL.into_iter().any(|lane| claimed(lane) >= CLAIMED_AT_A_TIME.of(lane));
        for delivery in deliveries {
            let slot = under_way.slot(delivery.lane);
            let dispatcher = self.clone();
            under_way.attempts.spawn(async move { (attempt::run(&dispatcher, delivery).await, slot) });
        }
        let goes_on = replaying && self.store.replay_some(now, REPLAYED_AT_A_TIME).await?;
        if more_may_be_due || goes_on {
            return Ok(Look { at: now, or_when_woken: true });
        }
        let poll = now + POLL;
        Ok(Look { at: next.map_or(poll, |due| due.min(poll)), or_when_woken: true })
    }
}

/// When to look for due deliveries again.
struct Look {
    at: Timestamp,
    or_when_woken: bool,
}

fn unsettled(settlements: &[Settlement], error: &StoreError) {
    for Settlement { lease, .. } in settlements {
        tracing::warn!(delivery = %lease.delivery_id, %error, "an attempt was not settled");
    }
}

/// An attempt that has ended: how it is to be settled, and the slot that it holds until it is.
type Ended = (Option<Settlement>, Option<OwnedSemaphorePermit>);

/// The attempts that are being made. Each holds a slot of its lane, which is free again however it ends.
struct UnderWay {
    attempts: JoinSet<Ended>,
    slots: [Arc<Semaphore>; 2],
}

impl UnderWay {
    fn new() -> Self {
        let slots = Lane::ALL.map(|lane| Arc::new(Semaphore::new(SLOTS.of(lane))));
        Self { attempts: JoinSet::new(), slots }
    }

    /// One that has ended, and whatever else has. The first one to end wakes the worker before those have run that are as
    /// ready: they come along, and so on for as long as more end and they are not too many. What a settlement and the claim
    /// after it cost depends little on how many they are for.
    async fn ended(&mut self, first: Result<Ended, JoinError>) -> Vec<Ended> {
        // One that panicked is as if its worker had crashed.
        let mut ended = Vec::from_iter(first.ok());
        loop {
            yield_now().await;
            let before = ended.len();
            while ended.len() < SETTLED_AT_A_TIME
                && let Some(one) = self.attempts.try_join_next()
            {
                ended.extend(one.ok());
            }
            if ended.len() == before {
                return ended;
            }
        }
    }

    fn free(&self) -> Slots {
        let [first, retry] = &self.slots;
        Slots { first: first.available_permits(), retry: retry.available_permits() }
    }

    /// A slot of this lane; none if a store gives more than was asked for.
    fn slot(&self, lane: Lane) -> Option<OwnedSemaphorePermit> {
        let [first, retry] = &self.slots;
        let slots = match lane {
            Lane::First => first,
            Lane::Retry => retry,
        };
        Arc::clone(slots).try_acquire_owned().ok()
    }
}
