use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use sk_tickets_core::{SendError, WebhookReply, WebhookRequest, WebhookSender};

use super::latencies;

/// Attempts to deliver.
#[derive(Debug, Clone)]
pub(super) struct Webhooks {
    attempts: Family<Labels, Counter>,
    latency: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outcome {
    /// The receiver answered 2xx.
    Delivered,
    /// It answered something else.
    Rejected,
    /// It did not answer: there is no such name, no connection, no lawful address.
    Unreachable,
    /// The worker gave it up: it took too long, or the worker was told to stop.
    TimedOut,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Delivered, Self::Rejected, Self::Unreachable, Self::TimedOut];

    const fn of(sent: &Result<WebhookReply, SendError>) -> Self {
        match sent {
            Ok(WebhookReply { status_code: 200..300, .. }) => Self::Delivered,
            Ok(_) => Self::Rejected,
            Err(_) => Self::Unreachable,
        }
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

impl Webhooks {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let webhooks = Self { attempts: Family::default(), latency: latencies() };
        registry.register("webhook_attempts", "Attempts to deliver a webhook", webhooks.attempts.clone());
        registry.register_with_unit(
            "webhook_latency",
            "How long an attempt to deliver a webhook took",
            Unit::Seconds,
            webhooks.latency.clone(),
        );
        // There from the start, so that the first failure is seen as a rise.
        for outcome in Outcome::ALL {
            drop(webhooks.attempts.get_or_create(&Labels { outcome }));
        }
        webhooks
    }
}

/// A sender whose attempts are counted.
#[derive(Debug)]
pub(super) struct Watched {
    sender: Arc<dyn WebhookSender>,
    webhooks: Webhooks,
}

impl Watched {
    pub(super) fn new(sender: Arc<dyn WebhookSender>, webhooks: Webhooks) -> Self {
        Self { sender, webhooks }
    }
}

#[async_trait]
impl WebhookSender for Watched {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let mut attempt = Attempt { webhooks: &self.webhooks, started: Instant::now(), outcome: Outcome::TimedOut };
        let sent = self.sender.send(request).await;
        attempt.outcome = Outcome::of(&sent);
        sent
    }
}

/// Counts itself when it ends, also by being dropped: that is how a worker gives an attempt up.
struct Attempt<'a> {
    webhooks: &'a Webhooks,
    started: Instant,
    outcome: Outcome,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.webhooks.attempts.get_or_create(&Labels { outcome: self.outcome }).inc();
        self.webhooks.latency.observe(self.started.elapsed().as_secs_f64());
    }
}
