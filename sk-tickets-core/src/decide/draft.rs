use serde_json::value::to_raw_value;

use super::{
    Context, Decision, Existing,
    event_detail::{
        EventDetail, FrozenTicket, TicketAssigned, TicketReopened, TicketResolved, TicketSlaBreached, TicketSlaWarning,
        TicketStatusChanged, TicketUnassigned, freeze,
    },
};
use crate::{
    model::{
        actor::Actor,
        contact::Contact,
        evidence::Evidence,
        id::{ActorId, OwnerId},
        search::{TermChanges, entry_terms, subject_terms},
        sla::{Alarm, AlarmKind, Clocks, KeptPolicy, PolicyRevision, Reach, SlaPolicy, Timers},
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
    policies: &'a [KeptPolicy],
    /// The policy that was looked at.
    policy: Option<PolicyRevision>,
    pub(super) contact: Option<Contact>,
    pub(super) notification: Option<NotificationChange>,
    sequence: u64,
    entries: Vec<ThreadEntry>,
    /// What was due before: told first, and only if there is something else.
    alarms: Vec<EventDetail>,
    events: Vec<EventDetail>,
}

impl<'a> Draft<'a> {
    /// Of a ticket that is to be made.
    pub(super) fn new(ticket: Ticket, policies: &'a [KeptPolicy], actor: Option<ActorId>, cx: &'a Context<'a>) -> Self {
        let timers = Timers::start(ticket.created_at);
        let mut draft = Self::with(ticket, timers, policies, Expectation::Absent, 0, actor, cx);
        draft.apply_policy(Reach::Missing);
        draft
    }

    /// Of a ticket that is there. What has become due since anybody looked comes before whatever is done to it: a reply
    /// that is late is late, though nobody was there to say so in time.
    pub(super) fn of(known: Existing<'a>, actor: Option<ActorId>, cx: &'a Context<'a>) -> Self {
        let Existing { ticket: before, timers, thread_length, contact: _, policies } = known;
        let expect = Expectation::Version(before.version);
        let mut draft = Self::with(before.clone(), *timers, policies, expect, thread_length, actor, cx);
        draft.ticket.version = before.version.next();
        // The clock of another node may be behind; a ticket's own times never run backwards.
        draft.ticket.updated_at = cx.now.max(before.updated_at);
        draft.alarms = draft.ring();
        draft
    }

    fn with(
        ticket: Ticket,
        timers: Timers,
        policies: &'a [KeptPolicy],
        expect: Expectation,
        sequence: u64,
        actor: Option<ActorId>,
        cx: &'a Context<'a>,
    ) -> Self {
        Self {
            cx,
            actor: actor.map_or(cx.actor, Actor::from),
            expect,
            ticket,
            timers,
            policies,
            policy: None,
            contact: None,
            notification: None,
            sequence,
            entries: Vec::new(),
            alarms: Vec::new(),
            events: Vec::new(),
        }
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
            Actor::User(_) | Actor::Agent(_) | Actor::ApiKey(_) => {
                let at = self.ticket.updated_at;
                self.clocks().reply(at);
            }
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
        let policy = if from == Status::Resolved && to == Status::Open { self.policy_in_force() } else { None };
        self.clocks().moved(from, policy, at);
        self.timers.auto_close_at = match to {
            Status::Resolved => self.cx.auto_close_after.map(|after| at + after),
            Status::New | Status::Open | Status::Pending | Status::OnHold | Status::Closed => None,
        };
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

    /// Brings the clocks under the policy of the ticket's priority; true if that changes something. Nothing is changed of
    /// a ticket that is done.
    pub(super) fn apply_policy(&mut self, reach: Reach) -> bool {
        if matches!(self.ticket.status, Status::Resolved | Status::Closed) {
            return false;
        }
        let (policy, at) = (self.policy_in_force(), self.ticket.updated_at);
        let before = (self.ticket.sla, self.timers.targets);
        self.clocks().apply(policy, reach, at);
        before != (self.ticket.sla, self.timers.targets)
    }

    /// Whether it was resolved for as long as it is to be.
    pub(super) fn is_to_be_closed(&self) -> bool {
        self.timers.auto_close_at.is_some_and(|at| at <= self.ticket.updated_at)
    }

    const fn clocks(&mut self) -> Clocks<'_> {
        Clocks { ticket: &mut self.ticket, timers: &mut self.timers }
    }

    /// The policy of the ticket's priority. What is decided depends on it from now on.
    fn policy_in_force(&mut self) -> Option<&'a SlaPolicy> {
        let priority = self.ticket.priority;
        let kept = self.policies.iter().find(|kept| kept.policy.priority == priority);
        self.policy = Some(PolicyRevision { priority, revision: kept.map_or(0, |kept| kept.revision) });
        kept.map(|kept| &kept.policy)
    }

    /// What the clocks have come to, as events.
    fn ring(&mut self) -> Vec<EventDetail> {
        let breached_at = self.ticket.updated_at;
        let alarms = self.clocks().ring(breached_at);
        let actor = Actor::System;
        let told = alarms.into_iter().map(|Alarm { kind, metric, threshold_seconds, due_at }| match kind {
            AlarmKind::Warning => {
                TicketSlaWarning { metric, threshold_seconds, due_at, breached_at: None, actor }.into()
            }
            AlarmKind::Breach => TicketSlaBreached { metric, threshold_seconds, due_at, breached_at, actor }.into(),
        });
        told.collect()
    }

    /// What the steps so far come to.
    pub(super) fn finish(self, before: Option<&Ticket>) -> Decision {
        match before {
            Some(before) if self.entries.is_empty() && self.events.is_empty() => {
                Decision::Unchanged(Box::new(before.clone()))
            }
            Some(_) | None => self.change(before),
        }
    }

    /// What the steps so far come to, where to tell what was due is a step as good as any.
    pub(super) fn finish_alarmed(self, before: &Ticket) -> Decision {
        if self.alarms.is_empty() { self.finish(Some(before)) } else { self.change(Some(before)) }
    }

    fn change(mut self, before: Option<&Ticket>) -> Decision {
        let due = self.ring();
        self.clocks().settle();
        let told: Vec<_> = self.alarms.drain(..).chain(self.events.drain(..)).chain(due).collect();
        self.ticket.queued_at =
            if self.ticket.waits() { self.ticket.queued_at.or(Some(self.ticket.updated_at)) } else { None };
        let terms = self.terms(before);
        let events = match to_raw_value(&self.ticket) {
            Ok(json) => {
                let frozen = FrozenTicket { id: self.ticket.id, version: self.ticket.version, json: &json };
                told.iter()
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
            policy: self.policy,
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
