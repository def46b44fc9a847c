//! The ticket, what it can be asked for, and how lists of it are filtered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    contact::InlineContact,
    evidence::Evidence,
    id::{ActorId, CallId, ContactId, OwnerId, TicketId},
    metadata::MetadataPatch,
    page::{Order, as_set},
    queue::QueueKey,
    sla::TicketSla,
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{BODY_MAX, EVIDENCE_MAX, REASON_MAX, RESOLUTION_NOTE_MAX, SUBJECT_MAX, TAG_MAX, TAGS_MAX, TOPIC_MAX},
    platform::{
        input::{Change, Faults, Nullable, Patch, Pointer},
        realm::Environment,
        text::{List, Text, TextError},
        time::Timestamp,
    },
    request, words,
};

words! {
    /// Where a ticket stands.
    pub enum Status {
        /// Nobody has taken it.
        New = "new",
        /// Somebody works on it.
        Open = "open",
        /// Waits on the customer.
        Pending = "pending",
        /// Waits on a third party.
        OnHold = "on_hold",
        /// Done, unless the customer says otherwise.
        Resolved = "resolved",
        /// Done for good.
        Closed = "closed",
    }
}

words! {
    /// How much a ticket presses.
    pub enum Priority {
        /// Can wait.
        Low = "low",
        /// The usual.
        Normal = "normal",
        /// Before the usual.
        High = "high",
        /// Before all else.
        Urgent = "urgent",
    }
}

words! {
    /// The door a ticket came in by.
    pub enum Source {
        /// A call.
        Voice = "voice",
        /// A chat.
        Chat = "chat",
        /// A hosted form.
        Form = "form",
        /// The API.
        Api = "api",
        /// Mail.
        Email = "email",
    }
}

/// How often a ticket has changed, from 1. The entity tag is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct Version(pub u64);

impl Version {
    /// The version of a new ticket.
    pub const FIRST: Self = Self(1);

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The entity tag, with its quotes.
    #[must_use]
    pub fn etag(self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Ticket", transform = Object("ticket")))]
#[serde(tag = "object", rename = "ticket")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// Test or live.
    pub environment: Environment,
    /// How often it has changed, from 1.
    pub version: Version,
    /// What it is about, in a line.
    pub subject: String,
    /// Where it stands.
    pub status: Status,
    /// How much it presses.
    pub priority: Priority,
    /// The door it came in by.
    pub source: Source,
    /// What it is about, in a word that routes it.
    pub topic: Option<String>,
    /// The queue it belongs to.
    pub queue: String,
    /// Since when it waits in its queue without an owner; none while it does not wait.
    pub queued_at: Option<Timestamp>,
    /// Who works on it.
    pub owner_id: Option<OwnerId>,
    /// Whom it is about. May be known to another system only.
    pub contact_id: Option<ContactId>,
    /// The call it came from.
    pub call_id: Option<CallId>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What the caller keeps on it.
    pub metadata: BTreeMap<String, String>,
    /// How it was resolved; none before that and after a reopen.
    pub resolution_note: Option<String>,
    /// How often it went from resolved back to open.
    pub reopen_count: u32,
    /// The ticket that it follows up on, usually a closed one.
    pub follow_up_of: Option<TicketId>,
    /// Its clocks; none without a policy.
    pub sla: Option<TicketSla>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was first resolved.
    pub first_resolved_at: Option<Timestamp>,
    /// When it was last resolved; none after a reopen.
    pub resolved_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

impl Ticket {
    /// Whether it should wait in its queue: it has no owner and is not done.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.owner_id.is_none() && !matches!(self.status, Status::Resolved | Status::Closed)
    }
}

/// A ticket as it is read by itself: with its place in the queue, counted at the read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct TicketView {
    /// The ticket.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// Its rank among those that wait in its queue, 1 at the head; none while it does not wait.
    pub queue_position: Option<u64>,
}

/// A subject.
pub type Subject = Text<1, SUBJECT_MAX>;
/// A body.
pub type Body = Text<1, BODY_MAX>;
/// A reason.
pub type Reason = Text<1, REASON_MAX>;
/// A resolution note.
pub type ResolutionNote = Text<1, RESOLUTION_NOTE_MAX>;
/// A topic.
pub type Topic = Text<1, TOPIC_MAX>;
/// A tag.
pub type Tag = Text<1, TAG_MAX>;

