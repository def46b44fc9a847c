//! Prefixed ids: `tkt_01J9X…`, a type prefix and a [ULID](https://github.com/ulid/spec).
//!
//! The prefix lives in the Rust type, so a contact's id cannot be passed where a ticket's is wanted. Only the sixteen
//! bytes of the ULID are stored.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use super::{system::Entropy, time::Timestamp};

/// A kind of thing that has ids; see [`define_ids!`](crate::define_ids).
pub trait IdKind: 'static {
    /// The three letters before the underscore. Once given out, a prefix is never changed or used again.
    const PREFIX: &'static str;
}

/// The id of a `K`: sixteen bytes, written as `prefix_` and 26 characters of Crockford base 32.
///
/// Ids order by the time they were made at. Parsing takes either case and refuses another kind's prefix, a wrong
/// length, letters outside the alphabet and values past 128 bits.
pub struct Id<K> {
    ulid: Ulid,
    kind: PhantomData<fn() -> K>,
}

const ULID_LENGTH: usize = 26;

impl<K: IdKind> Id<K> {
    /// The three letters before the underscore.
    #[cfg(feature = "schema")]
    pub(crate) const PREFIX: &'static str = K::PREFIX;

    /// The id with these bytes, big-endian as ULID lays them out.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { ulid: Ulid::from_bytes(bytes), kind: PhantomData }
    }

    /// The sixteen bytes that a store keeps. They sort as the ids do.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.ulid.to_bytes()
    }

    /// The id made of a time and ten bytes, for ids that are derived rather than drawn.
    #[must_use]
    pub fn from_parts(at: Timestamp, tail: [u8; 10]) -> Self {
        Self::from_bytes(ulid_bytes(at, tail))
    }

    /// The smallest id that could have been made at `at`: where a range of ids by time begins.
    #[must_use]
    pub fn floor(at: Timestamp) -> Self {
        Self::from_parts(at, [0; 10])
    }

    /// The time that is written in the id, to the millisecond.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        Timestamp::from_millis(self.ulid.timestamp_ms() as i64)
    }
}

fn ulid_bytes(at: Timestamp, tail: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&tail);
    bytes
}

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// It does not begin with the kind's prefix.
    #[error("must begin with `{expected}_`")]
    Prefix {
        /// The prefix that was wanted.
        expected: &'static str,
    },
    /// What follows the prefix is not 26 characters.
    #[error("must have 26 characters after `{expected}_`")]
    Length {
        /// The prefix that was wanted.
        expected: &'static str,
    },
    /// A character is not of Crockford's base 32, or the value is past 128 bits.
    #[error("is not a ULID: 26 characters of Crockford base 32, the first of them 0 to 7")]
    Alphabet,
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let expected = K::PREFIX;
        let body = text
            .get(..expected.len())
            .filter(|prefix| prefix.eq_ignore_ascii_case(expected))
            .and_then(|_| text[expected.len()..].strip_prefix('_'))
            .ok_or(IdError::Prefix { expected })?;
        if body.len() != ULID_LENGTH {
            return Err(IdError::Length { expected });
        }
        // The decoder below wraps a first character over 7 around to a small value, so it is judged here.
        if !matches!(body.as_bytes()[0], b'0'..=b'7') {
            return Err(IdError::Alphabet);
        }
        // It also reads I, L and O as digits, as Crockford allows a person; on the wire they are not in the alphabet.
        if body.bytes().any(|byte| matches!(byte.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U')) {
            return Err(IdError::Alphabet);
        }
        let ulid = Ulid::from_string(body).map_err(|_| IdError::Alphabet)?;
        Ok(Self { ulid, kind: PhantomData })
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ULID_LENGTH];
        write!(f, "{}_{}", K::PREFIX, self.ulid.array_to_str(&mut buffer))
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([K: IdKind] Id<K>, |_| schema(&[K::PREFIX]));

/// The schema of an id with one of these prefixes. It is read in either case and written in upper case; one pattern
/// serves both, so that requests and answers share their schemas.
#[cfg(feature = "schema")]
pub(crate) fn schema(prefixes: &[&str]) -> schemars::Schema {
    let either_case = |c: char| format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase());
    let prefixes: Vec<String> = prefixes.iter().map(|prefix| prefix.chars().map(either_case).collect()).collect();
    let prefix = match prefixes.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    };
    schemars::json_schema!({ "type": "string", "pattern": format!("^{prefix}_{ULID_PATTERN}$") })
}

/// What follows the prefix, in either case: Crockford's base 32, 128 bits.
#[cfg(feature = "schema")]
pub(crate) const ULID_PATTERN: &str = "[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}";

