use super::{Context, Decision, Existing, Rejection, draft::Draft};
use crate::{
    model::{
        id::{ActorId, OwnerId},
        thread::AssignmentCause,
        ticket::AssignTicket,
    },
    platform::text::Text,
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(known: Existing<'_>, command: &AssignTicket, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let AssignTicket { owner_id, reason, actor_id } = command;
    give(known, owner_id.0, AssignmentCause::Assign, reason.as_ref().map(Text::to_string), *actor_id, cx)
}

/// Gives a ticket to somebody or nobody.
pub(super) fn give(
    known: Existing<'_>,
    owner: Option<OwnerId>,
    cause: AssignmentCause,
    reason: Option<String>,
    actor: Option<ActorId>,
    cx: &Context<'_>,
) -> Result<Decision, Rejection> {
    let before = known.ticket;
    let trigger = if owner.is_some() { Trigger::Assign } else { Trigger::Unassign };
    let verdict = verdict(before.status, trigger);
    if matches!(verdict, Verdict::Closed | Verdict::Illegal) {
        return Err(Rejection::TicketClosed);
    }
    let mut draft = Draft::of(known, actor, cx);
    draft.assign(owner, cause, reason);
    if let Verdict::Moves { to, guard: _, reason } = verdict {
        draft.transition(to, reason.map(|reason| reason.as_str().to_owned()), None);
    }
    Ok(draft.finish(Some(before)))
}
