//! Random commands.

use std::collections::BTreeMap;

use super::script::{Known, Script};
use crate::{
    decide::{
        Command, ContactCommand, DeadLetterCommand, EndpointCommand, FormCommand, NotificationCommand, QueueCommand,
        TicketCommand,
    },
    model::{
        contact::{CreateContact, InlineContact, UpdateContact},
        delivery::{Delivery, DiscardDeadLetter},
        endpoint::{CreateEndpoint, EventFilter, RotateSecret, UpdateEndpoint},
        event::EventType,
        evidence::{Evidence, EvidenceKind},
        form::{CreateForm, Font, Locale, NewFormTopic, ThemePatch, UpdateForm},
        id::{ActorId, AgentId, CallId, ContactId, EntryId, FormId, NotificationId, OwnerId, TicketId, UserId},
        metadata::MetadataPatch,
        queue::{ClaimTicket, CreateQueue, UpdateQueue},
        redaction::RedactEntry,
        replay_job::ReplayDeadLetters,
        sla::SetSlaPolicy,
        thread::PostEntry,
        ticket::{AssignTicket, CreateTicket, Priority, Source, Status, TransitionTicket, UpdateTicket},
    },
    platform::{
        id::DeliveryId,
        input::{Change, Patch},
        number::Whole,
        origin::Origin,
        text::{List, Text},
    },
    testing::dice::Dice,
};

pub(super) const TAGS: [&str; 3] = ["vip", "Ünïcode ✓", "a b"];
pub(super) const QUEUES: [&str; 3] = ["default", "second", "third"];
pub(super) const TOPICS: [&str; 2] = ["delivery", "billing"];
const ORIGINS: [&str; 3] = ["https://shop.example", "http://localhost:5000", "https://SHOP.example:443"];
const EMAILS: [&str; 3] = ["ann@example.com", "Bob@Example.com", "eve@example.org"];
const PHONES: [&str; 2] = ["+4930123456", "+4930654321"];
pub(super) const TEXTS: [&str; 4] =
    ["Part delayed", "'; DROP TABLE tickets; --", "多字节 \u{1F600} text", "a\nb\t\"c\""];

fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::new(text).expect("a lawful text")
}

pub(super) fn owners() -> [OwnerId; 3] {
    [
        OwnerId::User(UserId::from_bytes([1; 16])),
        OwnerId::User(UserId::from_bytes([2; 16])),
        OwnerId::Agent(AgentId::from_bytes([1; 16])),
    ]
}

impl Script {
    pub(super) fn command(&self, known: &Known) -> Command {
        match self.dice.below(10) {
            0 if self.dice.once_in(2) => Command::Queue(self.queue_command()),
            1 if self.dice.once_in(2) => self.claim_next(),
            2 if self.dice.once_in(3) => Command::Form(self.form_command(known)),
            0..4 => Command::Ticket(self.ticket_command(known)),
            4 if self.dice.once_in(2) && !known.entries.is_empty() => self.redaction(known),
            4 if self.dice.once_in(2) => self.policy_command(),
            4 => Command::Contact(self.contact_command(known)),
            5 if self.dice.once_in(3) && !known.notifications.is_empty() => {
                let id = self.dice.pick(&known.notifications).map(|one| one.id);
                let id = id.filter(|_| !self.dice.once_in(8)).unwrap_or(NotificationId::from_bytes([1; 16]));
                Command::Notification(NotificationCommand::Replay(id))
            }
            5..8 => Command::Endpoint(self.endpoint_command(known)),
            _ if known.deliveries.iter().any(Delivery::is_dead_letter) || self.dice.once_in(6) => {
                if self.dice.once_in(3) {
                    Command::ReplayDeadLetters(self.replay(known))
                } else {
                    Command::DeadLetter(self.dead_letter_command(known))
                }
            }
            _ => Command::Ticket(self.ticket_command(known)),
        }
    }

    /// Of an entry of a thread, now and then of another one.
    fn redaction(&self, known: &Known) -> Command {
        let nothing = (TicketId::from_bytes([1; 16]), EntryId::from_bytes([1; 16]));
        let (ticket, entry) = self.dice.pick(&known.entries).unwrap_or(nothing);
        let entry = if self.dice.once_in(12) { nothing.1 } else { entry };
        Command::Redact(ticket, entry, RedactEntry { reason: text("privacy"), actor_id: self.actor() })
    }

