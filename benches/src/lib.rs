//! Compares something with its floor: the least that the same work could cost on this machine, written by hand.
//!
//! The two run in turn, round by round, so that a machine whose speed drifts slows both. What counts is the median of the
//! ratios of the rounds.

#![expect(clippy::print_stdout, reason = "a program for people")]

pub mod creates;

use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

const ROUNDS: usize = 7;

/// Runs `ours` and `floor` in turn and prints how they compare. Each does `count` pieces of work a round and answers how
/// long they took. `target` is the ratio of rates that we want to reach.
pub fn compare(
    name: &str,
    count: u32,
    target: f64,
    mut ours: impl FnMut(u32) -> Duration,
    mut floor: impl FnMut(u32) -> Duration,
) {
    let rate = |took: Duration| f64::from(count) / took.as_secs_f64();
    // The first round warms up caches and files and is not counted.
    let rounds: Vec<_> = (0..=ROUNDS).map(|_| (rate(ours(count)), rate(floor(count)))).skip(1).collect();
    let mut ratios: Vec<_> = rounds.iter().map(|(ours, floor)| ours / floor).collect();
    ratios.sort_by(f64::total_cmp);
    let median = |pick: fn(&(f64, f64)) -> f64| {
        let mut rates: Vec<_> = rounds.iter().map(pick).collect();
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    };
    println!(
        "| {name} | {:.0}/s | {:.0}/s | {:.2}x ({:.2}–{:.2}) | ≥ {target}x |",
        median(|(ours, _)| *ours),
        median(|(_, floor)| *floor),
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
    );
}

/// Runs `ours` and `floor` in turn and prints how the tails of their latencies compare: the 99th percentile of each round.
/// `target` is the ratio that we want to stay within.
pub fn compare_tails(
    name: &str,
    target: f64,
    mut ours: impl FnMut() -> Vec<Duration>,
    mut floor: impl FnMut() -> Vec<Duration>,
) {
    let rounds: Vec<_> = (0..=ROUNDS).map(|_| (tail(ours()), tail(floor()))).skip(1).collect();
    let mut ratios: Vec<_> = rounds.iter().map(|(ours, floor)| ours / floor).collect();
    ratios.sort_by(f64::total_cmp);
    let median = |pick: fn(&(f64, f64)) -> f64| {
        let mut tails: Vec<_> = rounds.iter().map(pick).collect();
        tails.sort_by(f64::total_cmp);
        tails[ROUNDS / 2]
    };
    println!(
        "| p99 of {name} | {:.1} ms | {:.1} ms | {:.2}x ({:.2}–{:.2}) | ≤ {target}x |",
        median(|(ours, _)| *ours),
        median(|(_, floor)| *floor),
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
    );
}

/// Prints the tail of some latencies, the 99th percentile of each round, where there is no floor but a time: `target` is in
/// milliseconds.
pub fn tail_within(name: &str, target: u32, mut ours: impl FnMut() -> Vec<Duration>) {
    let mut tails: Vec<_> = (0..=ROUNDS).map(|_| tail(ours())).skip(1).collect();
    tails.sort_by(f64::total_cmp);
    println!(
        "| p99 of {name} | {:.1} ms ({:.1}–{:.1}) | – | – | < {target} ms |",
        tails[ROUNDS / 2],
        tails[0],
        tails[ROUNDS - 1],
    );
}

/// The 99th percentile, in milliseconds.
fn tail(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort();
    latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default().as_secs_f64() * 1_000.0
}

/// How long something takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Prints the head of the table that [`compare`] adds rows to.
pub fn head() {
    let cores = available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, median of {ROUNDS} rounds (min–max)\n");
    println!("| what | ours | floor | ratio | target |\n|---|---|---|---|---|");
}
