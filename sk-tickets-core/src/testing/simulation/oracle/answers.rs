use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    model::{id::TicketId, redaction::REDACTED},
    platform::{idempotency::StoredResponse, realm::Realm},
    testing::simulation::deed::Deed,
};

/// An answer as a client got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::testing::simulation) struct Told {
    pub(in crate::testing::simulation) status: u16,
    pub(in crate::testing::simulation) headers: String,
    pub(in crate::testing::simulation) body: String,
}

impl Told {
    pub(in crate::testing::simulation) fn of(response: &StoredResponse) -> Self {
        let StoredResponse { status, location, etag, content_type, body, secret: _ } = response;
        let headers = format!("{location:?} {etag:?} {content_type:?}");
        Self { status: *status, headers, body: String::from_utf8_lossy(body).into_owned() }
    }

    pub(in crate::testing::simulation) const fn is_success(&self) -> bool {
        self.status < 400
    }

    /// A text of the body's JSON.
    pub(in crate::testing::simulation) fn text(&self, pointer: &str) -> Option<String> {
        let json: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        json.pointer(pointer)?.as_str().map(str::to_owned)
    }
}

/// What clients asked for, and what they were told.
#[derive(Debug, Default)]
pub(in crate::testing::simulation) struct Answers {
    /// Each key that was answered, with what was asked for.
    pub(in crate::testing::simulation) by_key: BTreeMap<(Realm, String), (Deed, Told)>,
    /// The tickets that clients know of.
    pub(in crate::testing::simulation) tickets: BTreeMap<Realm, Vec<TicketId>>,
    /// Texts that somebody asked to redact: they may be gone.
    pub(in crate::testing::simulation) words_to_go: BTreeMap<Realm, Vec<String>>,
    /// Texts that were redacted: they are gone.
    pub(in crate::testing::simulation) words_gone: Vec<(Realm, String)>,
}

impl Answers {
    /// A text as it reads once all that somebody asked to redact is gone from it.
    pub(in crate::testing::simulation) fn without_words(&self, realm: &Realm, text: &str) -> String {
        let words = self.words_to_go.get(realm).map(Vec::as_slice).unwrap_or_default();
        words.iter().fold(text.to_owned(), |text, words| {
            // The reason of a transition goes with its note.
            let mark = words.split(' ').next().unwrap_or_default();
            text.replace(words, "[redacted]").replace(&format!("\"{mark}\""), "\"[redacted]\"")
        })
    }

    /// Whether two answers are the same, but for what was redacted meanwhile.
    pub(in crate::testing::simulation) fn are_alike(&self, realm: &Realm, one: &Told, other: &Told) -> bool {
        one.status == other.status
            && one.headers == other.headers
            && (one.body == other.body || {
                let [one, other] = without_echoes([&one.body, &other.body]);
                self.without_words(realm, &one) == self.without_words(realm, &other)
            })
    }

    pub(in crate::testing::simulation) fn tickets_of(&self, realm: &Realm) -> &[TicketId] {
        self.tickets.get(realm).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Two answers without what receivers answered, where that is gone from one of them. It goes as a whole.
fn without_echoes(answers: [&str; 2]) -> [String; 2] {
    let unchanged = answers.map(str::to_owned);
    let [Ok(mut one), Ok(mut other)] = answers.map(serde_json::from_str::<Value>) else { return unchanged };
    let (Some(some), Some(others)) = (attempts(&mut one), attempts(&mut other)) else { return unchanged };
    for (attempt, same) in some.iter_mut().zip(others) {
        for said in ["error", "response"] {
            if attempt[said] == REDACTED || same[said] == REDACTED {
                attempt[said] = Value::Null;
                same[said] = Value::Null;
            }
        }
    }
    [one.to_string(), other.to_string()]
}

fn attempts(answer: &mut Value) -> Option<&mut Vec<Value>> {
    answer.get_mut("attempts")?.as_array_mut()
}
