use std::{fmt, sync::Arc};

use super::{Commit, Effect, Loaded};
use crate::{model::id::TicketId, platform::idempotency::StoredResponse};

/// The effect, the answer, and the ticket whose words the answer shows.
type Decided = (Effect, StoredResponse, Option<TicketId>);
type Decide = dyn Fn(&Loaded) -> Decided + Send + Sync;

/// Gives the head of a queue to somebody. Which ticket that is, the store finds out in the transaction of the commit;
/// what becomes of it is still decided here.
///
/// A store picks the ticket that waits in the queue and comes before all others, and keeps everybody else from it until
/// the transaction ends. Then it stores the commit that [`settle`](Self::settle) makes.
#[derive(Clone)]
pub struct QueueClaim {
    queue: String,
    decide: Arc<Decide>,
}

impl QueueClaim {
    /// `decide` says what to do with the head and what to answer: see [`settle`](Self::settle).
    pub(crate) fn new(queue: String, decide: impl Fn(&Loaded) -> Decided + Send + Sync + 'static) -> Self {
        Self { queue, decide: Arc::new(decide) }
    }

    /// The key of the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The commit to store instead of `commit`, whose effect this is, and the answer that is recorded with it.
    ///
    /// `head` is what is known of the ticket, as for [`Subject::Ticket`](super::Subject::Ticket); nothing, if none waits.
    /// If the key is recorded already, no ticket need be picked: the commit will find the record.
    #[must_use]
    pub fn settle(&self, commit: &Commit, head: &Loaded) -> (Commit, StoredResponse) {
        let (effect, response, shows) = (self.decide)(head);
        let claim = commit.claim().map(|(claim, _)| (claim.clone(), response.clone()));
        (Commit::new(commit.realm().clone(), commit.at(), claim, effect).showing(shows), response)
    }
}

impl fmt::Debug for QueueClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueClaim").field("queue", &self.queue).finish_non_exhaustive()
    }
}
