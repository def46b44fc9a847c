use std::time::Duration;

use crate::platform::time::Timestamp;

/// Which time counts. Between points in time and time that was used there is nothing but this, so that there can be
/// business hours and holidays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Calendar {
    /// Around the clock.
    #[default]
    Always,
}

impl Calendar {
    /// How much time counts between two points in time, in milliseconds.
    pub(crate) fn elapsed_ms(self, from: Timestamp, to: Timestamp) -> u64 {
        match self {
            Self::Always => u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// When so much time has counted since `from`.
    pub(crate) fn after_ms(self, from: Timestamp, ms: u64) -> Timestamp {
        match self {
            Self::Always => from + Duration::from_millis(ms),
        }
    }

    /// Since when so much time has counted at `to`.
    pub(crate) fn before_ms(self, to: Timestamp, ms: u64) -> Timestamp {
        match self {
            Self::Always => {
                let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                Timestamp::from_millis(to.as_millis().saturating_sub(ms))
            }
        }
    }
}
