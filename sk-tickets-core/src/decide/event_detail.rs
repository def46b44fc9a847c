use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    model::{
        actor::Actor,
        event::{Event, EventType},
        evidence::Evidence,
        id::{OwnerId, TicketId},
        thread::{AssignmentCause, ThreadEntry},
        ticket::{Status, Version},
    },
    platform::{id::EventId, realm::Environment, time::Timestamp},
};

/// What an event says beside the ticket.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum EventDetail {
    Created {
        evidence: Vec<Evidence>,
        entry: ThreadEntry,
        actor: Actor,
    },
    Assigned {
        owner_id: OwnerId,
        previous_owner_id: Option<OwnerId>,
        cause: AssignmentCause,
        actor: Actor,
        reason: Option<String>,
    },
    Unassigned {
        previous_owner_id: Option<OwnerId>,
        actor: Actor,
        reason: Option<String>,
    },
    StatusChanged {
        from: Status,
        to: Status,
        actor: Actor,
        reason: Option<String>,
    },
    Resolved {
        from: Status,
        to: Status,
        actor: Actor,
        reason: Option<String>,
        resolution_note: Option<String>,
    },
    Reopened {
        from: Status,
        to: Status,
        actor: Actor,
        reason: Option<String>,
        reopen_count: u32,
    },
    MessageAdded {
        entry: ThreadEntry,
        actor: Actor,
    },
    Updated {
        changed: Vec<&'static str>,
        actor: Actor,
    },
    Ping {},
}

impl EventDetail {
    const fn event_type(&self) -> EventType {
        match self {
            Self::Created { .. } => EventType::TicketCreated,
            Self::Assigned { .. } => EventType::TicketAssigned,
            Self::Unassigned { .. } => EventType::TicketUnassigned,
            Self::StatusChanged { .. } => EventType::TicketStatusChanged,
            Self::Resolved { .. } => EventType::TicketResolved,
            Self::Reopened { .. } => EventType::TicketReopened,
            Self::MessageAdded { .. } => EventType::TicketMessageAdded,
            Self::Updated { .. } => EventType::TicketUpdated,
            Self::Ping {} => EventType::Ping,
        }
    }
}

/// The ticket as an event freezes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrozenTicket<'a> {
    pub(super) id: TicketId,
    pub(super) version: Version,
    pub(super) json: &'a RawValue,
}

/// Writes an event down for good: the bytes that are stored, signed and sent.
pub(super) fn freeze(
    id: EventId,
    environment: Environment,
    at: Timestamp,
    ticket: Option<FrozenTicket<'_>>,
    detail: &EventDetail,
) -> Event {
    #[derive(Serialize)]
    struct Envelope<'a> {
        id: EventId,
        object: &'static str,
        r#type: EventType,
        timestamp: Timestamp,
        environment: Environment,
        ticket_id: Option<TicketId>,
        ticket_version: Option<Version>,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<&'a RawValue>,
        #[serde(flatten)]
        detail: &'a EventDetail,
    }

    let event_type = detail.event_type();
    let ticket_id = ticket.map(|ticket| ticket.id);
    let ticket_version = ticket.map(|ticket| ticket.version);
    let envelope = Envelope {
        id,
        object: "event",
        r#type: event_type,
        timestamp: at,
        environment,
        ticket_id,
        ticket_version,
        data: Data { ticket: ticket.map(|ticket| ticket.json), detail },
    };
    // Plain data with text for names: nothing here can fail to be written.
    let payload = serde_json::to_vec(&envelope).unwrap_or_default();
    Event { id, event_type, ticket_id, ticket_version, at, payload }
}
