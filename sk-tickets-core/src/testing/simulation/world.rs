use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    fault::Fault, figures::Figures, oracle::Oracle, property::Property, time::Time, trace::Trace, weather::Weather,
};
use crate::{platform::time::Timestamp, testing::dice::Dice};

/// When a run begins.
pub(super) const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What does not hold, and how that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Which property.
    pub property: Property,
    /// How it was seen.
    pub detail: String,
}

/// All that is shared by those in a run: time, chance, what goes wrong, what was seen.
#[derive(Debug)]
pub(super) struct World {
    pub(super) time: Arc<Time>,
    pub(super) dice: Dice,
    pub(super) weather: Weather,
    /// Whether the store does all that it is asked at once, so that nothing is under way when a node dies.
    pub(super) exact: bool,
    state: Mutex<State>,
    oracle: Mutex<Oracle>,
    broken: Notify,
}

#[derive(Debug)]
struct State {
    calm: bool,
    store_away_until: Timestamp,
    ticks: u64,
    trace: Trace,
    figures: Figures,
    violation: Option<Violation>,
}

impl World {
    pub(super) fn new(seed: u64, exact: bool) -> Arc<Self> {
        let dice = Dice::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let weather = Weather::draw(&dice);
        let state = State {
            calm: true,
            store_away_until: BEGINNING,
            ticks: 0,
            trace: Trace::default(),
            figures: Figures { seeds: 1, ..Figures::default() },
            violation: None,
        };
        let (time, oracle) = (Time::new(BEGINNING), Mutex::new(Oracle::default()));
        Arc::new(Self { time, dice, weather, exact, state: Mutex::new(state), oracle, broken: Notify::new() })
    }

    /// Writes a line of the trace.
    pub(super) fn say(&self, who: &dyn Display, what: &dyn Display) {
        let since = self.time.now().since(BEGINNING).as_millis();
        self.state().trace.push(format!("{:>6}.{:03} {who}: {what}", since / 1_000, since % 1_000));
    }

    pub(super) fn set_calm(&self, calm: bool) {
        self.state().calm = calm;
        self.say(&"world", &if calm { "from here on nothing fails" } else { "from here on anything may fail" });
    }

    pub(super) fn is_calm(&self) -> bool {
        self.state().calm
    }

    /// Whether something goes wrong that does so many times in a thousand.
    pub(super) fn goes_wrong(&self, permille: usize) -> bool {
        !self.is_calm() && self.dice.permille(permille)
    }

    pub(super) fn note(&self, fault: Fault) {
        *self.state().figures.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.state().figures);
    }

    pub(super) fn take_store_away(&self, duration: Duration) {
        self.state().store_away_until = self.time.now() + duration;
    }

    pub(super) fn is_store_away(&self) -> bool {
        let state = self.state();
        !state.calm && state.store_away_until > self.time.now()
    }

    /// What a store answers that is asked directly; time stands still until it does.
    pub(super) async fn undisturbed<T>(&self, asked: impl Future<Output = T>) -> T {
        let stand_still = self.time.stand_still();
        let answer = asked.await;
        drop(stand_still);
        answer
    }

    /// A number larger than all before: the order of what happens, where time is too coarse.
    pub(super) fn tick(&self) -> u64 {
        let mut state = self.state();
        state.ticks += 1;
        state.ticks
    }

    /// What those who watch know.
    pub(super) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a property holds. The first that does not ends the run.
    pub(super) fn check(&self, property: Property, holds: bool, detail: impl FnOnce() -> String) {
        let mut state = self.state();
        *state.figures.checks.entry(property).or_default() += 1;
        if !holds && state.violation.is_none() {
            let detail = detail();
            state.violation = Some(Violation { property, detail: detail.clone() });
            drop(state);
            self.say(&"world", &format_args!("VIOLATION: {property} {detail}"));
            self.broken.notify_one();
        }
    }

    /// Returns when a property does not hold, or nothing is left that could happen.
    pub(super) async fn broken(&self) {
        tokio::select! {
            biased;
            () = self.broken.notified() => {}
            () = self.time.stuck.notified() => {
                self.check(Property::EveryClientIsAnswered, false, || "nothing is left that could happen".to_owned());
            }
        }
    }

    /// What a run came to.
    pub(super) fn result(&self) -> (Trace, Figures, Option<Violation>) {
        let state = self.state();
        let mut figures = state.figures.clone();
        figures.steps = state.trace.lines().len() as u64;
        figures.simulated_ms = u64::try_from(self.time.now().since(BEGINNING).as_millis()).unwrap_or(u64::MAX);
        (state.trace.clone(), figures, state.violation.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
