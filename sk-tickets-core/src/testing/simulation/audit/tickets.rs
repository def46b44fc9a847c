use std::collections::{BTreeMap, BTreeSet};

use super::{Audit, Books};
use crate::{
    model::{
        event::{Event, EventType},
        id::OwnerId,
        notification::Outcome,
        sla::SlaState,
        thread::{AssignmentCause, EntryDetail},
        ticket::Status,
    },
    testing::simulation::{deed::Imprint, property::Property},
};

impl Audit<'_> {
    /// Each key that was answered has the effect that was told, once.
    pub(super) fn effects(&self, books: &Books) {
        let threads = books.tickets.iter().flat_map(|(_, thread)| thread);
        let marks = threads.clone().filter_map(|entry| mark_in(&serde_json::to_string(entry).ok()?));
        let entries = counted(marks);
        let updates = books.feed.iter().filter(|(_, event)| event.event_type == EventType::TicketUpdated);
        let updates = counted(updates.filter_map(|(_, event)| mark_in(subject(event)?.as_str())));
        let owners = threads.filter_map(|entry| match entry.detail {
            EntryDetail::Assignment { owner_id, cause: AssignmentCause::Claim, .. } => owner_id,
            _ => None,
        });
        let owners = counted(owners);

        let oracle = self.world.oracle();
        let answers = oracle.answers.by_key.iter().filter(|((realm, _), _)| *realm == books.realm);
        let answers: Vec<_> = answers.map(|((_, key), known)| (key.clone(), known.clone())).collect();
        let may_be_gone: BTreeSet<_> = oracle.answers.words_to_go.get(&books.realm).into_iter().flatten().collect();
        let may_be_gone: BTreeSet<_> = may_be_gone.into_iter().filter_map(|words| mark_in(words)).collect();
        drop(oracle);
        for (key, (deed, told)) in answers {
            let of = |counts: &BTreeMap<String, usize>| counts.get(&deed.mark).copied().unwrap_or_default();
            let (found, lawful) = match (&deed.imprint, told.is_success()) {
                (Imprint::Elsewhere, _) => continue,
                (Imprint::Updated, success) => (of(&updates), usize::from(success)..=usize::from(success)),
                (Imprint::Claimed(owner), success) => {
                    let found = owners.get(owner).copied().unwrap_or_default();
                    let given = usize::from(success && told.status != 204);
                    (found, given..=given)
                }
                (Imprint::Entry | Imprint::EntryOrNothing | Imprint::Redacted(_), false) => (of(&entries), 0..=0),
                (Imprint::Entry, true) if !may_be_gone.contains(&deed.mark) => (of(&entries), 1..=1),
                (Imprint::Entry | Imprint::EntryOrNothing | Imprint::Redacted(_), true) => (of(&entries), 0..=1),
            };
            self.world.check(Property::OneEffectForEachKey, lawful.contains(&found), || {
                format!("{key} was answered {}, and its effect is there {found} times", told.status)
            });
            if told.is_success() {
                self.world.check(Property::AcknowledgedIsKept, found >= *lawful.start(), || {
                    format!("{key} was answered {}, and its effect is not there", told.status)
                });
            }
        }
        self.known_tickets(books);
    }

    /// Each ticket that a client was told of is there, in no earlier version.
    fn known_tickets(&self, books: &Books) {
        let there: BTreeMap<_, _> = books.tickets.iter().map(|(ticket, _)| (ticket.id, ticket.version.0)).collect();
        let known = self.world.oracle().answers.tickets_of(&books.realm).to_vec();
        for id in &known {
            self.world.check(Property::AcknowledgedIsKept, there.contains_key(id), || format!("{id} is gone"));
        }
        let stored: Vec<_> = self.world.oracle().changes.versions.keys().cloned().collect();
        for (realm, id, version) in stored.into_iter().filter(|(realm, ..)| *realm == books.realm) {
            let kept = there.get(&id).is_some_and(|last| *last >= version);
            self.world.check(Property::AcknowledgedIsKept, kept, || format!("{realm:?}: {id} v{version} is gone"));
        }
    }

    pub(super) fn threads(&self, books: &Books) {
        for (ticket, thread) in &books.tickets {
            let sequences: Vec<_> = thread.iter().map(|entry| entry.sequence).collect();
            let whole = !sequences.is_empty() && (1..).zip(&sequences).all(|(expected, found)| expected == *found);
            self.world.check(Property::ThreadHasNoGaps, whole, || format!("{}: {sequences:?}", ticket.id));
            let mut ids: Vec<_> = thread.iter().map(|entry| entry.id).collect();
            ids.sort_unstable();
            ids.dedup();
            self.world.check(Property::ThreadHasNoGaps, ids.len() == thread.len(), || {
                format!("{}: an id is there twice", ticket.id)
            });
        }
    }

    /// Clocks and the close: once, and not forgotten.
    pub(super) fn alarms(&self, books: &Books) {
        let breaches = books.feed.iter().filter(|(_, event)| event.event_type == EventType::TicketSlaBreached);
        let breaches = counted(breaches.map(|(_, event)| (event.ticket_id, text(event, "/data/metric"))));
        for (what, times) in &breaches {
            self.world.check(Property::AlarmRingsOnce, *times == 1, || format!("{what:?} was told {times} times"));
        }
        let now = self.world.time.now();
        for (ticket, thread) in &books.tickets {
            let closed = thread
                .iter()
                .filter(|entry| matches!(&entry.detail, EntryDetail::Transition { to: Status::Closed, .. }));
            let closed = closed.count();
            self.world
                .check(Property::AlarmRingsOnce, closed <= 1, || format!("{} was closed {closed} times", ticket.id));

            let clocks = ticket.sla.iter().flat_map(|sla| [sla.first_response, sla.resolution]).flatten();
            let late = clocks.clone().any(|clock| {
                clock.state == SlaState::Running && clock.due_at.is_some_and(|due| now.since(due).as_secs() > 4)
            });
            self.world.check(Property::DueIsDone, !late, || format!("{}: {:?} at {now}", ticket.id, ticket.sla));
            let told = breaches.keys().filter(|(id, _)| *id == Some(ticket.id)).count();
            let breached = clocks.filter(|clock| clock.state == SlaState::Breached).count();
            self.world.check(Property::DueIsDone, breached <= told, || format!("{}: a breach was not told", ticket.id));
            let waits =
                ticket.status == Status::Resolved && ticket.resolved_at.is_some_and(|at| now.since(at).as_secs() > 50);
            self.world.check(Property::DueIsDone, !waits, || format!("{} should be closed by {now}", ticket.id));
        }
    }

    /// Each ticket of the pool was claimed by one.
    pub(super) fn heads(&self, books: &Books) {
        let mut claimed_by: BTreeMap<String, Vec<OwnerId>> = BTreeMap::new();
        for ((realm, _), (deed, told)) in &self.world.oracle().answers.by_key {
            if let (true, Imprint::Claimed(owner), Some(id)) = (*realm == books.realm, &deed.imprint, told.text("/id"))
            {
                claimed_by.entry(id).or_default().push(*owner);
            }
        }
        for (id, owners) in claimed_by.iter().filter(|(id, _)| id.starts_with("tkt_")) {
            self.world.check(Property::HeadGoesToOne, owners.len() == 1, || format!("{id} went to {owners:?}"));
        }
    }

    /// Who was to be told that a ticket was resolved has been.
    pub(super) fn customers(&self, books: &Books) {
        for (ticket, _) in books.tickets.iter().filter(|(ticket, _)| ticket.contact_id.is_some()) {
            let resolved = books.feed.iter().filter(|(_, event)| {
                event.event_type == EventType::TicketResolved && event.ticket_id == Some(ticket.id)
            });
            let resolved = resolved.count();
            let told = books.notifications.iter().filter(|one| one.ticket_id == ticket.id).count();
            self.world.check(Property::CustomerIsTold, resolved == told, || {
                format!("{} was resolved {resolved} times and has {told} notifications", ticket.id)
            });
        }
        let taken: BTreeSet<_> = {
            let oracle = self.world.oracle();
            oracle.inbox.mails.iter().filter(|posted| posted.taken).map(|posted| posted.mail.id).collect()
        };
        for sent in books.notifications.iter().filter(|one| one.outcome == Outcome::Sent) {
            self.world.check(Property::CustomerIsTold, taken.contains(&sent.id), || {
                format!("{} is recorded as sent, and no mail server took it", sent.id)
            });
        }
    }

    /// No ticket, and no word, of one realm is in another.
    pub(super) fn apart<'b>(&self, books: &Books, others: impl Iterator<Item = &'b Books>) {
        let mine: BTreeSet<_> = books.tickets.iter().map(|(ticket, _)| ticket.id).collect();
        for other in others {
            let shared = other.tickets.iter().find(|(ticket, _)| mine.contains(&ticket.id));
            self.world.check(Property::RealmsAreApart, shared.is_none(), || format!("{shared:?} is in two realms"));
        }
        for (_, event) in &books.feed {
            let ours = event.ticket_id.is_some_and(|id| mine.contains(&id))
                && text(event, "/environment").as_deref() == Some(books.realm.environment().as_str());
            self.world.check(Property::RealmsAreApart, ours, || format!("{} is not of {:?}", event.id, books.realm));
        }
    }
}

/// The mark in a text, if there is one.
pub(super) fn mark_in(text: &str) -> Option<String> {
    let from = text.find('<')?;
    let to = from + text[from..].find('>')?;
    Some(text[from..=to].to_owned())
}

pub(super) fn text(event: &Event, pointer: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(&event.payload).ok()?;
    json.pointer(pointer)?.as_str().map(str::to_owned)
}

fn subject(event: &Event) -> Option<String> {
    text(event, "/data/ticket/subject")
}

/// How often each is there.
fn counted<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}
