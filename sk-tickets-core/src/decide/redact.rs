//! What becomes of everything that has the words of an entry.
//!
//! Words are found by where they stand and never by how they read: by the entry's id, and by the version in which a
//! transition or an assignment was told. Who writes the words of a thread down, and where:
//!
//! - `create`, `post`: the entry, `ticket.created` or `ticket.message_added`, and the answer to a post
//! - a transition: its entry, the events of its version, and while its resolution note is the ticket's: the ticket, every
//!   event that freezes the ticket, every answer that shows it
//! - what the customer was told with a resolution, and the answer to who had it told again
//! - an assignment: its entry and the event of its version
//! - a receiver, in what it answers to such an event, and the answer to who had that sent again or discarded
//! - what the ticket can be found by

use std::ops::Range;

use serde::Deserialize;

use super::{Context, Decision, Existing, Rejection, draft::Draft, event_detail::TicketMessageAdded};
use crate::{
    model::{
        event::{Event, EventType},
        id::{EntryId, NotificationId},
        notification::Notification,
        redaction::{REDACTED, RedactEntry, redacted_reference},
        search::entry_terms,
        thread::{EntryDetail, ThreadEntry, Visibility},
        ticket::{Status, Ticket, Version},
    },
    platform::{id::EventId, idempotency::IdempotencyKey, json_edit::Edit},
    store::{Loaded, RedactionChange, Traces},
    transition::{Trigger, Verdict, verdict},
};

/// What a redaction comes to.
#[derive(Debug, Clone)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Redaction {
    /// Nothing: the entry has no words, or they are gone already.
    Unchanged(Box<ThreadEntry>),
    /// This.
    Changed(Box<RedactionChange>),
}

/// Decides to take the words of an entry out of everything that has them.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_redaction(
    known: &Loaded,
    entry: EntryId,
    command: &RedactEntry,
    cx: &Context<'_>,
) -> Result<Redaction, Rejection> {
    let RedactEntry { reason, actor_id } = command;
    let existing = Existing::of(known).ok_or(Rejection::NotFound)?;
    let (ticket, traces) = (existing.ticket, &known.traces);
    let entry = traces.thread.iter().find(|one| one.id == entry).ok_or(Rejection::NotFound)?;
    // Who, when and why stays: it is what makes a redaction accountable.
    if matches!(entry.detail, EntryDetail::Redaction { .. }) {
        return Err(Rejection::NotRedactable);
    }
    match verdict(ticket.status, Trigger::Redact) {
        Verdict::Stays => {}
        Verdict::Closed | Verdict::Illegal | Verdict::Moves { .. } => return Err(Rejection::TicketClosed),
    }
    let after = entry.redacted();
    if after == *entry {
        return Ok(Redaction::Unchanged(Box::new(after)));
    }

    let words = Words::of(entry, ticket, traces);
    let mut draft = Draft::of(existing, *actor_id, cx);
    if words.is_noted {
        draft.ticket.resolution_note = Some(REDACTED.to_owned());
    }
    let detail = EntryDetail::Redaction { entry_id: entry.id, reason: reason.to_string() };
    let told = draft.write(Visibility::Internal, None, Vec::new(), detail);
    let actor = draft.actor();
    draft.tell(TicketMessageAdded { entry: told, actor });
    Ok(match draft.finish(Some(ticket)) {
        Decision::Unchanged(_) => Redaction::Unchanged(Box::new(after)),
        Decision::Changed(mut change) => {
            change.terms.remove(entry_terms(entry));
            change.terms.add(entry_terms(&after));
            let events: Vec<_> = traces.events.iter().filter_map(|event| words.gone_from_event(event)).collect();
            let is_told = |id| events.iter().any(|(event, _)| *event == id);
            let answers = traces.answers.iter().filter_map(|answer| words.gone_from_answer(answer, is_told)).collect();
            Redaction::Changed(Box::new(RedactionChange {
                change: *change,
                entry: after,
                events,
                answers,
                notifications: words.told_anew(ticket, known, cx),
                answers_seen: traces.answers.len(),
            }))
        }
    })
}