    fn ticket_command(&self, known: &Known) -> TicketCommand {
        let dice = &self.dice;
        let ids: Vec<_> = known.tickets.iter().map(|ticket| ticket.id).collect();
        let Some(id) = dice.pick(&ids).filter(|_| !dice.once_in(6)) else {
            return TicketCommand::Create(Box::new(self.create(&ids)));
        };
        let id = if dice.once_in(30) { TicketId::from_bytes([1; 16]) } else { id };
        match dice.below(4) {
            0 => TicketCommand::Update(
                id,
                UpdateTicket {
                    subject: Change(dice.maybe(&TEXTS).map(text)),
                    priority: Change(dice.maybe(Priority::ALL)),
                    tags: if dice.once_in(2) { Patch::Set(self.tags()) } else { Patch::Keep },
                    metadata: self.metadata().map_or(Patch::Keep, Patch::Set),
                    topic: match dice.below(3) {
                        0 => Patch::Keep,
                        1 => Patch::Clear,
                        _ => dice.maybe(&TOPICS).map_or(Patch::Keep, |topic| Patch::Set(text(topic))),
                    },
                    queue: Change(dice.maybe(&QUEUES).map(text)),
                    actor_id: self.actor(),
                },
            ),
            1 => {
                let assign = self.owner().map_or_else(AssignTicket::to_nobody, AssignTicket::to);
                let reason = dice.maybe(&TEXTS).map(text);
                TicketCommand::Assign(id, AssignTicket { reason, actor_id: self.actor(), ..assign })
            }
            2 => {
                let to = dice.pick(Status::ALL).unwrap_or(Status::Open);
                let note = to == Status::Resolved && !dice.once_in(5);
                let transition = TransitionTicket {
                    reason: if dice.once_in(5) { None } else { Some(text("because")) },
                    resolution_note: note.then(|| text("done")),
                    owner_id: if dice.once_in(3) { None } else { self.owner() },
                    actor_id: self.actor(),
                    ..TransitionTicket::to(to)
                };
                TicketCommand::Transition(id, transition)
            }
            _ => {
                let body = text(dice.pick(&TEXTS).unwrap_or_default());
                let post = if dice.once_in(3) { PostEntry::note(body) } else { PostEntry::message(body) };
                let evidence = self.evidence();
                TicketCommand::Post(
                    id,
                    PostEntry { evidence, actor_id: self.actor(), reopen: dice.maybe(&[true, false]), ..post },
                )
            }
        }
    }

    fn create(&self, ids: &[TicketId]) -> CreateTicket {
        let dice = &self.dice;
        let contact = dice.once_in(2).then(|| InlineContact {
            name: dice.maybe(&TEXTS).map(text),
            email: dice.maybe(&EMAILS).map(|email| email.parse().expect("lawful")),
            phone: dice.maybe(&PHONES).map(|phone| phone.parse().expect("lawful")),
        });
        // Now and then both, or a contact that nobody could find: refused before the store is asked.
        let contact = contact.filter(|contact| contact.handle().is_some() || dice.once_in(8));
        let contact_id = dice.maybe(&[ContactId::from_bytes([4; 16])]);
        CreateTicket {
            contact_id: contact_id.filter(|_| contact.is_none() || dice.once_in(8)),
            contact,
            source: dice.maybe(Source::ALL),
            topic: dice.maybe(&TOPICS).map(text),
            queue: dice.maybe(&QUEUES).map(text),
            priority: dice.maybe(Priority::ALL),
            owner_id: self.owner().filter(|_| dice.once_in(3)),
            call_id: dice.maybe(&[CallId::from_bytes([6; 16])]),
            body: dice.maybe(&TEXTS).map(text),
            evidence: self.evidence(),
            tags: self.tags(),
            metadata: self.metadata(),
            follow_up_of: dice.maybe(ids).filter(|_| dice.once_in(3)),
            actor_id: self.actor(),
            ..CreateTicket::new(dice.pick(&TEXTS).unwrap_or_default()).expect("lawful")
        }
    }

    fn form_command(&self, known: &Known) -> FormCommand {
        let dice = &self.dice;
        let Some(form) = dice.pick(&known.forms).filter(|_| !dice.once_in(3)) else {
            return FormCommand::Create(CreateForm {
                name: text(dice.pick(&TEXTS).unwrap_or_default()),
                topics: self.offers(),
                allowed_origins: self.origins(),
                locale: dice.maybe(Locale::ALL),
                theme: dice.once_in(2).then(|| self.theme()),
            });
        };
        let id = if dice.once_in(12) { FormId::from_bytes([1; 16]) } else { form.id };
        let update = UpdateForm {
            name: Change(dice.maybe(&TEXTS).map(text)),
            topics: self.patch(|| self.offers()),
            allowed_origins: self.patch(|| self.origins()),
            locale: Change(dice.maybe(Locale::ALL)),
            theme: self.patch(|| self.theme()),
        };
        FormCommand::Update(id, update)
    }

