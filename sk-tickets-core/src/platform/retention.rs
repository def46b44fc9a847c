use std::{fmt, str::FromStr, time::Duration};

use super::time::{read_duration, write_duration};

/// How long what is done with is kept. What is not named is kept for ever, which is the default of all of them.
///
/// Nothing that is yet to be done is ever dropped for its age: a delivery that is pending stays, and so does the event of
/// one, and of a dead letter that can be replayed, with all events after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "built by naming its fields")]
pub struct Retention {
    /// Events, in the feed and by id, counted from when they happened.
    pub events: Option<Duration>,
    /// Deliveries that are done with, be they delivered or dead, with their attempts: counted from the event and from the
    /// last attempt.
    pub deliveries: Option<Duration>,
    /// Recorded answers, counted from when they were given. Of the key it stays known that it was used: it answers
    /// `idempotency_key_expired`, and nothing is ever done with it again.
    pub idempotency: Option<Duration>,
}

/// A text that says not how long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a retention is a list such as events=90d,deliveries=30d,idempotency=24h, each once and in whole d, h, m, s or ms"
)]
#[non_exhaustive]
pub struct RetentionError;

impl FromStr for Retention {
    type Err = RetentionError;

    /// Reads times in whole `ms`, `s`, `m`, `h` or `d`, above zero, by name, separated by commas.
    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let mut retention = Self::default();
        for part in text.split(',') {
            let (name, time) = part.split_once('=').ok_or(RetentionError)?;
            let kept = match name.trim() {
                "events" => &mut retention.events,
                "deliveries" => &mut retention.deliveries,
                "idempotency" => &mut retention.idempotency,
                _ => return Err(RetentionError),
            };
            let time = read_duration(time).filter(|time| !time.is_zero()).ok_or(RetentionError)?;
            if kept.replace(time).is_some() {
                return Err(RetentionError);
            }
        }
        Ok(retention)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, deliveries, idempotency } = self;
        let named = [("events", events), ("deliveries", deliveries), ("idempotency", idempotency)];
        let mut between = "";
        for (name, time) in named.into_iter().filter_map(|(name, time)| Some((name, (*time)?))) {
            write!(f, "{between}{name}=")?;
            write_duration(f, time)?;
            between = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let all = "events=90d,deliveries=36h,idempotency=1500ms";
        let retention: Retention = all.parse().unwrap();
        assert_eq!(retention.events, Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(retention.deliveries, Some(Duration::from_secs(36 * 3_600)));
        assert_eq!(retention.idempotency, Some(Duration::from_millis(1_500)));
        assert_eq!(retention.to_string(), all);
        assert_eq!(" idempotency = 24h ".parse::<Retention>().unwrap().to_string(), "idempotency=1d");
        assert_eq!(Retention::default().to_string(), "");
    }

    #[test]
    fn what_is_no_retention_is_refused() {
        for text in ["", "events", "events=", "events=0s", "events=1", "event=1d", "events=1d,events=2d", "events=1d,"]
        {
            assert!(text.parse::<Retention>().is_err(), "{text}");
        }
    }
}