/// Where the words of an entry are.
struct Words {
    entry: EntryId,
    /// The version that a transition or an assignment was told in; none of another entry, or if that event is no longer
    /// kept.
    told_in: Option<Version>,
    /// Which events of that version told of it.
    tells: fn(EventType) -> bool,
    /// The versions in which the ticket has its resolution note.
    noted_in: Range<Version>,
    /// What the customer was told with it.
    mailed: Vec<NotificationId>,
    /// Whether the ticket still has it.
    is_noted: bool,
}

impl Words {
    fn of(entry: &ThreadEntry, ticket: &Ticket, traces: &Traces) -> Self {
        let none = Version::FIRST..Version::FIRST;
        let words = Self {
            entry: entry.id,
            told_in: None,
            tells: |_| false,
            noted_in: none,
            mailed: Vec::new(),
            is_noted: false,
        };
        match &entry.detail {
            EntryDetail::Message
            | EntryDetail::Note
            | EntryDetail::Evidence
            | EntryDetail::Notification { .. }
            | EntryDetail::Redaction { .. } => words,
            EntryDetail::Assignment { .. } => {
                let tells: fn(EventType) -> bool =
                    |told| matches!(told, EventType::TicketAssigned | EventType::TicketUnassigned);
                let is_later = |one: &&ThreadEntry| {
                    one.sequence > entry.sequence && matches!(one.detail, EntryDetail::Assignment { .. })
                };
                let later = traces.thread.iter().filter(is_later).count();
                Self { told_in: version(traces, tells, later), tells, ..words }
            }
            EntryDetail::Transition { from: _, to, reason: _, resolution_note } => {
                let moved = |told| matches!(told, EventType::TicketStatusChanged);
                let later: Vec<Status> = traces.thread.iter().filter_map(|one| moved_later(entry, one)).collect();
                let told_in = version(traces, moved, later.len());
                let tells = |told| {
                    matches!(
                        told,
                        EventType::TicketStatusChanged | EventType::TicketResolved | EventType::TicketReopened
                    )
                };
                let words = Self { told_in, tells, ..words };
                // Only of what is resolved the note is told beyond its entry.
                let Some(note) = resolution_note.as_ref().filter(|_| *to == Status::Resolved) else { return words };
                let words = Self { mailed: mailed(note, &later, traces), ..words };
                let from = told_in.unwrap_or(Version::FIRST);
                // What comes after resolved is reopened, which clears the note, or closed, which keeps it.
                if later.first() != Some(&Status::Open) {
                    return Self { noted_in: from..ticket.version.next(), is_noted: true, ..words };
                }
                // An event that is no longer kept is before all that are: rather a little too much than too little.
                let kept = || traces.events.iter().filter_map(|event| event.ticket_version).min();
                let until = version(traces, moved, later.len() - 1).or_else(kept).unwrap_or(ticket.version);
                Self { noted_in: from..until, ..words }
            }
        }
    }

    /// An event with a payload without them; none if they are not in it.
    fn gone_from_event(&self, event: &Event) -> Option<(EventId, Vec<u8>)> {
        let Event { id, event_type, ticket_id: _, ticket_version, at: _, payload } = event;
        let told: Told = serde_json::from_slice(payload).ok()?;
        let mut data = Vec::new();
        if told.data.entry.is_some_and(|entry| entry.id == self.entry) {
            data.push(("entry", entry()));
            // That of the ticket, as it came in: the first entry's.
            data.push(("evidence", evidence()));
        }
        if ticket_version.is_some_and(|version| self.noted_in.contains(&version)) {
            data.push(("ticket", Edit::Members(vec![("resolution_note", words())])));
        }
        if self.told_in.is_some() && self.told_in == *ticket_version && (self.tells)(*event_type) {
            data.push(("reason", words()));
            data.push(("resolution_note", words()));
        }
        changed(&Edit::Members(vec![("data", Edit::Members(data))]), payload).map(|payload| (*id, payload))
    }

    /// Notifications with subject and text as if the note had never said more.
    fn told_anew(&self, ticket: &Ticket, known: &Loaded, cx: &Context<'_>) -> Vec<(NotificationId, String, String)> {
        let ticket = Ticket { resolution_note: Some(REDACTED.to_owned()), ..ticket.clone() };
        let (subject, text) = cx.mail.render(&ticket, known.contact.as_ref());
        let told = known.traces.notifications.iter().filter(|one| self.mailed.contains(&one.id));
        told.map(|one| (one.id, subject.clone(), text.clone())).collect()
    }

