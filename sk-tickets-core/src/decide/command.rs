use serde::Serialize;

use crate::{
    model::{
        contact::{ContactHandle, CreateContact, Email, InlineContact, Phone, UpdateContact},
        delivery::DiscardDeadLetter,
        endpoint::{CreateEndpoint, RotateSecret, UpdateEndpoint},
        form::{CreateForm, UpdateForm},
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        queue::{ClaimTicket, CreateQueue, QueueSlug, UpdateQueue},
        redaction::RedactEntry,
        replay_job::ReplayDeadLetters,
        sla::SetSlaPolicy,
        thread::PostEntry,
        ticket::{AssignTicket, CreateTicket, Priority, TransitionTicket, UpdateTicket},
    },
    platform::{
        id::{DeliveryId, EndpointId},
        input::{Change, Fault, Faults, Input, Pointer},
        json::{Json, JsonError},
        realm::Environment,
        text::Text,
        webhook::TargetPolicy,
    },
    store::Subject,
};

/// Everything that can be asked of a desk.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Command {
    /// About a ticket.
    Ticket(TicketCommand),
    /// About a contact.
    Contact(ContactCommand),
    /// About a queue.
    Queue(QueueCommand),
    /// Give the head of the queue with this key to somebody.
    Claim(QueueSlug, ClaimTicket),
    /// What is aimed at for the tickets of a priority.
    SetSlaPolicy(Priority, SetSlaPolicy),
    /// About a form.
    Form(FormCommand),
    /// About a webhook endpoint.
    Endpoint(EndpointCommand),
    /// About a dead letter.
    DeadLetter(DeadLetterCommand),
    /// Replay every dead letter that matches.
    ReplayDeadLetters(ReplayDeadLetters),
    /// About a notification.
    Notification(NotificationCommand),
    /// Take the words of an entry out of everything that has them.
    Redact(TicketId, EntryId, RedactEntry),
}

/// What can be asked about a ticket.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum TicketCommand {
    /// Make one.
    Create(Box<CreateTicket>),
    /// Change what it says of itself.
    Update(TicketId, UpdateTicket),
    /// Give it to somebody, or back.
    Assign(TicketId, AssignTicket),
    /// Move it to another status.
    Transition(TicketId, TransitionTicket),
    /// Write into its thread.
    Post(TicketId, PostEntry),
}

/// What can be asked about a contact.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum ContactCommand {
    /// Make one, or change the one with this id.
    Create(CreateContact),
    /// Change one.
    Update(ContactId, UpdateContact),
}

/// What can be asked about a queue.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum QueueCommand {
    /// Make one.
    Create(CreateQueue),
    /// Change the one with this key.
    Update(QueueSlug, UpdateQueue),
}

/// What can be asked about a form.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum FormCommand {
    /// Make one.
    Create(CreateForm),
    /// Change it.
    Update(FormId, UpdateForm),
}

/// What can be asked about a webhook endpoint.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum EndpointCommand {
    /// Make one.
    Create(CreateEndpoint),
    /// Change it.
    Update(EndpointId, UpdateEndpoint),
    /// Tell it again what happens.
    Enable(EndpointId),
    /// Let what it would be told wait in dead letters.
    Disable(EndpointId),
    /// Give it a new secret.
    RotateSecret(EndpointId, RotateSecret),
    /// Delete it.
    Delete(EndpointId),
    /// Send it a signed event to try it.
    Ping(EndpointId),
}

/// What can be asked about a dead letter.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum DeadLetterCommand {
    /// Start its schedule afresh.
    Replay(DeliveryId),
    /// Give it up.
    Discard(DeliveryId, DiscardDeadLetter),
}

/// What can be asked about a notification.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum NotificationCommand {
    /// Start the schedule of one that is dead afresh.
    Replay(NotificationId),
}

