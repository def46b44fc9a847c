use super::{Context, Decision, Existing, draft::Draft, event_detail::TicketUpdated};
use crate::{
    model::{sla::Reach, ticket::Ticket},
    store::{Loaded, TicketChange},
    transition::{Trigger, Verdict, verdict},
};

/// What the system does to a ticket by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// What is due: warnings, breaches, the close.
    Sweep,
    /// Its clocks that run or are paused are brought under the policy in force.
    ApplyPolicy,
}

/// Decides a chore; none if there is nothing to do, as when another node has done it.
pub(crate) fn decide_chore(known: &Loaded, chore: Chore, cx: &Context<'_>) -> Option<Box<TicketChange>> {
    let known = Existing::of(known)?;
    let mut draft = Draft::of(known, None, cx);
    match chore {
        Chore::Sweep => close_if_due(known.ticket, &mut draft),
        Chore::ApplyPolicy => {
            if draft.apply_policy(Reach::Ticking) {
                let actor = draft.actor();
                draft.tell(TicketUpdated { changed: vec!["sla"], actor });
            }
        }
    }
    match draft.finish_alarmed(known.ticket) {
        Decision::Changed(change) => Some(change),
        Decision::Unchanged(_) => None,
    }
}

fn close_if_due(ticket: &Ticket, draft: &mut Draft<'_>) {
    if !draft.is_to_be_closed() {
        return;
    }
    match verdict(ticket.status, Trigger::AutoClose) {
        Verdict::Moves { to, guard: _, reason } => {
            draft.transition(to, reason.map(|reason| reason.as_str().to_owned()), None);
        }
        Verdict::Stays | Verdict::Illegal | Verdict::Closed => {}
    }
}
