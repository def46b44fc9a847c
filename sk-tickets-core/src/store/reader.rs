use std::fmt::Debug;

use async_trait::async_trait;

use super::Result;
use crate::{
    model::{
        contact::{Contact, ContactFilter, ContactHandle},
        delivery::{Delivery, DeliveryFilter},
        endpoint::Endpoint,
        event::{Event, EventType, FeedPosition},
        form::Form,
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::{Notification, NotificationFilter},
        page::Order,
        queue::{Queue, Workload},
        replay_job::ReplayJob,
        sla::{KeptPolicy, PolicyWork, Timers},
        thread::ThreadEntry,
        ticket::{Priority, Ticket, TicketFilter, TicketView},
    },
    platform::{
        id::{DeliveryId, EndpointId, EventId, JobId},
        idempotency::{IdempotencyKey, Recorded},
        realm::Realm,
        seal::Sealed,
        time::Timestamp,
    },
};

/// Which rows of a list are wanted: those after a key, in an order, at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct PageSpec<K> {
    /// The key of the last row seen, which is not wanted again.
    pub after: Option<K>,
    /// Which end comes first.
    pub order: Order,
    /// The most rows to give.
    pub limit: usize,
}

/// What a mutation needs to know before it is decided.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct Lookup<'a> {
    /// The key whose recorded answer is wanted.
    pub key: Option<&'a IdempotencyKey>,
    /// What it is about.
    pub subject: Subject<'a>,
}

/// What a mutation is about.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a store must heed every case")]
pub enum Subject<'a> {
    /// A ticket that is to be made.
    NewTicket {
        /// The contact to find.
        contact: Option<&'a ContactHandle>,
        /// The ticket to follow up on, to be found as `ticket`.
        follow_up_of: Option<TicketId>,
        /// The key of the queue that it is to be put in, if one is named.
        queue: Option<&'a str>,
        /// Its topic, which leads to a queue where none is named.
        topic: Option<&'a str>,
    },
    /// A ticket, and the contact that it names.
    Ticket(TicketId),
    /// A ticket, and the queue with this key that it is to be put in.
    TicketAndQueue(TicketId, &'a str),
    /// The queue with this key.
    Queue(&'a str),
    /// Every queue.
    Queues,
    /// A notification, the ticket it is about and the contact it is for.
    Notification(NotificationId),
    /// A ticket, of which an entry is to be redacted, the contact it is about, and all that repeats its words.
    Redaction(TicketId),
    /// A contact, and who has what it is to be found by.
    Contact {
        /// Which; none for one that is to be made.
        id: Option<ContactId>,
        /// The e-mail address that it is to have.
        email: Option<&'a str>,
        /// The phone number that it is to have; the one that it has, if none is named.
        phone: Option<&'a str>,
    },
    /// The SLA policies.
    Policies,
    /// A form that is to be made.
    NewForm,
    /// A form.
    Form(FormId),
    /// An endpoint that is to be made.
    NewEndpoint,
    /// An endpoint.
    Endpoint(EndpointId),
    /// A delivery, the endpoint it is for and the ticket of its event.
    Delivery(DeliveryId),
    /// How many dead letters match, and the endpoint that is named, if one is: as a [`DeliveryFilter`] has it.
    DeadLetters {
        /// Those for this endpoint.
        endpoint_id: Option<EndpointId>,
        /// Those of these types; of any, if there is none.
        types: &'a [EventType],
        /// Those of events since then.
        from: Option<Timestamp>,
        /// Those of events before then.
        to: Option<Timestamp>,
    },
}

/// What a store knows of a [`Lookup`]. What was not asked for, or is not there, is none.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Loaded {
    /// The recorded answer of the key.
    pub recorded: Option<Recorded>,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// How many entries the ticket's thread has; asked for with [`Subject::Ticket`], [`Subject::Notification`] and
    /// [`Subject::Redaction`].
    pub thread_length: u64,
    /// The ticket's times; asked for with [`Subject::Ticket`], [`Subject::TicketAndQueue`] or [`Subject::Notification`].
    pub timers: Timers,
    /// The queue that is named, if the realm keeps it. Of a new ticket that names none: the one that has its topic or, if
    /// none has, the one with the key `default`.
    pub queue: Option<Queue>,
    /// Every queue that the realm keeps, by id; asked for with [`Subject::Queues`].
    pub queues: Vec<Queue>,
    /// The SLA policies of the realm, by priority; asked for with [`Subject::NewTicket`], [`Subject::Ticket`],
    /// [`Subject::TicketAndQueue`] and [`Subject::Policies`].
    pub policies: Vec<KeptPolicy>,
    /// The contact: with the handle, with the id, that the ticket names, or that the notification is for.
    pub contact: Option<Contact>,
    /// Who has the e-mail address; asked for with [`Subject::Contact`].
    pub email_holder: Option<ContactId>,
    /// Who has the phone number and no e-mail address; asked for with [`Subject::Contact`].
    pub phone_holder: Option<ContactId>,
    /// The form.
    pub form: Option<Form>,
    /// How many forms the realm has; asked for with [`Subject::NewForm`].
    pub form_count: usize,
    /// The endpoint.
    pub endpoint: Option<Endpoint>,
    /// How many endpoints the realm has; asked for with [`Subject::NewEndpoint`].
    pub endpoint_count: usize,
    /// The delivery.
    pub delivery: Option<Delivery>,
    /// The notification.
    pub notification: Option<Notification>,
    /// The token of the lease on the notification, whether or not it has run out; none if there is no lease.
    pub notification_lease: Option<u64>,
    /// How many dead letters match; asked for with [`Subject::DeadLetters`].
    pub dead_letters: u64,
    /// What repeats the words of the ticket; asked for with [`Subject::Redaction`].
    pub traces: Traces,
}

