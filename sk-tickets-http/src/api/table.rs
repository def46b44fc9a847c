//! The table of operations. Everything under the base path that asks for a key is in it: what is not, is not there, and
//! the document and the reference are made from it.

use http::Method;
use sk_tickets_core::{
    AssignTicket, ClaimTicket, Contact, ContactFilter, ContactId, CreateContact, CreateEndpoint, CreateForm,
    CreateQueue, CreateTicket, Delivery, DeliveryFilter, DeliveryId, DiscardDeadLetter, EndpointId, EndpointView,
    EntryId, Event, EventId, Form, FormId, JobId, Notification, NotificationFilter, NotificationId, Page, PostEntry,
    Priority, Queue, QueueOverview, QueueSlug, RedactEntry, ReplayDeadLetters, ReplayJob, RotateSecret, Scope,
    SetSlaPolicy, SlaPolicy, Stats, ThreadEntry, Ticket, TicketId, TicketView, TransitionTicket, UpdateContact,
    UpdateEndpoint, UpdateForm, UpdateQueue, UpdateTicket,
    decide::{
        CONTACT_EXISTS, ENDPOINT_DISABLED, ENDPOINT_LIMIT, FORM_LIMIT, ILLEGAL_TRANSITION, NOT_A_DEAD_LETTER,
        NOT_REDACTABLE, NOTIFICATION_NOT_DEAD, OWNER_REQUIRED, QUEUE_EXISTS, QUEUE_LIMIT, REASON_REQUIRED,
        RESOLUTION_NOTE_REQUIRED, TICKET_CLOSED, TOPIC_TAKEN,
    },
    platform::problem::{CURSOR_EXPIRED, NOT_FOUND, VALIDATION_FAILED},
};

use super::{
    answers::{Accepted, Changed, Created, Deleted, Found, FoundVersion, IfAny, Upserted},
    arguments::{Body, IfMatch, IfNoneMatch, Narrowed, NoBody, Paged},
    contacts,
    dead_letters::{self, Letters},
    deliveries, events, forms, notifications,
    operation::{Answer, Argument, Operation},
    queues, sla_policies, stats, threads, tickets, webhook_endpoints,
};

/// The nouns: the module of handlers, its title, and what it is about.
pub(crate) const NOUNS: [(&str, &str, &str); 12] = [
    (
        "tickets",
        "Tickets",
        "What somebody wants settled: its status moves by guarded transitions, and every change is an event.",
    ),
    (
        "threads",
        "Threads",
        "What was said and what happened about a ticket. Append-only; for privacy an entry can be redacted.",
    ),
    (
        "queues",
        "Queues",
        "Where tickets wait until somebody takes them. The topic of a new ticket leads it to a queue, which may have an \
         owner and a priority for it.",
    ),
    (
        "forms",
        "Forms",
        "How customers write without an account: on a page of the form's own, or within others. What they send is a ticket \
         at once.",
    ),
    (
        "sla_policies",
        "SLA policies",
        "By when the tickets of a priority are to be answered and resolved; events tell of what is late or about to be.",
    ),
    ("contacts", "Contacts", "Whom tickets are about: found by e-mail address, else by phone number."),
    ("stats", "Statistics", "How a desk is doing: counts, percentiles and rates of the tickets made within a time."),
    (
        "notifications",
        "Notifications",
        "What customers are told when their ticket is resolved, and what came of it. In a test realm it is captured.",
    ),
    (
        "events",
        "Events",
        "What happened, in the order of commits. Who follows the feed misses nothing and sees nothing twice.",
    ),
    ("webhook_endpoints", "Webhook endpoints", "Who is told of events."),
    ("deliveries", "Deliveries", "Each event on its way to an endpoint, with every attempt."),
    ("dead_letters", "Dead letters", "What could not be delivered: to be looked at, replayed or discarded."),
];