    fn patch<T>(&self, value: impl FnOnce() -> T) -> Patch<T> {
        match self.dice.below(3) {
            0 => Patch::Keep,
            1 => Patch::Clear,
            _ => Patch::Set(value()),
        }
    }

    /// Now and then a topic twice: refused before the store is asked.
    fn offers<const MAX: usize>(&self) -> List<NewFormTopic, MAX> {
        let offer = |key| Some(NewFormTopic { key: text(key), label: text(self.dice.pick(&TEXTS)?) });
        let mut offers: Vec<_> = self.dice.pick(&TOPICS).and_then(offer).into_iter().collect();
        if self.dice.once_in(2) {
            offers.extend(TOPICS.into_iter().filter_map(offer));
        }
        List::new(offers).expect("few enough")
    }

    fn origins<const MAX: usize>(&self) -> List<Origin, MAX> {
        let origins = (0..self.dice.below(3)).filter_map(|_| self.dice.pick(&ORIGINS));
        List::new(origins.map(|origin| origin.parse().expect("lawful")).collect()).expect("few enough")
    }

    fn theme(&self) -> ThemePatch {
        ThemePatch {
            accent: self.patch(|| "#0b6e4f".parse().expect("lawful")),
            radius: self.patch(|| Whole::new(8).expect("lawful")),
            font: self.patch(|| self.dice.pick(Font::ALL).unwrap_or(Font::System)),
            ..ThemePatch::nothing()
        }
    }

    fn owner(&self) -> Option<OwnerId> {
        self.dice.maybe(&owners())
    }

    fn actor(&self) -> Option<ActorId> {
        let contact = ContactId::from_bytes([4; 16]);
        self.dice.maybe(&[ActorId::Contact(contact), ActorId::User(UserId::from_bytes([1; 16]))])
    }

    pub(super) fn tags<const MAX: usize>(&self) -> List<Text<1, 64>, MAX> {
        let tags = (0..self.dice.below(4)).filter_map(|_| self.dice.pick(&TAGS)).map(text).collect();
        List::new(tags).expect("few enough")
    }

    fn metadata(&self) -> Option<MetadataPatch> {
        let pairs: BTreeMap<_, _> =
            ["a", "b"].into_iter().map(|name| (text(name), self.dice.maybe(&TEXTS).map(text))).collect();
        if self.dice.once_in(2) { MetadataPatch::new(pairs).ok() } else { None }
    }

    fn evidence<const MAX: usize>(&self) -> List<Evidence, MAX> {
        let seen = Evidence::new(EvidenceKind::File, "https://example.com/a.png");
        List::new(self.dice.maybe(&[seen]).into_iter().collect()).expect("few enough")
    }

    fn policy_command(&self) -> Command {
        fn whole<const MIN: u64, const MAX: u64>(number: u64) -> Whole<MIN, MAX> {
            Whole::new(number).expect("lawful")
        }
        let policy = SetSlaPolicy {
            first_response_seconds: self.dice.maybe(&[20, 60]).map(whole),
            resolution_seconds: self.dice.maybe(&[40, 120]).map(whole),
            // Now and then too long before: refused before the store is asked.
            warn_before_seconds: self.dice.maybe(&[5, 15, 30]).map(whole),
        };
        Command::SetSlaPolicy(self.dice.pick(Priority::ALL).unwrap_or(Priority::Normal), policy)
    }

    fn contact_command(&self, known: &Known) -> ContactCommand {
        let dice = &self.dice;
        let email = || dice.maybe(&EMAILS).map(|email| email.parse().expect("lawful"));
        let phone = || dice.maybe(&PHONES).map(|phone| phone.parse().expect("lawful"));
        let ids: Vec<_> = known.contacts.iter().map(|contact| contact.id).collect();
        match dice.pick(&ids).filter(|_| dice.once_in(2)) {
            Some(id) => {
                let update = UpdateContact {
                    name: if dice.once_in(2) { Patch::Clear } else { Patch::Keep },
                    email: email().map_or(if dice.once_in(2) { Patch::Clear } else { Patch::Keep }, Patch::Set),
                    phone: phone().map_or(if dice.once_in(4) { Patch::Clear } else { Patch::Keep }, Patch::Set),
                };
                ContactCommand::Update(id, update)
            }
            None => {
                let id = dice
                    .pick(&ids)
                    .filter(|_| dice.once_in(2))
                    .or(dice.maybe(&[4, 5].map(|number| ContactId::from_bytes([number; 16]))));
                let name = Some(text("Ann"));
                ContactCommand::Create(CreateContact { id, name, email: email(), phone: phone() })
            }
        }
    }

