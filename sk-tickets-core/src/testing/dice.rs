//! Chance that follows from a seed.

use crate::platform::system::{Entropy, SeededEntropy};

/// Throws that follow from a seed.
#[derive(Debug)]
pub(in crate::testing) struct Dice(SeededEntropy);

impl Dice {
    pub(in crate::testing) const fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number below `bound`; 0 if there is none.
    pub(in crate::testing) fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        u64::from_le_bytes(bytes).checked_rem(bound).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
    }

    /// True once in so many times.
    pub(in crate::testing) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(in crate::testing) fn pick<T: Clone>(&self, among: &[T]) -> Option<T> {
        among.get(self.below(among.len())).cloned()
    }

    /// One of them, as often none.
    pub(in crate::testing) fn maybe<T: Clone>(&self, among: &[T]) -> Option<T> {
        if self.once_in(2) { self.pick(among) } else { None }
    }

    /// A number from `low` to `high`, both included.
    pub(in crate::testing) fn between(&self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True so many times in a thousand.
    pub(in crate::testing) fn permille(&self, times: usize) -> bool {
        self.below(1_000) < times
    }
}
