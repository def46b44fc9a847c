//! Service levels: by when a ticket is to be answered and resolved.

mod calendar;
mod clocks;
mod policy;
mod timers;
mod track;

pub(crate) use clocks::{Alarm, AlarmKind, Clocks, Reach};
pub use policy::{
    DueTicket, KeptPolicy, PolicyRevision, PolicyWork, SLA_POLICY_ORDER, SetSlaPolicy, SlaPolicy, SlaSeconds,
    WarnBeforeSeconds,
};
pub use timers::{Target, Targets, Timers};

use serde::{Deserialize, Serialize};

use crate::{platform::time::Timestamp, words};

words! {
    /// What one of a ticket's clocks measures.
    pub enum SlaMetric {
        /// From create to the first public reply.
        FirstResponse = "first_response",
        /// From create to resolved, without the time spent waiting on the customer.
        Resolution = "resolution",
    }
}

words! {
    /// How one of a ticket's clocks stands.
    pub enum SlaState {
        /// It runs.
        Running = "running",
        /// It stands still, the remaining time is kept.
        Paused = "paused",
        /// What was asked was done in time.
        Met = "met",
        /// The time ran out.
        Breached = "breached",
        /// It no longer matters.
        Cancelled = "cancelled",
    }
}

/// One clock of a ticket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct SlaClock {
    /// When the time runs out; none while the clock is paused.
    pub due_at: Option<Timestamp>,
    /// How it stands.
    pub state: SlaState,
}

/// The clocks of a ticket under a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct TicketSla {
    /// From create to the first public reply.
    pub first_response: Option<SlaClock>,
    /// From create to resolved, without the time spent waiting on the customer.
    pub resolution: Option<SlaClock>,
}