/// All that repeats the words of a ticket, but for the ticket itself and what receivers answered to its events.
///
/// It may be read after the ticket, and piece by piece: what came in between is noticed by the
/// [commit](super::RedactionChange).
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Traces {
    /// Its whole thread, by sequence.
    pub thread: Vec<ThreadEntry>,
    /// Its events that were not purged, by version, then by id.
    pub events: Vec<Event>,
    /// What its customer was told, by id.
    pub notifications: Vec<Notification>,
    /// The bodies of the recorded answers that [show](super::Commit::shows) the ticket, by key.
    pub answers: Vec<(IdempotencyKey, Vec<u8>)>,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct FeedPage {
    /// The events, by position.
    pub events: Vec<(FeedPosition, Event)>,
    /// The last position that is purged, as of when the events were read or later; zero if none is.
    pub purged: FeedPosition,
}

/// Reads within a realm.
///
/// ### To ensure correctness, of every method
/// - only rows of `realm` are seen, whatever ids are asked for
/// - what a finished commit wrote is seen
/// - a realm that nobody has written to is empty, not an error
/// - a page has at most `limit` rows, in order, strictly after `after`, and whether or not that row still exists
#[async_trait]
pub trait RealmReader: Debug + Send + Sync + 'static {
    /// A ticket, with its place in its queue.
    ///
    /// ### To ensure correctness
    /// - the position counts the tickets that wait in the same queue and come before: more pressing first, then by
    ///   `queued_at`, then by id; the head has 1
    async fn ticket(&self, realm: &Realm, id: TicketId) -> Result<Option<TicketView>>;

    /// Tickets that match, by id.
    ///
    /// ### To ensure correctness
    /// - every filter that is set holds for every row
    async fn ticket_page(&self, realm: &Realm, filter: &TicketFilter, page: PageSpec<TicketId>) -> Result<Vec<Ticket>>;

    /// Entries of a ticket's thread, by sequence; none if there is no such ticket.
    async fn thread_page(
        &self,
        realm: &Realm,
        ticket: TicketId,
        page: PageSpec<u64>,
    ) -> Result<Option<Vec<ThreadEntry>>>;

    /// One entry of a ticket's thread.
    async fn thread_entry(&self, realm: &Realm, ticket: TicketId, entry: EntryId) -> Result<Option<ThreadEntry>>;

    /// One event of the feed.
    ///
    /// ### To ensure correctness
    /// - a ping is not in the feed, and neither is what was purged
    async fn event(&self, realm: &Realm, id: EventId) -> Result<Option<Event>>;

    /// The feed, by position.
    ///
    /// ### To ensure correctness
    /// - positions follow the order of commits: once a position was read, no smaller one appears
    /// - a ping is not in the feed
    /// - what was purged is not read, and `purged` says of each event that is missing for it
    async fn event_page(&self, realm: &Realm, page: PageSpec<FeedPosition>) -> Result<FeedPage>;

    /// A contact.
    async fn contact(&self, realm: &Realm, id: ContactId) -> Result<Option<Contact>>;

    /// Contacts that match, by id.
    ///
    /// ### To ensure correctness
    /// - every filter that is set holds for every row
    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        page: PageSpec<ContactId>,
    ) -> Result<Vec<Contact>>;

    /// Every queue that the realm keeps, by id. `default`, which every realm has, is kept once it was changed.
    ///
    /// There are never more than [`QUEUES_MAX`](crate::limits::QUEUES_MAX) beside it.
    async fn queues(&self, realm: &Realm) -> Result<Vec<Queue>>;

    /// What there is to do in the queue with this key at `now`; nothing if there is no such queue.
    ///
    /// ### To ensure correctness
    /// - all of it is counted at one moment
    /// - a ticket is at risk from its `at_risk_at` on
    /// - the cost depends on how many of its tickets are not closed, and not on how many are
    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> Result<Workload>;

    /// The SLA policies that were set, by priority.
    async fn policies(&self, realm: &Realm) -> Result<Vec<KeptPolicy>>;

    /// What is to be done yet about a change of the policy of a priority; none if nothing is.
    ///
    /// ### To ensure correctness
    /// - the tickets are those of the priority that are [`clocked`](Timers::clocked) and come after the last one that was
    ///   seen to, at most so many
    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> Result<Option<PolicyWork>>;

    /// A form.
    async fn form(&self, realm: &Realm, id: FormId) -> Result<Option<Form>>;

    /// The forms, by id.
    async fn form_page(&self, realm: &Realm, page: PageSpec<FormId>) -> Result<Vec<Form>>;

    /// A webhook endpoint that was not deleted.
    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> Result<Option<Endpoint>>;

    /// The webhook endpoints that were not deleted, by id.
    async fn endpoint_page(&self, realm: &Realm, page: PageSpec<EndpointId>) -> Result<Vec<Endpoint>>;

    /// A delivery with all its attempts.
    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> Result<Option<Delivery>>;

    /// Deliveries that match, with all their attempts, by id.
    ///
    /// ### To ensure correctness
    /// - every filter that is set holds for every row
    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        page: PageSpec<DeliveryId>,
    ) -> Result<Vec<Delivery>>;

    /// A notification.
    async fn notification(&self, realm: &Realm, id: NotificationId) -> Result<Option<Notification>>;

    /// Notifications that match, by id.
    ///
    /// ### To ensure correctness
    /// - every filter that is set holds for every row
    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        page: PageSpec<NotificationId>,
    ) -> Result<Vec<Notification>>;

    /// A job that replays dead letters.
    async fn replay_job(&self, realm: &Realm, id: JobId) -> Result<Option<ReplayJob>>;

    /// The secrets in recorded answers, by their keys: those after a key, at most so many.
    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> Result<Vec<(IdempotencyKey, Sealed)>>;

    /// All that a mutation needs to know, in one read.
    ///
    /// ### To ensure correctness
    /// - a new ticket's queue is the one that it names, whatever its topic
    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> Result<Loaded>;
}
