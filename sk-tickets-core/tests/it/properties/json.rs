//! A request means the same however it is written down, and a request that means something else is another one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sk_tickets_core::{
    Entropy,
    platform::{idempotency::Fingerprint, json::Json, system::SeededEntropy},
};

use super::seeded;

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?".prop_map(Json::Number),
        any::<String>().prop_map(Json::String),
        "[\"\\\\/\u{0}-\u{20}a]{0,6}".prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::Object),
        ]
    })
}

/// A body of a request.
fn any_object() -> impl Strategy<Value = Json> {
    prop::collection::btree_map("[a-z_]{1,8}", any_json(), 1..5).prop_map(Json::Object)
}

/// Writes JSON in one of the many ways there are: members in any order, white space wherever it may be, characters
/// escaped or not.
struct Scribe(SeededEntropy);

impl Scribe {
    fn below(&self, bound: usize) -> usize {
        let mut byte = [0];
        self.0.fill(&mut byte);
        usize::from(byte[0]) % bound
    }

    fn space(&self, out: &mut String) {
        for _ in 0..self.below(3) {
            out.push([' ', '\t', '\n', '\r'][self.below(4)]);
        }
    }

    fn write(&self, json: &Json, out: &mut String) {
        self.space(out);
        match json {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => self.string(text, out),
            Json::Array(items) => self.list(out, ['[', ']'], items, |item, out| self.write(item, out)),
            Json::Object(members) => {
                let mut shuffled: Vec<_> = members.iter().collect();
                for index in (1..shuffled.len()).rev() {
                    shuffled.swap(index, self.below(index + 1));
                }
                self.list(out, ['{', '}'], &shuffled, |(name, value), out| {
                    self.space(out);
                    self.string(name, out);
                    self.space(out);
                    out.push(':');
                    self.write(value, out);
                });
            }
        }
        self.space(out);
    }

    fn list<T>(&self, out: &mut String, brackets: [char; 2], items: &[T], write: impl Fn(&T, &mut String)) {
        out.push(brackets[0]);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(item, out);
        }
        if items.is_empty() {
            self.space(out);
        }
        out.push(brackets[1]);
    }

    fn string(&self, text: &str, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            let short = match letter {
                '"' => Some('"'),
                '\\' => Some('\\'),
                '/' => Some('/'),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                _ => None,
            };
            let plain = !matches!(letter, '"' | '\\' | '\0'..='\u{1f}');
            match (self.below(3), short) {
                (0, _) if plain => out.push(letter),
                (1, Some(short)) => out.extend(['\\', short]),
                (choice, _) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let hex = format!("\\u{unit:04x}");
                        out.push_str(&if choice == 2 { hex } else { format!("\\u{unit:04X}") });
                    }
                }
            }
        }
        out.push('"');
    }
}

fn of(body: &Json) -> Fingerprint {
    Fingerprint::of("ticket_create", &[], body)
}

/// Everything in the value that is not made of other values.
fn leaves(json: &mut Json) -> Vec<&mut Json> {
    match json {
        Json::Array(items) => items.iter_mut().flat_map(leaves).collect(),
        Json::Object(members) => members.values_mut().flat_map(leaves).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => vec![json],
    }
}

/// Another value, as near to it as can be.
fn another(leaf: &Json, way: usize) -> Json {
    match (leaf, way % 3) {
        (Json::Null, 0) => Json::Bool(false),
        (Json::Null, 1) => Json::String("null".to_owned()),
        (Json::Null, _) => Json::Array(Vec::new()),
        (Json::Bool(value), 0) => Json::Bool(!value),
        (Json::Bool(value), _) => Json::String(value.to_string()),
        (Json::Number(text), 0) => Json::String(text.clone()),
        // The same number in other words is another request: no one could say when two are the same for everyone.
        (Json::Number(text), _) if text.contains(['e', 'E']) => Json::Number(format!("{text}0")),
        (Json::Number(text), _) if text.contains('.') => Json::Number(format!("{text}0")),
        (Json::Number(text), _) => Json::Number(format!("{text}.0")),
        (Json::String(text), 0) => Json::String(format!("{text} ")),
        (Json::String(text), 1) => Json::String(format!("\u{0}{text}")),
        (Json::String(_), _) => Json::Null,
        (Json::Array(_) | Json::Object(_), _) => unreachable!("a leaf"),
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn order_white_space_and_escapes_do_not_matter(json in any_json(), seed: u64) {
        let mut text = String::new();
        Scribe(SeededEntropy::new(seed)).write(&json, &mut text);
        let read = Json::parse(text.as_bytes()).expect("JSON");
        prop_assert_eq!(of(&read), of(&json), "{}", text);
        prop_assert_eq!(read, json);
    }

    #[test]
    fn the_canonical_form_is_read_back_and_is_its_own(json in any_json()) {
        let canonical = json.canonical();
        prop_assert_eq!(Json::parse(&canonical), Ok(json));
        prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&canonical).is_ok(), "JSON for others too");
    }

    #[test]
    fn any_changed_value_is_another_request(mut json in any_object(), which: prop::sample::Index, way: usize) {
        let before = of(&json);
        let mut leaves = leaves(&mut json);
        prop_assume!(!leaves.is_empty());
        let which = which.index(leaves.len());
        let changed = another(leaves[which], way);
        prop_assert_ne!(leaves[which] as &Json, &changed);
        *leaves[which] = changed;
        prop_assert_ne!(of(&json), before);
    }

    #[test]
    fn a_field_more_is_another_request(json in any_object(), value in any_json()) {
        let Json::Object(mut members) = json.clone() else { unreachable!("an object") };
        // Upper case, which no other name has. That it is null does not make it nothing.
        members.insert("X".to_owned(), value);
        prop_assert_ne!(of(&Json::Object(members)), of(&json));
    }

    #[test]
    fn a_name_twice_is_refused(json in any_object(), first in any_json(), second in any_json(), seed: u64) {
        let Json::Object(members) = json else { unreachable!("an object") };
        let scribe = Scribe(SeededEntropy::new(seed));
        let mut pairs: Vec<(&str, &Json)> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
        pairs.insert(scribe.below(pairs.len() + 1), ("twice", &first));
        pairs.insert(scribe.below(pairs.len() + 1), ("twice", &second));
        let mut text = String::new();
        scribe.list(&mut text, ['{', '}'], &pairs, |(name, value), out| {
            scribe.string(name, out);
            out.push(':');
            scribe.write(value, out);
        });
        prop_assert!(Json::parse(text.as_bytes()).is_err(), "{}", text);
    }

    #[test]
    fn no_two_operations_share_a_fingerprint(a in "[a-z_]{0,6}", b in "[a-z_]{0,6}", c in "[a-z_]{0,6}") {
        let body = Json::Object(BTreeMap::new());
        let whole = Fingerprint::of(&a, &[&b, &c], &body);
        prop_assert_ne!(whole, Fingerprint::of(&a, &[&format!("{b}{c}")], &body));
        prop_assert_ne!(whole, Fingerprint::of(&format!("{a}{b}"), &[&c], &body));
        if b != c {
            prop_assert_ne!(whole, Fingerprint::of(&a, &[&c, &b], &body));
        }
    }
}
