use super::{Context, Decision, Existing, Rejection, draft::Draft, event_detail::TicketMessageAdded};
use crate::{
    model::{
        actor::Actor,
        thread::{EntryDetail, PostEntry, PostKind, Visibility},
        ticket::Status,
    },
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(known: Existing<'_>, command: &PostEntry, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let before = known.ticket;
    let PostEntry { kind, body, evidence, actor_id, reopen } = command;
    let mut draft = Draft::of(known, *actor_id, cx);
    let stays_resolved = before.status == Status::Resolved && *reopen == Some(false);
    let trigger = match (kind, draft.actor()) {
        (PostKind::Note, _) => Trigger::Note,
        (PostKind::Message, Actor::Contact(_)) if !stays_resolved => Trigger::ContactMessage,
        (PostKind::Message, _) => Trigger::Message,
    };
    let verdict = verdict(before.status, trigger);
    if matches!(verdict, Verdict::Closed | Verdict::Illegal) {
        return Err(Rejection::TicketClosed);
    }
    let (visibility, detail) = match kind {
        PostKind::Message => (Visibility::Public, EntryDetail::Message),
        PostKind::Note => (Visibility::Internal, EntryDetail::Note),
    };
    if visibility == Visibility::Public {
        draft.reply();
    }
    let entry = draft.write(visibility, Some(body.to_string()), evidence.to_vec(), detail);
    let actor = draft.actor();
    draft.tell(TicketMessageAdded { entry, actor });
    if let Verdict::Moves { to, guard: _, reason } = verdict {
        draft.transition(to, reason.map(|reason| reason.as_str().to_owned()), None);
    }
    Ok(draft.finish(Some(before)))
}
