//! What is left of words that were taken out for privacy.

use super::{
    evidence::{Evidence, is_prefixed_id},
    id::ActorId,
    thread::{EntryDetail, ThreadEntry},
    ticket::Reason,
};
use crate::request;

/// What stands where words were.
pub const REDACTED: &str = "[redacted]";
/// What stands where a URL was: one that leads nowhere (RFC 2606), so that who reads URLs still finds one.
pub const REDACTED_URL: &str = "https://redacted.invalid/";

request! {
    /// Takes the words of an entry out of everything that has them.
    pub struct RedactEntry {
        /// Why, in words that do not repeat what is to be gone: they stay.
        pub reason: Reason,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    example = { "reason": "The customer sent a card number" };
}

impl ThreadEntry {
    /// The entry without its words: its body, the labels and URLs of its evidence, the reason and the resolution note. Ids,
    /// and references that are ids, stay.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let detail = match &self.detail {
            EntryDetail::Message
            | EntryDetail::Note
            | EntryDetail::Evidence
            | EntryDetail::Notification { .. }
            | EntryDetail::Redaction { .. } => self.detail.clone(),
            EntryDetail::Assignment { owner_id, previous_owner_id, cause, reason } => EntryDetail::Assignment {
                owner_id: *owner_id,
                previous_owner_id: *previous_owner_id,
                cause: *cause,
                reason: tombstone(reason.as_ref()),
            },
            EntryDetail::Transition { from, to, reason, resolution_note } => EntryDetail::Transition {
                from: *from,
                to: *to,
                reason: tombstone(reason.as_ref()),
                resolution_note: tombstone(resolution_note.as_ref()),
            },
        };
        let evidence = self.evidence.iter().map(Evidence::redacted).collect();
        Self { body: tombstone(self.body.as_ref()), evidence, detail, ..self.clone() }
    }
}

impl Evidence {
    /// The reference without its label and, if it is a URL, without that.
    fn redacted(&self) -> Self {
        let reference = redacted_reference(&self.reference).unwrap_or(&self.reference).to_owned();
        Self { kind: self.kind, reference, label: tombstone(self.label.as_ref()) }
    }
}

/// What stands instead of a reference; none if it stays, since it is an id.
pub(crate) fn redacted_reference(reference: &str) -> Option<&'static str> {
    if is_prefixed_id(reference) { None } else { Some(REDACTED_URL) }
}

fn tombstone(words: Option<&String>) -> Option<String> {
    words.map(|_| REDACTED.to_owned())
}
