use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sk_tickets_core::platform::problem::{self, Problem};

/// Beside a request whose body could not be read, for a handler that answers that itself.
#[derive(Debug, Clone)]
pub(crate) struct Unread(pub(crate) Problem);

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(problem::PAYLOAD_TOO_LARGE, format!("a body has at most {limit} bytes"));
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::new(problem::MALFORMED_JSON, "the body ended before its time, or took too long")),
    }
}

/// Whether a body of these headers is declared as JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    is(headers, "application/json")
}

/// Whether a body of these headers is declared as this, whatever the parameters.
pub(crate) fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(media_type)
}