    fn queue_command(&self) -> QueueCommand {
        let dice = &self.dice;
        let key = dice.pick(&QUEUES).unwrap_or_default();
        let topics = || List::new(dice.maybe(&TOPICS).into_iter().map(text).collect()).expect("few enough");
        if dice.once_in(2) {
            QueueCommand::Create(CreateQueue {
                name: dice.maybe(&TEXTS).map(text),
                topics: topics(),
                default_owner_id: self.owner().filter(|_| dice.once_in(2)),
                default_priority: dice.maybe(Priority::ALL),
                ..CreateQueue::new(key.parse().expect("lawful"))
            })
        } else {
            let update = UpdateQueue {
                name: Change(dice.maybe(&TEXTS).map(text)),
                topics: if dice.once_in(2) { Patch::Set(topics()) } else { Patch::Keep },
                default_owner_id: match dice.below(4) {
                    0 => Patch::Clear,
                    1 => self.owner().map_or(Patch::Keep, Patch::Set),
                    _ => Patch::Keep,
                },
                default_priority: dice.maybe(Priority::ALL).map_or(Patch::Keep, Patch::Set),
            };
            QueueCommand::Update(key.parse().expect("lawful"), update)
        }
    }

    fn claim_next(&self) -> Command {
        let key = self.dice.pick(&QUEUES).unwrap_or_default().parse().expect("lawful");
        let owner_id = self.dice.pick(&owners()).expect("there are some");
        Command::Claim(key, ClaimTicket { owner_id, actor_id: self.actor() })
    }

    fn endpoint_command(&self, known: &Known) -> EndpointCommand {
        let dice = &self.dice;
        let url = |dice: &Dice| text(&format!("https://hooks.example.com/{}", dice.below(3)));
        let present: Vec<_> = known.endpoints.iter().map(|endpoint| endpoint.id).collect();
        let ids = if dice.once_in(8) { &self.endpoints } else { &present };
        let Some(id) = dice.pick(ids).filter(|_| !(ids.len() < 3 && dice.once_in(3))) else {
            let create = CreateEndpoint { events: self.events(), ..CreateEndpoint::new(url(dice)) };
            return EndpointCommand::Create(CreateEndpoint { description: dice.maybe(&TEXTS).map(text), ..create });
        };
        match dice.below(10) {
            0 | 1 => EndpointCommand::Update(
                id,
                UpdateEndpoint {
                    url: Change(dice.once_in(2).then(|| url(dice))),
                    events: Change(self.events()),
                    description: if dice.once_in(2) { Patch::Clear } else { Patch::Set(text("told")) },
                },
            ),
            2..5 => EndpointCommand::Enable(id),
            5 => EndpointCommand::Disable(id),
            6 => EndpointCommand::Delete(id),
            7 => EndpointCommand::RotateSecret(id, self.rotation()),
            _ => EndpointCommand::Ping(id),
        }
    }

    fn rotation(&self) -> RotateSecret {
        RotateSecret {
            overlap_seconds: self.dice.maybe(&[0, 5, 60]).map(|seconds| seconds.try_into().expect("lawful")),
        }
    }

    fn replay(&self, known: &Known) -> ReplayDeadLetters {
        let dice = &self.dice;
        ReplayDeadLetters {
            endpoint_id: dice.maybe(&self.endpoints),
            types: dice.maybe(EventType::ALL).map(|one| List::new(vec![one]).expect("few enough")),
            from: dice.maybe(&known.deliveries).map(|delivery| delivery.created_at),
            to: dice.maybe(&known.deliveries).map(|delivery| delivery.created_at),
        }
    }

    fn events<const MAX: usize>(&self) -> Option<List<EventFilter, MAX>> {
        let some = [
            vec![EventFilter::All],
            vec![EventFilter::Type(EventType::TicketCreated), EventFilter::Type(EventType::TicketResolved)],
        ];
        self.dice.maybe(&some).map(|events| List::new(events).expect("few enough"))
    }

    fn dead_letter_command(&self, known: &Known) -> DeadLetterCommand {
        let letters: Vec<_> = known.deliveries.iter().filter(|one| one.is_dead_letter()).map(|one| one.id).collect();
        let any: Vec<_> = known.deliveries.iter().map(|one| one.id).collect();
        let id = self.dice.pick(if self.dice.once_in(5) { &any } else { &letters });
        let id = id.unwrap_or(DeliveryId::from_bytes([1; 16]));
        if self.dice.once_in(3) {
            DeadLetterCommand::Discard(id, DiscardDeadLetter { reason: text("given up") })
        } else {
            DeadLetterCommand::Replay(id)
        }
    }
}
