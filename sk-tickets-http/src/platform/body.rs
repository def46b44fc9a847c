use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sk_tickets_core::platform::problem::{self, Problem};

/// How much of a body that is too large is read and thrown away, in bytes: who is still sending hears no answer.
const DISCARDED_MAX: usize = 4 * 1024 * 1024;

/// Why a body was not read. Stands beside its request for a handler that answers that itself.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    pub(crate) problem: Problem,
    /// Whether more of it may come, so that no other request can be read after it.
    pub(crate) is_left: bool,
}

/// Reads a body of at most `limit` bytes. One that is larger is read on and thrown away, as far as that is worth it.
pub(crate) async fn read(mut body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Unread> {
    let too_large = |is_left| {
        let problem = Problem::new(problem::PAYLOAD_TOO_LARGE, format!("a body has at most {limit} bytes"));
        Unread { problem, is_left }
    };
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        let is_in_vain = waits_to_be_asked(headers) || declared.is_some_and(|length| length > DISCARDED_MAX as u64);
        return Err(too_large(is_in_vain || !discard(body).await));
    }
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        // If its sender waited to be asked for it, to read was to ask.
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(!discard(body).await)),
        Err(_) => {
            let detail = "the body ended before its time, or took too long";
            Err(Unread { problem: Problem::new(problem::MALFORMED_JSON, detail), is_left: true })
        }
    }
}

/// Whether nothing of a body is sent before it is asked for, which to read it does.
fn waits_to_be_asked(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Reads the rest of a body and keeps nothing of it. Whether that was all, and neither too much nor too slow.
async fn discard(body: Body) -> bool {
    let mut rest = Limited::new(body, DISCARDED_MAX);
    while let Some(frame) = rest.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
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
