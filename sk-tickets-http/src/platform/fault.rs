use std::time::Duration;

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use sk_tickets_core::platform::{
    id::RequestId,
    problem::{PROBLEM_JSON, Problem},
};

/// A problem as a response.
pub(crate) fn response(
    problem: &Problem,
    retry_after: Option<Duration>,
    docs: &str,
    request_id: RequestId,
) -> Response {
    let mut response = Response::new(Body::from(problem.to_json(docs, request_id)));
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if problem.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1_000).max(1) as u64));
    }
    response
}
