use super::{Context, Existing, NotificationCommand, Rejection, draft::Draft, event_detail::TicketMessageAdded};
use crate::{
    decide::Decision,
    model::{
        actor::Actor,
        contact::Contact,
        notification::{Channel, Notification, Outcome},
        thread::EntryDetail,
    },
    platform::realm::Environment,
    store::{Effect, Loaded, NotificationChange, RevivedNotification, SettledNotification, TicketChange},
};

/// Writes what the customer is told of a ticket that is resolved now. A ticket that names nobody has nobody to tell.
///
/// What came of it stands in the thread at once, unless that is still to be found out.
pub(super) fn write(draft: &mut Draft<'_>, contact: Option<&Contact>, cx: &Context<'_>) {
    let Some(contact_id) = draft.ticket.contact_id else { return };
    let (subject, text) = cx.mail.render(&draft.ticket, contact);
    let to = contact.and_then(|contact| contact.email.clone());
    let outcome = match (cx.realm.environment(), &to) {
        (_, None) => Outcome::NoAddress,
        (Environment::Test, Some(_)) => Outcome::Captured,
        (Environment::Live, Some(_)) => Outcome::Pending,
    };
    let notification = Notification {
        id: cx.ids.generate(cx.now),
        ticket_id: draft.ticket.id,
        contact_id,
        outcome,
        to,
        subject,
        text,
        attempts: 0,
        last_error: None,
        next_attempt_at: (outcome == Outcome::Pending).then_some(cx.now),
        sent_at: None,
        created_at: cx.now,
    };
    if outcome != Outcome::Pending {
        draft.write_of_system(told(&notification, outcome));
    }
    draft.notification = Some(NotificationChange::Create(notification));
}

/// Decides what the lease with this `token` has come to, for the notification that is known: it was sent or, for the reason
/// in `error`, is dead. None if the lease was lost.
#[must_use]
pub fn decide_settlement(
    known: &Loaded,
    token: u64,
    error: Option<&str>,
    cx: &Context<'_>,
) -> Option<Box<TicketChange>> {
    let (notification, existing) = (known.notification.as_ref()?, Existing::of(known)?);
    if known.notification_lease != Some(token) {
        return None;
    }
    let (outcome, sent_at) = match error {
        None => (Outcome::Sent, Some(cx.now)),
        Some(_) => (Outcome::Dead, None),
    };
    // Whatever became of the ticket meanwhile: that it was told belongs into its thread, be it closed by now.
    let mut draft = Draft::of(existing, None, cx);
    let entry = draft.write_of_system(told(notification, outcome));
    draft.tell(TicketMessageAdded { entry, actor: Actor::System });
    draft.notification = Some(NotificationChange::Settle(SettledNotification {
        id: notification.id,
        token,
        outcome,
        attempts: notification.attempts.saturating_add(1),
        last_error: error.map(str::to_owned),
        sent_at,
    }));
    match draft.finish(Some(existing.ticket)) {
        Decision::Changed(change) => Some(change),
        // There is an entry.
        Decision::Unchanged(_) => None,
    }
}

/// Decides a command about a notification: what it changes, and the notification as it is afterwards.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_notification(
    known: &Loaded,
    command: &NotificationCommand,
    cx: &Context<'_>,
) -> Result<(Effect, Notification), Rejection> {
    let before = known.notification.as_ref().ok_or(Rejection::NotFound)?;
    let ticket = known.ticket.as_ref().ok_or(Rejection::NotFound)?;
    match command {
        NotificationCommand::Replay(id) => {
            if before.outcome != Outcome::Dead {
                return Err(Rejection::NotificationNotDead);
            }
            // The address may have been the reason, and have been corrected since.
            let now_at = known.contact.as_ref().and_then(|contact| contact.email.clone());
            let to = now_at.or_else(|| before.to.clone());
            let after = Notification {
                outcome: Outcome::Pending,
                to: to.clone(),
                next_attempt_at: Some(cx.now),
                ..before.clone()
            };
            Ok((
                Effect::Notification(Box::new(RevivedNotification {
                    id: *id,
                    to,
                    ticket: (ticket.id, ticket.version),
                })),
                after,
            ))
        }
    }
}

fn told(notification: &Notification, outcome: Outcome) -> EntryDetail {
    EntryDetail::Notification { notification_id: notification.id, channel: Channel::Email, outcome }
}
