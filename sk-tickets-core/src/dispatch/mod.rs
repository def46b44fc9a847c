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
    store::{LeasedDelivery, Store, WorkerId},
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
            self.start_due(&mut attempts).await;
            let free = attempts.len() < CONCURRENCY;
            let next = self.next_look().await;
            select! {
                () = &mut shutdown => break,
                Some(_) = attempts.join_next(), if !attempts.is_empty() => {}
                () = self.store.wait_for_work(), if free => {}
                () = self.clock.sleep_until(next), if free => {}
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

    async fn start_due(&self, attempts: &mut JoinSet<()>) {
        let free = CONCURRENCY.saturating_sub(attempts.len());
        if free == 0 {
            return;
        }
        match self.store.claim_due(self.worker, self.clock.now(), LEASE, free).await {
            Ok(due) => {
                for delivery in due {
                    attempts.spawn(self.clone().deliver(delivery));
                }
            }
            Err(error) => tracing::warn!(%error, "due deliveries could not be claimed; trying again"),
        }
    }

    /// When to look for due deliveries again if nothing else happens.
    async fn next_look(&self) -> Timestamp {
        let poll = self.clock.now() + POLL;
        match self.store.next_due().await {
            Ok(Some(due)) => due.min(poll),
            Ok(None) | Err(_) => poll,
        }
    }

    async fn deliver(self, delivery: LeasedDelivery) {
        attempt::run(&self, delivery).await;
    }
}
