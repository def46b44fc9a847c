//! Parse, don't validate: a request is read from JSON into types that can only hold lawful values, and every fault on
//! the way is collected with a pointer to it, so that a client learns of all of them at once.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    id::{Id, IdKind},
    json::Json,
};

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Fault {
    /// Where: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// What, for a program: `required`, `too_long`, `unknown_field`, ….
    pub code: String,
    /// What, for a person.
    pub message: String,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault.
    pub fn push(&mut self, at: Pointer<'_>, code: &'static str, message: impl Into<String>) {
        self.0.push(Fault { pointer: at.to_string(), code: code.to_owned(), message: message.into() });
    }

    /// Notes that a value is of the wrong kind.
    pub fn wrong_type(&mut self, at: Pointer<'_>, expected: &str, found: &Json) {
        self.push(at, "wrong_type", format!("must be {expected}, not {}", found.kind()));
    }

    /// All faults, in the order found.
    #[must_use]
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

/// A place in a body; displayed as a JSON pointer.
#[derive(Debug, Clone, Copy)]
pub struct Pointer<'a> {
    parent: Option<&'a Pointer<'a>>,
    token: Token<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> Pointer<'a> {
    /// The whole body.
    pub const ROOT: Self = Self { parent: None, token: Token::Root };

    /// A member of the object here.
    #[must_use]
    pub const fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), token: Token::Name(name) }
    }

    /// An item of the array here.
    #[must_use]
    pub const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), token: Token::Index(index) }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
        }
        match self.token {
            Token::Root => Ok(()),
            Token::Name(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Token::Index(index) => write!(f, "/{index}"),
        }
    }
}

/// A value that can be read from a request, and written as the request that would be read into it.
pub trait Input: Sized + Serialize {
    /// Reads `json`; where it cannot, notes why and gives nothing.
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self>;

    /// What a field of this type is when the request does not have it. By default that is a fault.
    fn absent(at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        faults.push(at, "required", "is required");
        None
    }

    /// Whether a field with this value is left out when the request is written.
    fn is_unset(&self) -> bool {
        false
    }

    /// Notes what is wrong with the value although each of its parts is lawful.
    fn check(&self, _at: Pointer<'_>, _faults: &mut Faults) {}

    /// Reads a whole body.
    ///
    /// # Errors
    /// Every fault found, at least one.
    fn from_json(json: &Json) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let value = Self::read(json, Pointer::ROOT, &mut faults);
        match value {
            Some(value) if faults.0.is_empty() => Ok(value),
            _ => Err(faults.into_vec()),
        }
    }
}

