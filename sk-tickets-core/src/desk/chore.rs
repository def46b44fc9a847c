use std::time::Duration;

use super::{Inner, Tickets};
use crate::{
    decide::{Chore, Context, decide_chore},
    limits::CONTENTION_RETRIES_MAX,
    model::{actor::Actor, id::TicketId},
    platform::{realm::Realm, time::Timestamp},
    store::{Commit, CommitOutcome, Effect, Lookup, StoreError, Subject},
};

impl Tickets {
    /// Does a chore to a ticket; false if there was nothing to do. Without a key: what is done is seen by the ticket, and a
    /// repetition finds nothing to do.
    pub(crate) async fn perform(&self, realm: &Realm, id: TicketId, chore: Chore) -> Result<bool, StoreError> {
        let inner = &*self.inner;
        for _ in 0..=CONTENTION_RETRIES_MAX {
            let lookup = Lookup { key: None, subject: Subject::Ticket(id) };
            let known = inner.store.load(realm, lookup).await?;
            let now = inner.clock.now();
            let cx = inner.context(realm, now, Actor::System);
            let Some(change) = decide_chore(&known, chore, &cx) else { return Ok(false) };
            let commit = Commit::new(realm.clone(), now, None, Effect::Ticket(change));
            match inner.store.commit(commit).await? {
                CommitOutcome::Applied => return Ok(true),
                // Without a key there is nothing to replay.
                CommitOutcome::Stale
                | CommitOutcome::Replayed(_)
                | CommitOutcome::KeyReused
                | CommitOutcome::Claimed(_) => {
                    tokio::task::yield_now().await;
                }
            }
        }
        Err(StoreError::unavailable("others kept changing the ticket", Duration::from_secs(1)))
    }

    /// Returns when the engine's clock shows `at` or later.
    pub(crate) async fn sleep_until(&self, at: Timestamp) {
        self.inner.clock.sleep_until(at).await;
    }
}

impl Inner {
    /// What a decision depends on.
    pub(super) fn context<'a>(&'a self, realm: &'a Realm, now: Timestamp, actor: Actor) -> Context<'a> {
        Context {
            realm,
            now,
            actor,
            ids: &self.ids,
            entropy: &*self.entropy,
            keyring: &self.keyring,
            targets: self.targets,
            mail: &self.mail,
            auto_close_after: self.auto_close_after,
        }
    }
}
