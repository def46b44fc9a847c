//! Lawful texts, spoilt as an input says: so that what cannot be guessed, such as a MAC, is still come near to.

/// Begins an input that says how a lawful text is to be spoilt. Any other is taken as it is.
const SPOILS: u8 = b'~';

/// A text that is to be tried.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) text: String,
    /// How often the lawful text was changed; none if the text is not made of it.
    pub(crate) changes: Option<usize>,
}

/// The text that an input stands for; none if it is no text.
pub(crate) fn tried(input: &[u8], lawful: &str) -> Option<Tried> {
    match input.split_first() {
        Some((&SPOILS, changes)) => {
            Some(Tried { text: spoilt(lawful, changes), changes: Some(changes.len().div_ceil(CHANGE_LENGTH)) })
        }
        _ => Some(Tried { text: str::from_utf8(input).ok()?.to_owned(), changes: None }),
    }
}

const CHANGE_LENGTH: usize = 3;

/// A lawful text with changes of three bytes each: where, which letter, and what is done with it.
pub(crate) fn spoilt(lawful: &str, changes: &[u8]) -> String {
    let mut letters: Vec<char> = lawful.chars().collect();
    for change in changes.chunks(CHANGE_LENGTH) {
        let byte = |index: usize| change.get(index).copied().unwrap_or_default();
        let place = usize::from(byte(0)) % (letters.len() + 1);
        let letter = char::from(byte(1));
        match byte(2) % 3 {
            0 if place < letters.len() => letters[place] = letter,
            1 if place < letters.len() => drop(letters.remove(place)),
            _ => letters.insert(place, letter),
        }
    }
    letters.into_iter().collect()
}
