use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sk_tickets_core::{
    Error, Status,
    decide::{ILLEGAL_TRANSITION, OWNER_REQUIRED, REASON_REQUIRED, RESOLUTION_NOTE_REQUIRED, TICKET_CLOSED},
    platform::{
        input::Fault,
        problem::{
            CONTENTION, CURSOR_FILTER_MISMATCH, IDEMPOTENCY_KEY_EXPIRED, IDEMPOTENCY_KEY_REUSED, INVALID_CURSOR,
            NOT_FOUND, PRECONDITION_FAILED, Problem, UNAVAILABLE, VALIDATION_FAILED,
        },
    },
};

/// What an agent is told of a call that was not done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Refused {
    /// What a program goes by: stable, as in the REST API.
    code: String,
    /// What is the matter, and what to do about it.
    hint: String,
    /// Of a transition that is not lawful: those that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<Status>>,
    /// Of arguments that are not lawful: everything that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Fault>>,
    /// The key that the call had, to try again with.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// After how long it may work.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

/// Why a call was not done: an answer that an agent can act on.
#[derive(Debug)]
pub(super) struct Refusal {
    error: Error,
    /// The key that the call had, if it got that far.
    key: Option<String>,
}

impl Refusal {
    /// With the key to try again with.
    pub(super) fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// What went wrong, for who runs the server.
    pub(super) const fn error(&self) -> &Error {
        &self.error
    }

    /// The same, to be told in another way.
    pub(super) fn into_error(self) -> Error {
        self.error
    }

    /// What it says in a line or two.
    pub(super) fn text(&self) -> String {
        let problem = self.error.problem();
        let mut text = format!("{}: {}", problem.code(), self.hint());
        for fault in problem.errors() {
            // Writing to a string does not fail.
            let _ = write!(text, "\n{} {}", fault.pointer, fault.message);
        }
        text
    }

    /// The same as data.
    pub(super) fn content(&self) -> Refused {
        let problem = self.error.problem();
        Refused {
            code: problem.code().to_owned(),
            hint: self.hint(),
            allowed: problem.extension("allowed").and_then(|allowed| serde_json::from_value(allowed.clone()).ok()),
            errors: (!problem.errors().is_empty()).then(|| problem.errors().to_vec()),
            idempotency_key: self.key.clone(),
            retry_after_seconds: self.error.retry_after().map(|after| after.as_secs().max(1)),
        }
    }

    /// What is the matter, and what to do about it.
    fn hint(&self) -> String {
        let problem = self.error.problem();
        let detail = problem.detail();
        let code = problem.code();
        let advice = if code == VALIDATION_FAILED.code {
            "Put right what `errors` lists, all of it, and call again."
        } else if code == NOT_FOUND.code {
            "Look for the id with tickets_list or tickets_search, for the key of a queue with triage_options."
        } else if code == ILLEGAL_TRANSITION.code {
            return match allowed(problem) {
                Some(allowed) => {
                    format!("{detail}. From here it can become: {allowed}. triage_options says what each needs.")
                }
                None => format!("{detail}. It is closed for good: make a new ticket with follow_up_of."),
            };
        } else if code == TICKET_CLOSED.code {
            "Only ticket_note still works on it."
        } else if code == OWNER_REQUIRED.code {
            "Call ticket_assign first, or call this again with owner_id."
        } else if code == REASON_REQUIRED.code || code == RESOLUTION_NOTE_REQUIRED.code {
            "Call this again with it."
        } else if code == PRECONDITION_FAILED.code {
            "Somebody changed it: read it with ticket_get, see whether the call still fits, and call with that version as \
             expected_version."
        } else if code == IDEMPOTENCY_KEY_REUSED.code {
            "The idempotency_key belongs to another call; leave it out or choose a new one."
        } else if code == IDEMPOTENCY_KEY_EXPIRED.code {
            "It was done long ago: read what became of it. For another call leave idempotency_key out or choose a new one."
        } else if code == INVALID_CURSOR.code || code == CURSOR_FILTER_MISMATCH.code {
            "Take next_cursor from the page before as it is, with the same filters and order; or start without a cursor."
        } else if code == CONTENTION.code || code == UNAVAILABLE.code {
            "Call again in a moment with the same arguments and this idempotency_key, if there is one: it is done once."
        } else {
            return detail.to_owned();
        };
        format!("{detail}. {advice}")
    }
}

fn allowed(problem: &Problem) -> Option<String> {
    let allowed: Vec<_> = problem.extension("allowed")?.as_array()?.iter().filter_map(Value::as_str).collect();
    (!allowed.is_empty()).then(|| allowed.join(", "))
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self { error: error.into(), key: None }
    }
}
