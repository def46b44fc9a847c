//! What tickets are found by: the words in them.
//!
//! A ticket has its words in several texts: its subject is one, and so is each entry of its thread, with its body, its
//! resolution note and the labels of its evidence. Reasons are not looked at: most are the engine's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use serde::Serialize;

use super::{
    thread::{EntryDetail, ThreadEntry},
    ticket::Ticket,
};
use crate::{
    limits::{SEARCH_MAX, SEARCH_TERMS_MAX, TERM_MAX, TEXT_TERMS_MAX},
    platform::{
        terms::Folded,
        text::{Text, TextError},
    },
};

/// Words to find tickets by. A ticket is found if each of them occurs in it: in any case, in any order, in the same text
/// or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SearchQuery {
    terms: BTreeSet<String>,
}

/// Why a text is no [`SearchQuery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchQueryError {
    /// It is too short or too long, or has a character that no text may have.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It has neither a letter nor a digit.
    #[error("must have a letter or a digit")]
    NoWord,
    /// It has too many words.
    #[error("must have at most {max} different words")]
    TooManyWords {
        /// The most allowed.
        max: usize,
    },
}

impl SearchQuery {
    /// The words of a text of 1 to 200 characters: at least one, at most 32.
    ///
    /// # Errors
    /// [`SearchQueryError`] if there are none or too many of them, or if the text itself is not lawful.
    pub fn new(text: &str) -> Result<Self, SearchQueryError> {
        let text: Text<1, SEARCH_MAX> = text.parse()?;
        let terms: BTreeSet<_> = Folded::of(text.as_str()).terms(TERM_MAX).map(str::to_owned).collect();
        if terms.is_empty() {
            return Err(SearchQueryError::NoWord);
        }
        if terms.len() > SEARCH_TERMS_MAX {
            return Err(SearchQueryError::TooManyWords { max: SEARCH_TERMS_MAX });
        }
        Ok(Self { terms })
    }

    /// The words, as they are in [`TermChanges`].
    pub fn terms(&self) -> impl ExactSizeIterator<Item = &str> {
        self.terms.iter().map(String::as_str)
    }

    /// Whether a ticket is found, with its whole thread.
    #[must_use]
    pub fn matches<'a>(&self, ticket: &Ticket, thread: impl IntoIterator<Item = &'a ThreadEntry>) -> bool {
        let mut missing = self.terms.clone();
        let texts = std::iter::once(subject_terms(&ticket.subject)).chain(thread.into_iter().map(entry_terms));
        for text in texts {
            missing.retain(|term| !text.contains(term));
        }
        missing.is_empty()
    }
}

impl FromStr for SearchQuery {
    type Err = SearchQueryError;

    fn from_str(text: &str) -> Result<Self, SearchQueryError> {
        Self::new(text)
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] SearchQuery, |_| {
    schemars::json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": SEARCH_MAX,
        // Beyond ASCII no pattern says what a letter is.
        "pattern": r"^[^\x00]*[^\x00-/:-@\[-`{-\x7F][^\x00]*$",
        "examples": ["part delayed"],
    })
});

/// How the words that a ticket can be found by change: in how many more of its texts a word occurs, or in how many
/// fewer. No word is in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct TermChanges {
    /// Words that occur in more texts. In none before: the ticket is found by it from now on.
    pub gained: BTreeMap<String, u32>,
    /// Words that occur in fewer texts. In none afterwards: the ticket is no longer found by it.
    pub lost: BTreeMap<String, u32>,
}

impl TermChanges {
    /// Counts the words of a text that is added.
    pub(crate) fn add(&mut self, text: BTreeSet<String>) {
        shift(text, &mut self.lost, &mut self.gained);
    }

    /// Counts the words of a text that is removed.
    pub(crate) fn remove(&mut self, text: BTreeSet<String>) {
        shift(text, &mut self.gained, &mut self.lost);
    }
}

/// Counts each word once less in one of them, or once more in the other.
fn shift(text: BTreeSet<String>, less: &mut BTreeMap<String, u32>, more: &mut BTreeMap<String, u32>) {
    for term in text {
        match less.get_mut(&term) {
            Some(1) => {
                less.remove(&term);
            }
            Some(count) => *count -= 1,
            None => *more.entry(term).or_default() += 1,
        }
    }
}

/// The words of a subject.
pub(crate) fn subject_terms(subject: &str) -> BTreeSet<String> {
    terms([subject])
}

/// The words of an entry of a thread.
pub(crate) fn entry_terms(entry: &ThreadEntry) -> BTreeSet<String> {
    let ThreadEntry {
        id: _,
        ticket_id: _,
        sequence: _,
        visibility: _,
        actor: _,
        body,
        evidence,
        created_at: _,
        detail,
    } = entry;
    let note = match detail {
        EntryDetail::Transition { from: _, to: _, reason: _, resolution_note } => resolution_note.as_deref(),
        EntryDetail::Message
        | EntryDetail::Note
        | EntryDetail::Evidence
        | EntryDetail::Assignment { .. }
        | EntryDetail::Notification { .. }
        | EntryDetail::Redaction { .. } => None,
    };
    let labels = evidence.iter().filter_map(|piece| piece.label.as_deref());
    terms(body.as_deref().into_iter().chain(note).chain(labels))
}

/// The first of the different words in the parts of a text, as many as a ticket can be found by.
fn terms<'a>(parts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for part in parts {
        for term in Folded::of(part).terms(TERM_MAX) {
            if terms.len() == TEXT_TERMS_MAX {
                return terms;
            }
            if !terms.contains(term) {
                terms.insert(term.to_owned());
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_a_word_and_not_too_many() {
        let refused = |text: &str| SearchQuery::new(text).unwrap_err().to_string();
        assert_eq!(refused(""), "must have at least 1 character");
        assert_eq!(refused("?! 😀"), "must have a letter or a digit");
        assert_eq!(refused(&"x".repeat(201)), "must have at most 200 characters");
        assert_eq!(refused("a\0b"), "must not contain the character U+0000");
        let many = (0..=SEARCH_TERMS_MAX).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(refused(&many), "must have at most 32 different words");
        let query = SearchQuery::new(&"Part, part; DELAYED ".repeat(9)).unwrap();
        assert_eq!(query.terms().collect::<Vec<_>>(), ["delayed", "part"]);
    }

    #[test]
    fn what_is_lost_and_gained_is_no_change() {
        let mut changes = TermChanges::default();
        changes.remove(subject_terms("the part is delayed"));
        changes.add(subject_terms("the part is lost"));
        changes.add(subject_terms("lost"));
        let words = |words: &[(&str, u32)]| words.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
        assert_eq!(changes, TermChanges { gained: words(&[("lost", 2)]), lost: words(&[("delayed", 1)]) });
        changes.add(subject_terms("delayed, delayed"));
        changes.remove(subject_terms("lost"));
        assert_eq!(changes, TermChanges { gained: words(&[("lost", 1)]), lost: words(&[]) });
    }

    #[test]
    fn of_a_text_the_first_words_are_kept() {
        let text: String = (0..TEXT_TERMS_MAX + 9).map(|number| format!("word{number} ")).collect();
        let terms = subject_terms(&text);
        assert_eq!(terms.len(), TEXT_TERMS_MAX);
        assert!(terms.contains("word0") && !terms.contains(&format!("word{TEXT_TERMS_MAX}")));
    }
}
