//! Tells customers: claims what waits in the queue of notifications under a lease, sends it, settles what came of it.

mod attempt;
mod notifier;
mod template;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{select, task::JoinSet};

pub use notifier::{Mail, Notifier, NotifyError};
pub use template::{MailTemplate, TemplateError, TemplateFault};

use crate::{
    desk::Tickets,
    limits::MAILS_IN_FLIGHT_MAX,
    platform::{system::Entropy, time::Timestamp},
    store::{ClaimedNotifications, StoreError, WorkerId},
};

/// How long a worker holds a notification before it must renew: after a crash another starts within this.
const LEASE: Duration = Duration::from_secs(10);
/// How often a worker looks, even if nobody wakes it: another process may have written, or handed its leases back.
const POLL: Duration = Duration::from_millis(500);
/// How long a worker that is told to stop lets mails be sent before it hands their leases back.
const GRACE: Duration = Duration::from_millis(400);

/// A worker that sends mails to customers. Made by [`Tickets::mailer`].
#[derive(Debug, Clone)]
pub struct Mailer {
    tickets: Tickets,
    notifier: Arc<dyn Notifier>,
    worker: WorkerId,
}

impl Mailer {
    pub(crate) fn new(tickets: Tickets, notifier: Arc<dyn Notifier>, entropy: &dyn Entropy) -> Self {
        let mut worker = [0; 8];
        entropy.fill(&mut worker);
        Self { tickets, notifier, worker: WorkerId(u64::from_be_bytes(worker)) }
    }

    /// Works until `shutdown` is ready. Then mails under way get a moment to be sent, and the leases of the rest are
    /// handed back, so that another worker goes on at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut under_way = JoinSet::new();
        let store = self.tickets.store();
        let clock = self.tickets.clock();
        loop {
            let (at, or_when_woken) = match self.start_due(&mut under_way).await {
                Ok(next) => (next, true),
                Err(error) => {
                    tracing::warn!(%error, "due notifications could not be claimed; trying again");
                    (clock.now() + POLL, false)
                }
            };
            // With as many under way as there may be, there is nothing to look for.
            let free = under_way.len() < MAILS_IN_FLIGHT_MAX;
            select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                () = store.notification_wait(), if free && or_when_woken => {}
                () = clock.sleep_until(at), if free => {}
            }
            // Whatever else has ended meanwhile makes room for the same look.
            while under_way.try_join_next().is_some() {}
        }
        let deadline = clock.now() + GRACE;
        select! {
            biased;
            () = async { while under_way.join_next().await.is_some() {} } => {}
            () = clock.sleep_until(deadline) => {}
        }
        under_way.shutdown().await;
        if let Err(error) = store.notification_release(self.worker).await {
            tracing::warn!(%error, "leases were not handed back; they run out by themselves");
        }
    }

    /// Starts an attempt of each due notification for which there is room, and says when to look again.
    async fn start_due(&self, under_way: &mut JoinSet<()>) -> Result<Timestamp, StoreError> {
        let now = self.tickets.now();
        let room = MAILS_IN_FLIGHT_MAX.saturating_sub(under_way.len());
        let ClaimedNotifications { notifications, next } =
            self.tickets.store().notification_claim(self.worker, now, LEASE, room).await?;
        for notification in notifications {
            let mailer = self.clone();
            under_way.spawn(async move { attempt::run(&mailer, notification).await });
        }
        let poll = now + POLL;
        Ok(next.map_or(poll, |due| due.min(poll)))
    }
}
