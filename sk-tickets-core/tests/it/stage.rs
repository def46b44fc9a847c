//! A fresh engine to play a scene on: a store in memory, a clock that is set by hand, ids that follow from a seed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sk_tickets_core::{
    AssignTicket, Clock, ContactId, CreateTicket, Desk, Environment, Event, IdempotencyKey, MemoryStore, Order,
    PageRequest, PostEntry, Realm, Status, ThreadEntry, Ticket, TicketId, Tickets, Timestamp, TransitionTicket, UserId,
    platform::system::SeededEntropy, testing::ManualClock,
};

pub(crate) struct Stage {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tickets: Tickets,
    pub(crate) desk: Desk,
    keys: AtomicU64,
}

/// All that can be seen of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ticket: Ticket,
    pub(crate) thread: Vec<ThreadEntry>,
    pub(crate) events: Vec<Event>,
}

impl Seen {
    /// What came after `before`.
    pub(crate) fn since(&self, before: &Self) -> Added {
        let is_kept = |(now, then): (&ThreadEntry, &ThreadEntry)| now == then || *now == then.redacted();
        assert!(self.thread.iter().zip(&before.thread).all(is_kept), "a thread is only added to, and redacted");
        let ids = |events: &[Event]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert!(ids(&self.events).starts_with(&ids(&before.events)), "events are only added");
        Added {
            entries: self.thread[before.thread.len()..].to_vec(),
            events: self.events[before.events.len()..].to_vec(),
        }
    }
}

/// What a command added.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) entries: Vec<ThreadEntry>,
    pub(crate) events: Vec<Event>,
}

impl Added {
    /// The types of the events.
    pub(crate) fn told(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.event_type.as_str()).collect()
    }

    /// The `data` of the only event of this type.
    pub(crate) fn data(&self, event_type: &str) -> serde_json::Value {
        let of_type: Vec<_> = self.events.iter().filter(|event| event.event_type.as_str() == event_type).collect();
        let [event] = of_type.as_slice() else { panic!("one {event_type} in {:?}", self.told()) };
        payload(event)["data"].clone()
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tickets = Tickets::builder(Arc::new(MemoryStore::new()))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .entropy(Arc::new(SeededEntropy::new(1)))
            .build();
        let desk = tickets.desk(Realm::assume("acme".parse().expect("a lawful name"), Environment::Test));
        Self { clock, tickets, desk, keys: AtomicU64::new(0) }
    }

    /// A key that was not used before.
    pub(crate) fn key(&self) -> IdempotencyKey {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        IdempotencyKey::client(&format!("key-{number}")).expect("a lawful key")
    }

    /// Moves the clock on, so that what comes next is later than what was.
    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_secs(1));
    }

    pub(crate) async fn create(&self, create: CreateTicket) -> Seen {
        self.tick();
        let made = self.desk.create_ticket(&self.key(), create).await.expect("made").value;
        self.see(made.id).await
    }

    pub(crate) async fn assign(&self, id: TicketId, assignment: AssignTicket) -> Seen {
        self.tick();
        let _ = self.desk.assign_ticket(&self.key(), id, assignment).await.expect("assigned");
        self.see(id).await
    }

    pub(crate) async fn transition(&self, id: TicketId, transition: TransitionTicket) -> Seen {
        self.tick();
        let _ = self.desk.transition_ticket(&self.key(), id, transition).await.expect("moved");
        self.see(id).await
    }

    pub(crate) async fn post(&self, id: TicketId, entry: PostEntry) -> Seen {
        self.tick();
        let _ = self.desk.post_to_thread(&self.key(), id, entry).await.expect("posted");
        self.see(id).await
    }

    /// A ticket in this status, of an owner or of nobody. A closed one keeps the owner it was closed with.
    pub(crate) async fn ticket_in(&self, status: Status, owner: Option<UserId>) -> Seen {
        let body = Some("Where is it?".parse().expect("a lawful body"));
        let new = self.create(CreateTicket { contact_id: Some(contact()), body, ..create("Part delayed") }).await;
        let id = new.ticket.id;
        let seen = match status {
            Status::New => return new,
            // Who is to be nobody's was somebody's before: there is no other way.
            _ => self.assign(id, AssignTicket::to(owner.unwrap_or_else(|| user(1)))).await,
        };
        if owner.is_none() && status == Status::Closed {
            let _ = self.assign(id, AssignTicket::to_nobody()).await;
        }
        let seen = match status {
            Status::New | Status::Open => seen,
            Status::Pending | Status::OnHold | Status::Closed => self.transition(id, because("given", status)).await,
            Status::Resolved => self.transition(id, resolved("given")).await,
        };
        if owner.is_none() && status != Status::Closed {
            return self.assign(id, AssignTicket::to_nobody()).await;
        }
        seen
    }

    pub(crate) async fn see(&self, id: TicketId) -> Seen {
        let ticket = self.desk.ticket(id).await.expect("read").expect("there").ticket;
        let thread = self.thread(id).await;
        let events = self.feed().await.into_iter().filter(|event| event.ticket_id == Some(id)).collect();
        Seen { ticket, thread, events }
    }

    pub(crate) async fn thread(&self, id: TicketId) -> Vec<ThreadEntry> {
        let mut page = self.desk.thread(id, &whole()).await.expect("read").expect("there");
        let mut thread = page.data;
        while let Some(cursor) = page.next_cursor {
            page = self.desk.thread(id, &whole().after(cursor)).await.expect("read").expect("there");
            thread.extend(page.data);
        }
        thread
    }

    /// Every event of the realm, in the order of commits.
    pub(crate) async fn feed(&self) -> Vec<Event> {
        let mut page = self.desk.events(&whole()).await.expect("read");
        let mut feed = page.data;
        while page.has_more {
            page = self.desk.events(&whole().after(page.next_cursor.expect("more"))).await.expect("read");
            feed.extend(page.data);
        }
        feed
    }
}

fn whole() -> PageRequest {
    PageRequest::first().limit(100).order(Order::Asc)
}

/// The user with this number.
pub(crate) fn user(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}

/// The contact of every ticket of [`Stage::ticket_in`].
pub(crate) fn contact() -> ContactId {
    ContactId::from_bytes([9; 16])
}

pub(crate) fn create(subject: &str) -> CreateTicket {
    CreateTicket::new(subject).expect("a lawful subject")
}

pub(crate) fn because(reason: &str, to: Status) -> TransitionTicket {
    TransitionTicket { reason: Some(reason.parse().expect("a lawful reason")), ..TransitionTicket::to(to) }
}

pub(crate) fn resolved(note: &str) -> TransitionTicket {
    let resolution_note = Some(note.parse().expect("a lawful note"));
    TransitionTicket { resolution_note, ..TransitionTicket::to(Status::Resolved) }
}

pub(crate) fn message(body: &str) -> PostEntry {
    PostEntry::message(body.parse().expect("a lawful body"))
}

pub(crate) fn note(body: &str) -> PostEntry {
    PostEntry::note(body.parse().expect("a lawful body"))
}

/// A message by the customer.
pub(crate) fn by_contact(body: &str) -> PostEntry {
    PostEntry { actor_id: Some(contact().into()), ..message(body) }
}

/// An event as its receiver reads it.
pub(crate) fn payload(event: &Event) -> serde_json::Value {
    serde_json::from_slice(&event.payload).expect("an event is JSON")
}
