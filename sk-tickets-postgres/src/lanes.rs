//! What waits to go together.
//!
//! Much of what a statement costs is to begin it: its round trip and, of a commit, its fsync. So while a few are under way, what
//! comes meanwhile waits and goes together. Alone, one waits for nobody. What cannot go together, as what is of two realms, has
//! lanes of its own, which do not wait for each other.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::error::{Fault, Result};

/// The most of a lane that go together.
const GROUP_MAX: usize = 64;
/// How many may wait in all lanes; one more is told to try again, so that memory stays bounded.
pub(crate) const WAITING_MAX: usize = 1_024;
/// How many turns of a lane are under way at a time: while one waits for the disk, the other one works.
pub(crate) const UNDER_WAY_MAX: usize = 2;

/// Those that wait, in lanes.
pub(crate) struct Lanes<K, T> {
    state: Mutex<State<K, T>>,
}

struct State<K, T> {
    /// Those in which somebody waits or a turn is under way.
    lanes: HashMap<K, Lane<T>>,
    waiting: usize,
}

struct Lane<T> {
    waiting: VecDeque<T>,
    under_way: usize,
}

impl<K: Copy + Eq + Hash, T> Lanes<K, T> {
    /// Adds one to its lane. If there is a turn to take, the caller is to see to it that it is.
    pub(crate) fn join(self: &Arc<Self>, key: K, one: T) -> Result<Option<Turn<K, T>>> {
        let mut state = self.state();
        if state.waiting >= WAITING_MAX {
            return Err(Fault::Saturated);
        }
        state.waiting += 1;
        let lane = state.lanes.entry(key).or_default();
        lane.waiting.push_back(one);
        if lane.under_way == UNDER_WAY_MAX {
            return Ok(None);
        }
        lane.under_way += 1;
        Ok(Some(Turn { lanes: Arc::clone(self), key, ended: false }))
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.state().lanes.values().map(|lane| lane.under_way).sum()
    }

    /// What `look` sees at the first one of any lane that waits.
    #[cfg(test)]
    pub(crate) fn first<S>(&self, look: impl Fn(&T) -> S) -> Option<S> {
        self.state().lanes.values().find_map(|lane| lane.waiting.front()).map(look)
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        // Nothing can fail while it is held, so it is whole even if a thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work off a lane. There are no more of them than may be under way.
pub(crate) struct Turn<K: Copy + Eq + Hash, T> {
    lanes: Arc<Lanes<K, T>>,
    key: K,
    ended: bool,
}

impl<K: Copy + Eq + Hash, T> Turn<K, T> {
    /// Those of the lane that go together next, in the order in which they came: of those that `fits` lets through, as it
    /// must the first. If none waits the turn has ended, in the same moment: who comes later begins another.
    pub(crate) fn next(&mut self, mut fits: impl FnMut(&T) -> bool) -> Option<Vec<T>> {
        let mut state = self.lanes.state();
        let lane = state.lanes.get_mut(&self.key)?;
        if lane.waiting.is_empty() {
            state.end(self.key);
            self.ended = true;
            return None;
        }
        let (mut group, mut others) = (Vec::new(), VecDeque::new());
        for one in lane.waiting.drain(..) {
            if group.len() < GROUP_MAX && fits(&one) {
                group.push(one);
            } else {
                others.push_back(one);
            }
        }
        lane.waiting = others;
        state.waiting -= group.len();
        Some(group)
    }
}

impl<K: Copy + Eq + Hash, T> Drop for Turn<K, T> {
    /// Given up in the middle, as when the runtime ends.
    fn drop(&mut self) {
        if !self.ended {
            self.lanes.state().end(self.key);
        }
    }
}

impl<K: Eq + Hash, T> State<K, T> {
    /// Ends a turn, and its lane with it if there is nothing in that.
    fn end(&mut self, key: K) {
        if let Entry::Occupied(mut lane) = self.lanes.entry(key) {
            lane.get_mut().under_way -= 1;
            if lane.get().under_way == 0 && lane.get().waiting.is_empty() {
                lane.remove();
            }
        }
    }
}

impl<K, T> Default for Lanes<K, T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { lanes: HashMap::new(), waiting: 0 }) }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), under_way: 0 }
    }
}
