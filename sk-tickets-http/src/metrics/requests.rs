use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::latencies;

/// Requests that were answered.
#[derive(Debug)]
pub(super) struct Requests {
    count: Family<Labels, Counter>,
    latency: Family<Labels, Histogram, fn() -> Histogram>,
}

/// Each has few values, whatever clients send: every combination is kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests =
            Self { count: Family::default(), latency: Family::new_with_constructor(latencies as fn() -> Histogram) };
        registry.register("http_requests", "Requests that were answered", requests.count.clone());
        registry.register_with_unit(
            "http_request_duration",
            "How long an answer took",
            Unit::Seconds,
            requests.latency.clone(),
        );
        requests
    }

    pub(super) fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        let labels =
            Labels { method: known(method), route: route.unwrap_or("none").to_owned(), status: status.as_u16() };
        self.count.get_or_create(&labels).inc();
        self.latency.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// The methods that have a name here; a client can make up any number of others.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
