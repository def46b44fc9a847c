use super::{Context, Decision, Existing, Rejection, draft::Draft, notification};
use crate::{
    model::{
        thread::AssignmentCause,
        ticket::{Status, TransitionTicket},
    },
    platform::text::Text,
    transition::{Trigger, Verdict, verdict},
};

pub(super) fn decide(known: Existing<'_>, command: &TransitionTicket, cx: &Context<'_>) -> Result<Decision, Rejection> {
    let before = known.ticket;
    let TransitionTicket { to, reason, resolution_note, owner_id, actor_id } = command;
    let (to, guard, automatic) = match verdict(before.status, Trigger::Transition(*to)) {
        Verdict::Moves { to, guard, reason } => (to, guard, reason),
        Verdict::Stays | Verdict::Illegal | Verdict::Closed => {
            return Err(Rejection::IllegalTransition { from: before.status, to: *to });
        }
    };
    if guard.owner && before.owner_id.or(*owner_id).is_none() {
        return Err(Rejection::OwnerRequired);
    }
    if guard.reason && reason.is_none() {
        return Err(Rejection::ReasonRequired);
    }
    if guard.resolution_note && resolution_note.is_none() {
        return Err(Rejection::ResolutionNoteRequired);
    }

    let mut draft = Draft::of(known, *actor_id, cx);
    if owner_id.is_some() {
        draft.assign(*owner_id, AssignmentCause::Transition, None);
    }
    let reason = reason.as_ref().map(Text::to_string).or_else(|| automatic.map(|reason| reason.as_str().to_owned()));
    draft.transition(to, reason, resolution_note.as_ref().map(Text::to_string));
    if to == Status::Resolved {
        notification::write(&mut draft, known.contact, cx);
    }
    Ok(draft.finish(Some(before)))
}
