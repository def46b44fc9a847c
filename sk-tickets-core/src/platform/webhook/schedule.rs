use std::{fmt, str::FromStr, time::Duration};

use crate::platform::time::{Timestamp, read_duration, write_duration};

/// When a delivery is tried again: the delay after each failed attempt, counted from its end. After the last one it is
/// a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// 1 s, 4 s, 16 s, 1 m, 5 m, 30 m, 2 h: eight attempts in 2 h 36 m 21 s.
const FIXED_SECS: [u64; 7] = [1, 4, 16, 60, 300, 1_800, 7_200];

/// The most that a receiver's `Retry-After` can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(7_200);

impl Default for Schedule {
    fn default() -> Self {
        Self(FIXED_SECS.into_iter().map(Duration::from_secs).collect())
    }
}

impl Schedule {
    /// When to try again after `failures` attempts in a row have failed, the last of them at `ended`; none if that was
    /// the last attempt. A `Retry-After` of the receiver's lengthens the delay, up to two hours, and never shortens it.
    #[must_use]
    pub fn next_attempt(&self, failures: u32, ended: Timestamp, retry_after: Option<Duration>) -> Option<Timestamp> {
        let delay = *self.0.get(usize::try_from(failures.checked_sub(1)?).ok()?)?;
        Some(ended + delay.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
    }

    /// How many attempts are made before the delivery is a dead letter.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.0.len() + 1
    }
}

/// A text that is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schedule is a list of delays such as 1s,4s,16s,1m,5m,30m,2h")]
#[non_exhaustive]
pub struct ScheduleError;

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Reads delays in whole `ms`, `s`, `m`, `h` or `d`, separated by commas.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        text.split(',').map(read_duration).collect::<Option<_>>().map(Self).ok_or(ScheduleError)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, delay) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write_duration(f, *delay)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_schedule() {
        let schedule = Schedule::default();
        assert_eq!(schedule.to_string(), "1s,4s,16s,1m,5m,30m,2h");
        assert_eq!(schedule.to_string().parse::<Schedule>().unwrap(), schedule);
        assert_eq!(schedule.attempts(), 8);
        let start = Timestamp::from_millis(0);
        let mut at = start;
        for failures in 1..8 {
            at = schedule.next_attempt(failures, at, None).unwrap();
        }
        assert_eq!(at.since(start), Duration::from_secs(2 * 3_600 + 36 * 60 + 21));
        assert_eq!(schedule.next_attempt(8, at, None), None);
        assert_eq!(schedule.next_attempt(0, at, None), None, "nothing has failed");
    }

    #[test]
    fn retry_after_only_lengthens() {
        let schedule = Schedule::default();
        let after = |seconds| {
            let at = Timestamp::from_millis(0);
            schedule.next_attempt(2, at, Some(Duration::from_secs(seconds))).unwrap().as_secs()
        };
        assert_eq!((after(0), after(3), after(10), after(86_400)), (4, 4, 10, 7_200));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let too_long = ["99999999999999999999s", "18446744073709551615m", "18446744073709551615h"];
        for text in ["", "1", "1x", "1s,,2s", "s", "-1s", "1.5s"].into_iter().chain(too_long) {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_delay_is_written_in_the_largest_unit_that_it_has_whole() {
        let schedule: Schedule = "250ms, 0s, 90s, 120s, 3600s, 5400s, 1500ms, 2h".parse().unwrap();
        assert_eq!(schedule.to_string(), "250ms,0s,90s,2m,1h,90m,1500ms,2h");
    }
}
