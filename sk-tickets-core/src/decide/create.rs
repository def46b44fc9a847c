use std::collections::BTreeMap;

use super::{Context, Decision, Rejection, accept, check_queue, draft::Draft, event_detail::TicketCreated};
use crate::{
    model::{
        contact::{Contact, InlineContact},
        evidence::Evidence,
        queue::DEFAULT_QUEUE,
        thread::{AssignmentCause, EntryDetail, Visibility},
        ticket::{CreateTicket, Priority, Source, Status, Ticket, Version},
    },
    platform::{
        input::{Faults, Pointer},
        text::Text,
    },
    store::Loaded,
    transition::AutomaticReason,
};

pub(super) fn decide(known: &Loaded, command: &CreateTicket, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let CreateTicket {
        subject,
        contact_id,
        contact,
        source,
        topic,
        queue,
        priority,
        owner_id,
        call_id,
        body,
        evidence,
        tags,
        metadata,
        follow_up_of,
        actor_id,
    } = command;

    let mut faults = Faults::default();
    if let Some(queue) = queue {
        check_queue(queue.as_str(), known, &mut faults);
    }
    if follow_up_of.is_some() && known.ticket.is_none() {
        faults.push(Pointer::ROOT.name("follow_up_of"), "not_found", "is not the id of a ticket");
    }
    accept(faults)?;
    // What is not kept can only be `default` as it is in every realm.
    let (queue, default_owner_id, default_priority) = match &known.queue {
        Some(queue) => (queue.key.as_str(), queue.default_owner_id, queue.default_priority),
        None => (DEFAULT_QUEUE, None, None),
    };
    let (owner_id, cause) = match owner_id {
        Some(named) => (Some(*named), AssignmentCause::Create),
        None => (default_owner_id, AssignmentCause::Routing),
    };
    let new_contact = match (contact, &known.contact) {
        (Some(inline), None) => Some(make_contact(inline, cx)),
        (Some(_), Some(_)) | (None, _) => None,
    };
    let inline_contact_id = new_contact.as_ref().or(known.contact.as_ref()).map(|contact| contact.id);
    let metadata = metadata.as_ref().map_or_else(BTreeMap::new, |patch| {
        // A request has no more pairs than a ticket may have.
        patch.apply(&BTreeMap::new()).unwrap_or_default()
    });

    let ticket = Ticket {
        id: cx.ids.generate(cx.now),
        environment: cx.realm.environment(),
        version: Version::FIRST,
        subject: subject.to_string(),
        status: Status::New,
        priority: priority.or(default_priority).unwrap_or(Priority::Normal),
        source: source.unwrap_or(Source::Api),
        topic: topic.as_ref().map(Text::to_string),
        queue: queue.to_owned(),
        queued_at: None,
        owner_id: None,
        contact_id: contact_id.or(inline_contact_id),
        call_id: *call_id,
        tags: distinct(tags),
        metadata,
        resolution_note: None,
        reopen_count: 0,
        follow_up_of: *follow_up_of,
        sla: None,
        created_at: cx.now,
        updated_at: cx.now,
        first_resolved_at: None,
        resolved_at: None,
        closed_at: None,
    };

    let mut evidence = evidence.to_vec();
    if let Some(call) = call_id.map(Evidence::call)
        && !evidence.iter().any(|piece| piece.kind == call.kind && piece.reference == call.reference)
    {
        evidence.push(call);
    }

    let mut draft = Draft::new(ticket, &known.policies, *actor_id, cx);
    draft.contact = new_contact;
    let detail = if body.is_some() { EntryDetail::Message } else { EntryDetail::Evidence };
    let entry = draft.write(Visibility::Public, body.as_ref().map(Text::to_string), evidence.clone(), detail);
    let actor = draft.actor();
    draft.tell(TicketCreated { evidence, entry, actor });
    if owner_id.is_some() {
        draft.assign(owner_id, cause, None);
        draft.transition(Status::Open, Some(AutomaticReason::Assigned.as_str().to_owned()), None);
    }
    Ok(draft.finish(None))
}

fn make_contact(inline: &InlineContact, cx: &Context<'_>) -> Contact {
    let InlineContact { name, email, phone } = inline;
    Contact {
        id: cx.ids.generate(cx.now),
        name: name.as_ref().map(Text::to_string),
        email: email.as_ref().map(ToString::to_string),
        phone: phone.as_ref().map(ToString::to_string),
        created_at: cx.now,
    }
}

/// Each tag, or topic, once, in the order given.
pub(super) fn distinct<const MAX: usize>(tags: &[Text<1, MAX>]) -> Vec<String> {
    let mut distinct = Vec::with_capacity(tags.len());
    for tag in tags.iter().map(Text::as_str) {
        if !distinct.iter().any(|known| known == tag) {
            distinct.push(tag.to_owned());
        }
    }
    distinct
}
