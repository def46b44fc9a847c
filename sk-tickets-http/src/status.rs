//! How a process fares: `/healthz`, `/readyz` and `/metrics`. They are outside of the base path and ask for no key.

use std::sync::Arc;

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{Method, StatusCode, header};
use sk_tickets_core::Tickets;

use crate::{
    metrics::{self, Metrics, RecentBacklog},
    open::{OpenAnswer, OpenRoute},
    unrouted::{READ, only},
};

const TEXT: &[&str] = &["text/plain; charset=utf-8"];

const HEALTHZ: OpenRoute = OpenRoute {
    path: "/healthz",
    under_base: false,
    method: Method::GET,
    id: "get_health",
    summary: "Whether the process runs",
    parameters: &[],
    body: None,
    answers: &[OpenAnswer { status: 200, about: "It does.", media_types: TEXT, headers: &[] }],
};

const READYZ: OpenRoute = OpenRoute {
    path: "/readyz",
    under_base: false,
    method: Method::GET,
    id: "get_readiness",
    summary: "Whether the store can be reached",
    parameters: &[],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "It can.", media_types: TEXT, headers: &[] },
        OpenAnswer { status: 503, about: "It cannot: send requests elsewhere.", media_types: TEXT, headers: &[] },
    ],
};

const METRICS: OpenRoute = OpenRoute {
    path: "/metrics",
    under_base: false,
    method: Method::GET,
    id: "get_metrics",
    summary: "How the process fares, for Prometheus",
    parameters: &[],
    body: None,
    answers: &[
        OpenAnswer {
            status: 200,
            about: "The metrics as OpenMetrics text.",
            media_types: &[metrics::CONTENT_TYPE],
            headers: &[],
        },
        OpenAnswer { status: 500, about: "They could not be written.", media_types: TEXT, headers: &[] },
    ],
};

/// What is declared here.
pub(crate) const ROUTES: &[OpenRoute] = &[HEALTHZ, READYZ, METRICS];

#[derive(Debug, Clone)]
struct Status {
    tickets: Tickets,
    metrics: Metrics,
    backlog: Arc<RecentBacklog>,
}

/// `/healthz`, `/readyz` and `/metrics` alone: for a process that delivers webhooks and has no API.
pub fn status_router(tickets: Tickets, metrics: Metrics) -> Router {
    routes(tickets, metrics)
}

/// The same, to be merged into a router with any state.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(tickets: Tickets, metrics: Metrics) -> Router<S> {
    let read = |methods| only(READ, &tickets, methods);
    Router::new()
        .route(HEALTHZ.path, read(get(|| async { "ok\n" })))
        .route(READYZ.path, read(get(readyz)))
        .route(METRICS.path, read(get(tell)))
        .with_state(Status { tickets, metrics, backlog: Arc::default() })
}

async fn readyz(State(status): State<Status>) -> (StatusCode, &'static str) {
    match status.tickets.store().ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached\n")
        }
    }
}

async fn tell(State(status): State<Status>) -> impl IntoResponse {
    let Status { tickets, metrics, backlog } = status;
    match metrics.text(&tickets, &backlog).await {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            let text = "the metrics could not be written\n".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
        }
    }
}
