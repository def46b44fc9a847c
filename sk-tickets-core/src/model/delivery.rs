//! Deliveries: one event for one endpoint, with every attempt.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    event::EventType,
    id::TicketId,
    page::{Order, as_set},
    ticket::Reason,
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    platform::{
        id::{DeliveryId, EndpointId, EventId},
        time::Timestamp,
    },
    request, words,
};

words! {
    /// How a delivery stands.
    pub enum DeliveryStatus {
        /// It will be tried, or tried again.
        Pending = "pending",
        /// The receiver answered 2xx.
        Delivered = "delivered",
        /// It is not tried any more, unless it is replayed.
        Dead = "dead",
    }
}

words! {
    /// Why a delivery is dead.
    pub enum DeadReason {
        /// Every attempt of the schedule failed.
        Exhausted = "exhausted",
        /// The endpoint was disabled when the event came, or before it was told of it.
        EndpointDisabled = "endpoint_disabled",
        /// The endpoint was deleted before it was told.
        EndpointDeleted = "endpoint_deleted",
        /// Somebody decided that it need not be told.
        Discarded = "discarded",
    }
}

impl DeadReason {
    /// Whether a delivery that is dead for this reason is a dead letter: one that waits for somebody to replay or
    /// discard it.
    #[must_use]
    pub const fn is_dead_letter(self) -> bool {
        match self {
            Self::Exhausted | Self::EndpointDisabled => true,
            Self::EndpointDeleted | Self::Discarded => false,
        }
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Delivery", transform = Object("delivery")))]
#[serde(tag = "object", rename = "delivery")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Delivery {
    /// Its id; follows from the event's and the endpoint's.
    pub id: DeliveryId,
    /// For whom.
    pub endpoint_id: EndpointId,
    /// What.
    pub event_id: EventId,
    /// The type of the event.
    pub event_type: EventType,
    /// The ticket of the event; none for a ping.
    pub ticket_id: Option<TicketId>,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Why it is dead; none while it is not.
    pub reason: Option<DeadReason>,
    /// What was said when it was discarded; not there unless it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discard_reason: Option<String>,
    /// When it is tried next; none unless it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// Every attempt so far, those before a replay too.
    pub attempts: Vec<Attempt>,
    /// When the event happened.
    pub created_at: Timestamp,
}

impl Delivery {
    /// Whether it is a dead letter.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.status == DeliveryStatus::Dead && self.reason.is_some_and(DeadReason::is_dead_letter)
    }
}

/// The id of the delivery of an event to an endpoint: the event's time, then eighty bits of the SHA-256 of both ids.
///
/// Since it follows from the two, a store can fan out without a source of ids, and no event can have two deliveries to
/// one endpoint.
#[must_use]
pub fn delivery_id(event: EventId, endpoint: EndpointId) -> DeliveryId {
    let digest = Sha256::new().chain_update(event.to_bytes()).chain_update(endpoint.to_bytes()).finalize();
    let mut tail = [0; 10];
    tail.copy_from_slice(&digest[..10]);
    DeliveryId::from_parts(event.timestamp(), tail)
}

/// One try to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Attempt {
    /// From 1; goes on counting after a replay.
    pub number: u32,
    /// When it was made.
    pub at: Timestamp,
    /// What the receiver answered; none if it did not.
    pub status_code: Option<u16>,
    /// What went wrong, in words; none if nothing did.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// The first 16 KiB of the answer; what is not UTF-8 in it is replaced.
    pub response: Option<String>,
}

/// Which deliveries a list shows, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct DeliveryFilter {
    /// Those that stand so.
    pub status: Option<DeliveryStatus>,
    /// Those for this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Those of these types; of any, if there is none.
    #[serde(serialize_with = "as_set")]
    pub types: Vec<EventType>,
    /// Those of events since then.
    pub from: Option<Timestamp>,
    /// Those of events before then.
    pub to: Option<Timestamp>,
    /// Only dead letters.
    pub dead_letters: bool,
}

impl DeliveryFilter {
    /// Whether a delivery is shown.
    #[must_use]
    pub fn matches(&self, delivery: &Delivery) -> bool {
        let Self { status, endpoint_id, types, from, to, dead_letters } = self;
        status.is_none_or(|status| delivery.status == status)
            && endpoint_id.is_none_or(|id| delivery.endpoint_id == id)
            && (types.is_empty() || types.contains(&delivery.event_type))
            && from.is_none_or(|from| delivery.created_at >= from)
            && to.is_none_or(|to| delivery.created_at < to)
            && (!dead_letters || delivery.is_dead_letter())
    }
}

request! {
    /// Gives up a dead letter.
    pub struct DiscardDeadLetter {
        /// Why.
        pub reason: Reason,
    }
    example = { "reason": "The receiver has fetched it from the feed" };
}

/// The order in which deliveries are listed unless another is asked for.
pub const DELIVERY_ORDER: Order = Order::Desc;
