//! What a command does, as data: pure and total, without a store, a clock or chance of its own.

mod assign;
mod chore;
mod claim;
mod command;
mod contact;
mod create;
mod dead_letter;
mod draft;
mod endpoint;
mod event_detail;
#[cfg(feature = "schema")]
mod event_schema;
mod form;
mod notification;
mod post;
mod queue;
mod redact;
mod rejection;
mod replay_job;
mod sla_policy;
mod transition;
mod update;

pub(crate) use chore::{Chore, decide_chore};
pub use claim::decide_claim;
pub use command::{
    Command, ContactCommand, DeadLetterCommand, EndpointCommand, FormCommand, NotificationCommand, QueueCommand,
    TicketCommand,
};
pub use contact::decide_contact;
pub use dead_letter::decide_dead_letter;
pub use endpoint::decide_endpoint;
#[cfg(feature = "schema")]
pub use event_schema::event_schemas;
pub use form::decide_form;
pub use notification::{decide_notification, decide_settlement};
pub use queue::decide_queue;
pub use redact::{Redaction, decide_redaction};
pub use rejection::{
    CONTACT_EXISTS, ENDPOINT_DISABLED, ENDPOINT_LIMIT, FORM_LIMIT, ILLEGAL_TRANSITION, NOT_A_DEAD_LETTER,
    NOT_REDACTABLE, NOTIFICATION_NOT_DEAD, OWNER_REQUIRED, QUEUE_EXISTS, QUEUE_LIMIT, REASON_REQUIRED,
    RESOLUTION_NOTE_REQUIRED, Rejection, TICKET_CLOSED, TICKET_PROBLEMS, TOPIC_TAKEN,
};
pub use replay_job::decide_replay;
pub use sla_policy::decide_sla_policy;

use std::time::Duration;

use crate::{
    model::{
        actor::Actor,
        contact::Contact,
        queue::DEFAULT_QUEUE,
        sla::{KeptPolicy, Timers},
        ticket::Ticket,
    },
    notify::MailTemplate,
    platform::{
        id::IdGenerator,
        input::{Faults, Pointer},
        realm::Realm,
        seal::Keyring,
        system::Entropy,
        time::Timestamp,
        webhook::TargetPolicy,
    },
    store::{Loaded, TicketChange},
};

/// All that a decision depends on beside the command and what is known: given, never fetched.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a test builds one by naming its fields")]
pub struct Context<'a> {
    /// Where it happens.
    pub realm: &'a Realm,
    /// The time of the decision.
    pub now: Timestamp,
    /// Who acts, unless the command names another.
    pub actor: Actor,
    /// Where new ids come from.
    pub ids: &'a IdGenerator,
    /// Where new secrets come from.
    pub entropy: &'a dyn Entropy,
    /// What new secrets are sealed with.
    pub keyring: &'a Keyring,
    /// Where webhooks may be sent to.
    pub targets: TargetPolicy,
    /// How a mail reads that tells a customer.
    pub mail: &'a MailTemplate,
    /// After how long a resolved ticket is closed; none for never.
    pub auto_close_after: Option<Duration>,
}

/// What a command does to a ticket.
#[derive(Debug, Clone)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Decision {
    /// Nothing: the ticket already is as it should be.
    Unchanged(Box<Ticket>),
    /// This.
    Changed(Box<TicketChange>),
}

impl Decision {
    /// The ticket as it is afterwards.
    #[must_use]
    pub fn ticket(&self) -> &Ticket {
        match self {
            Self::Unchanged(ticket) => ticket,
            Self::Changed(change) => &change.ticket,
        }
    }
}

/// Decides a command about a ticket. `known` is what the store knew of the command's
/// [subject](crate::store::Subject).
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand. That too is an answer, and is recorded.
pub fn decide(known: &Loaded, command: &TicketCommand, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let existing = || Existing::of(known).ok_or(Rejection::NotFound);
    match command {
        TicketCommand::Create(create) => create::decide(known, create, cx),
        TicketCommand::Update(_, update) => update::decide(known, existing()?, update, cx),
        TicketCommand::Assign(_, assign) => assign::decide(existing()?, assign, cx),
        TicketCommand::Transition(_, transition) => transition::decide(existing()?, transition, cx),
        TicketCommand::Post(_, post) => post::decide(existing()?, post, cx),
    }
}

/// A ticket that is there, and what is known of it.
#[derive(Debug, Clone, Copy)]
struct Existing<'a> {
    ticket: &'a Ticket,
    timers: &'a Timers,
    thread_length: u64,
    contact: Option<&'a Contact>,
    policies: &'a [KeptPolicy],
}

impl<'a> Existing<'a> {
    fn of(known: &'a Loaded) -> Option<Self> {
        let ticket = known.ticket.as_ref()?;
        let Loaded { timers, thread_length, contact, policies, .. } = known;
        Some(Self { ticket, timers, thread_length: *thread_length, contact: contact.as_ref(), policies })
    }
}

/// Notes a queue that a ticket cannot be put in, since there is none of that key.
fn check_queue(key: &str, known: &Loaded, faults: &mut Faults) {
    if key != DEFAULT_QUEUE && known.queue.is_none() {
        faults.push(Pointer::ROOT.name("queue"), "unknown_queue", "is not the key of a queue");
    }
}

/// What is not lawful as things stand, if anything: all of it at once.
fn accept(faults: Faults) -> Result<(), Rejection> {
    let faults = faults.into_vec();
    if faults.is_empty() { Ok(()) } else { Err(Rejection::Invalid(faults)) }
}
