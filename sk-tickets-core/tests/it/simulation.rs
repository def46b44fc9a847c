//! The simulation over a fixed set of seeds: all hold, and nothing holds because it never came up.

use sk_tickets_core::testing::simulation::{self, Figures};

/// Enough for every fault to happen and every property to be checked.
const SEEDS: std::ops::Range<u64> = 0..24;

#[test]
fn whatever_fails_the_properties_hold() {
    let mut figures = Figures::default();
    for seed in SEEDS {
        figures.add(&simulation::check(seed).unwrap_or_else(|failure| panic!("{failure}")));
    }
    let missing: Vec<_> = figures.missing_faults().map(|fault| fault.to_string()).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
    let missing: Vec<_> = figures.missing_checks().map(|property| property.to_string()).collect();
    assert!(missing.is_empty(), "never checked: {missing:?}");
    println!("{figures}");
}
