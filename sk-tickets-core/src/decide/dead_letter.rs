use super::{Context, DeadLetterCommand, Rejection};
use crate::{
    model::{
        delivery::{DeadReason, Delivery, DeliveryStatus},
        endpoint::EndpointStatus,
    },
    store::{DeliveryChange, Effect, Loaded},
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
    match command {
        DeadLetterCommand::Replay(id) => {
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
            Ok((Effect::Delivery(DeliveryChange::Replay(*id)), after))
        }
        DeadLetterCommand::Discard(id, _) => {
            let after = Delivery { reason: Some(DeadReason::Discarded), ..before.clone() };
            Ok((Effect::Delivery(DeliveryChange::Discard(*id)), after))
        }
    }
}