request! {
    /// Makes a ticket.
    pub struct CreateTicket {
        /// What it is about, in a line.
        pub subject: Subject,
        /// Whom it is about, by an id that may belong to another system.
        pub contact_id: Option<ContactId>,
        /// Whom it is about, found by e-mail or phone or made.
        pub contact: Option<InlineContact>,
        /// The door it came in by; `api` unless named.
        pub source: Option<Source>,
        /// What it is about, in a word.
        pub topic: Option<Topic>,
        /// The queue; unless named, the one that has the topic, else `default`.
        pub queue: Option<QueueKey>,
        /// How much it presses; unless named, the default priority of its queue, else `normal`.
        pub priority: Option<Priority>,
        /// Who works on it. With an owner the ticket starts open.
        pub owner_id: Option<OwnerId>,
        /// The call it came from; also kept as evidence.
        pub call_id: Option<CallId>,
        /// What the customer said.
        pub body: Option<Body>,
        /// What it is about, by reference.
        pub evidence: List<Evidence, EVIDENCE_MAX>,
        /// Words to find it by.
        pub tags: List<Tag, TAGS_MAX>,
        /// What the caller keeps on it.
        pub metadata: Option<MetadataPatch>,
        /// The ticket that it follows up on.
        pub follow_up_of: Option<TicketId>,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    check(contact_id, contact) = CreateTicket::names_one_contact;
    check(evidence, call_id) = CreateTicket::has_room_for_its_call;
    rule = {
        "not": {
            "properties": { "contact_id": { "type": "string" }, "contact": { "type": "object" } },
            "required": ["contact_id", "contact"],
        },
    };
    example = { "subject": "Part delayed", "source": "voice", "contact_id": "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC" };
    example = {
        "subject": "Where is my order?",
        "contact": { "name": "Ann Smith", "email": "ann@example.com" },
        "body": "I ordered two weeks ago and have heard nothing since.",
        "topic": "delivery",
        "tags": ["vip"],
        "metadata": { "order": "4711" },
    };
}

impl CreateTicket {
    /// A ticket with a subject and nothing else.
    ///
    /// # Errors
    /// [`TextError`] if the subject is empty or longer than 200 characters.
    pub fn new(subject: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            subject: Subject::new(subject)?,
            contact_id: None,
            contact: None,
            source: None,
            topic: None,
            queue: None,
            priority: None,
            owner_id: None,
            call_id: None,
            body: None,
            evidence: List::default(),
            tags: List::default(),
            metadata: None,
            follow_up_of: None,
            actor_id: None,
        })
    }

    // No rule in the schema says this: there, no field is compared with another.
    fn has_room_for_its_call(
        evidence: Option<&List<Evidence, EVIDENCE_MAX>>,
        call_id: Option<&Option<CallId>>,
        at: Pointer<'_>,
        faults: &mut Faults,
    ) {
        if let (Some(evidence), Some(Some(call))) = (evidence, call_id)
            && evidence.len() == EVIDENCE_MAX
            && !evidence.contains(&Evidence::call(*call))
        {
            let message = format!("must have at most {EVIDENCE_MAX} items, of which call_id is one");
            faults.push(at.name("evidence"), "too_many", message);
        }
    }

    fn names_one_contact(
        contact_id: Option<&Option<ContactId>>,
        contact: Option<&Option<InlineContact>>,
        at: Pointer<'_>,
        faults: &mut Faults,
    ) {
        // What could not be read was given all the same.
        if contact_id.is_none_or(Option::is_some) && contact.is_none_or(Option::is_some) {
            faults.push(at.name("contact"), "conflict", "cannot be given together with contact_id");
        }
    }
}

request! {
    /// Changes what a ticket says of itself.
    pub struct UpdateTicket {
        /// What it is about, in a line.
        pub subject: Change<Subject>,
        /// How much it presses.
        pub priority: Change<Priority>,
        /// Words to find it by, instead of those it has.
        pub tags: Patch<List<Tag, TAGS_MAX>>,
        /// Pairs to set or remove.
        pub metadata: Patch<MetadataPatch>,
        /// What it is about, in a word.
        pub topic: Patch<Topic>,
        /// The queue.
        pub queue: Change<QueueKey>,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    example = { "priority": "high", "tags": ["vip", "spare-part"], "metadata": { "order": null } };
}

impl UpdateTicket {
    /// A change of nothing, to build on.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            subject: Change(None),
            priority: Change(None),
            tags: Patch::Keep,
            metadata: Patch::Keep,
            topic: Patch::Keep,
            queue: Change(None),
            actor_id: None,
        }
    }
}

