//! Delivers what the outbox holds: claims due deliveries under a lease, signs and sends them, settles what came of it.

mod attempt;
mod sender;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{select, task::JoinSet};

pub use sender::{SendError, WebhookReply, WebhookRequest, WebhookSender};

use crate::{
    platform::{
        system::Entropy,
        time::{Clock, Timestamp},
        webhook::Schedule,
    },
    store::{Store, StoreError, WorkerId},
};

/// How long a worker holds a delivery before it must renew: after a crash another starts within this.
const LEASE: Duration = Duration::from_secs(10);
/// How many deliveries a worker attempts at a time.
const CONCURRENCY: usize = 32;
/// How often a worker looks, even if nobody wakes it: another process may have written.
const POLL: Duration = Duration::from_secs(1);
/// How long a worker that is told to stop lets attempts finish before it hands their leases back.
const GRACE: Duration = Duration::from_secs(2);

/// A worker that delivers webhooks. Made by [`Tickets::dispatcher`](crate::Tickets::dispatcher).
#[derive(Debug, Clone)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    schedule: Arc<Schedule>,
    worker: WorkerId,
}

impl Dispatcher {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        sender: Arc<dyn WebhookSender>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        schedule: Schedule,
    ) -> Self {
        let mut worker = [0; 8];
        entropy.fill(&mut worker);
        let worker = WorkerId(u64::from_be_bytes(worker));
        Self { store, sender, clock, schedule: Arc::new(schedule), worker }
    }

    /// Works until `shutdown` is ready. Then attempts under way get two seconds to finish, and the leases of the rest
    /// are handed back, so that another worker goes on at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut attempts = JoinSet::new();
        loop {
            let next = match self.start_due(&mut attempts).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "due deliveries could not be claimed; trying again");
                    Look { at: self.clock.now() + POLL, or_when_woken: false }
                }
            };
            // With as many attempts under way as there may be, there is nothing to look for.
            let free = attempts.len() < CONCURRENCY;
            select! {
                () = &mut shutdown => break,
                Some(_) = attempts.join_next(), if !attempts.is_empty() => {}
                () = self.store.wait_for_work(), if free && next.or_when_woken => {}
                () = self.clock.sleep_until(next.at), if free => {}
            }
        }
        let deadline = self.clock.now() + GRACE;
        select! {
            () = async { while attempts.join_next().await.is_some() {} } => {}
            () = self.clock.sleep_until(deadline) => {}
        }
        attempts.shutdown().await;
        if let Err(error) = self.store.release(self.worker).await {
            tracing::warn!(%error, "leases were not handed back; they run out by themselves");
        }
    }

    /// Starts an attempt of each due delivery for which there is room, and says when to look again.
    async fn start_due(&self, attempts: &mut JoinSet<()>) -> Result<Look, StoreError> {
        let free = CONCURRENCY.saturating_sub(attempts.len());
        if free > 0 {
            for delivery in self.store.claim_due(self.worker, self.clock.now(), LEASE, free).await? {
                let dispatcher = self.clone();
                attempts.spawn(async move { attempt::run(&dispatcher, delivery).await });
            }
        }
        let poll = self.clock.now() + POLL;
        let at = self.store.next_due().await?.map_or(poll, |due| due.min(poll));
        Ok(Look { at, or_when_woken: true })
    }
}

/// When to look for due deliveries again.
struct Look {
    at: Timestamp,
    or_when_woken: bool,
}
