use super::{Context, Decision, Existing, Rejection, assign::give};
use crate::{
    model::{queue::ClaimTicket, thread::AssignmentCause},
    store::Loaded,
};

/// Decides what becomes of the head of a queue, if there is one: it is given to who asked, as if it had been assigned.
///
/// # Errors
/// [`Rejection`]: it cannot be given to anybody, which is so of no ticket that waits.
pub fn decide_claim(head: &Loaded, command: &ClaimTicket, cx: &Context<'_>) -> Result<Option<Decision>, Rejection> {
    let ClaimTicket { owner_id, actor_id } = command;
    let Some(ticket) = Existing::of(head) else { return Ok(None) };
    give(ticket, Some(*owner_id), AssignmentCause::Claim, None, *actor_id, cx).map(Some)
}