request! {
    /// Gives a ticket to somebody, or back to its queue.
    pub struct AssignTicket {
        /// Who is to work on it; null for nobody.
        pub owner_id: Nullable<OwnerId>,
        /// Why.
        pub reason: Option<Reason>,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    example = { "owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC" };
    example = { "owner_id": null, "reason": "On leave from tomorrow" };
}

impl AssignTicket {
    /// To this owner.
    #[must_use]
    pub fn to(owner: impl Into<OwnerId>) -> Self {
        Self { owner_id: Nullable(Some(owner.into())), reason: None, actor_id: None }
    }

    /// To nobody.
    #[must_use]
    pub const fn to_nobody() -> Self {
        Self { owner_id: Nullable(None), reason: None, actor_id: None }
    }
}

request! {
    /// Moves a ticket to another status.
    pub struct TransitionTicket {
        /// The status it is to have.
        pub to: Status,
        /// Why.
        pub reason: Option<Reason>,
        /// How it was resolved. With another status it is kept in the thread and nowhere else.
        pub resolution_note: Option<ResolutionNote>,
        /// Who works on it from now on.
        pub owner_id: Option<OwnerId>,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    example = { "to": "pending", "reason": "Asked the customer for the order number" };
    example = { "to": "resolved", "resolution_note": "Sent a new part" };
}

impl TransitionTicket {
    /// To this status, without a word.
    #[must_use]
    pub const fn to(status: Status) -> Self {
        Self { to: status, reason: None, resolution_note: None, owner_id: None, actor_id: None }
    }
}

/// Which tickets a list shows, and in which order. A ticket is shown if it matches every filter that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct TicketFilter {
    /// In one of these statuses; in any if empty.
    #[serde(serialize_with = "as_set")]
    pub status: Vec<Status>,
    /// In this queue.
    pub queue: Option<String>,
    /// With this owner, or without one.
    pub owner: Option<OwnerFilter>,
    /// About this contact.
    pub contact_id: Option<ContactId>,
    /// With this topic.
    pub topic: Option<String>,
    /// With this priority.
    pub priority: Option<Priority>,
    /// With this tag.
    pub tag: Option<String>,
    /// That came in by this door.
    pub source: Option<Source>,
    /// Made at this time or later.
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
}

impl TicketFilter {
    /// Every ticket.
    pub const ALL: Self = Self {
        status: Vec::new(),
        queue: None,
        owner: None,
        contact_id: None,
        topic: None,
        priority: None,
        tag: None,
        source: None,
        created_after: None,
        created_before: None,
    };

    /// Whether a ticket is shown.
    #[must_use]
    pub fn matches(&self, ticket: &Ticket) -> bool {
        let Self { status, queue, owner, contact_id, topic, priority, tag, source, created_after, created_before } =
            self;
        (status.is_empty() || status.contains(&ticket.status))
            && queue.as_ref().is_none_or(|queue| ticket.queue == *queue)
            && owner.is_none_or(|owner| match owner {
                OwnerFilter::Nobody => ticket.owner_id.is_none(),
                OwnerFilter::Owner(owner) => ticket.owner_id == Some(owner),
            })
            && contact_id.is_none_or(|id| ticket.contact_id == Some(id))
            && topic.as_ref().is_none_or(|topic| ticket.topic.as_ref() == Some(topic))
            && priority.is_none_or(|priority| ticket.priority == priority)
            && tag.as_ref().is_none_or(|tag| ticket.tags.contains(tag))
            && source.is_none_or(|source| ticket.source == source)
            && created_after.is_none_or(|at| ticket.created_at >= at)
            && created_before.is_none_or(|at| ticket.created_at < at)
    }
}

impl Default for TicketFilter {
    fn default() -> Self {
        Self::ALL
    }
}

/// Whose tickets a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum OwnerFilter {
    /// Nobody's.
    Nobody,
    /// This owner's.
    Owner(OwnerId),
}

/// The order in which tickets are listed unless another is asked for.
pub const TICKET_ORDER: Order = Order::Desc;
