//! JSON as it was sent: number text kept, strings decoded, names sorted, a repeated name refused.
//!
//! One walk over a body gives the tree that requests are read from *and* the canonical form that idempotency
//! fingerprints. The tokens are `serde_json`'s; its `Value` is not used because it would lose the text of numbers
//! and let the last of two equal names win (and its `arbitrary_precision` would change every app that embeds us).

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// How deep arrays and objects may nest.
pub const DEPTH_MAX: usize = 16;

/// A JSON value as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8259 knows no other")]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, in the text it was sent in: `1.0` and `1` are not the same.
    Number(String),
    /// A string, its escapes decoded.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object. Names are unique and sorted.
    Object(BTreeMap<String, Json>),
}

/// Why a body is not JSON that is taken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

impl JsonError {
    pub(super) fn new(error: &serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl Json {
    /// Reads one value that fills `bytes`; an empty body is `{}`.
    ///
    /// # Errors
    /// [`JsonError`] if it is not JSON (RFC 8259) in UTF-8, if an object has a name twice, or if it nests deeper
    /// than [`DEPTH_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.is_empty() {
            return Ok(Self::Object(BTreeMap::new()));
        }
        let raw: &RawValue = serde_json::from_slice(bytes).map_err(|error| JsonError::new(&error))?;
        Self::from_raw(raw, DEPTH_MAX)
    }

    fn from_raw(raw: &RawValue, depth: usize) -> Result<Self, JsonError> {
        let text = raw.get().trim();
        let inner = |error: serde_json::Error| JsonError::new(&error);
        let first = text.as_bytes().first().copied();
        if matches!(first, Some(b'[' | b'{')) && depth == 0 {
            return Err(JsonError(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(match first {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => Self::String(serde_json::from_str(text).map_err(inner)?),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(inner)?;
                Self::Array(items.into_iter().map(|item| Self::from_raw(item, depth - 1)).collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text).map_err(inner)?;
                let mut object = BTreeMap::new();
                for (name, value) in members {
                    let value = Self::from_raw(value, depth - 1)?;
                    if object.contains_key(&name) {
                        return Err(JsonError(format!("the name {name:?} appears twice in one object")));
                    }
                    object.insert(name, value);
                }
                Self::Object(object)
            }
            _ => Self::Number(text.to_owned()),
        })
    }

    /// The canonical bytes: no white space, names sorted by their code points, strings in their shortest escape.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// What a person would call this kind of value.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            control if control < ' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes()),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The members of an object in the order sent, so that a repeated name is seen.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(Json::parse(text.as_bytes()).unwrap().canonical()).unwrap()
    }

    #[test]
    fn white_space_order_and_escapes_do_not_matter() {
        assert_eq!(canonical(" {\"b\" : [1, 2] ,\n\"a\":\"\\u0041\\n\"} "), r#"{"a":"A\u000a","b":[1,2]}"#);
        assert_eq!(canonical(r#""\/""#), r#""/""#);
        assert_eq!(canonical(""), "{}");
        assert!(Json::parse(b"\n").is_err(), "a body of white space is one, and not JSON");
    }

    #[test]
    fn the_text_of_a_number_matters() {
        assert_eq!(canonical("[1.0,1,1e0,-0,12345678901234567890123]"), "[1.0,1,1e0,-0,12345678901234567890123]");
    }

    #[test]
    fn a_name_twice_is_refused_however_it_is_escaped() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":2}}"#] {
            assert!(Json::parse(text.as_bytes()).unwrap_err().to_string().contains("twice"), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in
            ["{", "[1,]", "nul", "{\"a\":}", "1 2", "\"\\ud800\"", "{\"a\":\"\u{1}\"}", "NaN", "'a'", "01", "\u{c}"]
        {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(Json::parse(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(Json::parse(nested(100_000).as_bytes()).is_err());
    }
}
