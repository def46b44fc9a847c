use super::{ContactChange, DeliveryChange, EndpointChange, FormChange, PolicyChange, QueueChange, QueueClaim};
use crate::{
    model::{
        contact::Contact,
        event::Event,
        id::{NotificationId, TicketId},
        notification::{Notification, Outcome},
        replay_job::ReplayJob,
        search::TermChanges,
        sla::{PolicyRevision, Timers},
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    platform::{
        id::EventId,
        idempotency::{Claim, IdempotencyKey, StoredResponse},
        realm::Realm,
        seal::Sealed,
        time::Timestamp,
    },
};

/// One atomic write, as data. Only core builds it; a store reads it through its accessors.
#[derive(Debug, Clone)]
pub struct Commit {
    realm: Realm,
    at: Timestamp,
    claim: Option<(Claim, StoredResponse)>,
    shows: Option<TicketId>,
    effect: Effect,
}

impl Commit {
    pub(crate) const fn new(
        realm: Realm,
        at: Timestamp,
        claim: Option<(Claim, StoredResponse)>,
        effect: Effect,
    ) -> Self {
        Self { realm, at, claim, shows: None, effect }
    }

    /// The same, with an answer that shows words of this ticket's.
    pub(crate) const fn showing(mut self, ticket: Option<TicketId>) -> Self {
        self.shows = ticket;
        self
    }

    /// The realm that everything in it belongs to.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// When it was decided.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The key to claim and the answer to record with it. None for what the system does by itself.
    #[must_use]
    pub const fn claim(&self) -> Option<&(Claim, StoredResponse)> {
        self.claim.as_ref()
    }

    /// Whether there is a notification to send once it is stored.
    #[must_use]
    pub fn makes_mail(&self) -> bool {
        match &self.effect {
            Effect::Ticket(change) => match &change.notification {
                Some(NotificationChange::Create(notification)) => notification.outcome == Outcome::Pending,
                Some(NotificationChange::Settle(_)) | None => false,
            },
            Effect::Notification(_) => true,
            Effect::None
            | Effect::Unchanged(..)
            | Effect::Redact(_)
            | Effect::Contact(_)
            | Effect::Endpoint(_)
            | Effect::Delivery(_)
            | Effect::Queue(_)
            | Effect::Form(_)
            | Effect::Policy(_)
            | Effect::QueueClaim(_)
            | Effect::Replay(_)
            | Effect::Secret(_)
            | Effect::Purge(_) => false,
        }
    }

    /// The ticket whose words the answer shows: a redaction finds the answer by it. None if there are none in it that could
    /// be redacted.
    #[must_use]
    pub const fn shows(&self) -> Option<TicketId> {
        self.shows
    }

    /// What to change.
    #[must_use]
    pub const fn effect(&self) -> &Effect {
        &self.effect
    }
}

/// What a commit changes.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum Effect {
    /// Nothing: a rejection is recorded, or a change that changes nothing.
    None,
    /// Nothing, since the ticket is as it should be in this version; in another, stale. So no answer is recorded that
    /// shows it as it no longer is.
    Unchanged(TicketId, Version),
    /// A ticket.
    Ticket(Box<TicketChange>),
    /// The words of an entry, everywhere.
    Redact(Box<RedactionChange>),
    /// A contact.
    Contact(Box<ContactChange>),
    /// A queue.
    Queue(Box<QueueChange>),
    /// A form.
    Form(Box<FormChange>),
    /// An SLA policy.
    Policy(Box<PolicyChange>),
    /// The head of a queue is given to somebody.
    QueueClaim(Box<QueueClaim>),
    /// A webhook endpoint.
    Endpoint(Box<EndpointChange>),
    /// A delivery.
    Delivery(Box<DeliveryChange>),
    /// A notification that is dead is to be sent after all.
    Notification(Box<RevivedNotification>),
    /// A job that replays dead letters; if there is one with its id, stale.
    Replay(Box<ReplayJob>),
    /// The secret in a recorded answer.
    Secret(Box<SecretChange>),
    /// What is old enough is dropped; if there is nothing, stale.
    Purge(Purge),
}

impl Effect {
    /// Whether something may be due earlier afterwards, so that who waits in
    /// [`Agenda::wait_for_due`](super::Agenda::wait_for_due) is to be woken.
    #[must_use]
    pub fn may_be_due(&self) -> bool {
        match self {
            Self::Ticket(change) => change.timers.wakes_at.is_some(),
            Self::Redact(redaction) => redaction.change.timers.wakes_at.is_some(),
            // What becomes of the head of a queue is not known here.
            Self::Policy(_) | Self::QueueClaim(_) => true,
            Self::None
            | Self::Unchanged(..)
            | Self::Contact(_)
            | Self::Queue(_)
            | Self::Form(_)
            | Self::Endpoint(_)
            | Self::Delivery(_)
            | Self::Replay(_)
            | Self::Notification(_)
            | Self::Secret(_)
            | Self::Purge(_) => false,
        }
    }
}