/// Declares operations. A line says: method and path, the operation's name and the scope it needs, its handler with what
/// that takes (in the order in which it is judged) and answers, and what it may refuse that the types do not tell. The
/// first line of the text is the summary.
macro_rules! operations {
    ($(
        $(#[doc = $text:literal])*
        $method:ident $path:literal $id:ident: $scope:ident =>
            $noun:ident::$handler:ident($($argument:ident: $type:ty),*) -> $answer:ty
            $(, refuses $($problem:ident)|+)?;
    )*) => {
        &[$(Operation {
            method: Method::$method,
            path: $path,
            id: stringify!($id),
            scope: Scope::$scope,
            noun: stringify!($noun),
            text: concat!($($text, "\n"),*),
            refuses: &[$($($problem),+)?],
            describe: |spec| {
                $(<$type as Argument>::describe(stringify!($argument), spec);)*
                <$answer as Answer>::describe(spec);
            },
            handler: |call, mut asked| Box::pin(async move {
                $(let $argument = <$type as Argument>::take(stringify!($argument), &mut asked)?;)*
                asked.finish()?;
                let answer: $answer = $noun::$handler(call, $($argument),*).await?;
                answer.respond()
            }),
        }),*]
    };
}

/// Every operation, by noun. Paths are under the base path.
pub(crate) const TABLE: &[Operation] = operations! {
    /// Make a ticket
    ///
    /// A contact that is not known yet can come along. With an `owner_id` the ticket is assigned and open at once.
    POST "/tickets" create_ticket: TicketsWrite =>
        tickets::create(body: Body<CreateTicket>) -> Created<Ticket>;

    /// List tickets
    ///
    /// The newest first unless asked otherwise. A ticket that matches for as long as the pages are read is given exactly
    /// once, one that is made or changed meanwhile at most once.
    GET "/tickets" list_tickets: TicketsRead =>
        tickets::list(list: Paged<tickets::Sought>) -> Found<Page<Ticket>>;

    /// Read a ticket
    ///
    /// With its place in its queue. While it waits in one it is always told anew, since its place moves without its
    /// version.
    GET "/tickets/{id}" get_ticket: TicketsRead =>
        tickets::get(id: TicketId, if_none_match: IfNoneMatch) -> FoundVersion<TicketView>;

    /// Change a ticket
    ///
    /// A merge patch (RFC 7396): what is not named stays. Pairs of metadata are merged too; tags are replaced.
    PATCH "/tickets/{id}" update_ticket: TicketsTriage =>
        tickets::update(id: TicketId, body: Body<UpdateTicket>, if_match: IfMatch) -> Changed<Ticket>,
        refuses TICKET_CLOSED;

    /// Give a ticket to somebody, or back to its queue
    ///
    /// Who gives a new ticket to somebody opens it.
    POST "/tickets/{id}/assign" assign_ticket: TicketsTriage =>
        tickets::assign(id: TicketId, body: Body<AssignTicket>, if_match: IfMatch) -> Changed<Ticket>,
        refuses TICKET_CLOSED;

    /// Move a ticket to another status
    ///
    /// Transitions are guarded: a transition that is not lawful is refused with those that are `allowed`.
    POST "/tickets/{id}/transitions" transition_ticket: TicketsTriage =>
        tickets::transition(id: TicketId, body: Body<TransitionTicket>, if_match: IfMatch) -> Changed<Ticket>,
        refuses ILLEGAL_TRANSITION | OWNER_REQUIRED | REASON_REQUIRED | RESOLUTION_NOTE_REQUIRED;

    /// Write a message or a note
    ///
    /// A note is internal. A message is public, and needs the scope `tickets:write`.
    POST "/tickets/{id}/thread" post_to_thread: TicketsTriage =>
        threads::post(id: TicketId, body: Body<PostEntry>, if_match: IfMatch) -> Created<ThreadEntry>,
        refuses TICKET_CLOSED;

    /// List the entries of a thread
    ///
    /// The oldest first unless asked otherwise.
    GET "/tickets/{id}/thread" list_thread: TicketsRead =>
        threads::list(id: TicketId, list: Paged<()>) -> Found<Page<ThreadEntry>>;

    /// Read an entry of a thread
    GET "/tickets/{id}/thread/{entry}" get_thread_entry: TicketsRead =>
        threads::get(id: TicketId, entry: EntryId) -> Found<ThreadEntry>;

    /// Redact an entry
    ///
    /// For privacy its words are taken out of everything that has them: `[redacted]` stands instead of its body, the labels
    /// of its evidence, its reason and resolution note, and `https://redacted.invalid/` instead of a URL, in the thread, the
    /// ticket, events that were told and are yet to be sent, recorded answers, and what receivers of webhooks answered.
    /// Ids stay. On a closed ticket too. An entry of kind `redaction` says who did so, when and why; it cannot be redacted,
    /// so its reason should not repeat what is to be gone. If the entry has no words, or they are gone already, nothing
    /// changes. What a receiver has got stays with it.
    POST "/tickets/{id}/thread/{entry}/redact" redact_thread_entry: Admin =>
        threads::redact(id: TicketId, entry: EntryId, body: Body<RedactEntry>, if_match: IfMatch) -> Changed<ThreadEntry>,
        refuses NOT_REDACTABLE;

    /// Make a queue
    ///
    /// A ticket that is made with one of its topics comes here, unless the request names another queue.
    POST "/queues" create_queue: Admin =>
        queues::create(body: Body<CreateQueue>) -> Created<Queue>,
        refuses QUEUE_EXISTS | TOPIC_TAKEN | QUEUE_LIMIT;

    /// List queues
    ///
    /// The newest first unless asked otherwise. `default` is in every realm and counts as the oldest.
    GET "/queues" list_queues: TicketsRead =>
        queues::list(list: Paged<()>) -> Found<Page<Queue>>;

    /// Read a queue
    GET "/queues/{key}" get_queue: TicketsRead =>
        queues::get(key: QueueSlug) -> Found<Queue>;

    /// Change a queue
    ///
    /// A merge patch (RFC 7396): what is not named stays, `null` empties. Topics are replaced. Tickets that are in it stay
    /// as they are.
    PATCH "/queues/{key}" update_queue: Admin =>
        queues::update(key: QueueSlug, body: Body<UpdateQueue>) -> Changed<Queue>,
        refuses TOPIC_TAKEN;

    /// Look over a queue
    ///
    /// What waits, what is in hand by status, and what is at risk. What is closed is not counted.
    GET "/queues/{key}/overview" get_queue_overview: TicketsRead =>
        queues::overview(key: QueueSlug) -> Found<QueueOverview>;

    /// Take the next ticket of a queue
    ///
    /// The one that comes before all others is given to the owner: more pressing first, then as they came. However many
    /// ask at once, each ticket is given to one of them, and the same key gives the same ticket again. 204 if none waits.
    POST "/queues/{key}/claim" claim_ticket: TicketsTriage =>
        queues::claim(key: QueueSlug, body: Body<ClaimTicket>) -> IfAny<Ticket>;

    /// Make a form
    ///
    /// Who has its `id` can open it and send it. Its topics lead tickets to queues; a topic without a queue, or one that the
    /// form does not offer, leads to `default`. Other sites can embed it if their origins are named.
    POST "/forms" create_form: Admin =>
        forms::create(body: Body<CreateForm>) -> Created<Form>,
        refuses FORM_LIMIT;

    /// List forms
    ///
    /// The newest first unless asked otherwise.
    GET "/forms" list_forms: Admin =>
        forms::list(list: Paged<()>) -> Found<Page<Form>>;

    /// Read a form
    GET "/forms/{id}" get_form: Admin =>
        forms::get(id: FormId) -> Found<Form>;

    /// Change a form
    ///
    /// A merge patch (RFC 7396): what is not named stays, `null` empties. The theme is merged too; topics and origins are
    /// replaced.
    PATCH "/forms/{id}" update_form: Admin =>
        forms::update(id: FormId, body: Body<UpdateForm>) -> Changed<Form>;

    /// List SLA policies
    ///
    /// Those that were set, the newest first unless asked otherwise.
    GET "/sla_policies" list_sla_policies: TicketsRead =>
        sla_policies::list(list: Paged<()>) -> Found<Page<SlaPolicy>>;

    /// Set the SLA policy of a priority
    ///
    /// Instead of what was; what is null, or not named, is not aimed at. Tickets whose clocks run or are paused are brought
    /// under it bit by bit, with the time that they have used; others are not touched.
    PUT "/sla_policies/{priority}" set_sla_policy: Admin =>
        sla_policies::set(priority: Priority, body: Body<SetSlaPolicy>) -> Changed<SlaPolicy>;

    /// Make a contact
    ///
    /// An `id` that another system gave is taken as it is; if it is known here, that contact is changed. So tickets that
    /// name it get somebody to tell.
    POST "/contacts" create_contact: TicketsWrite =>
        contacts::create(body: Body<CreateContact>) -> Upserted<Contact>,
        refuses CONTACT_EXISTS;

    /// List contacts
    ///
    /// The newest first unless asked otherwise.
    GET "/contacts" list_contacts: TicketsRead =>
        contacts::list(list: Paged<ContactFilter>) -> Found<Page<Contact>>;

    /// Read a contact
    GET "/contacts/{id}" get_contact: TicketsRead =>
        contacts::get(id: ContactId) -> Found<Contact>;

    /// Change a contact
    ///
    /// A merge patch (RFC 7396): what is not named stays, `null` empties.
    PATCH "/contacts/{id}" update_contact: TicketsWrite =>
        contacts::update(id: ContactId, body: Body<UpdateContact>) -> Changed<Contact>,
        refuses CONTACT_EXISTS;

    /// Read statistics
    ///
    /// Of the tickets made within a time, as they stand now. Percentiles are by nearest rank. A million tickets take
    /// about a second: ask for the time that you show, and not at every look.
    GET "/stats" get_stats: TicketsRead =>
        stats::get(within: Narrowed<stats::Within>) -> Found<Stats>,
        refuses VALIDATION_FAILED;

    /// List notifications
    ///
    /// The newest first unless asked otherwise.
    GET "/notifications" list_notifications: Admin =>
        notifications::list(list: Paged<NotificationFilter>) -> Found<Page<Notification>>;

    /// Read a notification
    GET "/notifications/{id}" get_notification: Admin =>
        notifications::get(id: NotificationId) -> Found<Notification>;

    /// Send a notification after all that could not be sent
    ///
    /// To the address that its contact has by now, with the schedule from its start. Subject and text stay.
    POST "/notifications/{id}/replay" replay_notification: Admin =>
        notifications::replay(id: NotificationId, body: NoBody) -> Changed<Notification>,
        refuses NOTIFICATION_NOT_DEAD;

    /// List events
    ///
    /// The newest first unless asked otherwise. With `order=asc` there always is a `next_cursor`: go on from it, now or
    /// later, to follow the feed.
    GET "/events" list_events: TicketsRead =>
        events::list(list: Paged<()>) -> Found<Page<Event>>,
        refuses CURSOR_EXPIRED;

    /// Read an event
    GET "/events/{id}" get_event: TicketsRead =>
        events::get(id: EventId) -> Found<Event>;

    /// Make a webhook endpoint
    ///
    /// The answer tells the `secret` that its webhooks are signed with; no later one does.
    POST "/webhook_endpoints" create_webhook_endpoint: Webhooks =>
        webhook_endpoints::create(body: Body<CreateEndpoint>) -> Created<EndpointView>,
        refuses ENDPOINT_LIMIT;

    /// List webhook endpoints
    ///
    /// The newest first unless asked otherwise.
    GET "/webhook_endpoints" list_webhook_endpoints: Webhooks =>
        webhook_endpoints::list(list: Paged<()>) -> Found<Page<EndpointView>>;

    /// Read a webhook endpoint
    GET "/webhook_endpoints/{id}" get_webhook_endpoint: Webhooks =>
        webhook_endpoints::get(id: EndpointId) -> Found<EndpointView>;

    /// Change a webhook endpoint
    PATCH "/webhook_endpoints/{id}" update_webhook_endpoint: Webhooks =>
        webhook_endpoints::update(id: EndpointId, body: Body<UpdateEndpoint>) -> Changed<EndpointView>;

    /// Delete a webhook endpoint
    ///
    /// What it was not told yet is given up, and stays visible as such.
    DELETE "/webhook_endpoints/{id}" delete_webhook_endpoint: Webhooks =>
        webhook_endpoints::delete(id: EndpointId, body: NoBody) -> Deleted;

    /// Enable a webhook endpoint
    ///
    /// If there are dead letters for it, `replay` says how to have them delivered.
    POST "/webhook_endpoints/{id}/enable" enable_webhook_endpoint: Webhooks =>
        webhook_endpoints::enable(id: EndpointId, body: NoBody) -> Changed<EndpointView>;

    /// Disable a webhook endpoint
    ///
    /// What it would be told waits in dead letters.
    POST "/webhook_endpoints/{id}/disable" disable_webhook_endpoint: Webhooks =>
        webhook_endpoints::disable(id: EndpointId, body: NoBody) -> Changed<EndpointView>;

    /// Try a webhook endpoint
    ///
    /// Sends it a signed event of type `ping`, which is not part of the feed.
    POST "/webhook_endpoints/{id}/ping" ping_webhook_endpoint: Webhooks =>
        webhook_endpoints::ping(id: EndpointId, body: NoBody) -> Changed<EndpointView>,
        refuses ENDPOINT_DISABLED;

    /// Give a webhook endpoint a new secret
    ///
    /// The old one goes on signing beside it for a day, or for as long as `overlap_seconds` says.
    POST "/webhook_endpoints/{id}/rotate_secret" rotate_webhook_secret: Webhooks =>
        webhook_endpoints::rotate_secret(id: EndpointId, body: Body<RotateSecret>) -> Changed<EndpointView>;

    /// List deliveries
    ///
    /// The newest first unless asked otherwise.
    GET "/deliveries" list_deliveries: Webhooks =>
        deliveries::list(list: Paged<DeliveryFilter>) -> Found<Page<Delivery>>;

    /// Read a delivery
    GET "/deliveries/{id}" get_delivery: Webhooks =>
        deliveries::get(id: DeliveryId) -> Found<Delivery>;

    /// List dead letters
    ///
    /// The newest first unless asked otherwise.
    GET "/dead_letters" list_dead_letters: Webhooks =>
        dead_letters::list(list: Paged<Letters>) -> Found<Page<Delivery>>;

    /// Replay all dead letters that match
    ///
    /// A job does it, bit by bit. Those of events from now on are not meant.
    POST "/dead_letters/replay" replay_dead_letters: Webhooks =>
        dead_letters::replay_all(body: Body<ReplayDeadLetters>) -> Accepted<ReplayJob>,
        refuses NOT_FOUND | ENDPOINT_DISABLED;

    /// Read a job that replays dead letters
    GET "/dead_letters/jobs/{id}" get_replay_job: Webhooks =>
        dead_letters::job(id: JobId) -> Found<ReplayJob>;

    /// Read a dead letter
    GET "/dead_letters/{id}" get_dead_letter: Webhooks =>
        dead_letters::get(id: DeliveryId) -> Found<Delivery>;

    /// Replay a dead letter
    ///
    /// With the same `webhook-id` and the schedule from its start.
    POST "/dead_letters/{id}/replay" replay_dead_letter: Webhooks =>
        dead_letters::replay(id: DeliveryId, body: NoBody) -> Changed<Delivery>,
        refuses NOT_A_DEAD_LETTER | ENDPOINT_DISABLED;

    /// Give up a dead letter
    POST "/dead_letters/{id}/discard" discard_dead_letter: Webhooks =>
        dead_letters::discard(id: DeliveryId, body: Body<DiscardDeadLetter>) -> Changed<Delivery>,
        refuses NOT_A_DEAD_LETTER;
};
