//! Real crashes: the real server on either database, with clients that never stop, dies and comes back, and so does what is
//! below it.
//!
//! Each test is a [trial](trial): things are done to a server under [load], by seeded dice. Then the [history] of what the
//! clients asked for is compared with what there is:
//!
//! - what was answered has exactly one effect, the one that was answered, or none if it was refused;
//! - what was not has none or one, and exactly one after it was tried again with the same key;
//! - every repetition gets the same answer, byte for byte, and says that it is one;
//! - nothing is there that nobody asked for;
//! - who followed the feed saw every event once, in its order;
//! - every event has arrived at who wants it, signed, or waits as a dead letter;
//! - and [what always holds](crate::invariants) does.
//!
//! `CRASH_FAULTS` says how much is done in each of them (8), `CRASH_SEED` what the dice begin with (1). The dice decide what
//! is done and what is asked; which of it meets which is chance, so a seed repeats a run only roughly.
//!
//! The build of the server that the tests start has [points](sk_tickets_core::platform::crash_point) where it can be told to
//! die; no other has.

mod history;
mod load;
#[cfg(target_os = "linux")]
mod machine;
mod postgres;
#[cfg(target_os = "linux")]
mod preload;
mod proxy;
mod restart;
mod sqlite;
mod trial;

use std::{
    env,
    process::{Command, Stdio},
};

use serde_json::Value;

/// How much is done in each test; `CRASH_FAULTS` says otherwise.
fn faults() -> usize {
    number("CRASH_FAULTS", 8)
}

/// What the dice begin with; `CRASH_SEED` says otherwise.
fn seed() -> usize {
    number("CRASH_SEED", 1)
}

fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |number| number.parse().expect("a number"))
}

/// The feature that has them is asked for by the tests of the server alone.
#[test]
fn nothing_that_serves_is_built_with_crash_points() {
    const FEATURE: &str = "crash-points";
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut asked_for = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["features"].as_array().unwrap().iter().any(|feature| feature == FEATURE) {
                asked_for.push((name, dependency["kind"].as_str()));
            }
        }
        for (feature, others) in package["features"].as_object().unwrap() {
            assert!(!others.to_string().contains(FEATURE), "{feature} of {name} brings it along");
        }
    }
    assert_eq!(asked_for, [("sk-tickets-examples", Some("dev"))]);
}
