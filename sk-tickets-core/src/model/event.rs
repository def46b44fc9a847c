//! What happened, frozen as it was at that moment.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{id::TicketId, page::Order, ticket::Version};
use crate::{
    platform::{id::EventId, time::Timestamp},
    words,
};

words! {
    /// What happened.
    pub enum EventType {
        /// A ticket came in, by whatever door.
        TicketCreated = "ticket.created",
        /// It has an owner.
        TicketAssigned = "ticket.assigned",
        /// It has no owner any more.
        TicketUnassigned = "ticket.unassigned",
        /// A guarded transition, with actor and reason.
        TicketStatusChanged = "ticket.status_changed",
        /// Resolved, with a note.
        TicketResolved = "ticket.resolved",
        /// Resolved no more: tracked, not hidden.
        TicketReopened = "ticket.reopened",
        /// Something was written into its thread; `entry.visibility` says for whom.
        TicketMessageAdded = "ticket.message_added",
        /// What it says of itself changed.
        TicketUpdated = "ticket.updated",
        /// A clock is about to run out.
        TicketSlaWarning = "ticket.sla_warning",
        /// A clock ran out.
        TicketSlaBreached = "ticket.sla_breached",
        /// Sent on request to try an endpoint; not part of the feed.
        Ping = "ping",
    }
}

/// An event. The payload is the bytes that are stored, signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Event {
    /// Its id; also the `webhook-id`.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// To which ticket; none for a ping.
    pub ticket_id: Option<TicketId>,
    /// The version of the ticket that this made; none for a ping.
    pub ticket_version: Option<Version>,
    /// When.
    pub at: Timestamp,
    /// The whole event as JSON.
    pub payload: Vec<u8>,
}

impl Serialize for Event {
    /// Writes the payload as it was frozen.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let payload = std::str::from_utf8(&self.payload).map_err(serde::ser::Error::custom)?;
        let raw: &RawValue = serde_json::from_str(payload).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A place in a realm's feed: events are numbered in the order in which they were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct FeedPosition(pub u64);

/// The order in which events are listed unless another is asked for.
pub const FEED_ORDER: Order = Order::Desc;
