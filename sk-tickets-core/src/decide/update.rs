use std::collections::BTreeMap;

use super::{
    Context, Decision, Existing, Rejection, accept, check_queue, create::distinct, draft::Draft,
    event_detail::TicketUpdated,
};
use crate::{
    model::{sla::Reach, ticket::UpdateTicket},
    platform::{
        input::{Faults, Patch, Pointer},
        text::Text,
    },
    store::Loaded,
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(
    known: &Loaded,
    existing: Existing<'_>,
    command: &UpdateTicket,
    cx: &Context<'_>,
) -> Result<Decision, Rejection> {
    let before = existing.ticket;
    let UpdateTicket { subject, priority, tags, metadata, topic, queue, actor_id } = command;
    match verdict(before.status, Trigger::Update) {
        Verdict::Stays => {}
        Verdict::Closed | Verdict::Illegal | Verdict::Moves { .. } => return Err(Rejection::TicketClosed),
    }

    let mut draft = Draft::of(existing, *actor_id, cx);
    let ticket = &mut draft.ticket;
    let mut faults = Faults::default();
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
        Patch::Set(patch) => match patch.apply(&before.metadata) {
            Ok(metadata) => ticket.metadata = metadata,
            Err(error) => faults.push(Pointer::ROOT.name("metadata"), "too_many", error.to_string()),
        },
    }
    match topic {
        Patch::Keep => {}
        Patch::Clear => ticket.topic = None,
        Patch::Set(topic) => ticket.topic = Some(topic.to_string()),
    }
    if let Some(queue) = queue.0.as_ref().map(Text::as_str) {
        check_queue(queue, known, &mut faults);
        if queue != before.queue {
            queue.clone_into(&mut ticket.queue);
            // It waits in another queue from now on: at the end of its lane there.
            ticket.queued_at = None;
        }
    }
    accept(faults)?;

    let repriced = ticket.priority != before.priority && draft.apply_policy(Reach::Missing);
    let ticket = &draft.ticket;
    let changed: Vec<_> = [
        ("subject", ticket.subject != before.subject),
        ("priority", ticket.priority != before.priority),
        ("tags", ticket.tags != before.tags),
        ("metadata", ticket.metadata != before.metadata),
        ("topic", ticket.topic != before.topic),
        ("queue", ticket.queue != before.queue),
        ("sla", repriced),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect();
    if !changed.is_empty() {
        let actor = draft.actor();
        draft.tell(TicketUpdated { changed, actor });
    }
    Ok(draft.finish(Some(before)))
}
