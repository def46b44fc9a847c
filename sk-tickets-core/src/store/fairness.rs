//! Who is served first, so that no receiver has to wait for another one that is slow or dead.
//!
//! Each endpoint has a queue in each of two lanes. In a lane the endpoint with the fewest deliveries under way comes
//! first, so that a long backlog of one is no disadvantage for another; and no endpoint ever has more under way than it
//! may, so that one that hangs cannot take all of a worker's slots.

use crate::{
    limits::{FAILING_IN_FLIGHT_MAX, FIRST_IN_FLIGHT_MAX, RETRIES_IN_FLIGHT_MAX},
    platform::{id::DeliveryId, time::Timestamp},
};

/// What a delivery is claimed for. Each lane has slots of its own, so that attempts that are likely to fail, and to take
/// long over it, never hold up the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Lane {
    /// A first attempt, to an endpoint that is not failing.
    First,
    /// Any other.
    Retry,
}

impl Lane {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::First, Self::Retry];

    /// The lane of a delivery with so many failed attempts since its schedule began.
    #[must_use]
    pub const fn of(endpoint_is_failing: bool, failures: u32) -> Self {
        if endpoint_is_failing || failures > 0 { Self::Retry } else { Self::First }
    }

    /// How many deliveries of one endpoint may be leased in this lane. A failing endpoint has them all in one.
    #[must_use]
    pub const fn in_flight_max(self, endpoint_is_failing: bool) -> usize {
        match self {
            _ if endpoint_is_failing => FAILING_IN_FLIGHT_MAX,
            Self::First => FIRST_IN_FLIGHT_MAX,
            Self::Retry => RETRIES_IN_FLIGHT_MAX,
        }
    }
}

/// How many deliveries a worker has room for, by lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct Slots {
    /// In [`Lane::First`].
    pub first: usize,
    /// In [`Lane::Retry`].
    pub retry: usize,
}

impl Slots {
    /// None at all: nothing is claimed.
    pub const NONE: Self = Self { first: 0, retry: 0 };

    /// How many in this lane.
    #[must_use]
    pub const fn of(self, lane: Lane) -> usize {
        match lane {
            Lane::First => self.first,
            Lane::Retry => self.retry,
        }
    }

    /// As many as there are of both, in each lane.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), retry: self.retry.min(other.retry) }
    }
}

/// What is due for one endpoint in one lane.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct DueQueue<T> {
    /// The lane. A failing endpoint has a queue in [`Lane::Retry`] only.
    pub lane: Lane,
    /// Whether the endpoint is failing.
    pub failing: bool,
    /// How many of the queue are leased, by a lease that has not run out.
    pub in_flight: usize,
    /// What can be claimed: since when, and which. Of a long queue the first few are enough: as many as
    /// [`Lane::in_flight_max`] says.
    pub due: Vec<(Timestamp, DeliveryId, T)>,
}

/// Chooses what to claim: [`DeliveryQueue::claim_due`](super::DeliveryQueue::claim_due) says by which rules. Pure; a store
/// that can say the same in its own language need not use it.
#[must_use]
pub fn choose<T>(queues: impl IntoIterator<Item = DueQueue<T>>, slots: Slots) -> Vec<(Lane, T)> {
    let mut places = Vec::new();
    for DueQueue { lane, failing, in_flight, mut due } in queues {
        due.sort_by_key(|(at, id, _)| (*at, *id));
        let free = in_flight + 1..=lane.in_flight_max(failing);
        places.extend(free.zip(due).map(|(place, (at, id, what))| ((place, at, id), lane, what)));
    }
    places.sort_by_key(|(order, ..)| *order);
    let mut left = Lane::ALL.map(|lane| slots.of(lane));
    let mut chosen = Vec::new();
    for (_, lane, what) in places {
        let left = &mut left[lane as usize];
        if *left > 0 {
            *left -= 1;
            chosen.push((lane, what));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(lane: Lane, failing: bool, in_flight: usize, due: &[(i64, u8)]) -> DueQueue<u8> {
        let due =
            due.iter().map(|(at, id)| (Timestamp::from_millis(*at), DeliveryId::from_bytes([*id; 16]), *id)).collect();
        DueQueue { lane, failing, in_flight, due }
    }

    fn chosen(queues: Vec<DueQueue<u8>>, first: usize, retry: usize) -> Vec<u8> {
        choose(queues, Slots { first, retry }).into_iter().map(|(_, what)| what).collect()
    }

    #[test]
    fn the_endpoint_with_the_fewest_under_way_comes_first() {
        let long = queue(Lane::First, false, 0, &[(1, 1), (2, 2), (3, 3), (4, 4)]);
        let busy = queue(Lane::First, false, 2, &[(0, 10)]);
        let short = queue(Lane::First, false, 0, &[(9, 20)]);
        assert_eq!(chosen(vec![long, busy, short], 4, 0), [1, 20, 2, 10]);
    }

    #[test]
    fn no_endpoint_has_more_under_way_than_it_may() {
        let many: Vec<_> = (0..50).map(|id| (0, id)).collect();
        assert_eq!(chosen(vec![queue(Lane::First, false, 0, &many)], 99, 99).len(), FIRST_IN_FLIGHT_MAX);
        assert_eq!(chosen(vec![queue(Lane::Retry, false, 1, &many)], 99, 99).len(), RETRIES_IN_FLIGHT_MAX - 1);
        assert_eq!(chosen(vec![queue(Lane::Retry, true, 0, &many)], 99, 99), [0]);
        assert_eq!(chosen(vec![queue(Lane::Retry, true, 5, &many)], 99, 99), [0; 0]);
    }

    #[test]
    fn a_lane_without_slots_does_not_hold_up_the_other() {
        let queues = vec![queue(Lane::Retry, true, 0, &[(0, 1)]), queue(Lane::First, false, 0, &[(5, 2)])];
        assert_eq!(chosen(queues, 1, 0), [2]);
    }
}
