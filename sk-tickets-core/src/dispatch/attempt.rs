use std::{mem, pin::pin, time::Duration};

use tokio::{select, sync::SemaphorePermit};

use super::{Dispatcher, LEASE, SendError, WebhookReply, WebhookRequest};
use crate::{
    limits::ATTEMPT_RESPONSE_BYTES_MAX,
    model::delivery::Attempt,
    platform::{
        crash_point::crash_point,
        time::Timestamp,
        webhook::{WebhookSecret, signature_header},
    },
    store::{LeasedDelivery, NextStep, Settled, Settlement},
};

/// How long a receiver may take to answer.
const TIME_OUT: Duration = Duration::from_secs(15);
/// How often a lease is renewed while its attempt runs.
const RENEWAL: Duration = Duration::from_secs(3);
/// The receiver says that nobody will ever be there again.
const GONE: u16 = 410;

/// Makes one attempt. Answers how it is to be settled; none if its lease was lost.
pub(super) async fn run(dispatcher: &Dispatcher, mut delivery: LeasedDelivery) -> Option<Settlement> {
    let at = dispatcher.clock.now();
    let Some(outcome) = send(dispatcher, &mut delivery, at).await else {
        tracing::warn!(delivery = %delivery.lease.delivery_id, "lost the lease during the attempt");
        return None;
    };
    crash_point("delivery.sent");
    let ended = dispatcher.clock.now();
    let next = next_step(dispatcher, &delivery, &outcome, ended);
    let attempt = record(delivery.attempts_before + 1, at, ended, outcome);

    tracing::info!(
        delivery = %delivery.lease.delivery_id,
        event = %delivery.event_id,
        endpoint = %delivery.endpoint_id,
        attempt = attempt.number,
        status = attempt.status_code,
        error = attempt.error.as_deref(),
        latency_ms = attempt.latency_ms,
        ?next,
        "webhook attempted"
    );
    Some(Settlement { lease: delivery.lease, attempt, next })
}

/// Signs and sends, renewing the lease meanwhile; none if the lease was lost. The payload goes to the sender.
async fn send(
    dispatcher: &Dispatcher,
    delivery: &mut LeasedDelivery,
    at: Timestamp,
) -> Option<Result<WebhookReply, SendError>> {
    let secrets = match secrets(dispatcher, delivery, at) {
        Ok(secrets) => secrets,
        Err(error) => return Some(Err(error)),
    };
    let id = delivery.event_id.to_string();
    // Signed anew for each attempt: receivers refuse a timestamp that is more than five minutes old.
    let signature = signature_header(&secrets, &id, at.as_secs(), &delivery.payload);
    let mut sending = dispatcher.sender.send(WebhookRequest {
        url: mem::take(&mut delivery.url),
        environment: delivery.lease.realm.environment(),
        id,
        timestamp: at.as_secs().to_string(),
        signature,
        body: mem::take(&mut delivery.payload),
    });
    let mut time_out = pin!(dispatcher.clock.sleep_until(at + TIME_OUT));
    let mut renew_at = at + RENEWAL;
    loop {
        select! {
            biased;
            outcome = &mut sending => return Some(outcome),
            () = &mut time_out => {
                return Some(Err(SendError(format!("no answer within {} s", TIME_OUT.as_secs()))));
            }
            _turn = turn_to_renew(dispatcher, renew_at) => {
                renew_at = dispatcher.clock.now() + RENEWAL;
                match dispatcher.store.renew(&delivery.lease, dispatcher.clock.now() + LEASE).await {
                    Ok(Settled::Recorded) => {}
                    Ok(Settled::LeaseLost) => return None,
                    Err(error) => tracing::warn!(%error, "a lease was not renewed; trying again"),
                }
            }
        }
    }
}

/// Returns when a lease is to be renewed and not too many others are. None only if the worker is gone.
async fn turn_to_renew(dispatcher: &Dispatcher, at: Timestamp) -> Option<SemaphorePermit<'_>> {
    dispatcher.clock.sleep_until(at).await;
    dispatcher.renewals.acquire().await.ok()
}

/// What the attempt is signed with: the secret, then those that were replaced and go on signing for now.
fn secrets(dispatcher: &Dispatcher, delivery: &LeasedDelivery, at: Timestamp) -> Result<Vec<WebhookSecret>, SendError> {
    let old = delivery.old_secrets.iter().filter(|old| old.until > at).map(|old| &old.secret);
    std::iter::once(&delivery.secret)
        .chain(old)
        .map(|sealed| {
            let opened = dispatcher.keyring.open(sealed, &delivery.lease.realm).map_err(|error| error.to_string());
            opened.and_then(|plain| WebhookSecret::from_bytes(plain).map_err(|error| error.to_string()))
        })
        .collect::<Result<_, _>>()
        .map_err(|error| SendError(format!("the webhook secret cannot be opened: {error}")))
}

fn next_step(
    dispatcher: &Dispatcher,
    delivery: &LeasedDelivery,
    outcome: &Result<WebhookReply, SendError>,
    ended: Timestamp,
) -> NextStep {
    let retry_after = match outcome {
        Ok(reply) if (200..300).contains(&reply.status_code) => return NextStep::Delivered,
        Ok(reply) if reply.status_code == GONE => return NextStep::DisableEndpoint,
        Ok(reply) => reply.retry_after,
        Err(_) => None,
    };
    dispatcher
        .schedule
        .next_attempt(delivery.failures + 1, ended, retry_after)
        .map_or(NextStep::DeadLetter, NextStep::RetryAt)
}

fn record(number: u32, at: Timestamp, ended: Timestamp, outcome: Result<WebhookReply, SendError>) -> Attempt {
    let latency_ms = u64::try_from(ended.since(at).as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(WebhookReply { status_code, retry_after: _, mut body }) => {
            body.truncate(ATTEMPT_RESPONSE_BYTES_MAX);
            let error = match status_code {
                200..300 => None,
                300..400 => Some(format!("answered {status_code}: redirects are not followed")),
                _ => Some(format!("answered {status_code}")),
            };
            let response = Some(keepable(&String::from_utf8_lossy(&body)));
            Attempt { number, at, status_code: Some(status_code), error, latency_ms, response }
        }
        Err(SendError(error)) => {
            Attempt { number, at, status_code: None, error: Some(keepable(&error)), latency_ms, response: None }
        }
    }
}

/// A text without U+0000, which not every database can keep.
fn keepable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}
