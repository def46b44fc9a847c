//! What a commit changes beside tickets.

use crate::{
    model::{
        contact::Contact,
        endpoint::Endpoint,
        event::Event,
        form::Form,
        id::TicketId,
        queue::Queue,
        sla::{KeptPolicy, PolicyRevision},
        ticket::{Priority, Version},
    },
    platform::id::{DeliveryId, EndpointId},
};

/// A change to a contact. If another one has its e-mail address afterwards or, where neither has one, its phone number,
/// stale.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum ContactChange {
    /// Adds one; if there is one with its id, stale.
    Create(Contact),
    /// Makes `before` into `after`; if it is not as it was, stale.
    Update {
        /// What the decision was made on.
        before: Contact,
        /// What is to be.
        after: Contact,
    },
}

/// A change to a queue. If another one has one of its topics afterwards, stale.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum QueueChange {
    /// Adds one; if there is one with its id or its key, or if the realm does not keep just as many as the decision was made on,
    /// stale.
    Create {
        /// What is to be.
        queue: Queue,
        /// How many the realm keeps without it.
        others: usize,
    },
    /// Makes `before` into `after`, which has the same key; if it is not as it was, stale.
    Update {
        /// What the decision was made on.
        before: Queue,
        /// What is to be.
        after: Queue,
    },
}

/// A change to a form.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum FormChange {
    /// Adds one. If there is one with its id in whatever realm, or if the realm has not just as many as the decision was
    /// made on, stale. The id alone leads from outside to the form, so no two realms share one.
    Create {
        /// What is to be.
        form: Form,
        /// How many the realm has without it.
        others: usize,
    },
    /// Makes `before` into `after`, which has the same id; if it is not as it was, stale.
    Update {
        /// What the decision was made on.
        before: Form,
        /// What is to be.
        after: Form,
    },
}

/// A change to an SLA policy.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum PolicyChange {
    /// Sets the policy of a priority. If the one that is there has not the expected revision, stale. From then on there
    /// is [work](super::RealmReader::policy_work) to do about it, from the first ticket on.
    Set {
        /// The revision that the decision was made on; 0 if there was no policy.
        expect: u64,
        /// What is to be.
        after: KeptPolicy,
    },
    /// Work was done. If the policy has not this revision, or the work had not come as far as said, stale.
    Progress {
        /// About which policy.
        policy: PolicyRevision,
        /// How far it had come: the last ticket that was seen to.
        from: Option<TicketId>,
        /// How far it has come; none if there is no more to do.
        to: Option<TicketId>,
    },
}

impl PolicyChange {
    /// The priority whose policy it is.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        match self {
            Self::Set { expect: _, after } => after.policy.priority,
            Self::Progress { policy, from: _, to: _ } => policy.priority,
        }
    }
}

/// A change to a webhook endpoint.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum EndpointChange {
    /// Adds one, if the realm has fewer than [`ENDPOINTS_MAX`](crate::limits::ENDPOINTS_MAX); else stale.
    Create(Endpoint),
    /// Makes `before`, which was not deleted, into `after`; if it is not as it was, stale. `failing_since` belongs to
    /// the workers: it is not compared, and cleared if the endpoint becomes enabled, else left as it is. If the endpoint
    /// is disabled afterwards, its pending deliveries become dead for
    /// [`EndpointDisabled`](crate::model::delivery::DeadReason::EndpointDisabled).
    Update {
        /// What the decision was made on.
        before: Endpoint,
        /// What is to be.
        after: Endpoint,
    },
    /// Deletes one that was not deleted, and its secrets; else stale. Its pending deliveries become dead for
    /// [`EndpointDeleted`](crate::model::delivery::DeadReason::EndpointDeleted), its dead letters too.
    Delete(EndpointId),
    /// Adds an event outside of the feed, and one delivery to this endpoint alone, whatever it wants.
    Ping(EndpointId, Event),
}

/// A change to a delivery that is a dead letter; if it is none, stale.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct DeliveryChange {
    /// Which.
    pub id: DeliveryId,
    /// The ticket of its event, and its version; in another, stale: what receivers have answered may have been redacted, and
    /// the answer that is recorded shows it. None for a ping.
    pub ticket: Option<(TicketId, Version)>,
    /// What becomes of it.
    pub action: DeliveryAction,
}

/// What becomes of a dead letter.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum DeliveryAction {
    /// Becomes pending, due at the commit's time, with the schedule from its start. If its endpoint is not enabled, or was
    /// deleted, stale: nothing is pending for one that is not told.
    Replay,
    /// Becomes dead for [`Discarded`](crate::model::delivery::DeadReason::Discarded), with what was said of it.
    Discard(String),
}
