use serde_json::value::to_raw_value;

use super::{
    Context, Decision, Existing,
    event_detail::{
        EventDetail, FrozenTicket, TicketAssigned, TicketReopened, TicketResolved, TicketStatusChanged,
        TicketUnassigned, freeze,
    },
};
use crate::{
    model::{
        actor::Actor,
        contact::Contact,
        evidence::Evidence,
        id::{ActorId, OwnerId},
        search::{TermChanges, entry_terms, subject_terms},
        sla::Timers,
        thread::{AssignmentCause, EntryDetail, ThreadEntry, Visibility},
        ticket::{Status, Ticket, Version},
    },
    store::{Expectation, NotificationChange, TicketChange},
};

/// A ticket in the making: each step changes it and notes the entries and events that tell of it. Events are frozen at
/// the end, so that all of them show the ticket as the commit leaves it.
pub(super) struct Draft<'a> {
    cx: &'a Context<'a>,
    actor: Actor,
    expect: Expectation,
    pub(super) ticket: Ticket,
    timers: Timers,
    pub(super) contact: Option<Contact>,
    pub(super) notification: Option<NotificationChange>,
    sequence: u64,
    entries: Vec<ThreadEntry>,
    events: Vec<EventDetail>,
}

impl<'a> Draft<'a> {
    /// Of a ticket that is to be made.
    pub(super) fn new(ticket: Ticket, actor: Option<ActorId>, cx: &'a Context<'a>) -> Self {
        let timers = Timers::start(ticket.created_at);
        Self::with(ticket, timers, Expectation::Absent, 0, actor, cx)
    }

    /// Of a ticket that is there.
    pub(super) fn of(known: Existing<'_>, actor: Option<ActorId>, cx: &'a Context<'a>) -> Self {
        let Existing { ticket: before, timers, thread_length, contact: _ } = known;
        let mut ticket = before.clone();
        ticket.version = before.version.next();
        // The clock of another node may be behind; a ticket's own times never run backwards.
        ticket.updated_at = cx.now.max(before.updated_at);
        Self::with(ticket, *timers, Expectation::Version(before.version), thread_length, actor, cx)
    }

    fn with(
        ticket: Ticket,
        timers: Timers,
        expect: Expectation,
        sequence: u64,
        actor: Option<ActorId>,
        cx: &'a Context<'a>,
    ) -> Self {
        let actor = actor.map_or(cx.actor, Actor::from);
        let (entries, events) = (Vec::new(), Vec::new());
        Self { cx, actor, expect, ticket, timers, contact: None, notification: None, sequence, entries, events }
    }

    pub(super) const fn actor(&self) -> Actor {
        self.actor
    }

    /// Notes an event.
    pub(super) fn tell(&mut self, event: impl Into<EventDetail>) {
        self.events.push(event.into());
    }

    /// Adds an entry to the thread.
    pub(super) fn write(
        &mut self,
        visibility: Visibility,
        body: Option<String>,
        evidence: Vec<Evidence>,
        detail: EntryDetail,
    ) -> ThreadEntry {
        self.write_as(self.actor, visibility, body, evidence, detail)
    }

    /// Adds an entry that tells what the system itself did.
    pub(super) fn write_of_system(&mut self, detail: EntryDetail) -> ThreadEntry {
        self.write_as(Actor::System, Visibility::Internal, None, Vec::new(), detail)
    }

    fn write_as(
        &mut self,
        actor: Actor,
        visibility: Visibility,
        body: Option<String>,
        evidence: Vec<Evidence>,
        detail: EntryDetail,
    ) -> ThreadEntry {
        self.sequence += 1;
        let entry = ThreadEntry {
            id: self.cx.ids.generate(self.cx.now),
            ticket_id: self.ticket.id,
            sequence: self.sequence,
            visibility,
            actor,
            body,
            evidence,
            created_at: self.ticket.updated_at,
            detail,
        };
        self.entries.push(entry.clone());
        entry
    }

    /// Notes that somebody wrote to the customer: a reply, unless it is by a contact or the system.
    pub(super) fn reply(&mut self) {
        match self.actor {
            Actor::User(_) | Actor::Agent(_) | Actor::ApiKey(_) => self.timers.reply(self.ticket.updated_at),
            Actor::Contact(_) | Actor::System => {}
        }
    }

