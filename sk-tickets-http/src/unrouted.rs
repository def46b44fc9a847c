//! Methods that a path does not have: whoever asks is told those that it has, with a key or without one.

use axum::{Extension, routing::MethodRouter};
use http::{HeaderValue, header};
use sk_tickets_core::{
    RequestId, Tickets,
    platform::problem::{self, Problem},
};

use crate::platform::fault;

/// What can only be read.
pub(crate) const READ: &str = "GET, HEAD";

/// Answers any other method with those there are.
pub(crate) fn only<S>(allow: impl Into<String>, tickets: &Tickets, methods: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (allow, tickets) = (allow.into(), tickets.clone());
    methods.fallback(move |request_id: Option<Extension<RequestId>>| async move {
        // A router of the status alone gives no ids.
        let request_id = request_id.map_or_else(|| tickets.request_id(), |Extension(id)| id);
        let problem = Problem::new(problem::METHOD_NOT_ALLOWED, format!("allowed here: {allow}"));
        let mut response = fault::response(&problem, None, tickets.error_docs(), request_id);
        if let Ok(allow) = HeaderValue::try_from(allow) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    })
}