/// Replaces the secret in the recorded answer of a key; if it is not `before`, stale. But for that, and for words that are
/// redacted, nothing of a recorded answer ever changes.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct SecretChange {
    /// The key.
    pub key: IdempotencyKey,
    /// What the decision was made on.
    pub before: Sealed,
    /// The same secret, sealed anew.
    pub after: Sealed,
}

/// Drops the oldest of what happened before a time, at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct Purge {
    /// What to drop.
    pub what: Purged,
    /// Older than this.
    pub before: Timestamp,
    /// The most to drop.
    pub limit: usize,
}

/// What is dropped once it is old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum Purged {
    /// Recorded answers, by when they were given: the key is bound to
    /// [`EXPIRED`](crate::platform::idempotency::EXPIRED) from then on, and of the answer only the status and the location
    /// stay. It no longer [shows](Commit::shows) a ticket.
    Answers,
    /// Events of the feed, from its beginning, up to the first one that is not old enough or that has a delivery which is
    /// pending or a dead letter. What stays of an event is its place, its type, its ticket and its time; it is no longer
    /// read.
    Events,
    /// Deliveries that are neither pending nor of an event that is not old enough, unless an attempt is not, with their
    /// attempts.
    Deliveries,
    /// What receivers answered, in attempts, by when they were made.
    Responses,
}

/// A ticket as it is to be, and what is added around it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct TicketChange {
    /// What must be there for the change to take place.
    pub expect: Expectation,
    /// The whole ticket as it is afterwards.
    pub ticket: Ticket,
    /// Its times, kept with it.
    pub timers: Timers,
    /// The SLA policy that it was decided on, if it was; if that is no longer so, stale. It stays so until this is
    /// stored.
    pub policy: Option<PolicyRevision>,
    /// The contact to add along with it.
    pub contact: Option<Contact>,
    /// What happens along with it to a notification about it.
    pub notification: Option<NotificationChange>,
    /// The entries to add to its thread.
    pub entries: Vec<ThreadEntry>,
    /// The events to add to the feed and to fan out.
    pub events: Vec<Event>,
    /// What the ticket can be found by afterwards, against what it could be found by before.
    pub terms: TermChanges,
}

/// What happens to a notification along with its ticket.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum NotificationChange {
    /// Adds one. If it is pending, it can be claimed once it is due.
    Create(Notification),
    /// Ends the lease on one; if it was lost, the whole commit is stale.
    Settle(SettledNotification),
}

/// What the lease on a notification came to. What is not named stays as it is.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct SettledNotification {
    /// Which.
    pub id: NotificationId,
    /// The token of the lease.
    pub token: u64,
    /// What came of it; it is no longer pending, and not tried again.
    pub outcome: Outcome,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

/// Makes a notification that is dead pending, due at the commit's time, with the schedule from its start; if it is not
/// dead, stale.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct RevivedNotification {
    /// Which.
    pub id: NotificationId,
    /// The address that it goes to from now on.
    pub to: Option<String>,
    /// The ticket it is about, and its version; in another, stale: its words may have been redacted.
    pub ticket: (TicketId, Version),
}

/// Replaces the words of an entry in all that repeats them. Nothing else ever changes an entry, an event, the body of a
/// recorded answer, what a receiver answered or what a notification says.
///
/// All of it is of the ticket in `change`; what is not there is passed over. If the ticket is not as expected, or if the
/// answers that show it are not `answers_seen` in number, stale.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct RedactionChange {
    /// The ticket, with the entry that says who redacts, when and why: the last one it adds. A store may insist on that.
    pub change: TicketChange,
    /// The entry as it is to be.
    pub entry: ThreadEntry,
    /// New payloads of events. What receivers have answered to them, and what went wrong, becomes
    /// [`REDACTED`](crate::model::redaction::REDACTED) in every attempt where there is any; and any lease on their
    /// deliveries is void, which are due as they were: whoever sends the old payload just now brings nothing of it back.
    pub events: Vec<(EventId, Vec<u8>)>,
    /// New bodies of recorded answers, by key.
    pub answers: Vec<(IdempotencyKey, Vec<u8>)>,
    /// New subjects and texts of notifications. Why the last try failed becomes
    /// [`REDACTED`](crate::model::redaction::REDACTED), if it did.
    pub notifications: Vec<(NotificationId, String, String)>,
    /// How many answers that [show](Commit::shows) the ticket the decision was made on.
    pub answers_seen: usize,
}

/// What must be there for a ticket's change to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum Expectation {
    /// No ticket with that id.
    Absent,
    /// The ticket in this version.
    Version(Version),
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "these are all the outcomes there are")]
pub enum CommitOutcome {
    /// It was stored.
    Applied,
    /// The head of a queue was given to somebody, or there was none; this is the answer that was recorded.
    Claimed(StoredResponse),
    /// Its key had been used for the same request; this is the answer recorded then. Nothing was stored.
    Replayed(StoredResponse),
    /// Its key had been used for another request, or for whatever request whose answer is no longer kept. Nothing was stored.
    KeyReused,
    /// What it was decided on has changed. Nothing was stored; decide again.
    Stale,
}
