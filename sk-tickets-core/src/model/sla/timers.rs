use serde::{Deserialize, Serialize};

use crate::platform::time::Timestamp;

/// What is kept of a ticket's times beside what it shows: how much time was used, and when something is due.
///
/// The time that was used is tracked with or without a policy, so that one that comes later can be applied as if it had
/// been there from the start. Stored with the ticket, in the same version; never on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Timers {
    /// When the first public message was written that is not by a contact or the system.
    pub first_replied_at: Option<Timestamp>,
    /// How much resolution time was used before it last began to run, in milliseconds.
    pub resolution_used_ms: u64,
    /// Since when resolution time runs; none while it stands still.
    pub resolution_since: Option<Timestamp>,
    /// What is aimed at.
    pub targets: Targets,
    /// When it was noted that the first response was late.
    pub first_response_breached_at: Option<Timestamp>,
    /// When it was noted that the resolution was late.
    pub resolution_breached_at: Option<Timestamp>,
    /// When it is closed if nobody opens it again; only while it is resolved.
    pub auto_close_at: Option<Timestamp>,
    /// When something is due next: a warning, a breach, the close. Follows from the rest and the ticket.
    pub wakes_at: Option<Timestamp>,
    /// From when on one of its clocks is in danger: since the warning or, without one, since the time ran out; none once it
    /// is resolved or closed. Follows from the rest and the ticket.
    pub at_risk_at: Option<Timestamp>,
    /// Whether one of its clocks runs or is paused, so that a change of its policy concerns it. Follows from the rest and
    /// the ticket.
    pub clocked: bool,
}

/// What is aimed at for each clock of a ticket; none without a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Targets {
    /// For the first response.
    pub first_response: Option<Target>,
    /// For the resolution.
    pub resolution: Option<Target>,
}

impl Targets {
    /// Nothing is aimed at.
    pub const NONE: Self = Self { first_response: None, resolution: None };
}

/// What is aimed at for one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Target {
    /// How much time there is, in seconds.
    pub seconds: u64,
    /// How long before the time runs out to warn, in seconds; none for no warning.
    pub warn_before_seconds: Option<u64>,
    /// Whether that was done, since the ticket was made or last opened again.
    pub warned: bool,
}
