//! What a process tells [Prometheus](https://prometheus.io): its requests, its webhooks, and what waits in the store.
//!
//! There are no globals: a [`Metrics`] is made by whoever composes the process, and shared by the router and the sender
//! of webhooks.

mod backlog;
mod requests;
mod webhooks;

use std::{fmt, sync::Arc, time::Instant};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::histogram::Histogram,
    registry::Registry,
};
use sk_tickets_core::{Tickets, WebhookSender};

pub(crate) use backlog::RecentBacklog;
use requests::Requests;
use webhooks::{Watched, Webhooks};

/// How the text is declared: the media type that Prometheus asks for first.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What every name begins with.
const PREFIX: &str = "sk_tickets";
/// The upper bounds of latencies, in seconds: up to the 15 that a receiver of webhooks has.
const LATENCIES: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// Counts what a process does. Cheap to clone; every clone counts into the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Requests,
    webhooks: Webhooks,
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Requests::register(&mut registry);
        let webhooks = Webhooks::register(&mut registry);
        Self { inner: Arc::new(Inner { registry, requests, webhooks }) }
    }

    /// The same sender, with every attempt counted.
    #[must_use]
    pub fn watch(&self, sender: Arc<dyn WebhookSender>) -> Arc<dyn WebhookSender> {
        Arc::new(Watched::new(sender, self.inner.webhooks.clone()))
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, method: &Method, route: Option<&str>, status: StatusCode, since: Instant) {
        self.inner.requests.count(method, route, status, since.elapsed());
    }

    /// All of it as text, with what waits in the store, if that is known.
    pub(crate) async fn text(&self, tickets: &Tickets, backlog: &RecentBacklog) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.inner.registry)?;
        if let Some(waiting) = backlog.get(tickets).await {
            encode_registry(&mut text, &backlog::gauges(waiting, tickets.now()))?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn latencies() -> Histogram {
    Histogram::new(LATENCIES)
}
