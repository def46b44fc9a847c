//! What a client asks for. Each request bears a mark of its own, by which its effect is found.

use crate::{
    decide::{Command, DeadLetterCommand, EndpointCommand, NotificationCommand, TicketCommand},
    model::{
        contact::InlineContact,
        delivery::DiscardDeadLetter,
        endpoint::{CreateEndpoint, EventFilter, RotateSecret},
        event::EventType,
        id::{ActorId, EntryId, NotificationId, OwnerId, TicketId, UserId},
        queue::ClaimTicket,
        redaction::RedactEntry,
        replay_job::ReplayDeadLetters,
        sla::SetSlaPolicy,
        thread::PostEntry,
        ticket::{AssignTicket, CreateTicket, Priority, Status, TransitionTicket, UpdateTicket},
    },
    platform::{
        id::{DeliveryId, EndpointId},
        input::Change,
        number::Whole,
        text::{List, Text},
    },
    testing::dice::Dice,
};

/// A queue whose tickets nobody lets go of once they have one.
pub(super) const POOL: &str = "pool";

/// A request, and what its effect would look like.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) command: Command,
    pub(super) mark: String,
    pub(super) imprint: Imprint,
}

/// What a success leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Imprint {
    /// One entry with the mark in some thread.
    Entry,
    /// The same, unless there was nothing to change.
    EntryOrNothing,
    /// One `ticket.updated`, whose ticket has the mark for its subject.
    Updated,
    /// One entry that makes a ticket this one's, unless no ticket waited.
    Claimed(OwnerId),
    /// The words of an entry are gone, and one entry with the mark says so, unless they were gone before.
    Redacted(String),
    /// Nothing that is looked for.
    Elsewhere,
}

fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::new(text).expect("a lawful text")
}

fn whole<const MIN: u64, const MAX: u64>(number: u64) -> Whole<MIN, MAX> {
    Whole::new(number).expect("a lawful number")
}

impl Deed {
    fn new(command: Command, key: &str, imprint: Imprint) -> Self {
        Self { command, mark: mark(key), imprint }
    }

    pub(super) fn create(dice: &Dice, key: &str, live: bool) -> Self {
        let contact = (live || dice.once_in(3)).then(|| InlineContact {
            name: None,
            email: Some(format!("customer{}@example.com", dice.below(4)).parse().expect("lawful")),
            phone: None,
        });
        // What has an owner can be resolved; what has none can be claimed.
        let owned = dice.once_in(2);
        let create = CreateTicket {
            queue: (!owned).then(|| text(POOL)),
            owner_id: owned.then(|| OwnerId::User(UserId::from_bytes([1; 16]))),
            priority: dice.maybe(Priority::ALL),
            body: Some(text(&words(key))),
            contact,
            ..CreateTicket::new("from a client").expect("a lawful subject")
        };
        Self::new(Command::Ticket(TicketCommand::Create(Box::new(create))), key, Imprint::Entry)
    }

    /// A change of a ticket, whichever.
    pub(super) fn change(dice: &Dice, key: &str, id: TicketId) -> Self {
        match dice.below(8) {
            0 => {
                let update = UpdateTicket { subject: Change(Some(text(&mark(key)))), ..UpdateTicket::nothing() };
                Self::new(Command::Ticket(TicketCommand::Update(id, update)), key, Imprint::Updated)
            }
            1 => {
                let owner = OwnerId::User(UserId::from_bytes([u8::try_from(dice.below(3)).unwrap_or_default(); 16]));
                let assign = AssignTicket { reason: Some(text(&mark(key))), ..AssignTicket::to(owner) };
                Self::new(Command::Ticket(TicketCommand::Assign(id, assign)), key, Imprint::EntryOrNothing)
            }
            2..6 => {
                let to = dice.pick(&[
                    Status::Resolved,
                    Status::Resolved,
                    Status::Resolved,
                    Status::Pending,
                    Status::Open,
                    Status::Closed,
                ]);
                let to = to.unwrap_or(Status::Open);
                let transition = TransitionTicket {
                    reason: Some(text(&mark(key))),
                    resolution_note: (to == Status::Resolved).then(|| text(&words(key))),
                    ..TransitionTicket::to(to)
                };
                Self::new(Command::Ticket(TicketCommand::Transition(id, transition)), key, Imprint::Entry)
            }
            _ => {
                let body = text(&words(key));
                let post = if dice.once_in(3) { PostEntry::note(body) } else { PostEntry::message(body) };
                let agent = ActorId::User(UserId::from_bytes([1; 16]));
                let post = PostEntry { actor_id: dice.maybe(&[agent]), ..post };
                Self::new(Command::Ticket(TicketCommand::Post(id, post)), key, Imprint::Entry)
            }
        }
    }

