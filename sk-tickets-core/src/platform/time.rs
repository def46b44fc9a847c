//! Time as the wire has it: whole milliseconds, UTC, RFC 3339.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    input::{Faults, Input, Pointer, read_parsed},
    json::Json,
};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z; years 1970 to 9999.
///
/// Written as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) in UTC with three digits of a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 9999-12-30T22:00:00Z: the last instant that is in the year 9999 in every time zone.
const MAX_MILLIS: i64 = 253_402_207_200_000;

impl Timestamp {
    /// The last instant that can be written.
    pub const MAX: Self = Self(MAX_MILLIS);

    /// The instant so many milliseconds after the epoch; what lies outside of 1970 to 9999 becomes the nearer end.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > MAX_MILLIS {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, before: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(before.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            // Every value of ours is inside the library's range; should that change, the number is still the truth.
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a time between 1970 and 9999 in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 time such as 2026-11-24T06:00:00Z")]
#[non_exhaustive]
pub struct TimestampError;

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // The library reads more than RFC 3339. The year is judged as it is written, as a pattern would.
        if !is_rfc3339(text) || text < "1970" {
            return Err(TimestampError);
        }
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let millis = timestamp.as_millisecond();
        if (0..=MAX_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(TimestampError) }
    }
}

/// Reads a length of time in whole `ms`, `s`, `m`, `h` or `d`, such as `90s`; white space around it does not count.
pub(crate) fn read_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let count: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(count)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

/// Writes a length of time as [`read_duration`] reads it, in the largest unit that is whole.
pub(crate) fn write_duration(f: &mut fmt::Formatter<'_>, duration: Duration) -> fmt::Result {
    match (duration.as_secs(), duration.subsec_millis()) {
        (secs, 0) if secs > 0 && secs % 86_400 == 0 => write!(f, "{}d", secs / 86_400),
        (secs, 0) if secs > 0 && secs % 3_600 == 0 => write!(f, "{}h", secs / 3_600),
        (secs, 0) if secs > 0 && secs % 60 == 0 => write!(f, "{}m", secs / 60),
        (secs, 0) => write!(f, "{secs}s"),
        _ => write!(f, "{}ms", duration.as_millis()),
    }
}

/// Whether a text has the shape of `date-time` in RFC 3339, section 5.6: `2026-11-24T06:00:00.5+01:00`, or `Z` at the end.
fn is_rfc3339(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                shape => byte.eq_ignore_ascii_case(shape),
            })
    };
    let Some((head, rest)) = text.as_bytes().split_at_checked(SHAPE.len()) else { return false };
    let zone = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    fits(head, SHAPE) && [&b"Z"[..], b"+00:00", b"-00:00"].into_iter().any(|shape| fits(zone, shape))
}

// `format` is a note for people and programs that make requests; the pattern is what is checked. Whether the day is in
// the calendar, and the hours at either end of 1970 to 9999, no pattern says.
#[cfg(feature = "schema")]
super::schema::inline_schema!([] Timestamp, |_| schemars::json_schema!({
    "type": "string",
    "format": "date-time",
    "pattern": r"^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
}));

impl Input for Timestamp {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_time", at, faults)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Where the time comes from. Core never asks the machine; it asks the clock that it was given.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Returns when this clock shows `at` or later, or when as much time has gone by as was left at the call: a clock that is
    /// set back keeps nobody waiting. May be dropped at any point.
    async fn sleep_until(&self, at: Timestamp);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_in_utc() {
        let at: Timestamp = "2026-11-24T07:00:00.5+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-24T06:00:00.500Z");
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-11-24",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1969-12-31T23:59:59-05:00",
            "2026-11-24 06:00:00Z",
            "2026-11-24T06Z",
            "20261124T060000Z",
            "2026-11-24T06:00:00,5Z",
            "2026-11-24T06:00:00.Z",
            "+002026-11-24T06:00:00Z",
            "2026-11-24T06:00:00Z[UTC]",
            "2026-11-24T06:00:00",
            // A nanosecond is as fine as a fraction can be.
            "2026-11-24T06:00:00.1234567890Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