// Written by hand because a derive would ask the same of `K`, which is only a name.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.ulid == other.ulid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ulid.cmp(&other.ulid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ulid.hash(state);
    }
}

/// Makes ids that grow within a process, even when the clock stands still or steps back.
#[derive(Debug)]
pub struct IdGenerator {
    entropy: Arc<dyn Entropy>,
    last: Mutex<u128>,
}

impl IdGenerator {
    /// A generator that draws the tails of its ids from `entropy`.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, last: Mutex::new(0) }
    }

    /// A fresh id made at `now`: larger than every id that this generator has made.
    ///
    /// Eighty random bits follow the time. Where that would not be larger than the last id, the last id plus one is
    /// given out, so the time in the id may run ahead of a clock that stepped back.
    #[must_use]
    pub fn generate<K: IdKind>(&self, now: Timestamp) -> Id<K> {
        let mut tail = [0; 10];
        self.entropy.fill(&mut tail);
        let drawn = u128::from_be_bytes(ulid_bytes(now, tail));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = drawn.max(last.saturating_add(1));
        Id::from_bytes(last.to_be_bytes())
    }
}

/// Declares kinds of ids: for each a marker type, an alias of [`Id`](crate::platform::id::Id), and the list of all
/// prefixes. The list is append-only: a prefix once given out stays.
#[macro_export]
macro_rules! define_ids {
    ($registry:ident: $($(#[$doc:meta])* $alias:ident = $kind:ident($prefix:literal);)*) => {
        $(
            #[doc = concat!("Names the kind of `", $prefix, "_` ids.")]
            #[derive(Debug, Clone, Copy)]
            #[expect(clippy::exhaustive_enums, reason = "a name without values")]
            pub enum $kind {}
            impl $crate::platform::id::IdKind for $kind {
                const PREFIX: &'static str = $prefix;
            }
            $(#[$doc])*
            pub type $alias = $crate::platform::id::Id<$kind>;
        )*
        /// Every prefix declared here, in the order in which they were given out.
        pub const $registry: &[&str] = &[$($prefix),*];
    };
}

define_ids! { PLATFORM_PREFIXES:
    /// Of an event (`evt_`).
    EventId = EventKind("evt");
    /// Of an API key (`key_`).
    ApiKeyId = ApiKeyKind("key");
    /// Of a webhook endpoint (`whe_`).
    EndpointId = EndpointKind("whe");
    /// Of a delivery: one event for one endpoint (`dlv_`).
    DeliveryId = DeliveryKind("dlv");
    /// Of a request (`req_`).
    RequestId = RequestKind("req");
    /// Of a job: work that is done bit by bit (`job_`).
    JobId = JobKind("job");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::system::SeededEntropy;

    #[test]
    fn an_id_is_read_in_either_case_and_written_in_upper_case() {
        let id: EventId = "evt_01j9x2m3n4p5q6r7s8t9vawbxc".parse().unwrap();
        assert_eq!(id.to_string(), "evt_01J9X2M3N4P5Q6R7S8T9VAWBXC");
        assert_eq!(EventId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_the_reason() {
        let parse = |text: &str| text.parse::<EventId>().unwrap_err();
        assert_eq!(parse("key_01J9X2M3N4P5Q6R7S8T9VAWBXC"), IdError::Prefix { expected: "evt" });
        assert_eq!(parse(""), IdError::Prefix { expected: "evt" });
        assert_eq!(parse("évt_01J9X2M3N4P5Q6R7S8T9VAWBXC"), IdError::Prefix { expected: "evt" });
        assert_eq!(parse("evt_01J9X2M3N4P5Q6R7S8T9VAWBX"), IdError::Length { expected: "evt" });
        assert_eq!(parse("evt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), IdError::Alphabet);
        assert_eq!(parse("evt_01J9X2M3N4P5Q6R7S8T9VAWBXU"), IdError::Alphabet);
        assert_eq!(parse("evt_01J9X2M3N4P5Q6R7S8T9VAWBXI"), IdError::Alphabet);
        assert_eq!("evt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<EventId>().unwrap().to_bytes(), [0xFF; 16]);
    }

    #[test]
    fn ids_grow_even_when_the_clock_steps_back() {
        let ids = IdGenerator::new(Arc::new(SeededEntropy::new(7)));
        let mut last = ids.generate::<EventKind>(Timestamp::from_millis(1_000));
        for at in [1_000, 1_000, 2_000, 500, 0, 2_000] {
            let next = ids.generate::<EventKind>(Timestamp::from_millis(at));
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn the_time_can_be_read_off_an_id() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(EventId::floor(at).timestamp(), at);
    }
}
