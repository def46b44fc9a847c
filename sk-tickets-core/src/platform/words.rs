//! Enums whose values are words on the wire.

use std::fmt;

/// Declares an enum whose values are words on the wire, with `ALL`, `as_str`, `Display`, `FromStr`, serde and
/// [`Input`](crate::platform::input::Input).
#[macro_export]
macro_rules! words {
    (
        $(#[$($meta:tt)*])*
        pub enum $name:ident { $( $(#[$($variant_meta:tt)*])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[$($meta)*])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
        pub enum $name { $( $(#[$($variant_meta)*])* $variant, )* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::platform::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == text)
                    .ok_or($crate::platform::words::UnknownWord { known: &[$($word),*] })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl $crate::platform::input::Input for $name {
            fn read(
                json: &$crate::platform::json::Json,
                at: $crate::platform::input::Pointer<'_>,
                faults: &mut $crate::platform::input::Faults,
            ) -> Option<Self> {
                $crate::platform::input::read_parsed(json, "invalid_value", at, faults)
            }
        }

        $crate::words_schema! {
            $(#[$($meta)*])*
            $name { $( $(#[$($variant_meta)*])* $word, )* }
        }
    };
}

/// A word that is not one of the known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by a macro")]
pub struct UnknownWord {
    /// The words that would have been taken.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of {}", self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}
