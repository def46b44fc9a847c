use serde::Serialize;
use serde_json::value::RawValue;

#[cfg(feature = "schema")]
use crate::model::evidence_schema::EvidenceInAnswer;
use crate::{
    model::{
        actor::Actor,
        event::{Event, EventType},
        evidence::Evidence,
        id::{OwnerId, TicketId},
        sla::SlaMetric,
        thread::{AssignmentCause, ThreadEntry},
        ticket::{Status, Version},
    },
    platform::{id::EventId, realm::Environment, time::Timestamp},
};

/// Names what is told of. Each is a struct of its own, told as the event type of the same name.
macro_rules! details {
    ($($detail:ident,)*) => {
        /// What an event says beside the ticket.
        #[derive(Debug, Clone, Serialize)]
        #[serde(untagged)]
        pub(super) enum EventDetail { $($detail($detail),)* }

        impl EventDetail {
            const fn event_type(&self) -> EventType {
                match self { $(Self::$detail(_) => EventType::$detail,)* }
            }
        }

        $(
            impl From<$detail> for EventDetail {
                fn from(detail: $detail) -> Self {
                    Self::$detail(detail)
                }
            }

            #[cfg(feature = "schema")]
            impl super::event_schema::Told for $detail {
                const TYPE: EventType = EventType::$detail;
            }
        )*

        /// The schema of each type of event that is told.
        #[cfg(feature = "schema")]
        pub(super) fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<(EventType, schemars::Schema)> {
            vec![$((EventType::$detail, generator.subschema_for::<super::event_schema::EventOf<$detail>>()),)*]
        }
    };
}

details! {
    TicketCreated,
    TicketAssigned,
    TicketUnassigned,
    TicketStatusChanged,
    TicketResolved,
    TicketReopened,
    TicketMessageAdded,
    TicketUpdated,
    TicketSlaWarning,
    TicketSlaBreached,
    Ping,
}

/// A ticket came in, by whatever door.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketCreated {
    /// What it is about, by reference.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<EvidenceInAnswer>"))]
    pub(super) evidence: Vec<Evidence>,
    /// The first entry of its thread.
    pub(super) entry: ThreadEntry,
    /// Who did this.
    pub(super) actor: Actor,
}

/// A ticket has an owner.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketAssigned {
    /// Who has it now.
    pub(super) owner_id: OwnerId,
    /// Who had it before.
    pub(super) previous_owner_id: Option<OwnerId>,
    /// What made it so.
    pub(super) cause: AssignmentCause,
    /// Who did this.
    pub(super) actor: Actor,
    /// Why.
    pub(super) reason: Option<String>,
}

/// A ticket has no owner any more.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketUnassigned {
    /// Who had it before.
    pub(super) previous_owner_id: Option<OwnerId>,
    /// Who did this.
    pub(super) actor: Actor,
    /// Why.
    pub(super) reason: Option<String>,
}

/// A ticket went from one status to another. Told of every transition, before what is told of some.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketStatusChanged {
    /// The status before.
    pub(super) from: Status,
    /// The status after.
    pub(super) to: Status,
    /// Who did this.
    pub(super) actor: Actor,
    /// Why.
    pub(super) reason: Option<String>,
}

/// A ticket was resolved.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketResolved {
    /// The status before.
    pub(super) from: Status,
    /// The status after.
    pub(super) to: Status,
    /// Who did this.
    pub(super) actor: Actor,
    /// Why.
    pub(super) reason: Option<String>,
    /// How it was resolved.
    pub(super) resolution_note: Option<String>,
}

/// A ticket is resolved no more.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketReopened {
    /// The status before.
    pub(super) from: Status,
    /// The status after.
    pub(super) to: Status,
    /// Who did this.
    pub(super) actor: Actor,
    /// Why.
    pub(super) reason: Option<String>,
    /// How often that happened.
    pub(super) reopen_count: u32,
}

/// Something was written into the thread of a ticket; `entry.visibility` says for whom.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketMessageAdded {
    /// What was written.
    pub(super) entry: ThreadEntry,
    /// Who did this.
    pub(super) actor: Actor,
}

/// What a ticket says of itself changed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketUpdated {
    /// The names of the fields that changed.
    pub(super) changed: Vec<&'static str>,
    /// Who did this.
    pub(super) actor: Actor,
}

/// A clock is about to run out. Told once, since the ticket was made or last opened again.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketSlaWarning {
    /// What it measures.
    pub(super) metric: SlaMetric,
    /// How much time there is, in seconds.
    pub(super) threshold_seconds: u64,
    /// When it will have run out.
    pub(super) due_at: Timestamp,
    /// Null: that has not happened yet.
    pub(super) breached_at: Option<Timestamp>,
    /// The system.
    pub(super) actor: Actor,
}

/// A clock ran out. Told once for each of a ticket's.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TicketSlaBreached {
    /// What it measures.
    pub(super) metric: SlaMetric,
    /// How much time there was, in seconds.
    pub(super) threshold_seconds: u64,
    /// When it ran out.
    pub(super) due_at: Timestamp,
    /// When that was noted; later than that if a policy was changed or nobody was there to note it.
    pub(super) breached_at: Timestamp,
    /// The system.
    pub(super) actor: Actor,
}

/// Sent on request to try an endpoint; not part of the feed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Ping {}

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
