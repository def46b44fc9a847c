//! How a desk is doing: figures on the tickets that were made within a time.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    sla::Timers,
    ticket::{Status, Ticket},
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{STATS_DAYS_DEFAULT, STATS_DAYS_MAX},
    platform::time::Timestamp,
};

/// Within which time tickets were made that figures are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct StatsRange {
    /// Made at this time or later.
    pub from: Timestamp,
    /// Made before this time.
    pub to: Timestamp,
}

/// Why times are no [`StatsRange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsRangeError {
    /// Nothing can be made within it.
    #[error("must be before `to`")]
    Empty,
    /// It is longer than a year.
    #[error("must be at most {max} days before `to`")]
    TooLong {
        /// The most days allowed.
        max: u32,
    },
}

impl StatsRange {
    /// The time between these. Unless given, `to` is `now`, which is then within, and `from` is 30 days before `to`.
    ///
    /// # Errors
    /// [`StatsRangeError`] if `from` is not before `to`, or more than 366 days before it.
    pub fn new(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Result<Self, StatsRangeError> {
        let to = to.unwrap_or(now + Duration::from_millis(1));
        let from = from.unwrap_or_else(|| {
            Timestamp::from_millis(to.as_millis().saturating_sub(i64::from(STATS_DAYS_DEFAULT) * DAY_MILLIS))
        });
        if from >= to {
            return Err(StatsRangeError::Empty);
        }
        if to.as_millis() - from.as_millis() > i64::from(STATS_DAYS_MAX) * DAY_MILLIS {
            return Err(StatsRangeError::TooLong { max: STATS_DAYS_MAX });
        }
        Ok(Self { from, to })
    }

    /// Whether a time is within.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Figures on the tickets that were made within a time, as they stand now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Stats", transform = Object("stats")))]
#[serde(tag = "object", rename = "stats")]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Stats {
    /// The tickets were made at this time or later.
    pub from: Timestamp,
    /// The tickets were made before this time.
    pub to: Timestamp,
    /// How many there are.
    pub tickets: TicketCounts,
    /// From when a ticket was made to the first public message that is not by a contact or the system.
    pub first_response: Durations,
    /// From when a ticket was made to when it was first resolved.
    pub resolution: Durations,
    /// How many of their clocks ran out.
    pub sla: Breaches,
    /// How many were opened again.
    pub reopened: Reopened,
}

/// How many tickets there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct TicketCounts {
    /// In all.
    pub total: u64,
    /// By where they stand.
    pub by_status: StatusCounts,
    /// By the queue they are in now; queues without any are left out.
    pub by_queue: Vec<QueueCounts>,
}

/// How many tickets of a queue there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct QueueCounts {
    /// The key of the queue.
    pub queue: String,
    /// In all.
    pub total: u64,
    /// By where they stand.
    pub by_status: StatusCounts,
}

/// How many tickets there are in each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct StatusCounts {
    /// Nobody has taken them.
    pub new: u64,
    /// Somebody works on them.
    pub open: u64,
    /// They wait on the customer.
    pub pending: u64,
    /// They wait on a third party.
    pub on_hold: u64,
    /// They are done, unless the customer says otherwise.
    pub resolved: u64,
    /// They are done for good.
    pub closed: u64,
}

impl StatusCounts {
    fn add(&mut self, status: Status, count: u64) {
        let counted = match status {
            Status::New => &mut self.new,
            Status::Open => &mut self.open,
            Status::Pending => &mut self.pending,
            Status::OnHold => &mut self.on_hold,
            Status::Resolved => &mut self.resolved,
            Status::Closed => &mut self.closed,
        };
        *counted += count;
    }
}

/// How long something took: percentiles by nearest rank, in whole seconds, rounded down. So many tickets in a hundred
/// took that long at most. Null where nothing was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Durations {
    /// For how many tickets it is known.
    pub count: u64,
    /// The median.
    pub p50_seconds: Option<u64>,
    /// Of 90 in a hundred.
    pub p90_seconds: Option<u64>,
    /// Of 95 in a hundred.
    pub p95_seconds: Option<u64>,
    /// Of 99 in a hundred.
    pub p99_seconds: Option<u64>,
}

/// The percentiles that are told, in order.
pub const PERCENTILES: [u64; 4] = [50, 90, 95, 99];

impl Durations {
    /// Of so many durations; each percentile as its duration in milliseconds.
    #[must_use]
    pub fn from_percentiles(count: u64, millis: [Option<u64>; PERCENTILES.len()]) -> Self {
        let [p50_seconds, p90_seconds, p95_seconds, p99_seconds] = millis.map(|millis| Some(millis? / 1_000));
        Self { count, p50_seconds, p90_seconds, p95_seconds, p99_seconds }
    }

    /// Of durations in milliseconds, in any order.
    fn of(mut millis: Vec<u64>) -> Self {
        millis.sort_unstable();
        let count = millis.len() as u64;
        let at = |percent| usize::try_from(nearest_rank(percent, count).checked_sub(1)?).ok();
        let percentiles = PERCENTILES.map(|percent| at(percent).and_then(|index| millis.get(index).copied()));
        Self::from_percentiles(count, percentiles)
    }
}

/// Which of so many values in order is the percentile, from 1; 0 if there are none.
const fn nearest_rank(percent: u64, count: u64) -> u64 {
    (percent * count).div_ceil(100)
}

/// How many tickets had a clock that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Breaches {
    /// That of the first response.
    pub first_response_breached: u64,
    /// That of the resolution.
    pub resolution_breached: u64,
}

