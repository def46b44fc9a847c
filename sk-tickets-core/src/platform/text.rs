//! Text and lists with bounds in their types.

use std::{fmt, ops::Deref, str::FromStr};

use serde::{Serialize, Serializer};

use super::{
    input::{Faults, Input, Pointer},
    json::Json,
};

/// A text of `MIN` to `MAX` characters (Unicode scalar values, as JSON Schema counts them), without U+0000, which not
/// every database can keep.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// Why a text is not within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Too few characters.
    #[error("must have at least {min} character{}", if *min == 1 { "" } else { "s" })]
    TooShort {
        /// The fewest allowed.
        min: usize,
    },
    /// Too many characters.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The most allowed.
        max: usize,
    },
    /// It has a U+0000.
    #[error("must not contain the character U+0000")]
    Nul,
}

impl TextError {
    const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Nul => "invalid_character",
        }
    }
}

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text, if it is within its bounds.
    ///
    /// # Errors
    /// [`TextError`] if it is not.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        // A character has one to four bytes, so most texts are judged without counting.
        if text.len() > MAX && text.chars().count() > MAX {
            return Err(TextError::TooLong { max: MAX });
        }
        if text.len() < MIN || (text.len() < MIN * 4 && text.chars().count() < MIN) {
            return Err(TextError::TooShort { min: MIN });
        }
        if text.contains('\0') {
            return Err(TextError::Nul);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Text<MIN, MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MIN: usize, const MAX: usize> Serialize for Text<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([const MIN: usize, const MAX: usize] Text<MIN, MAX>, |_| {
    let mut schema = schemars::json_schema!({ "type": "string", "maxLength": MAX, "pattern": r"^[^\x00]*$" });
    if MIN > 0 {
        schema.insert("minLength".to_owned(), MIN.into());
    }
    schema
});

impl<const MIN: usize, const MAX: usize> Input for Text<MIN, MAX> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        let Json::String(text) = json else {
            faults.wrong_type(at, "a string", json);
            return None;
        };
        match Self::new(text.as_str()) {
            Ok(text) => Some(text),
            Err(error) => {
                faults.push(at, error.code(), error.to_string());
                None
            }
        }
    }
}

/// A list of at most `MAX` items; left out of a request, it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// More items than a list may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {max} items")]
#[non_exhaustive]
pub struct ListError {
    /// The most allowed.
    pub max: usize,
}

impl<T, const MAX: usize> List<T, MAX> {
    /// The list, if it is not too long.
    ///
    /// # Errors
    /// [`ListError`] if it is.
    pub fn new(items: Vec<T>) -> Result<Self, ListError> {
        if items.len() > MAX { Err(ListError { max: MAX }) } else { Ok(Self(items)) }
    }

    /// The items, owned.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize, const MAX: usize> Serialize for List<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([T: schemars::JsonSchema, const MAX: usize] List<T, MAX>, |generator| {
    schemars::json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "maxItems": MAX })
});

impl<T: Input, const MAX: usize> Input for List<T, MAX> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        let Json::Array(items) = json else {
            faults.wrong_type(at, "an array", json);
            return None;
        };
        if items.len() > MAX {
            faults.push(at, "too_many", ListError { max: MAX }.to_string());
            return None;
        }
        let read: Vec<_> =
            items.iter().enumerate().map(|(index, item)| T::read(item, at.index(index), faults)).collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn absent(_: Pointer<'_>, _: &mut Faults) -> Option<Self> {
        Some(Self::default())
    }

    fn is_unset(&self) -> bool {
        self.0.is_empty()
    }

    fn check(&self, at: Pointer<'_>, faults: &mut Faults) {
        for (index, item) in self.0.iter().enumerate() {
            item.check(at.index(index), faults);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        assert!(Text::<1, 3>::new("äöü").is_ok());
        assert!(Text::<1, 3>::new("😀😀😀").is_ok());
        assert_eq!(Text::<1, 3>::new("äöüx"), Err(TextError::TooLong { max: 3 }));
        assert_eq!(Text::<1, 3>::new(""), Err(TextError::TooShort { min: 1 }));
        assert_eq!(Text::<2, 3>::new("😀"), Err(TextError::TooShort { min: 2 }));
        assert_eq!(Text::<1, 3>::new("a\0"), Err(TextError::Nul));
    }

    #[test]
    fn every_item_at_fault_is_named() {
        let mut faults = Faults::default();
        let json = Json::parse(br#"["ok", 1, "far too long"]"#).unwrap();
        assert!(List::<Text<1, 3>, 3>::read(&json, Pointer::ROOT.name("tags"), &mut faults).is_none());
        let pointers: Vec<_> = faults.into_vec().into_iter().map(|fault| (fault.pointer, fault.code)).collect();
        assert_eq!(pointers, [("/tags/1".into(), "wrong_type".into()), ("/tags/2".into(), "too_long".into())]);
    }
}
