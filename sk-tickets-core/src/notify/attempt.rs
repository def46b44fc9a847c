use std::{pin::pin, time::Duration};

use tokio::select;

use super::{LEASE, Mail, Mailer, NotifyError};
use crate::{
    desk::Error,
    limits::NOTIFY_ERROR_MAX,
    platform::time::Timestamp,
    store::{LeasedNotification, NotificationLease, Settled},
};

/// How long it may take to hand a mail over.
const TIME_OUT: Duration = Duration::from_secs(60);
/// How often a lease is renewed while its mail is sent.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long to wait before what came of it is told to the store again.
const PAUSE: Duration = Duration::from_millis(500);

/// What an attempt came to.
#[derive(Debug, Clone)]
enum MailOutcome {
    Sent,
    RetryAt(Timestamp, String),
    Dead(String),
}

/// Sends one and settles it.
pub(super) async fn run(mailer: &Mailer, notification: LeasedNotification) {
    let clock = mailer.tickets.clock();
    let at = clock.now();
    let Some(sent) = send(mailer, &notification, at).await else {
        tracing::warn!(notification = %notification.lease.notification_id, "lost the lease during the attempt");
        return;
    };
    let ended = clock.now();
    let outcome = match sent {
        Ok(()) => MailOutcome::Sent,
        Err(NotifyError::Permanent(error)) => MailOutcome::Dead(keepable(&error)),
        Err(NotifyError::Passing(error)) => {
            let error = keepable(&error);
            let again = mailer.tickets.schedule().next_attempt(notification.failures + 1, ended, None);
            match again {
                Some(at) => MailOutcome::RetryAt(at, error),
                None => MailOutcome::Dead(error),
            }
        }
    };
    tracing::info!(
        notification = %notification.lease.notification_id,
        ticket = %notification.ticket_id,
        ?outcome,
        "mail attempted"
    );
    settle(mailer, &notification.lease, outcome).await;
}

/// Sends, renewing the lease meanwhile; none if the lease was lost.
async fn send(mailer: &Mailer, notification: &LeasedNotification, at: Timestamp) -> Option<Result<(), NotifyError>> {
    let (clock, store) = (mailer.tickets.clock(), mailer.tickets.store());
    let LeasedNotification { lease, ticket_id, to, subject, text, failures: _ } = notification;
    let mail = Mail {
        id: lease.notification_id,
        realm: lease.realm.clone(),
        ticket_id: *ticket_id,
        to: to.clone(),
        subject: subject.clone(),
        text: text.clone(),
        at,
    };
    let mut sending = pin!(mailer.notifier.notify(&mail));
    let mut time_out = pin!(clock.sleep_until(at + TIME_OUT));
    let mut renew_at = at + RENEWAL;
    loop {
        select! {
            biased;
            sent = &mut sending => return Some(sent),
            () = &mut time_out => {
                return Some(Err(NotifyError::Passing(format!("not sent within {} s", TIME_OUT.as_secs()))));
            }
            () = clock.sleep_until(renew_at) => {
                renew_at = clock.now() + RENEWAL;
                match store.notification_renew(lease, clock.now() + LEASE).await {
                    Ok(Settled::Recorded) => {}
                    Ok(Settled::LeaseLost) => return None,
                    Err(error) => tracing::warn!(%error, "a lease was not renewed; trying again"),
                }
            }
        }
    }
}

/// Settles; where the store cannot be written, again and again for as long as a lease lasts, since a mail that was sent and
/// not settled is sent twice. After that it is: at least once, never not at all.
async fn settle(mailer: &Mailer, lease: &NotificationLease, outcome: MailOutcome) {
    let clock = mailer.tickets.clock();
    let give_up = clock.now() + LEASE;
    loop {
        match settle_once(mailer, lease, outcome.clone()).await {
            Ok(Settled::Recorded) => return,
            Ok(Settled::LeaseLost) => {
                tracing::warn!(notification = %lease.notification_id, "lost the lease before the mail was settled");
                return;
            }
            Err(error) if clock.now() < give_up => {
                tracing::warn!(notification = %lease.notification_id, %error, "a mail was not settled; trying again");
                clock.sleep_until(clock.now() + PAUSE).await;
            }
            Err(error) => {
                tracing::error!(notification = %lease.notification_id, %error, "a mail was not settled");
                return;
            }
        }
    }
}

async fn settle_once(mailer: &Mailer, lease: &NotificationLease, outcome: MailOutcome) -> Result<Settled, Error> {
    match outcome {
        MailOutcome::RetryAt(at, error) => Ok(mailer.tickets.store().notification_retry(lease, &error, at).await?),
        MailOutcome::Sent => mailer.tickets.settle_notification(lease, None).await,
        MailOutcome::Dead(error) => mailer.tickets.settle_notification(lease, Some(error)).await,
    }
}

/// As much of a text as is kept, without U+0000, which not every database can keep.
fn keepable(text: &str) -> String {
    text.chars().map(|c| if c == '\0' { '\u{FFFD}' } else { c }).take(NOTIFY_ERROR_MAX).collect()
}
