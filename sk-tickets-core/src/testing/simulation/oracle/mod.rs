//! What is known from outside: by clients, by receivers, by who watches what the store is asked. A model of its own,
//! which shares no rule with the engine.

mod answers;
mod changes;
mod inbox;
mod leases;

pub(super) use answers::{Answers, Told};
pub(super) use changes::{Changes, EndpointFacts, Window};
pub(super) use inbox::{Arrival, Inbox, Posted};
pub(super) use leases::{Lapse, Leases};

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) answers: Answers,
    pub(super) changes: Changes,
    pub(super) deliveries: Leases,
    pub(super) notifications: Leases,
    pub(super) inbox: Inbox,
}