    /// Gives the ticket to somebody or nobody. If that is how it is, nothing is noted.
    pub(super) fn assign(&mut self, owner: Option<OwnerId>, cause: AssignmentCause, reason: Option<String>) {
        let previous_owner_id = self.ticket.owner_id;
        if previous_owner_id == owner {
            return;
        }
        self.ticket.owner_id = owner;
        let detail = EntryDetail::Assignment { owner_id: owner, previous_owner_id, cause, reason: reason.clone() };
        self.write(Visibility::Internal, None, Vec::new(), detail);
        let actor = self.actor;
        match owner {
            Some(owner_id) => self.tell(TicketAssigned { owner_id, previous_owner_id, cause, actor, reason }),
            None => self.tell(TicketUnassigned { previous_owner_id, actor, reason }),
        }
    }

    /// Moves the ticket. Whether that is lawful was judged before.
    pub(super) fn transition(&mut self, to: Status, reason: Option<String>, resolution_note: Option<String>) {
        let from = self.ticket.status;
        let at = self.ticket.updated_at;
        let actor = self.actor;
        self.ticket.status = to;
        self.timers.track(to, at);
        let detail =
            EntryDetail::Transition { from, to, reason: reason.clone(), resolution_note: resolution_note.clone() };
        self.write(Visibility::Internal, None, Vec::new(), detail);
        self.tell(TicketStatusChanged { from, to, actor, reason: reason.clone() });
        match to {
            Status::Resolved => {
                self.ticket.resolution_note.clone_from(&resolution_note);
                self.ticket.first_resolved_at.get_or_insert(at);
                self.ticket.resolved_at = Some(at);
                self.tell(TicketResolved { from, to, actor, reason, resolution_note });
            }
            Status::Open if from == Status::Resolved => {
                self.ticket.reopen_count += 1;
                self.ticket.resolution_note = None;
                self.ticket.resolved_at = None;
                let reopen_count = self.ticket.reopen_count;
                self.tell(TicketReopened { from, to, actor, reason, reopen_count });
            }
            Status::Closed => self.ticket.closed_at = Some(at),
            Status::New | Status::Open | Status::Pending | Status::OnHold => {}
        }
    }

    /// What the steps so far come to.
    pub(super) fn finish(mut self, before: Option<&Ticket>) -> Decision {
        if let Some(before) = before
            && self.entries.is_empty()
            && self.events.is_empty()
        {
            return Decision::Unchanged(Box::new(before.clone()));
        }
        self.ticket.queued_at =
            if self.ticket.waits() { self.ticket.queued_at.or(Some(self.ticket.updated_at)) } else { None };
        let terms = self.terms(before);
        let events = match to_raw_value(&self.ticket) {
            Ok(json) => {
                let frozen = FrozenTicket { id: self.ticket.id, version: self.ticket.version, json: &json };
                self.events
                    .iter()
                    .map(|detail| {
                        let id = self.cx.ids.generate(self.cx.now);
                        freeze(id, self.cx.realm.environment(), self.ticket.updated_at, Some(frozen), detail)
                    })
                    .collect()
            }
            // A ticket is plain data with text for names: it cannot fail to be written.
            Err(_) => Vec::new(),
        };
        debug_assert!(!events.is_empty(), "every change of a ticket is told");
        debug_assert!(self.expect == Expectation::Absent || self.ticket.version > Version::FIRST);
        Decision::Changed(Box::new(TicketChange {
            expect: self.expect,
            ticket: self.ticket,
            timers: self.timers,
            contact: self.contact,
            notification: self.notification,
            entries: self.entries,
            events,
            terms,
        }))
    }

    /// How the words change that the ticket can be found by.
    fn terms(&self, before: Option<&Ticket>) -> TermChanges {
        let mut terms = TermChanges::default();
        if before.is_none_or(|before| before.subject != self.ticket.subject) {
            terms.add(subject_terms(&self.ticket.subject));
            if let Some(before) = before {
                terms.remove(subject_terms(&before.subject));
            }
        }
        for entry in &self.entries {
            terms.add(entry_terms(entry));
        }
        terms
    }
}
