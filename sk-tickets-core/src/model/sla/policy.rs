use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{SLA_MAX_SECS, SLA_WARN_BEFORE_MAX_SECS},
    model::{
        id::{SlaPolicyId, TicketId},
        page::Order,
        ticket::Priority,
    },
    platform::{
        input::{Faults, Pointer},
        number::Whole,
        realm::Realm,
        time::Timestamp,
    },
    request,
};

/// What is aimed at for the tickets of a priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "SlaPolicy", transform = Object("sla_policy"))
)]
#[serde(tag = "object", rename = "sla_policy")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct SlaPolicy {
    /// Its id.
    pub id: SlaPolicyId,
    /// Of which tickets.
    pub priority: Priority,
    /// How long the first public reply may take; null for as long as it likes.
    pub first_response_seconds: Option<u64>,
    /// How long it may take to resolve, without the time spent waiting on the customer; null for as long as it likes.
    pub resolution_seconds: Option<u64>,
    /// How long before either runs out to warn; null for no warning.
    pub warn_before_seconds: Option<u64>,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A policy as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct KeptPolicy {
    /// The policy.
    pub policy: SlaPolicy,
    /// How often it was changed, from 1.
    pub revision: u64,
}

/// The policy that something was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct PolicyRevision {
    /// Of tickets of this priority.
    pub priority: Priority,
    /// The policy's revision; 0 if there was none.
    pub revision: u64,
}

/// What is to be done yet about a change of a policy: tickets whose clocks run or are paused are to be brought under it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct PolicyWork {
    /// The policy as it is now.
    pub policy: PolicyRevision,
    /// The last ticket that was seen to; none at the beginning.
    pub after: Option<TicketId>,
    /// The next ones, by id.
    pub tickets: Vec<TicketId>,
}

/// A ticket at which something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct DueTicket {
    /// Since when.
    pub wakes_at: Timestamp,
    /// The realm of the ticket.
    pub realm: Realm,
    /// The ticket.
    pub ticket_id: TicketId,
}

/// A span of time that a policy can name, in seconds.
pub type SlaSeconds = Whole<1, SLA_MAX_SECS>;
/// How long before it ends a policy can have somebody warned, in seconds.
pub type WarnBeforeSeconds = Whole<1, SLA_WARN_BEFORE_MAX_SECS>;

request! {
    /// Says what is aimed at for the tickets of a priority, instead of what was; null for nothing.
    pub struct SetSlaPolicy {
        /// How long the first public reply may take.
        pub first_response_seconds: Option<SlaSeconds>,
        /// How long it may take to resolve, without the time spent waiting on the customer.
        pub resolution_seconds: Option<SlaSeconds>,
        /// How long before either runs out to warn; shorter than both.
        pub warn_before_seconds: Option<WarnBeforeSeconds>,
    }
    check(first_response_seconds, resolution_seconds, warn_before_seconds) = SetSlaPolicy::warns_in_time;
    example = { "first_response_seconds": null, "resolution_seconds": 7776000, "warn_before_seconds": 86400 };
    example = { "first_response_seconds": 3600, "resolution_seconds": 86400, "warn_before_seconds": 900 };
    example = { "first_response_seconds": 28800 };
}

impl SetSlaPolicy {
    // No rule in the schema says this: there, no field is compared with another.
    fn warns_in_time(
        first_response: Option<&Option<SlaSeconds>>,
        resolution: Option<&Option<SlaSeconds>>,
        warn_before: Option<&Option<WarnBeforeSeconds>>,
        at: Pointer<'_>,
        faults: &mut Faults,
    ) {
        let shortest = [first_response, resolution].into_iter().flatten().flatten().map(|seconds| seconds.get()).min();
        if let (Some(Some(warn_before)), Some(shortest)) = (warn_before, shortest)
            && warn_before.get() >= shortest
        {
            let message = "must be shorter than each time that it is to warn of";
            faults.push(at.name("warn_before_seconds"), "too_early", message);
        }
    }
}

/// The order in which policies are listed unless another is asked for.
pub const SLA_POLICY_ORDER: Order = Order::Desc;
