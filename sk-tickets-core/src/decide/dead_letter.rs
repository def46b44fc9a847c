use super::{Context, DeadLetterCommand, Rejection};
use crate::{
    model::{
        delivery::{DeadReason, Delivery, DeliveryStatus, DiscardDeadLetter},
        endpoint::EndpointStatus,
    },
    store::{DeliveryAction, DeliveryChange, Effect, Loaded},
};

/// Decides a command about a dead letter: what it changes, and the delivery as it is afterwards.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_dead_letter(
    known: &Loaded,
    command: &DeadLetterCommand,
    cx: &Context<'_>,
) -> Result<(Effect, Delivery), Rejection> {
    let before = known.delivery.as_ref().ok_or(Rejection::NotFound)?;
    if !before.is_dead_letter() {
        return Err(Rejection::NotADeadLetter);
    }
    let ticket = known.ticket.as_ref().map(|ticket| (ticket.id, ticket.version));
    let (action, after) = match command {
        DeadLetterCommand::Replay(_) => {
            let endpoint = known.endpoint.as_ref().ok_or(Rejection::NotADeadLetter)?;
            if endpoint.status == EndpointStatus::Disabled {
                return Err(Rejection::EndpointDisabled);
            }
            let after = Delivery {
                status: DeliveryStatus::Pending,
                reason: None,
                next_attempt_at: Some(cx.now),
                ..before.clone()
            };
            (DeliveryAction::Replay, after)
        }
        DeadLetterCommand::Discard(_, DiscardDeadLetter { reason }) => {
            let reason = reason.to_string();
            let after = Delivery {
                reason: Some(DeadReason::Discarded),
                discard_reason: Some(reason.clone()),
                ..before.clone()
            };
            (DeliveryAction::Discard(reason), after)
        }
    };
    Ok((Effect::Delivery(Box::new(DeliveryChange { id: before.id, ticket, action })), after))
}
