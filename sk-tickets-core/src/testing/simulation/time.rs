//! Time that passes only when nothing can be done without it.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::sync::Notify;

use crate::platform::time::Timestamp;

/// The time of a run, the same for all that is in it; the clocks of nodes differ from it.
#[derive(Debug)]
pub(super) struct Time {
    state: Mutex<State>,
    /// Nothing is left that could happen.
    pub(super) stuck: Notify,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    /// How many sleeps there were.
    slept: u64,
    /// How many calls of a real store have not returned.
    under_way: u64,
}

impl Time {
    pub(super) fn new(now: Timestamp) -> Arc<Self> {
        let state = State { now, sleepers: BTreeMap::new(), slept: 0, under_way: 0 };
        Arc::new(Self { state: Mutex::new(state), stuck: Notify::new() })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now
    }

    pub(super) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        Sleep { time: Arc::clone(self), until: self.now() + duration, place: None }
    }

    /// For as long as it is kept, time stands still: a store is at work that takes time of the real kind.
    pub(super) fn stand_still(self: &Arc<Self>) -> StandStill {
        self.state().under_way += 1;
        StandStill(Arc::clone(self))
    }

    /// Called when no task can go on: wakes the one that sleeps the shortest. One at a time, so that the order is the
    /// seed's and not the executor's.
    pub(super) fn advance(&self) {
        let mut state = self.state();
        if state.under_way > 0 {
            return;
        }
        let Some(((until, _), sleeper)) = state.sleepers.pop_first() else {
            drop(state);
            self.stuck.notify_one();
            return;
        };
        state.now = state.now.max(until);
        drop(state);
        sleeper.wake();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Time::stand_still`].
#[derive(Debug)]
pub(super) struct StandStill(Arc<Time>);

impl Drop for StandStill {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

/// Ready when it is time.
#[derive(Debug)]
pub(super) struct Sleep {
    time: Arc<Time>,
    until: Timestamp,
    /// Where it stands among the sleepers.
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = Arc::clone(&self.time);
        let mut state = time.state();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| {
            state.slept += 1;
            state.slept
        });
        state.sleepers.insert((self.until, place), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.time.state().sleepers.remove(&(self.until, place));
        }
    }
}

/// Runs `root` and all that it spawns on this thread, one after the other, in an order that follows from the tasks alone.
pub(super) fn run(time: &Arc<Time>, root: impl Future<Output = ()> + Send + 'static) {
    let idle = Arc::clone(time);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .on_thread_park(move || idle.advance())
        .build()
        .expect("a runtime without I/O needs nothing of the machine");
    // As a task like all others: what is blocked on is not seen by who asks whether a task can go on.
    let ended = runtime.block_on(async { tokio::spawn(root).await });
    ended.expect("the run does not panic");
}