    /// A recorded answer with a body without them; none if they are not in it. `is_told` says in which events they were.
    fn gone_from_answer(
        &self,
        (key, body): &(IdempotencyKey, Vec<u8>),
        is_told: impl Fn(EventId) -> bool,
    ) -> Option<(IdempotencyKey, Vec<u8>)> {
        let edit = match serde_json::from_slice(body).ok()? {
            Shown::ThreadEntry { id } if id == self.entry => entry(),
            Shown::Ticket { version } if self.noted_in.contains(&version) => {
                Edit::Members(vec![("resolution_note", words())])
            }
            Shown::Notification { id } if self.mailed.contains(&id) => {
                Edit::Members(vec![("subject", words()), ("text", words()), ("last_error", words())])
            }
            // As in the delivery itself: whatever was answered to it, since who knows what a receiver repeats.
            Shown::Delivery { event_id } if is_told(event_id) => {
                let attempt = Edit::Members(vec![("error", words()), ("response", words())]);
                Edit::Members(vec![("attempts", Edit::Items(Box::new(attempt)))])
            }
            Shown::ThreadEntry { .. } | Shown::Ticket { .. } | Shown::Notification { .. } | Shown::Delivery { .. } => {
                return None;
            }
        };
        changed(&edit, body).map(|body| (key.clone(), body))
    }
}

/// What the customer was told with a note: of each resolution there is one notification, if there was a customer. Ids of
/// several nodes need not be in order, so one that has the note in it is meant too.
fn mailed(note: &str, later: &[Status], traces: &Traces) -> Vec<NotificationId> {
    let later = later.iter().filter(|to| **to == Status::Resolved).count();
    let of_this = traces.notifications.iter().rev().nth(later).map(|one| one.id);
    let has_it = |one: &&Notification| Some(one.id) == of_this || one.text.contains(note) || one.subject.contains(note);
    traces.notifications.iter().filter(has_it).map(|one| one.id).collect()
}

/// Where a transition after this entry led to.
fn moved_later(entry: &ThreadEntry, one: &ThreadEntry) -> Option<Status> {
    match one.detail {
        EntryDetail::Transition { to, .. } if one.sequence > entry.sequence => Some(to),
        EntryDetail::Transition { .. }
        | EntryDetail::Message
        | EntryDetail::Note
        | EntryDetail::Evidence
        | EntryDetail::Assignment { .. }
        | EntryDetail::Notification { .. }
        | EntryDetail::Redaction { .. } => None,
    }
}

/// The version of the event of such a type that so many came after. Counted from the end: of such entries each has one
/// event, but old events may no longer be kept.
fn version(traces: &Traces, tells: fn(EventType) -> bool, later: usize) -> Option<Version> {
    let mut told = traces.events.iter().rev().filter(|event| tells(event.event_type));
    told.nth(later).and_then(|event| event.ticket_version)
}

/// What of an event says which entry it is about.
#[derive(Deserialize)]
struct Told {
    data: ToldData,
}

#[derive(Deserialize)]
struct ToldData {
    entry: Option<ToldEntry>,
}

#[derive(Deserialize)]
struct ToldEntry {
    id: EntryId,
}

/// What of an answer says what it shows.
#[derive(Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
enum Shown {
    ThreadEntry { id: EntryId },
    Ticket { version: Version },
    Notification { id: NotificationId },
    Delivery { event_id: EventId },
}

/// The words of an entry as JSON has it: [`ThreadEntry::redacted`] once more.
fn entry() -> Edit {
    Edit::Members(vec![("body", words()), ("evidence", evidence()), ("reason", words()), ("resolution_note", words())])
}

fn evidence() -> Edit {
    let one = Edit::Members(vec![("ref", Edit::Text(redacted_reference)), ("label", words())]);
    Edit::Items(Box::new(one))
}

fn words() -> Edit {
    Edit::Text(|_| Some(REDACTED))
}

/// What an edit makes of a text; none if that is the same. What cannot be read is none of ours.
fn changed(edit: &Edit, json: &[u8]) -> Option<Vec<u8>> {
    edit.apply(json).ok().filter(|edited| edited != json)
}
