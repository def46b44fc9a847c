use async_trait::async_trait;

use super::{Commit, CommitOutcome, RealmReader, Result};

/// Writes within a realm. There is one way to write: a commit.
#[async_trait]
pub trait RealmWriter: RealmReader {
    /// Stores a commit.
    ///
    /// ### To ensure correctness
    /// - one transaction: after an error or a crash all of it is there or nothing
    /// - when it has answered, the commit survives a crash of the process and, if the store is durable, of the machine
    /// - the claim comes first: if its key is recorded, nothing is written; the answer is [`CommitOutcome::Replayed`]
    ///   for the same fingerprint and [`CommitOutcome::KeyReused`] for another. A concurrent twin waits and then
    ///   finds the record
    /// - a key whose answer was purged stays recorded, and is [`CommitOutcome::KeyReused`] for every fingerprint
    /// - a [`Purge`](super::Purge) drops nothing that is not old enough, nothing that is pending and, of events, nothing that
    ///   a delivery which is pending or a dead letter still needs; stale, once nothing is left
    /// - the claim is recorded only together with the effect
    /// - the expected version is checked by the statement that writes the new one; if it does not hold, nothing is
    ///   written, the claim neither, and the answer is [`CommitOutcome::Stale`]
    /// - a contact whose handle another one has meanwhile, or one endpoint too many, is [`CommitOutcome::Stale`]
    /// - a queue whose key or topic another one has meanwhile, or one more than were known, is [`CommitOutcome::Stale`]
    /// - a form whose id another one has, in whatever realm, or one more than were known, or one that has changed
    ///   meanwhile, is [`CommitOutcome::Stale`]
    /// - the policy that a ticket's change was decided on is the one in force when it is stored, or the answer is
    ///   [`CommitOutcome::Stale`]; so is that of one to set, and the place that work about it had come to
    /// - a [`QueueClaim`](super::QueueClaim) takes the ticket that waits in the queue and comes before all others: more
    ///   pressing first, then by `queued_at`, then by id. A ticket that another transaction is about to take is passed
    ///   over; that none waits is answered only if it is so. No ticket is taken twice, and none is lost if the transaction
    ///   fails
    /// - thread entries and events are only ever added; nothing changes one, but for a redaction
    /// - what a redaction replaces is neither read nor sent any more, be it in answers that are recorded meanwhile or by an
    ///   attempt that is under way
    /// - an answer that shows a ticket as it was found is recorded only while that is its version
    /// - events get positions in the order of commits
    /// - for each event and each endpoint of the realm that wants it there is one delivery, written in the same
    ///   transaction: pending and due at once if the endpoint is enabled, dead for
    ///   [`EndpointDisabled`](crate::model::delivery::DeadReason::EndpointDisabled) if it is not; none for a deleted one
    /// - an endpoint whose URL changes ends the leases on its deliveries, which are due as they were: what an attempt that is
    ///   under way is answered at the old URL counts for nothing, and the new one is asked
    /// - a notification changes in the transaction of its ticket, and is settled only by the lease that holds it
    /// - who waits in [`Agenda::wait_for_due`](super::Agenda::wait_for_due) is woken after it if
    ///   [`Effect::may_be_due`](super::Effect::may_be_due)
    /// - workers waiting in [`DeliveryQueue::wait_for_work`](super::DeliveryQueue::wait_for_work) are woken after it
    async fn commit(&self, commit: Commit) -> Result<CommitOutcome>;
}
