use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{fault::Fault, oracle::Arrival, world::World};
use crate::dispatch::{SendError, WebhookReply, WebhookRequest, WebhookSender};

/// How long a receiver that is slow takes, in milliseconds: often longer than a lease lasts without being renewed, now and
/// then longer than the sender waits.
const SLOW_MS: (usize, usize) = (500, 16_000);
/// The most that `Retry-After` asks for, in seconds.
const RETRY_AFTER_SECS_MAX: usize = 10;

/// The receivers of webhooks, and the way to them.
#[derive(Debug)]
pub(super) struct Receivers {
    world: Arc<World>,
}

impl Receivers {
    pub(super) const fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    /// What goes wrong this time, if anything does.
    fn fate(&self) -> Option<Fault> {
        let world = &self.world;
        if !world.goes_wrong(world.weather.receivers_fail) {
            return None;
        }
        let fate = world.dice.pick(&[
            Fault::ReceiverRefused,
            Fault::ReceiverSilent,
            Fault::ReceiverFailed,
            Fault::ReceiverThrottled,
            Fault::ReceiverRedirected,
            Fault::ReceiverSlow,
            Fault::ReceiverSlow,
            Fault::ReceiverAnswerLost,
            Fault::ReceiverGone,
        ])?;
        // Who is gone gets nothing more until somebody enables it: rarely, or there would be nothing else to see.
        Some(if fate == Fault::ReceiverGone && !world.dice.once_in(4) { Fault::ReceiverFailed } else { fate })
    }

    async fn pass(&self, millis: usize) {
        self.world.time.sleep(Duration::from_millis(millis as u64)).await;
    }

    /// The receiver has it; it answers with this status.
    fn arrive(&self, request: &WebhookRequest, status: u16) -> WebhookReply {
        let world = &self.world;
        let WebhookRequest { url, environment: _, id, timestamp, signature, body } = request.clone();
        world.say(&url, &format_args!("got {id}, answers {status}"));
        world.count(|figures| figures.webhooks += 1);
        // What a receiver says may repeat what it was told.
        let echo = body.iter().copied().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect();
        let (at, taken) = (world.time.now(), (200..300).contains(&status));
        world.oracle().inbox.webhooks.push(Arrival { at, url, id, timestamp, signature, body, taken });
        WebhookReply { status_code: status, retry_after: None, body: echo }
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let world = &self.world;
        self.pass(world.dice.between(1, 5)).await;
        let Some(fate) = self.fate() else {
            let reply = self.arrive(&request, 200);
            self.pass(world.dice.between(1, 5)).await;
            return Ok(reply);
        };
        world.note(fate);
        world.say(&request.url, &fate);
        match fate {
            Fault::ReceiverRefused => Err(SendError("connection refused".to_owned())),
            Fault::ReceiverSilent => std::future::pending().await,
            Fault::ReceiverAnswerLost => {
                self.arrive(&request, 200);
                Err(SendError("connection reset".to_owned()))
            }
            Fault::ReceiverSlow => {
                let before = world.dice.between(0, 1);
                let millis = world.dice.between(SLOW_MS.0, SLOW_MS.1);
                self.pass(millis * (1 - before)).await;
                let reply = self.arrive(&request, 200);
                self.pass(millis * before).await;
                Ok(reply)
            }
            Fault::ReceiverThrottled => {
                let seconds = world.dice.between(1, RETRY_AFTER_SECS_MAX);
                let retry_after = Some(Duration::from_secs(seconds as u64));
                Ok(WebhookReply { retry_after, ..self.arrive(&request, 429) })
            }
            Fault::ReceiverGone => Ok(self.arrive(&request, 410)),
            Fault::ReceiverRedirected => Ok(self.arrive(&request, 302)),
            _ => Ok(self.arrive(&request, 500)),
        }
    }
}
