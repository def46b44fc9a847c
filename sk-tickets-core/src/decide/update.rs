use std::collections::BTreeMap;

use super::{Context, Decision, Rejection, create::distinct, draft::Draft, event_detail::EventDetail, known_queue};
use crate::{
    model::{
        metadata::TooManyPairs,
        ticket::{Ticket, UpdateTicket},
    },
    platform::{
        input::{Fault, Patch},
        text::Text,
    },
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(
    before: &Ticket,
    thread_length: u64,
    command: &UpdateTicket,
    cx: &Context<'_>,
) -> Result<Decision, Rejection> {
    let UpdateTicket { subject, priority, tags, metadata, topic, queue, actor_id } = command;
    match verdict(before.status, Trigger::Update) {
        Verdict::Stays => {}
        Verdict::Closed | Verdict::Illegal | Verdict::Moves { .. } => return Err(Rejection::TicketClosed),
    }

    let mut draft = Draft::of(before, thread_length, *actor_id, cx);
    let ticket = &mut draft.ticket;
    if let Some(subject) = &subject.0 {
        ticket.subject = subject.to_string();
    }
    if let Some(priority) = priority.0 {
        ticket.priority = priority;
    }
    match tags {
        Patch::Keep => {}
        Patch::Clear => ticket.tags.clear(),
        Patch::Set(tags) => ticket.tags = distinct(tags),
    }
    match metadata {
        Patch::Keep => {}
        Patch::Clear => ticket.metadata = BTreeMap::new(),
        Patch::Set(patch) => ticket.metadata = patch.apply(&before.metadata).map_err(|_| too_many_pairs())?,
    }
    match topic {
        Patch::Keep => {}
        Patch::Clear => ticket.topic = None,
        Patch::Set(topic) => ticket.topic = Some(topic.to_string()),
    }
    if let Some(queue) = queue.0.as_ref().map(Text::as_str) {
        known_queue(queue)?;
        if queue != before.queue {
            queue.clone_into(&mut ticket.queue);
            // It waits in another queue from now on: at the end of its lane there.
            ticket.queued_at = None;
        }
    }

    let changed: Vec<_> = [
        ("subject", ticket.subject != before.subject),
        ("priority", ticket.priority != before.priority),
        ("tags", ticket.tags != before.tags),
        ("metadata", ticket.metadata != before.metadata),
        ("topic", ticket.topic != before.topic),
        ("queue", ticket.queue != before.queue),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect();
    if !changed.is_empty() {
        let actor = draft.actor();
        draft.tell(EventDetail::Updated { changed, actor });
    }
    Ok(draft.finish(Some(before)))
}

fn too_many_pairs() -> Rejection {
    Rejection::Invalid(vec![Fault {
        pointer: "/metadata".into(),
        code: "too_many".into(),
        message: TooManyPairs.to_string(),
    }])
}
