//! What came of notifications: told by no request, so without a key. The lease and the ticket's version make it once.

use super::{Error, Tickets};
use crate::{
    decide::decide_settlement,
    limits::CONTENTION_RETRIES_MAX,
    model::actor::Actor,
    store::{Commit, CommitOutcome, Effect, Lookup, NotificationLease, Settled, Subject},
};

impl Tickets {
    /// Ends a lease on a notification: it was sent or, for the reason in `error`, is dead. The ticket's thread tells.
    ///
    /// # Errors
    /// Contention, and faults of the store: the lease may hold or not.
    pub(crate) async fn settle_notification(
        &self,
        lease: &NotificationLease,
        error: Option<String>,
    ) -> Result<Settled, Error> {
        let desk = self.desk(lease.realm.clone()).acting_as(Actor::System);
        let lookup = Lookup { key: None, subject: Subject::Notification(lease.notification_id) };
        for _ in 0..=CONTENTION_RETRIES_MAX {
            let known = self.inner.store.load(&lease.realm, lookup).await?;
            let now = self.now();
            let Some(change) = decide_settlement(&known, lease.token, error.as_deref(), &desk.context(now)) else {
                return Ok(Settled::LeaseLost);
            };
            let commit = Commit::new(lease.realm.clone(), now, None, Effect::Ticket(change));
            match self.inner.store.commit(commit).await? {
                CommitOutcome::Applied => return Ok(Settled::Recorded),
                CommitOutcome::Stale => {}
                // There is no key, and no queue.
                CommitOutcome::Replayed(_) | CommitOutcome::KeyReused | CommitOutcome::Claimed(_) => {
                    return Ok(Settled::LeaseLost);
                }
            }
        }
        Err(Error::contention())
    }
}
