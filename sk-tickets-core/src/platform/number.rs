//! Whole numbers with bounds in their types.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{
    input::{Faults, Input, Pointer},
    json::Json,
};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

/// The largest whole number up to which each one is a number of JSON's of its own (RFC 8259, section 6).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Why a number is not within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from {min} to {max}")]
#[non_exhaustive]
pub struct WholeError {
    /// The smallest allowed.
    pub min: u64,
    /// The largest allowed.
    pub max: u64,
}

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// The number, if it is within its bounds.
    ///
    /// # Errors
    /// [`WholeError`] if it is not.
    pub const fn new(number: u64) -> Result<Self, WholeError> {
        if MIN <= number && number <= MAX { Ok(Self(number)) } else { Err(WholeError { min: MIN, max: MAX }) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Whole<MIN, MAX> {
    type Error = WholeError;

    fn try_from(number: u64) -> Result<Self, WholeError> {
        Self::new(number)
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Whole<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Whole<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

#[cfg(feature = "schema")]
super::schema::inline_schema!([const MIN: u64, const MAX: u64] Whole<MIN, MAX>, |_| {
    schemars::json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
});

impl<const MIN: u64, const MAX: u64> Input for Whole<MIN, MAX> {
    /// To JSON Schema, `60.0` and `6e1` are the integer 60 too.
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        let Json::Number(text) = json else {
            faults.wrong_type(at, "a whole number", json);
            return None;
        };
        let Some(number) = text.parse().ok().or_else(|| written_otherwise(text)) else {
            if text.parse().is_ok_and(|number: f64| number.fract() == 0.0) {
                faults.push(at, "out_of_range", WholeError { min: MIN, max: MAX }.to_string());
            } else {
                faults.push(at, "wrong_type", "must be a whole number");
            }
            return None;
        };
        match Self::new(number) {
            Ok(number) => Some(number),
            Err(error) => {
                faults.push(at, "out_of_range", error.to_string());
                None
            }
        }
    }
}

/// A whole number that is written with a fraction or an exponent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was seen to be whole and in range")]
fn written_otherwise(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<u64, String> {
        Whole::<10, 60>::from_json(&Json::parse(text.as_bytes()).unwrap())
            .map(Whole::get)
            .map_err(|faults| faults[0].code.clone())
    }

    #[test]
    fn a_whole_number_is_read_however_it_is_written() {
        for text in ["60", "60.0", "6e1", "600e-1"] {
            assert_eq!(read(text), Ok(60), "{text}");
        }
    }

    #[test]
    fn what_is_none_or_too_far_out_is_refused() {
        for text in ["9", "61", "-1", "-60.0", "1e300", "99999999999999999999"] {
            assert_eq!(read(text), Err("out_of_range".to_owned()), "{text}");
        }
        for text in ["10.5", "\"10\"", "null", "true"] {
            assert_eq!(read(text), Err("wrong_type".to_owned()), "{text}");
        }
    }
}
