//! The append-only thread of a ticket.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::evidence_schema::EvidenceInAnswer;
use super::{
    actor::Actor,
    evidence::Evidence,
    id::{ActorId, EntryId, NotificationId, OwnerId, TicketId},
    notification::{Channel, Outcome},
    page::Order,
    ticket::{Body, Status},
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::EVIDENCE_MAX,
    platform::{text::List, time::Timestamp},
    request, words,
};

words! {
    /// Who may see an entry.
    pub enum Visibility {
        /// The customer too.
        Public = "public",
        /// Only those who work on tickets.
        Internal = "internal",
    }
}

words! {
    /// What made a ticket somebody's.
    pub enum AssignmentCause {
        /// It was made with an owner.
        Create = "create",
        /// It was assigned.
        Assign = "assign",
        /// A transition named an owner.
        Transition = "transition",
        /// Its queue has an owner for what comes in.
        Routing = "routing",
        /// Somebody took the head of its queue.
        Claim = "claim",
    }
}

/// One item of a thread. Once written, it stays as it is; but for privacy its words can be
/// redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ThreadEntry", transform = Object("thread_entry")))]
#[serde(tag = "object", rename = "thread_entry")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct ThreadEntry {
    /// Its id.
    pub id: EntryId,
    /// The ticket whose thread it is in.
    pub ticket_id: TicketId,
    /// Its place in the thread, from 1, without gaps.
    pub sequence: u64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Who wrote it.
    pub actor: Actor,
    /// What it says.
    pub body: Option<String>,
    /// What it refers to.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<EvidenceInAnswer>"))]
    pub evidence: Vec<Evidence>,
    /// When it was written.
    pub created_at: Timestamp,
    /// What kind of entry it is, with what only that kind has.
    #[serde(flatten)]
    pub detail: EntryDetail,
}

/// The kind of an entry, with what only that kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryDetail {
    /// Said to or by the customer.
    Message,
    /// Said among those who work on it.
    Note,
    /// Evidence without words.
    Evidence,
    /// The owner changed.
    Assignment {
        /// Who has it now.
        owner_id: Option<OwnerId>,
        /// Who had it before.
        previous_owner_id: Option<OwnerId>,
        /// What made it so.
        cause: AssignmentCause,
        /// Why.
        reason: Option<String>,
    },
    /// The status changed.
    Transition {
        /// The status before.
        from: Status,
        /// The status after.
        to: Status,
        /// Why.
        reason: Option<String>,
        /// How it was resolved.
        resolution_note: Option<String>,
    },
    /// The customer was told, or could not be.
    Notification {
        /// What they were told.
        notification_id: NotificationId,
        /// By which way.
        channel: Channel,
        /// What came of it.
        outcome: Outcome,
    },
    /// The words of an entry were taken out.
    Redaction {
        /// Of which entry.
        entry_id: EntryId,
        /// Why.
        reason: String,
    },
}

words! {
    /// What a caller can write into a thread.
    pub enum PostKind {
        /// Public: to or by the customer.
        Message = "message",
        /// Internal: among those who work on it.
        Note = "note",
    }
}

request! {
    /// Writes into a ticket's thread.
    pub struct PostEntry {
        /// A message or a note.
        pub kind: PostKind,
        /// What it says.
        pub body: Body,
        /// What it refers to.
        pub evidence: List<Evidence, EVIDENCE_MAX>,
        /// Who does this; the API key unless named. A contact's message opens a pending ticket and reopens a
        /// resolved one.
        pub actor_id: Option<ActorId>,
        /// `false` leaves a resolved ticket resolved when its contact writes.
        pub reopen: Option<bool>,
    }
    example = { "kind": "note", "body": "Called the supplier, the part ships on Friday" };
    example = {
        "kind": "message",
        "body": "Your part is on its way",
        "evidence": [{ "kind": "call", "ref": "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC" }],
        "actor_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    };
}

impl PostEntry {
    /// A message with these words.
    #[must_use]
    pub fn message(body: Body) -> Self {
        Self { kind: PostKind::Message, body, evidence: List::default(), actor_id: None, reopen: None }
    }

    /// A note with these words.
    #[must_use]
    pub fn note(body: Body) -> Self {
        Self { kind: PostKind::Note, ..Self::message(body) }
    }
}

/// The order in which entries are listed unless another is asked for.
pub const THREAD_ORDER: Order = Order::Asc;
