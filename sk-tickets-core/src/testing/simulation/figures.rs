use std::{collections::BTreeMap, fmt};

use super::{fault::Fault, property::Property};

/// What happened in one or more runs, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// How many seeds were run.
    pub seeds: u64,
    /// How many lines the traces have.
    pub steps: u64,
    /// How much time passed inside of them, in milliseconds.
    pub simulated_ms: u64,
    /// How many requests clients got an answer to.
    pub answers: u64,
    /// How many webhooks reached a receiver.
    pub webhooks: u64,
    /// How many deliveries there were at the end.
    pub deliveries: u64,
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// How often each property was checked.
    pub checks: BTreeMap<Property, u64>,
}

impl Figures {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        let Self { seeds, steps, simulated_ms, answers, webhooks, deliveries, faults, checks } = other;
        self.seeds += seeds;
        self.steps += steps;
        self.simulated_ms += simulated_ms;
        self.answers += answers;
        self.webhooks += webhooks;
        self.deliveries += deliveries;
        for (fault, times) in faults {
            *self.faults.entry(*fault).or_default() += times;
        }
        for (property, times) in checks {
            *self.checks.entry(*property).or_default() += times;
        }
    }

    /// The faults that never happened.
    pub fn missing_faults(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(|fault| !self.faults.contains_key(fault))
    }

    /// The properties that were never checked.
    pub fn missing_checks(&self) -> impl Iterator<Item = Property> {
        Property::ALL.iter().copied().filter(|property| !self.checks.contains_key(property))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, steps, simulated_ms, answers, webhooks, deliveries, faults, checks } = self;
        writeln!(f, "{seeds} seeds, {steps} steps, {} s of simulated time", simulated_ms / 1_000)?;
        writeln!(f, "{answers} requests answered, {deliveries} deliveries, {webhooks} webhooks received")?;
        writeln!(f, "faults:")?;
        for fault in Fault::ALL {
            writeln!(f, "{:>12}  {fault}", faults.get(fault).copied().unwrap_or_default())?;
        }
        writeln!(f, "checks:")?;
        for property in Property::ALL {
            writeln!(f, "{:>12}  {property}", checks.get(property).copied().unwrap_or_default())?;
        }
        Ok(())
    }
}
