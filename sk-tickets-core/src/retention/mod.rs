//! Drops what is older than it is to be kept: recorded answers, events, deliveries, and what receivers answered.

use std::{future::Future, pin::pin, time::Duration};

use tokio::select;

use crate::{
    desk::Tickets,
    limits::WEBHOOK_RESPONSES_KEPT_SECS,
    platform::{Retention, realm::Realm},
    store::{Commit, CommitOutcome, Effect, Purge, Purged, StoreError},
};

/// How much is dropped in one transaction: little enough that nobody waits long for it.
const DROPPED_AT_A_TIME: usize = 256;
/// How often to look, at most and at least.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// In which part of the time that something is kept there is a look for it.
const LOOKS: u32 = 4;

/// Drops what is old, in all realms. Made by [`Tickets::purger`]. Any number may run, on any number of nodes.
///
/// Something may stay for a quarter longer than it has to be kept, and at most for an hour longer.
#[derive(Debug, Clone)]
pub struct Purger {
    tickets: Tickets,
    /// What is to be dropped, and how long it is kept. Deliveries first: events may be kept for them alone.
    kept: Vec<(Purged, Duration)>,
}

impl Purger {
    pub(crate) fn new(tickets: Tickets, retention: Retention) -> Self {
        let Retention { events, deliveries, idempotency } = retention;
        let kept = [
            (Purged::Deliveries, deliveries),
            (Purged::Events, events),
            (Purged::Answers, idempotency),
            (Purged::Responses, Some(Duration::from_secs(WEBHOOK_RESPONSES_KEPT_SECS))),
        ];
        Self { tickets, kept: kept.into_iter().filter_map(|(what, kept)| Some((what, kept?))).collect() }
    }

    /// Works until `shutdown` is ready.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let shortest = self.kept.iter().map(|(_, kept)| *kept).min().unwrap_or(PAUSE_MAX);
        let pause = (shortest / LOOKS).clamp(PAUSE_MIN, PAUSE_MAX);
        loop {
            // One that is dropped half way leaves nothing half done: what is dropped at a time is a commit.
            select! {
                biased;
                () = &mut shutdown => return,
                purged = self.purge() => if let Err(error) = purged {
                    tracing::warn!(%error, "what is old could not be dropped; trying again");
                },
            }
            let next = self.tickets.now() + pause;
            select! {
                biased;
                () = &mut shutdown => return,
                () = self.tickets.sleep_until(next) => {}
            }
        }
    }

    /// Drops all that is old enough by now.
    ///
    /// # Errors
    /// [`StoreError`] if the realms cannot be listed. If one cannot be seen to, that is logged, and the others are.
    pub async fn purge(&self) -> Result<(), StoreError> {
        for realm in self.tickets.store().realms().await? {
            for (what, kept) in &self.kept {
                if let Err(error) = self.purge_from(&realm, *what, *kept).await {
                    tracing::warn!(%error, ?realm, ?what, "what is old could not be dropped; trying again");
                }
            }
        }
        Ok(())
    }

    async fn purge_from(&self, realm: &Realm, what: Purged, kept: Duration) -> Result<(), StoreError> {
        loop {
            let now = self.tickets.now();
            let purge = Purge { what, before: now - kept, limit: DROPPED_AT_A_TIME };
            match self.tickets.store().commit(Commit::new(realm.clone(), now, None, Effect::Purge(purge))).await? {
                CommitOutcome::Applied => {}
                CommitOutcome::Stale
                | CommitOutcome::Replayed(_)
                | CommitOutcome::KeyReused
                | CommitOutcome::Claimed(_) => return Ok(()),
            }
        }
    }
}