    /// Takes the head of the pool, for somebody who takes nothing else.
    pub(super) fn claim(dice: &Dice, key: &str) -> Self {
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(dice.below(256)).unwrap_or_default() | u8::from(at == 15);
        }
        let owner_id = OwnerId::User(UserId::from_bytes(bytes));
        let queue = POOL.parse().expect("a lawful key");
        Self::new(Command::Claim(queue, ClaimTicket { owner_id, actor_id: None }), key, Imprint::Claimed(owner_id))
    }

    pub(super) fn redact(key: &str, ticket: TicketId, entry: EntryId, words: String) -> Self {
        let redact = RedactEntry { reason: text(&mark(key)), actor_id: None };
        Self::new(Command::Redact(ticket, entry, redact), key, Imprint::Redacted(words))
    }

    /// Something whose effect is not looked for.
    pub(super) fn elsewhere(command: Command, key: &str) -> Self {
        Self::new(command, key, Imprint::Elsewhere)
    }

    pub(super) fn create_endpoint(key: &str, url: &str, events: Option<&[EventType]>) -> Self {
        let events = events.map(|types| types.iter().copied().map(EventFilter::Type).collect());
        let events = events.map(|events| List::new(events).expect("few enough"));
        let create = CreateEndpoint { events, ..CreateEndpoint::new(text(url)) };
        Self::elsewhere(Command::Endpoint(EndpointCommand::Create(create)), key)
    }

    /// Something about an endpoint, whichever.
    pub(super) fn change_endpoint(dice: &Dice, key: &str, id: EndpointId) -> Self {
        let command = match dice.below(6) {
            0 => EndpointCommand::Disable(id),
            1 => EndpointCommand::RotateSecret(id, RotateSecret { overlap_seconds: None }),
            2 => EndpointCommand::Ping(id),
            _ => EndpointCommand::Enable(id),
        };
        Self::elsewhere(Command::Endpoint(command), key)
    }

    pub(super) fn enable(key: &str, id: EndpointId) -> Self {
        Self::elsewhere(Command::Endpoint(EndpointCommand::Enable(id)), key)
    }

    pub(super) fn delete_endpoint(key: &str, id: EndpointId) -> Self {
        Self::elsewhere(Command::Endpoint(EndpointCommand::Delete(id)), key)
    }

    pub(super) fn dead_letter(dice: &Dice, key: &str, id: DeliveryId) -> Self {
        let command = if dice.once_in(4) {
            DeadLetterCommand::Discard(id, DiscardDeadLetter { reason: text("given up") })
        } else {
            DeadLetterCommand::Replay(id)
        };
        Self::elsewhere(Command::DeadLetter(command), key)
    }

    pub(super) fn replay_dead_letters(key: &str) -> Self {
        let replay = ReplayDeadLetters { endpoint_id: None, types: None, from: None, to: None };
        Self::elsewhere(Command::ReplayDeadLetters(replay), key)
    }

    pub(super) fn replay_notification(key: &str, id: NotificationId) -> Self {
        Self::elsewhere(Command::Notification(NotificationCommand::Replay(id)), key)
    }

    pub(super) fn set_policy(key: &str, priority: Priority, first_secs: u64, resolution_secs: u64) -> Self {
        let policy = SetSlaPolicy {
            first_response_seconds: Some(whole(first_secs)),
            resolution_seconds: Some(whole(resolution_secs)),
            warn_before_seconds: Some(whole(5)),
        };
        Self::elsewhere(Command::SetSlaPolicy(priority, policy), key)
    }

    /// The same key with another body.
    pub(super) fn with_another_body(&self) -> Command {
        let other = CreateTicket::new("another body under a key that was used").expect("a lawful subject");
        Command::Ticket(TicketCommand::Create(Box::new(other)))
    }
}

/// What is found where a request with this key has left its effect.
pub(super) fn mark(key: &str) -> String {
    format!("<{key}>")
}

/// A text that can be redacted: the mark, and a word that is nowhere else.
pub(super) fn words(key: &str) -> String {
    format!("{} {}", mark(key), secret_word(&mark(key)))
}

/// The word that stands beside a mark.
pub(super) fn secret_word(mark: &str) -> String {
    let letters: String = mark.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("secret{letters}x")
}
