//! The page of each error code, which the `type` of a problem links to, and their index.

use std::fmt::Write;

use serde_json::Value;
use sk_tickets_core::{
    decide::TICKET_PROBLEMS,
    platform::problem::{PLATFORM_PROBLEMS, ProblemKind},
};

/// The page of one code.
#[derive(Debug)]
pub(crate) struct ErrorPage {
    pub(crate) code: &'static str,
    pub(crate) markdown: &'static str,
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(ErrorPage { code: $code, markdown: include_str!(concat!("../../docs/errors/", $code, ".md")) }),*]
    };
}

/// The page of each code.
pub(crate) const PAGES: &[ErrorPage] = pages! {
    "contact_exists"
    "contention"
    "cursor_expired"
    "cursor_filter_mismatch"
    "endpoint_disabled"
    "endpoint_limit_reached"
    "form_limit_reached"
    "idempotency_key_expired"
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
    "not_redactable"
    "notification_not_dead"
    "owner_required"
    "payload_too_large"
    "precondition_failed"
    "queue_exists"
    "queue_limit_reached"
    "rate_limited"
    "reason_required"
    "resolution_note_required"
    "ticket_closed"
    "topic_taken"
    "unauthorized"
    "unavailable"
    "unsupported_media_type"
    "validation_failed"
};

impl ErrorPage {
    /// What kind of problem it is about.
    pub(crate) fn kind(&self) -> Option<&'static ProblemKind> {
        kinds().find(|kind| kind.code == self.code)
    }

    /// The example in it.
    pub(crate) fn example(&self) -> Option<Value> {
        let (_, rest) = self.markdown.split_once("```json\n")?;
        let (json, _) = rest.split_once("```")?;
        serde_json::from_str(json).ok()
    }
}

/// Every kind of problem that the API knows.
pub(crate) fn kinds() -> impl Iterator<Item = &'static ProblemKind> {
    PLATFORM_PROBLEMS.iter().chain(TICKET_PROBLEMS)
}

/// All codes by status, as Markdown; also kept as `docs/errors/README.md`.
pub(crate) fn index() -> String {
    let mut kinds: Vec<_> = kinds().collect();
    kinds.sort_by_key(|kind| (kind.status, kind.code));
    let mut index = INTRODUCTION.to_owned();
    for ProblemKind { code, status, title } in kinds {
        // A text takes whatever is written to it.
        let _ = writeln!(index, "| [`{code}`]({code}.md) | {status} | {title} |");
    }
    index
}

const INTRODUCTION: &str = "\
# Errors

Every error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable `code`;
its `type` is the URL of the page of that code. Programs decide by `code`, people read `detail`, and `request_id`
names the request in the log.

Answers to mutations that were decided against what is stored are recorded with their `Idempotency-Key`, rejections
too: the same key gets the same answer for as long as the server keeps it, for ever unless it is told otherwise
(`--retain`), so the next attempt needs a new key. Never recorded are 400, 401,
403, 412, 413, 415, 429 and 5xx, and faults of the body alone (422).

| code | status | title |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_an_example() {
        let mut codes: Vec<_> = kinds().map(|kind| kind.code).collect();
        codes.sort_unstable();
        assert_eq!(PAGES.iter().map(|page| page.code).collect::<Vec<_>>(), codes);
        for page in PAGES {
            assert_eq!(page.example().unwrap()["code"], page.code);
        }
    }
}