impl Command {
    /// The stable name of the operation; part of the idempotency fingerprint.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Ticket(command) => match command {
                TicketCommand::Create(_) => "ticket_create",
                TicketCommand::Update(..) => "ticket_update",
                TicketCommand::Assign(..) => "ticket_assign",
                TicketCommand::Transition(..) => "ticket_transition",
                TicketCommand::Post(..) => "thread_post",
            },
            Self::Contact(command) => match command {
                ContactCommand::Create(_) => "contact_create",
                ContactCommand::Update(..) => "contact_update",
            },
            Self::Queue(command) => match command {
                QueueCommand::Create(_) => "queue_create",
                QueueCommand::Update(..) => "queue_update",
            },
            Self::Claim(..) => "queue_claim",
            Self::SetSlaPolicy(..) => "sla_policy_set",
            Self::Form(command) => match command {
                FormCommand::Create(_) => "form_create",
                FormCommand::Update(..) => "form_update",
            },
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(_) => "endpoint_create",
                EndpointCommand::Update(..) => "endpoint_update",
                EndpointCommand::Enable(_) => "endpoint_enable",
                EndpointCommand::Disable(_) => "endpoint_disable",
                EndpointCommand::RotateSecret(..) => "endpoint_rotate_secret",
                EndpointCommand::Delete(_) => "endpoint_delete",
                EndpointCommand::Ping(_) => "endpoint_ping",
            },
            Self::DeadLetter(command) => match command {
                DeadLetterCommand::Replay(_) => "dead_letter_replay",
                DeadLetterCommand::Discard(..) => "dead_letter_discard",
            },
            Self::ReplayDeadLetters(_) => "dead_letters_replay",
            Self::Notification(NotificationCommand::Replay(_)) => "notification_replay",
            Self::Redact(..) => "thread_redact",
        }
    }

    /// The parameters of the operation's path; part of the idempotency fingerprint.
    #[must_use]
    pub fn path_parameters(&self) -> Vec<String> {
        match self {
            Self::Ticket(command) => match command {
                TicketCommand::Create(_) => Vec::new(),
                TicketCommand::Update(id, _)
                | TicketCommand::Assign(id, _)
                | TicketCommand::Transition(id, _)
                | TicketCommand::Post(id, _) => vec![id.to_string()],
            },
            Self::Contact(command) => match command {
                ContactCommand::Create(_) => Vec::new(),
                ContactCommand::Update(id, _) => vec![id.to_string()],
            },
            Self::Queue(command) => match command {
                QueueCommand::Create(_) => Vec::new(),
                QueueCommand::Update(key, _) => vec![key.to_string()],
            },
            Self::Claim(key, _) => vec![key.to_string()],
            Self::SetSlaPolicy(priority, _) => vec![priority.to_string()],
            Self::Form(command) => match command {
                FormCommand::Create(_) => Vec::new(),
                FormCommand::Update(id, _) => vec![id.to_string()],
            },
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(_) => Vec::new(),
                EndpointCommand::Update(id, _)
                | EndpointCommand::Enable(id)
                | EndpointCommand::Disable(id)
                | EndpointCommand::RotateSecret(id, _)
                | EndpointCommand::Delete(id)
                | EndpointCommand::Ping(id) => vec![id.to_string()],
            },
            Self::DeadLetter(DeadLetterCommand::Replay(id) | DeadLetterCommand::Discard(id, _)) => vec![id.to_string()],
            Self::ReplayDeadLetters(_) => Vec::new(),
            Self::Redact(ticket, entry, _) => vec![ticket.to_string(), entry.to_string()],
            Self::Notification(NotificationCommand::Replay(id)) => vec![id.to_string()],
        }
    }

    /// The body of the request that this is: unset fields left out.
    ///
    /// # Errors
    /// [`JsonError`] if the command cannot be written, which no command of ours does.
    pub fn body(&self) -> Result<Json, JsonError> {
        fn json(body: &impl Serialize) -> Result<Json, JsonError> {
            Json::parse(&serde_json::to_vec(body).unwrap_or_default())
        }
        match self {
            Self::Ticket(command) => match command {
                TicketCommand::Create(body) => json(body),
                TicketCommand::Update(_, body) => json(body),
                TicketCommand::Assign(_, body) => json(body),
                TicketCommand::Transition(_, body) => json(body),
                TicketCommand::Post(_, body) => json(body),
            },
            Self::Contact(command) => match command {
                ContactCommand::Create(body) => json(body),
                ContactCommand::Update(_, body) => json(body),
            },
            Self::Queue(command) => match command {
                QueueCommand::Create(body) => json(body),
                QueueCommand::Update(_, body) => json(body),
            },
            Self::Claim(_, body) => json(body),
            Self::SetSlaPolicy(_, body) => json(body),
            Self::Form(command) => match command {
                FormCommand::Create(body) => json(body),
                FormCommand::Update(_, body) => json(body),
            },
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(body) => json(body),
                EndpointCommand::Update(_, body) => json(body),
                EndpointCommand::RotateSecret(_, body) => json(body),
                EndpointCommand::Enable(_)
                | EndpointCommand::Disable(_)
                | EndpointCommand::Delete(_)
                | EndpointCommand::Ping(_) => Json::parse(b""),
            },
            Self::DeadLetter(command) => match command {
                DeadLetterCommand::Replay(_) => Json::parse(b""),
                DeadLetterCommand::Discard(_, body) => json(body),
            },
            Self::ReplayDeadLetters(body) => json(body),
            Self::Notification(NotificationCommand::Replay(_)) => Json::parse(b""),
            Self::Redact(_, _, body) => json(body),
        }
    }

    /// What is wrong with the command whatever the state, although each of its parts is lawful.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        match self {
            Self::Ticket(command) => match command {
                TicketCommand::Create(body) => body.check(Pointer::ROOT, &mut faults),
                TicketCommand::Update(_, body) => body.check(Pointer::ROOT, &mut faults),
                TicketCommand::Assign(_, body) => body.check(Pointer::ROOT, &mut faults),
                TicketCommand::Transition(_, body) => body.check(Pointer::ROOT, &mut faults),
                TicketCommand::Post(_, body) => body.check(Pointer::ROOT, &mut faults),
            },
            Self::Contact(command) => match command {
                ContactCommand::Create(body) => body.check(Pointer::ROOT, &mut faults),
                ContactCommand::Update(_, body) => body.check(Pointer::ROOT, &mut faults),
            },
            Self::Queue(command) => match command {
                QueueCommand::Create(body) => body.check(Pointer::ROOT, &mut faults),
                QueueCommand::Update(_, body) => body.check(Pointer::ROOT, &mut faults),
            },
            Self::Claim(_, body) => body.check(Pointer::ROOT, &mut faults),
            Self::SetSlaPolicy(_, body) => body.check(Pointer::ROOT, &mut faults),
            Self::Form(command) => match command {
                FormCommand::Create(body) => body.check(Pointer::ROOT, &mut faults),
                FormCommand::Update(_, body) => body.check(Pointer::ROOT, &mut faults),
            },
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(body) => body.check(Pointer::ROOT, &mut faults),
                EndpointCommand::Update(_, body) => body.check(Pointer::ROOT, &mut faults),
                EndpointCommand::RotateSecret(_, body) => body.check(Pointer::ROOT, &mut faults),
                EndpointCommand::Enable(_)
                | EndpointCommand::Disable(_)
                | EndpointCommand::Delete(_)
                | EndpointCommand::Ping(_) => {}
            },
            Self::DeadLetter(command) => match command {
                DeadLetterCommand::Replay(_) => {}
                DeadLetterCommand::Discard(_, body) => body.check(Pointer::ROOT, &mut faults),
            },
            Self::ReplayDeadLetters(body) => body.check(Pointer::ROOT, &mut faults),
            Self::Notification(NotificationCommand::Replay(_)) => {}
            Self::Redact(_, _, body) => body.check(Pointer::ROOT, &mut faults),
        }
        faults.into_vec()
    }

    /// What is wrong with the URL that the command names, for an engine that sends webhooks by this policy.
    #[must_use]
    pub fn target_faults(&self, policy: TargetPolicy, environment: Environment) -> Vec<Fault> {
        let url = match self {
            Self::Endpoint(EndpointCommand::Create(create)) => Some(&create.url),
            Self::Endpoint(EndpointCommand::Update(_, update)) => update.url.0.as_ref(),
            Self::Endpoint(_)
            | Self::Ticket(_)
            | Self::Contact(_)
            | Self::Queue(_)
            | Self::Claim(..)
            | Self::SetSlaPolicy(..)
            | Self::Form(_)
            | Self::DeadLetter(_)
            | Self::ReplayDeadLetters(_)
            | Self::Notification(_)
            | Self::Redact(..) => None,
        };
        let mut faults = Faults::default();
        if let Some(Err(error)) = url.map(|url| policy.judge(url.as_str(), environment)) {
            faults.push(Pointer::ROOT.name("url"), error.code(), error.to_string());
        }
        faults.into_vec()
    }

    /// What the contact is found by that comes along with a new ticket.
    pub(crate) fn contact_handle(&self) -> Option<ContactHandle> {
        match self {
            Self::Ticket(TicketCommand::Create(create)) => create.contact.as_ref().and_then(InlineContact::handle),
            Self::Ticket(_)
            | Self::Contact(_)
            | Self::Queue(_)
            | Self::Claim(..)
            | Self::SetSlaPolicy(..)
            | Self::Form(_)
            | Self::Endpoint(_)
            | Self::DeadLetter(_)
            | Self::ReplayDeadLetters(_)
            | Self::Notification(_)
            | Self::Redact(..) => None,
        }
    }

    /// What the store is asked for before this is decided.
    pub(crate) fn subject<'a>(&'a self, contact: Option<&'a ContactHandle>) -> Subject<'a> {
        match self {
            Self::Ticket(command) => match command {
                TicketCommand::Create(create) => Subject::NewTicket {
                    contact,
                    follow_up_of: create.follow_up_of,
                    queue: create.queue.as_ref().map(Text::as_str),
                    topic: create.topic.as_ref().map(Text::as_str),
                },
                TicketCommand::Update(id, UpdateTicket { queue: Change(Some(queue)), .. }) => {
                    Subject::TicketAndQueue(*id, queue.as_str())
                }
                TicketCommand::Update(id, _)
                | TicketCommand::Assign(id, _)
                | TicketCommand::Transition(id, _)
                | TicketCommand::Post(id, _) => Subject::Ticket(*id),
            },
            Self::Contact(ContactCommand::Create(CreateContact { id, name: _, email, phone })) => Subject::Contact {
                id: *id,
                email: email.as_ref().map(Email::as_str),
                phone: phone.as_ref().map(Phone::as_str),
            },
            Self::Contact(ContactCommand::Update(id, UpdateContact { name: _, email, phone })) => Subject::Contact {
                id: Some(*id),
                email: email.value().map(Email::as_str),
                phone: phone.value().map(Phone::as_str),
            },
            Self::Claim(key, _) => Subject::Queue(key.as_str()),
            Self::Queue(QueueCommand::Create(_) | QueueCommand::Update(..)) => Subject::Queues,
            Self::SetSlaPolicy(..) => Subject::Policies,
            Self::Form(FormCommand::Create(_)) => Subject::NewForm,
            Self::Form(FormCommand::Update(id, _)) => Subject::Form(*id),
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(_) => Subject::NewEndpoint,
                // To offer a replay of what came while it was disabled.
                EndpointCommand::Enable(id) => {
                    Subject::DeadLetters { endpoint_id: Some(*id), types: &[], from: None, to: None }
                }
                EndpointCommand::Update(id, _)
                | EndpointCommand::Disable(id)
                | EndpointCommand::RotateSecret(id, _)
                | EndpointCommand::Delete(id)
                | EndpointCommand::Ping(id) => Subject::Endpoint(*id),
            },
            Self::DeadLetter(DeadLetterCommand::Replay(id) | DeadLetterCommand::Discard(id, _)) => {
                Subject::Delivery(*id)
            }
            Self::Notification(NotificationCommand::Replay(id)) => Subject::Notification(*id),
            Self::Redact(ticket, ..) => Subject::Redaction(*ticket),
            Self::ReplayDeadLetters(ReplayDeadLetters { endpoint_id, types, from, to }) => Subject::DeadLetters {
                endpoint_id: *endpoint_id,
                types: types.as_deref().unwrap_or_default(),
                from: *from,
                to: *to,
            },
        }
    }
}
