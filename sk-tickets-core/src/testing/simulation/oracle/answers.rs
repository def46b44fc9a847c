use std::collections::BTreeMap;

use crate::{
    model::id::TicketId,
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
            && (one.body == other.body
                || self.without_words(realm, &one.body) == self.without_words(realm, &other.body))
    }

    pub(in crate::testing::simulation) fn tickets_of(&self, realm: &Realm) -> &[TicketId] {
        self.tickets.get(realm).map(Vec::as_slice).unwrap_or_default()
    }
}
