//! Deterministic simulation: several nodes on one store, their clients and receivers, and all that can go wrong between
//! them, in one thread and in time that is simulated. A seed stands for one run, and a run that failed fails again.
//!
//! What runs is the engine itself: its desks, dispatchers, sweepers and mailers. What is simulated is around it: clocks,
//! chance, the way to the store, the way to receivers and mail servers, and clients that ask again until they are
//! answered. Nodes die at any point and come back. First anything may fail and nothing unsafe may happen; then nothing
//! fails any more, and all that is owed must come.
//!
//! What must hold is a [`Property`] with a sentence each. It is checked against what is known from outside: by clients, by
//! receivers, and by who watches what the store is asked.
//!
//! ```
//! use sk_tickets_core::testing::simulation;
//!
//! let figures = simulation::check(1)?;
//! assert_eq!(figures.seeds, 1);
//! # Ok::<(), Box<simulation::Failure>>(())
//! ```

mod audit;
mod chaos;
mod client;
mod clock;
mod deed;
mod fault;
mod figures;
mod follower;
mod latch;
mod mailbox;
mod node;
mod oracle;
mod property;
mod receivers;
mod scenario;
mod sentence;
mod store;
mod time;
mod trace;
mod weather;
mod world;

use std::{fmt, sync::Arc};

pub use fault::Fault;
pub use figures::Figures;
pub use property::Property;
pub use trace::Trace;
pub use world::Violation;

use crate::{MemoryStore, store::Store};
use scenario::Scenario;
use world::World;

/// How much of a trace a failure shows.
const END_LINES: usize = 60;

/// What one run came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// All that happened.
    pub trace: Trace,
    /// What was counted.
    pub figures: Figures,
    /// What did not hold; the run ended there.
    pub violation: Option<Violation>,
}

impl Run {
    /// What was counted.
    ///
    /// # Errors
    /// [`Failure`] if a property does not hold.
    pub fn into_result(self, seed: u64) -> Result<Figures, Box<Failure>> {
        let Self { trace, figures, violation } = self;
        violation.map_or(Ok(figures), |violation| Err(Box::new(Failure { seed, violation, trace })))
    }
}

/// A seed under which something does not hold. Its text says what, shows the end of the trace, and how to repeat it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What does not hold.
    pub violation: Violation,
    /// All that happened.
    pub trace: Trace,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violation: Violation { property, detail }, trace } = self;
        for line in trace.end(END_LINES) {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {seed}: this does not hold: {property}")?;
        writeln!(f, "{detail}")?;
        write!(f, "again: cargo run --bin simulate -- --seed {seed} --trace")
    }
}

impl std::error::Error for Failure {}

/// Runs a seed on the reference store.
#[must_use]
pub fn run(seed: u64) -> Run {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    run_world(seed, true, &store)
}

/// Runs a seed on a fresh store that is at work in threads of its own. The faults are those of the seed; the order in which
/// things happen need not be.
#[must_use]
pub fn run_on(seed: u64, store: &Arc<dyn Store>) -> Run {
    run_world(seed, false, store)
}

/// Runs a seed on the reference store, twice.
///
/// # Errors
/// [`Failure`] if a property does not hold, or if the second run was not the same as the first.
pub fn check(seed: u64) -> Result<Figures, Box<Failure>> {
    let first = run(seed);
    let trace = first.trace.clone();
    let mut figures = first.into_result(seed)?;
    let again = run(seed).trace;
    *figures.checks.entry(Property::SameSeedSameTrace).or_default() += 1;
    match trace.first_difference(&again) {
        None => Ok(figures),
        Some((line, one, other)) => {
            let detail = format!("line {line}:\n  {one}\n  {other}");
            let violation = Violation { property: Property::SameSeedSameTrace, detail };
            Err(Box::new(Failure { seed, violation, trace }))
        }
    }
}

fn run_world(seed: u64, exact: bool, store: &Arc<dyn Store>) -> Run {
    let world = World::new(seed, exact);
    let scenario = Scenario::new(seed, &world, store);
    time::run(&world.time, async move { scenario.run().await });
    let (trace, figures, violation) = world.result();
    Run { trace, figures, violation }
}
