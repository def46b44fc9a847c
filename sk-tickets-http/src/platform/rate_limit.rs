//! How many requests a key may make on this node, told in the headers of
//! [draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use sk_tickets_core::platform::time::Timestamp;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// A request every so often, and after a rest a number at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The most requests at once.
    burst: u32,
    /// How long one request is paid off, in nanoseconds.
    interval: i64,
}

/// What a second's worth of requests may be saved up to.
const BURST_SECS: u32 = 2;
/// The most holders whose requests are counted at a time.
const HOLDERS_MAX: usize = 10_000;

impl RateLimit {
    /// So many requests a second, a thousand million at most, and after a rest twice as many at once.
    #[must_use]
    pub const fn per_second(requests: NonZeroU32) -> Self {
        let requests = requests.get();
        let interval = 1_000_000_000 / requests as i64;
        Self { burst: requests.saturating_mul(BURST_SECS), interval: if interval > 0 { interval } else { 1 } }
    }

    /// A request every so many seconds, and after a rest so many at once.
    pub(crate) const fn every_secs(seconds: u32, burst: NonZeroU32) -> Self {
        Self { burst: burst.get(), interval: seconds as i64 * 1_000_000_000 }
    }

    /// How long a whole bucket takes to fill, in nanoseconds.
    const fn capacity(self) -> i64 {
        (self.burst as i64).saturating_mul(self.interval)
    }
}

/// Counts requests by their holder: a bucket each, by the generic cell rate algorithm (ITU-T I.371), so that all that is
/// kept of one is when it will be full again.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    limit: RateLimit,
    full_at: Mutex<HashMap<K, i64>>,
}

/// How a holder stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: RateLimit,
    remaining: i64,
    until_full: Duration,
    /// After how long to try again; none if the request is let through.
    pub(crate) refused_for: Option<Duration>,
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, full_at: Mutex::default() }
    }

    /// Takes one request out of a holder's bucket, if there is one in it.
    pub(crate) fn take(&self, holder: K, now: Timestamp) -> Standing {
        let (interval, now) = (self.limit.interval, now.as_millis().saturating_mul(1_000_000));
        let capacity = self.limit.capacity();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= HOLDERS_MAX {
            full_at.retain(|_, at| *at > now);
        }
        let entry = full_at.entry(holder).or_insert(now);
        // Never more than the whole bucket, even if the clock has stepped back.
        let owed = (*entry - now).clamp(0, capacity);
        let excess = owed + interval - capacity;
        let owed = if excess > 0 { owed } else { owed + interval };
        *entry = now + owed;
        Standing {
            limit: self.limit,
            remaining: (capacity - owed) / interval,
            until_full: nanos(owed),
            refused_for: (excess > 0).then(|| nanos(excess)),
        }
    }
}

impl Standing {
    /// Tells of it in the headers of an answer.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let RateLimit { burst, .. } = self.limit;
        let window = nanos(self.limit.capacity()).as_millis().div_ceil(1_000);
        let policy = format!("\"default\";q={burst};w={window}");
        let standing = format!("\"default\";r={};t={}", self.remaining, self.until_full.as_millis().div_ceil(1_000));
        for (name, value) in [(POLICY, policy), (STANDING, standing)] {
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
    }
}

fn nanos(nanos: i64) -> Duration {
    Duration::from_nanos(nanos.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn buckets(per_second: u32) -> Buckets<u8> {
        Buckets::new(RateLimit::per_second(NonZeroU32::new(per_second).unwrap()))
    }

    #[test]
    fn a_rested_holder_has_two_seconds_worth_and_then_the_rate() {
        let buckets = buckets(10);
        let passed = |holder, millis| buckets.take(holder, at(millis)).refused_for.is_none();
        assert_eq!((0..30).filter(|_| passed(1, 0)).count(), 20);
        assert_eq!(buckets.take(1, at(0)).refused_for, Some(Duration::from_millis(100)));
        assert_eq!(buckets.take(1, at(99)).refused_for, Some(Duration::from_millis(1)));
        assert!(passed(1, 100) && !passed(1, 100), "one more every tenth of a second");
        assert!(passed(2, 0), "another holder has a bucket of its own");
        assert_eq!((0..30).filter(|_| passed(1, 10_000)).count(), 20, "full again, and no fuller");
    }

    #[test]
    fn a_clock_that_steps_back_shuts_nobody_out() {
        let buckets = buckets(10);
        for _ in 0..20 {
            buckets.take(1, at(3_600_000));
        }
        let refused_for = buckets.take(1, at(0)).refused_for.unwrap();
        assert!(refused_for <= Duration::from_millis(100), "{refused_for:?}");
    }

    #[test]
    fn a_limit_can_be_slower_than_a_second() {
        let buckets = Buckets::new(RateLimit::every_secs(20, NonZeroU32::new(3).unwrap()));
        let passed = |millis| buckets.take(1, at(millis)).refused_for.is_none();
        assert_eq!((0..10).filter(|_| passed(0)).count(), 3);
        assert_eq!(buckets.take(1, at(0)).refused_for, Some(Duration::from_secs(20)));
        assert!(passed(20_000) && !passed(20_000), "one more every twenty seconds");
    }

    #[test]
    fn no_rate_is_too_fast_to_count() {
        let buckets = buckets(u32::MAX);
        assert_eq!(buckets.take(1, at(0)).refused_for, None);
    }

    #[test]
    fn the_standing_is_told() {
        let buckets = buckets(100);
        let mut headers = HeaderMap::new();
        buckets.take(1, at(0)).tell(&mut headers);
        assert_eq!(headers[POLICY], "\"default\";q=200;w=2");
        assert_eq!(headers[STANDING], "\"default\";r=199;t=1");
    }
}