/// Declares the body of a request: its struct, and how it is read, checked and written.
///
/// After the struct may follow, in this order:
/// - `check(field, …) = path;`, as often as there are rules beyond what the types of the fields say: a function
///   `fn(Option<&Field>, …, Pointer<'_>, &mut Faults)`. It is asked whatever else is wrong, so that all faults are told at
///   once; a field that could not be read is none, and its own fault noted;
/// - `rule = { … };`, what the check refuses said as JSON Schema, which is merged into that of the struct;
/// - `example = { … };`, as often as there are examples: bodies that are taken.
///
/// The last two are for documents, and nothing without the feature `schema`.
#[macro_export]
macro_rules! request {
    (
        $(#[$($meta:tt)*])*
        pub struct $name:ident { $( $(#[$($field_meta:tt)*])* pub $field:ident: $type:ty, )* }
        $(check($($checked:ident),+) = $check:path;)*
        $(rule = $rule:tt;)?
        $(example = $example:tt;)*
    ) => {
        $(#[$($meta)*])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(clippy::exhaustive_structs, reason = "a request is built by naming its fields")]
        pub struct $name { $( $(#[$($field_meta)*])* pub $field: $type, )* }

        impl $crate::platform::input::Input for $name {
            fn read(
                json: &$crate::platform::json::Json,
                at: $crate::platform::input::Pointer<'_>,
                faults: &mut $crate::platform::input::Faults,
            ) -> Option<Self> {
                let members = $crate::platform::input::object(json, &[$(stringify!($field)),*], at, faults)?;
                $( let $field = $crate::platform::input::field::<$type>(members, stringify!($field), at, faults); )*
                $( $check($($checked.as_ref(),)+ at, faults); )*
                Some(Self { $( $field: $field?, )* })
            }

            fn check(
                &self,
                at: $crate::platform::input::Pointer<'_>,
                faults: &mut $crate::platform::input::Faults,
            ) {
                $( $crate::platform::input::Input::check(&self.$field, at.name(stringify!($field)), faults); )*
                $( $check($(Some(&self.$checked),)+ at, faults); )*
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(
                    if !$crate::platform::input::Input::is_unset(&self.$field) {
                        serde::ser::SerializeMap::serialize_entry(&mut map, stringify!($field), &self.$field)?;
                    }
                )*
                serde::ser::SerializeMap::end(map)
            }
        }

        $crate::request_schema! {
            $(#[$($meta)*])*
            $name { $( $(#[$($field_meta)*])* $field: $type, )* }
            $(rule = $rule;)?
            $(example = $example;)*
        }
    };
}

/// The members of `json` if it is an object; names other than `known` are noted as faults.
#[doc(hidden)]
pub fn object<'a>(
    json: &'a Json,
    known: &[&str],
    at: Pointer<'_>,
    faults: &mut Faults,
) -> Option<&'a BTreeMap<String, Json>> {
    let Json::Object(members) = json else {
        faults.wrong_type(at, "an object", json);
        return None;
    };
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        faults.push(at.name(name), "unknown_field", "is not a field of this request");
    }
    Some(members)
}

/// One field of a request.
#[doc(hidden)]
pub fn field<T: Input>(
    members: &BTreeMap<String, Json>,
    name: &str,
    at: Pointer<'_>,
    faults: &mut Faults,
) -> Option<T> {
    match members.get(name) {
        Some(json) => T::read(json, at.name(name), faults),
        None => T::absent(at.name(name), faults),
    }
}

/// Absent and null are the same: nothing was said.
impl<T: Input> Input for Option<T> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        match json {
            Json::Null => Some(None),
            json => T::read(json, at, faults).map(Some),
        }
    }

    fn absent(_: Pointer<'_>, _: &mut Faults) -> Option<Self> {
        Some(None)
    }

    fn is_unset(&self) -> bool {
        self.is_none()
    }

    fn check(&self, at: Pointer<'_>, faults: &mut Faults) {
        if let Some(value) = self {
            value.check(at, faults);
        }
    }
}

impl Input for bool {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        match json {
            Json::Bool(value) => Some(*value),
            json => {
                faults.wrong_type(at, "true or false", json);
                None
            }
        }
    }
}

impl<K: IdKind> Input for Id<K> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_id", at, faults)
    }
}

/// Reads a value that is written as a string and parsed with [`std::str::FromStr`].
pub fn read_parsed<T>(json: &Json, code: &'static str, at: Pointer<'_>, faults: &mut Faults) -> Option<T>
where
    T: std::str::FromStr<Err: fmt::Display>,
{
    let Json::String(text) = json else {
        faults.wrong_type(at, "a string", json);
        return None;
    };
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            faults.push(at, code, format!("{error}"));
            None
        }
    }
}

/// A field that must be named, but may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper")]
pub struct Nullable<T>(pub Option<T>);

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([T: schemars::JsonSchema] Nullable<T>, |generator| Option::<T>::json_schema(generator));

impl<T: Input> Input for Nullable<T> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        Option::read(json, at, faults).map(Self)
    }
}

/// A field of a PATCH that can be set but not emptied: not named, or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper")]
pub struct Change<T>(pub Option<T>);

impl<T> Default for Change<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([T: schemars::JsonSchema] Change<T>, |generator| generator.subschema_for::<T>());

impl<T: Input> Input for Change<T> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        T::read(json, at, faults).map(|value| Self(Some(value)))
    }

    fn absent(_: Pointer<'_>, _: &mut Faults) -> Option<Self> {
        Some(Self(None))
    }

    fn is_unset(&self) -> bool {
        self.0.is_none()
    }

    fn check(&self, at: Pointer<'_>, faults: &mut Faults) {
        self.0.check(at, faults);
    }
}

/// A field of a PATCH: not named, null, or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "the three things a patch can say of a field (RFC 7396)")]
pub enum Patch<T> {
    /// Not named: stays as it is.
    #[default]
    Keep,
    /// `null`: becomes empty.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after this change.
    #[must_use]
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The same change with another value.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(change(value)),
        }
    }

    /// What it becomes, if it becomes something.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([T: schemars::JsonSchema] Patch<T>, |generator| Option::<T>::json_schema(generator));

impl<T: Input> Input for Patch<T> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        match json {
            Json::Null => Some(Self::Clear),
            json => T::read(json, at, faults).map(Self::Set),
        }
    }

    fn absent(_: Pointer<'_>, _: &mut Faults) -> Option<Self> {
        Some(Self::Keep)
    }

    fn is_unset(&self) -> bool {
        matches!(self, Self::Keep)
    }

    fn check(&self, at: Pointer<'_>, faults: &mut Faults) {
        if let Self::Set(value) = self {
            value.check(at, faults);
        }
    }
}
