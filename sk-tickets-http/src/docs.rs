//! The page of each error code, which the `type` of a problem links to.

use axum::{extract::Path, response::IntoResponse};
use http::{StatusCode, header};

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("../../docs/errors/", $code, ".md")))),*]
    };
}

/// The code and the text of each page.
const PAGES: &[(&str, &str)] = pages! {
    "contention"
    "cursor_filter_mismatch"
    "endpoint_disabled"
    "endpoint_limit_reached"
    "idempotency_key_invalid"
    "idempotency_key_required"
    "idempotency_key_reused"
    "illegal_transition"
    "insufficient_scope"
    "internal"
    "invalid_cursor"
    "invalid_parameter"
    "malformed_json"
    "method_not_allowed"
    "not_a_dead_letter"
    "not_found"
    "owner_required"
    "payload_too_large"
    "precondition_failed"
    "rate_limited"
    "reason_required"
    "resolution_note_required"
    "ticket_closed"
    "unauthorized"
    "unavailable"
    "unsupported_media_type"
    "validation_failed"
};

pub(crate) async fn error_page(Path(code): Path<String>) -> impl IntoResponse {
    match PAGES.iter().find(|(known, _)| *known == code) {
        Some((_, page)) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], *page),
        None => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "no such code\n"),
    }
}

#[cfg(test)]
mod tests {
    use sk_tickets_core::{decide::TICKET_PROBLEMS, platform::problem::PLATFORM_PROBLEMS};

    use super::*;

    #[test]
    fn every_code_has_a_page() {
        let mut codes: Vec<_> = PLATFORM_PROBLEMS.iter().chain(TICKET_PROBLEMS).map(|kind| kind.code).collect();
        codes.sort_unstable();
        assert_eq!(PAGES.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes);
    }
}
