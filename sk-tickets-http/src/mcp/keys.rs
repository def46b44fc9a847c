//! The idempotency key of a call. A host that has one gives it. Where none is given, calls that would write twice if they
//! were made twice get one that the same call gets again: hosts make calls again when an answer was lost, and models do
//! when they are not sure. Other calls get a fresh one. Both are the system's, so no client of the REST API can name them.
//!
//! Such a key is made of the API key, the session, the tool and the arguments, and ends with how many times the call was
//! meant so far. Was the last time less than ten minutes ago, the call is a repetition of it, and else it is meant anew. So
//! there is no edge between one window and the next for a repetition to fall over: twins choose the same number, and the
//! store lets one of them do it.

use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use sk_tickets_core::{
    Error, IdempotencyKey, RequestId, Timestamp, limits::AGENT_REPEAT_SECS, platform::idempotency::Recorded,
    platform::json::Json,
};

use super::caller::Caller;

/// Begins the text of a key that was made here: before the digest and the number, or before the id of a request.
const MADE: &str = "mcp";

/// The key of a call.
#[derive(Debug, Clone)]
pub(super) struct CallKey {
    pub(super) key: IdempotencyKey,
    /// What the host is told, and can call again with.
    pub(super) text: String,
    /// Whether the key was derived from the call, so that it must not be bound to a rejection.
    pub(super) is_derived: bool,
}

/// What becomes of a call without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyless {
    /// It is the same call for a while: what it writes would be there twice.
    Derived,
    /// Each is a call of its own: assigning to A, to B and to A again is three changes.
    Fresh,
}

impl CallKey {
    /// The key that a host gave; or one for a call of this tool with these arguments.
    pub(super) async fn of(
        caller: &Caller,
        tool: &str,
        arguments: &Json,
        given: Option<(String, IdempotencyKey)>,
        keyless: Keyless,
    ) -> Result<Self, Error> {
        match (given, keyless) {
            (Some((text, key)), Keyless::Fresh) => {
                // A host may give back the key it was told. Nobody else can guess it.
                let key = if is_fresh(&text) { IdempotencyKey::system(&text) } else { key };
                Ok(Self { key, text, is_derived: false })
            }
            (Some((text, key)), Keyless::Derived) => {
                // A host may give back the key it was told. Only the very call that it was made of can name it.
                let is_told = number_of(&text, &digest(caller, tool, arguments)).is_some();
                let key = if is_told { IdempotencyKey::system(&text) } else { key };
                Ok(Self { key, text, is_derived: is_told })
            }
            (None, Keyless::Fresh) => {
                let text = fresh(caller.tickets.request_id());
                Ok(Self { key: IdempotencyKey::system(&text), text, is_derived: false })
            }
            (None, Keyless::Derived) => {
                let digest = digest(caller, tool, arguments);
                let number = number(caller, &digest).await?;
                let text = text(&digest, number);
                Ok(Self { key: IdempotencyKey::system(&text), text, is_derived: true })
            }
        }
    }
}

fn fresh(id: RequestId) -> String {
    format!("{MADE}:{id}")
}

/// Whether a text is that of a fresh key, as it was told.
fn is_fresh(given: &str) -> bool {
    let id = given.strip_prefix(MADE).and_then(|rest| rest.strip_prefix(':')).and_then(|id| id.parse().ok());
    id.is_some_and(|id| fresh(id) == given)
}

fn text(digest: &str, number: u64) -> String {
    format!("{MADE}:{digest}:{number}")
}

/// The number in a text that has just this digest.
fn number_of(given: &str, digest: &str) -> Option<u64> {
    let number = given.strip_prefix(MADE)?.strip_prefix(':')?.strip_prefix(digest)?.strip_prefix(':')?.parse().ok()?;
    (text(digest, number) == given).then_some(number)
}

/// Each part is preceded by its length, so that no two calls share a digest by moving text from one part to the next.
fn digest(caller: &Caller, tool: &str, arguments: &Json) -> String {
    let mut hasher = Sha256::new();
    for part in
        [caller.key.id.to_string().as_bytes(), caller.session.as_bytes(), tool.as_bytes(), &arguments.canonical()]
    {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many times before this call was meant: the last time again, if that was a short while ago.
async fn number(caller: &Caller, digest: &str) -> Result<u64, Error> {
    let desk = caller.desk();
    let recorded = async |number| desk.recorded(&IdempotencyKey::system(&text(digest, number))).await;
    let Some(mut last) = recorded(0).await? else { return Ok(0) };
    // Every number up to the last one was used: doubled until there is none, then halved.
    let (mut used, mut unused) = (0, 1);
    while let Some(later) = recorded(unused).await? {
        last = later;
        (used, unused) = (unused, unused * 2);
    }
    while unused - used > 1 {
        let middle = used + (unused - used) / 2;
        match recorded(middle).await? {
            Some(later) => (used, last) = (middle, later),
            None => unused = middle,
        }
    }
    Ok(if is_recent(&last, caller.tickets.now()) { used } else { unused })
}

fn is_recent(recorded: &Recorded, now: Timestamp) -> bool {
    /// What a ticket and an entry both say of themselves.
    #[derive(Deserialize)]
    struct Made {
        created_at: Timestamp,
    }
    let made: Option<Made> = serde_json::from_slice(&recorded.response.body).ok();
    // A clock that has stepped back does not make a repetition new.
    made.is_some_and(|made| now < made.created_at + Duration::from_secs(AGENT_REPEAT_SECS))
}
