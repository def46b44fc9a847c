use super::{Context, Decision, Existing, Rejection, draft::Draft};
use crate::{
    model::{thread::AssignmentCause, ticket::AssignTicket},
    platform::text::Text,
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(known: Existing<'_>, command: &AssignTicket, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let before = known.ticket;
    let AssignTicket { owner_id, reason, actor_id } = command;
    let owner = owner_id.0;
    let trigger = if owner.is_some() { Trigger::Assign } else { Trigger::Unassign };
    let verdict = verdict(before.status, trigger);
    if matches!(verdict, Verdict::Closed | Verdict::Illegal) {
        return Err(Rejection::TicketClosed);
    }
    let mut draft = Draft::of(known, *actor_id, cx);
    draft.assign(owner, AssignmentCause::Assign, reason.as_ref().map(Text::to_string));
    if let Verdict::Moves { to, guard: _, reason } = verdict {
        draft.transition(to, reason.map(|reason| reason.as_str().to_owned()), None);
    }
    Ok(draft.finish(Some(before)))
}
