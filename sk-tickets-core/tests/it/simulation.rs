//! The simulation over a fixed set of seeds: all holds, and nothing holds because it never came up.

use std::{
    fs,
    io::{self, Write},
    thread,
};

use sk_tickets_core::testing::simulation::{self, Fault, Figures, Property};

use crate::golden::workspace;

/// Enough for every fault to happen and every property to be checked.
const SEEDS: std::ops::Range<u64> = 0..10;
/// How many threads share them.
const THREADS: u64 = 4;

#[test]
fn whatever_fails_the_properties_hold() {
    let some = |first: u64| {
        let mut figures = Figures::default();
        for seed in SEEDS.skip(usize::try_from(first).expect("few")).step_by(usize::try_from(THREADS).expect("few")) {
            figures.add(&simulation::check(seed).unwrap_or_else(|failure| panic!("{failure}")));
        }
        figures
    };
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let runs: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || some(first))).collect();
        for run in runs {
            figures.add(&run.join().expect("every property holds"));
        }
    });
    // What the macros print is captured.
    let told = figures.to_string().lines().take(2).map(|line| format!("simulation: {line}\n")).collect::<String>();
    io::stderr().write_all(told.as_bytes()).expect("written");
    assert_eq!(figures.seeds, SEEDS.end - SEEDS.start);
    let missing: Vec<_> = figures.missing_faults().map(|fault| fault.to_string()).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}\n{figures}");
    let missing: Vec<_> = figures.missing_checks().map(|property| property.to_string()).collect();
    assert!(missing.is_empty(), "never checked: {missing:?}\n{figures}");
}

/// A receiver repeated a webhook in its answer. That stood in the recorded answer to who discarded the dead letter, too, and no
/// redaction looked there.
#[test]
fn seed_402_a_discarded_letter_keeps_nothing_of_what_was_redacted() {
    simulation::check(402).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn another_seed_is_another_run() {
    let (one, other) = (simulation::run(1).trace, simulation::run(2).trace);
    assert_ne!(one.hash(), other.hash());
    assert!(one.first_difference(&other).is_some());
    assert_eq!(one.first_difference(&one), None);
}

#[test]
fn every_fault_and_property_is_documented() {
    let page = fs::read_to_string(workspace("docs/simulation.md")).expect("the page");
    let faults = Fault::ALL.iter().map(ToString::to_string);
    for sentence in faults.chain(Property::ALL.iter().map(ToString::to_string)) {
        assert!(page.contains(&format!("\n- {sentence}\n")), "docs/simulation.md has: {sentence}");
    }
}
