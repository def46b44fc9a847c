//! What waits to go together.
//!
//! Much of what a statement costs is to begin it: its round trip and, of a commit, its fsync. So while a few are under way, what
//! comes meanwhile waits and goes together. Alone, one waits for nobody. What is of two realms cannot go together, so each has a
//! lane of its own, and none waits for another.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Fault, Result},
    realms::RealmNumber,
};

/// The most of a lane that go together.
const GROUP_MAX: usize = 64;
/// How many may wait in a lane; one more is told to try again.
pub(crate) const WAITING_MAX: usize = 1_024;
/// How many turns of a lane are under way at a time: while one waits for the disk, the other one works.
pub(crate) const UNDER_WAY_MAX: usize = 2;

/// Those that wait, in lanes.
pub(crate) struct Lanes<T> {
    /// Those in which somebody waits or a turn is under way.
    by_realm: Mutex<HashMap<RealmNumber, Lane<T>>>,
}

struct Lane<T> {
    waiting: VecDeque<T>,
    under_way: usize,
}

impl<T> Lanes<T> {
    /// Adds one to its lane. If there is a turn to take, the caller is to see to it that it is.
    pub(crate) fn join(self: &Arc<Self>, realm: RealmNumber, one: T) -> Result<Option<Turn<T>>> {
        let mut lanes = self.lanes();
        let lane = lanes.entry(realm).or_default();
        if lane.waiting.len() >= WAITING_MAX {
            return Err(Fault::Saturated);
        }
        lane.waiting.push_back(one);
        if lane.under_way == UNDER_WAY_MAX {
            return Ok(None);
        }
        lane.under_way += 1;
        Ok(Some(Turn { lanes: Arc::clone(self), realm, ended: false }))
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lanes().values().map(|lane| lane.waiting.len()).sum()
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.lanes().values().map(|lane| lane.under_way).sum()
    }

    /// What `look` sees at the first one of any lane that waits.
    #[cfg(test)]
    pub(crate) fn first<S>(&self, look: impl Fn(&T) -> S) -> Option<S> {
        self.lanes().values().find_map(|lane| lane.waiting.front()).map(look)
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<RealmNumber, Lane<T>>> {
        // Nothing can fail while it is held, so it is whole even if a thread died.
        self.by_realm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a turn, and its lane with it if there is nothing in that.
fn end<T>(lanes: &mut HashMap<RealmNumber, Lane<T>>, realm: RealmNumber) {
    if let Entry::Occupied(mut lane) = lanes.entry(realm) {
        lane.get_mut().under_way -= 1;
        if lane.get().under_way == 0 && lane.get().waiting.is_empty() {
            lane.remove();
        }
    }
}

/// The right to work off a lane. There are no more of them than may be under way.
pub(crate) struct Turn<T> {
    lanes: Arc<Lanes<T>>,
    realm: RealmNumber,
    ended: bool,
}

impl<T> Turn<T> {
    /// Those of the lane that go together next, in the order in which they came: of those that `fits` lets through, as it
    /// must the first. If none waits the turn has ended, in the same moment: who comes later begins another.
    pub(crate) fn next(&mut self, mut fits: impl FnMut(&T) -> bool) -> Option<Vec<T>> {
        let mut lanes = self.lanes.lanes();
        let lane = lanes.get_mut(&self.realm)?;
        if lane.waiting.is_empty() {
            end(&mut lanes, self.realm);
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
        Some(group)
    }
}

impl<T> Drop for Turn<T> {
    /// Given up in the middle, as when the runtime ends.
    fn drop(&mut self) {
        if !self.ended {
            end(&mut self.lanes.lanes(), self.realm);
        }
    }
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { by_realm: Mutex::default() }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), under_way: 0 }
    }
}