/// How many tickets were opened again.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Reopened {
    /// Opened again at least once.
    pub tickets: u64,
    /// Of those that were ever resolved, from 0 to 1; null where none was.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub rate: Option<f64>,
}

/// Gathers figures.
#[derive(Debug, Default)]
pub struct StatsBuilder {
    by_queue: BTreeMap<String, StatusCounts>,
    first_response_millis: Vec<u64>,
    resolution_millis: Vec<u64>,
    sla: Breaches,
    reopened: u64,
}

/// What figures are made of, of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct TicketFacts<'a> {
    /// When it was made.
    pub created_at: Timestamp,
    /// The key of the queue it is in.
    pub queue: &'a str,
    /// Where it stands.
    pub status: Status,
    /// When it had its first reply.
    pub first_replied_at: Option<Timestamp>,
    /// When it was first resolved.
    pub first_resolved_at: Option<Timestamp>,
    /// Whether the first response was late.
    pub first_response_breached: bool,
    /// Whether the resolution was late.
    pub resolution_breached: bool,
    /// Whether it was ever opened again.
    pub reopened: bool,
}

impl<'a> TicketFacts<'a> {
    /// Those of a ticket.
    #[must_use]
    pub fn of(ticket: &'a Ticket, timers: &Timers) -> Self {
        Self {
            created_at: ticket.created_at,
            queue: &ticket.queue,
            status: ticket.status,
            first_replied_at: timers.first_replied_at,
            first_resolved_at: ticket.first_resolved_at,
            first_response_breached: timers.first_response_breached_at.is_some(),
            resolution_breached: timers.resolution_breached_at.is_some(),
            reopened: ticket.reopen_count > 0,
        }
    }
}

impl StatsBuilder {
    /// Counts a ticket that was made within the time.
    pub fn add(&mut self, facts: &TicketFacts<'_>) {
        let TicketFacts {
            created_at,
            queue,
            status,
            first_replied_at,
            first_resolved_at,
            first_response_breached,
            resolution_breached,
            reopened,
        } = *facts;
        // Most tickets are in queues that are known by then.
        match self.by_queue.get_mut(queue) {
            Some(counts) => counts.add(status, 1),
            None => self.by_queue.entry(queue.to_owned()).or_default().add(status, 1),
        }
        let took = |at: Timestamp| u64::try_from(at.as_millis().saturating_sub(created_at.as_millis())).unwrap_or(0);
        self.first_response_millis.extend(first_replied_at.map(took));
        self.resolution_millis.extend(first_resolved_at.map(took));
        self.sla.first_response_breached += u64::from(first_response_breached);
        self.sla.resolution_breached += u64::from(resolution_breached);
        self.reopened += u64::from(reopened);
    }

    /// The figures.
    #[must_use]
    pub fn finish(self, range: StatsRange) -> Stats {
        let Self { by_queue, first_response_millis, resolution_millis, sla, reopened } = self;
        let counts =
            by_queue.into_iter().flat_map(|(queue, StatusCounts { new, open, pending, on_hold, resolved, closed })| {
                let each = [
                    (Status::New, new),
                    (Status::Open, open),
                    (Status::Pending, pending),
                    (Status::OnHold, on_hold),
                    (Status::Resolved, resolved),
                    (Status::Closed, closed),
                ];
                each.map(|(status, count)| (queue.clone(), status, count))
            });
        let first_response = Durations::of(first_response_millis);
        let resolution = Durations::of(resolution_millis);
        Stats::new(range, counts, first_response, resolution, sla, reopened)
    }
}

impl Stats {
    /// The figures, of what a store has counted: tickets by queue and status, and those that were opened again.
    #[must_use]
    pub fn new(
        range: StatsRange,
        counts: impl IntoIterator<Item = (String, Status, u64)>,
        first_response: Durations,
        resolution: Durations,
        sla: Breaches,
        reopened: u64,
    ) -> Self {
        let mut tickets = TicketCounts::default();
        let mut by_queue: BTreeMap<String, QueueCounts> = BTreeMap::new();
        for (queue, status, count) in counts.into_iter().filter(|(_, _, count)| *count > 0) {
            tickets.total += count;
            tickets.by_status.add(status, count);
            let of_queue = by_queue.entry(queue.clone()).or_insert_with(|| QueueCounts {
                queue,
                total: 0,
                by_status: StatusCounts::default(),
            });
            of_queue.total += count;
            of_queue.by_status.add(status, count);
        }
        tickets.by_queue = by_queue.into_values().collect();
        // Four digits: no figure is better known than that.
        let rate = (reopened * 10_000).checked_div(resolution.count).map(|rate| rate as f64 / 10_000.0);
        let StatsRange { from, to } = range;
        let reopened = Reopened { tickets: reopened, rate };
        Self { from, to, tickets, first_response, resolution, sla, reopened }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let of = |seconds: &[u64]| {
            let Durations { count, p50_seconds, p90_seconds, p95_seconds, p99_seconds } =
                Durations::of(seconds.iter().map(|seconds| seconds * 1_000 + 999).collect());
            (count, [p50_seconds, p90_seconds, p95_seconds, p99_seconds].map(|one| one.unwrap_or(u64::MAX)))
        };
        assert_eq!(of(&[]), (0, [u64::MAX; 4]));
        assert_eq!(of(&[7]), (1, [7; 4]));
        assert_eq!(of(&[2, 1]), (2, [1, 2, 2, 2]));
        let hundred: Vec<_> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), (100, [50, 90, 95, 99]));
        let more: Vec<_> = (1..=101).collect();
        assert_eq!(of(&more), (101, [51, 91, 96, 100]));
    }
}
