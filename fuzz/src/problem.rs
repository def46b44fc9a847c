//! What holds for every problem that a client is told of.

use http::{HeaderName, header};
use serde_json::Value;
use sk_tickets_core::{
    RequestId,
    decide::TICKET_PROBLEMS,
    platform::problem::{PLATFORM_PROBLEMS, PROBLEM_JSON, VALIDATION_FAILED},
};

use crate::stage::Answer;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Judges the answer to a request with this body: a problem is of a known kind, says what that kind says, names the
/// request, and points at places in the body.
pub(crate) fn judge(answer: &Answer, sent: &[u8]) {
    let request_id = answer.header(&REQUEST_ID).unwrap_or_default();
    assert!(request_id.parse::<RequestId>().is_ok(), "{answer:?}");
    if answer.status < 400 {
        return;
    }
    assert_eq!(answer.header(&header::CONTENT_TYPE), Some(PROBLEM_JSON), "{answer:?}");
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    let kind = PLATFORM_PROBLEMS.iter().chain(TICKET_PROBLEMS).find(|kind| kind.code == text("code"));
    let kind = kind.unwrap_or_else(|| panic!("an unknown code in {answer:?}"));
    assert_eq!((answer.status, problem["status"].as_u64()), (kind.status, Some(kind.status.into())), "{answer:?}");
    assert_eq!(text("title"), kind.title, "{answer:?}");
    assert!(text("type").ends_with(&format!("/docs/errors/{}", kind.code)), "{answer:?}");
    // A problem that is given again names the request that it was given first.
    assert!(text("request_id") == request_id || answer.is_replay(), "{answer:?}");
    assert!(!text("detail").is_empty(), "{answer:?}");

    let faults = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(kind.code == VALIDATION_FAILED.code, !faults.is_empty(), "{answer:?}");
    // Numbers that are too large for this reader are not for ours.
    let sent = if sent.is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { serde_json::from_slice(sent) };
    for fault in faults {
        let text = |name: &str| fault[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer:?}"));
        assert!(!text("code").is_empty() && !text("message").is_empty(), "{answer:?}");
        let is_a_place = sent.as_ref().map_or(true, |sent: &Value| is_a_place(sent, text("pointer")));
        assert!(is_a_place, "{fault} points at nothing in {sent:?}");
    }
}

/// Whether a pointer leads to something in a value, or to where something is missing in it.
fn is_a_place(value: &Value, pointer: &str) -> bool {
    match pointer.rsplit_once('/') {
        Some((parent, _)) => value.pointer(parent).is_some_and(|parent| parent.is_object() || parent.is_array()),
        None => pointer.is_empty(),
    }
}
