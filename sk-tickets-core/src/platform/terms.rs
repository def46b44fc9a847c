//! The words of a text, as a search compares them.
//!
//! Two texts have a word in common if a reader would say so: in whatever case, composed or decomposed, in full width or
//! half. Texts are cut where Unicode's rules for words do (UAX #29) and, since people look for parts of addresses and
//! numbers too, at punctuation inside of words. Scripts that put no spaces between words come character by character.
//!
//! What an index holds was cut by the rules of its time. Who changes them, or brings in a release of Unicode that does,
//! has to make the indexes of all stores anew: the tests here hold on to the rules.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// A text in the form in which words are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    /// The form of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self(text.to_ascii_lowercase());
        }
        let folded: String = text
            .nfkc()
            .filter(|c| !is_invisible(*c))
            // By way of upper case, where ß and ẞ are SS, and ς and σ are one.
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .nfkc()
            .collect();
        // With a dot or without, in Turkish or not: one letter.
        Self(folded.replace("i\u{307}", "i"))
    }

    /// Its words in order, each as often as it occurs. Of a word that is longer than so many characters, the beginning.
    pub fn terms(&self, longest: usize) -> impl Iterator<Item = &str> {
        // Of ASCII the rules leave nothing but letters and digits side by side, which is much sooner found.
        let is_ascii = self.0.is_ascii();
        let ascii =
            is_ascii.then(|| self.0.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()));
        let other = (!is_ascii).then(|| by_unicode(&self.0));
        let words = ascii.into_iter().flatten().chain(other.into_iter().flatten());
        words.map(move |word| word.char_indices().nth(longest).map_or(word, |(end, _)| &word[..end]))
    }
}

fn by_unicode(text: &str) -> impl Iterator<Item = &str> {
    let words = text.unicode_words().flat_map(|word| word.split(is_joint));
    words.filter(|word| word.contains(char::is_alphanumeric))
}

/// Soft hyphens, joiners and selectors of variants: in a word, but no part of it.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}

/// What UAX #29 lets stand between the letters or digits of one word.
const fn is_joint(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '·' | '՟' | '״' | '،' | '؍' | '٬' | '‘' | '’' | '․' | '‧' | '‿' | '⁀' | '⁔' | '⁄' | '︐' | '︑')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        Folded::of(text).terms(64).map(str::to_owned).collect()
    }

    #[test]
    fn text_is_cut_at_spaces_and_punctuation() {
        assert_eq!(terms("Part delayed! (order-4711)"), ["part", "delayed", "order", "4711"]);
        assert_eq!(terms("ann.smith@example.com"), ["ann", "smith", "example", "com"]);
        assert_eq!(
            terms("https://example.com/a_b.png?x=1.5"),
            ["https", "example", "com", "a", "b", "png", "x", "1", "5"]
        );
        assert_eq!(terms("I don't; l’ordre:"), ["i", "don", "t", "l", "ordre"]);
        assert_eq!(terms(" \t\n… ?! 😀 👩‍👩‍👧 ❤️ _ \u{301}"), [] as [&str; 0]);
        assert_eq!(terms(""), [] as [&str; 0]);
    }

    #[test]
    fn ascii_is_cut_as_unicode_says() {
        let ascii: Vec<char> = (0..128_u8).map(char::from).collect();
        let pairs = ascii.iter().flat_map(|one| ascii.iter().map(move |other| (*one, *other)));
        for (one, other) in pairs {
            for text in [format!("a{one}{other}b"), format!("1{one}{other}2"), format!("{one}a{other}1{one}")] {
                let folded = Folded::of(&text);
                assert!(folded.terms(64).eq(by_unicode(&folded.0)), "{text:?}");
            }
        }
    }

    #[test]
    fn words_are_alike_in_any_case_and_form() {
        for (one, other) in [
            ("STRASSE", "Straße"),
            ("İSTANBUL", "istanbul"),
            ("ISTANBUL", "ıstanbul"),
            ("ΟΔΟΣ", "οδος"),
            ("οδός", "ΟΔΌΣ"),
            ("Ünïcode", "U\u{308}ni\u{308}code"),
            ("ΐ", "\u{399}\u{308}\u{301}"),
            ("ＡＢＣ１２", "abc12"),
            ("ﬁle", "file"),
            ("co\u{AD}operate", "cooperate"),
            ("ﷺ", "صلى الله عليه وسلم"),
            ("Ǆ", "ǆ"),
        ] {
            assert_eq!(terms(one), terms(other), "{one} {other}");
        }
        assert_ne!(terms("Müller"), terms("Muller"), "an accent tells words apart");
        assert_ne!(terms("が"), terms("か"));
    }

    #[test]
    fn scripts_without_spaces_come_by_characters() {
        assert_eq!(terms("部件延迟"), ["部", "件", "延", "迟"]);
        assert_eq!(terms("ชิ้น"), ["ชิ้", "น"]);
        assert_eq!(terms("カタカナ と 한국어"), ["カタカナ", "と", "한국어"]);
        assert_eq!(terms("हिन्दी עִבְרִית العربية"), ["हिन्दी", "עִבְרִית", "العربية"]);
    }

    #[test]
    fn of_a_long_word_there_is_the_beginning() {
        assert_eq!(Folded::of("abcdef ä\u{323}öü").terms(3).collect::<Vec<_>>(), ["abc", "ạ\u{308}ö"]);
    }

    /// What is found is found by itself: to fold twice is to fold once.
    #[test]
    fn a_term_is_its_own_term() {
        for text in ["Straße İstanbul ﷺ ＡＢＣ", "ǅungla ŉ ΐ ẞ", "部件 ชิ้น 👩‍👩‍👧 a.b"]
        {
            for term in terms(text) {
                assert_eq!(terms(&term), std::slice::from_ref(&term), "{text}");
            }
        }
    }
}
