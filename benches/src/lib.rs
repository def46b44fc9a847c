//! Compares something with its floor: the least that the same work could cost on this machine, written by hand.
//!
//! The two run in turn, round by round, so that a machine whose speed drifts slows both. What counts is the median of the
//! ratios of the rounds.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "nobody else depends on them")]

pub mod client;
pub mod creates;
pub mod fill;
mod parts;
pub mod plot;
pub mod record;
pub mod report;
mod server;
pub mod table;
mod work;

use std::{
    thread::available_parallelism,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use parts::Parts;
use record::{Floor, Growth, Point, Record, Row, Spread, Target, Unit};
pub use server::{Server, TENANT};
pub use work::Work;

/// Names the folder of the large `SQLite` store.
pub const STORE: &str = "SK_BENCH_STORE";
/// Says how many tickets the large `SQLite` store has.
pub const TICKETS: &str = "SK_BENCH_TICKETS";
/// Says how many tickets the large Postgres store has.
pub const POSTGRES_TICKETS: &str = "SK_BENCH_POSTGRES_TICKETS";

/// How often everything is measured; the median counts.
pub const ROUNDS: usize = 5;

/// Runs `ours` and `floor` in turn and tells how they compare. Each does so many pieces of work as it is told and answers
/// how long they took. `target` is the ratio of rates that we want to reach.
pub fn compare(
    name: &str,
    work: Work,
    target: f64,
    mut ours: impl FnMut(u32) -> Duration,
    mut floor: impl FnMut(u32) -> Duration,
) {
    let (of_ours, of_floor) = (work.fitting(&mut ours), work.fitting(&mut floor));
    let rounds = rounds(|| (rate(of_ours, &mut ours), rate(of_floor, &mut floor)));
    tell(row(name, Unit::PerSecond, Target::AtLeast(target), &rounds));
}

/// Runs `ours` and `floor` in turn and tells how the tails of their latencies compare: the 99th percentile of each round.
/// `target` is the ratio that we want to stay within.
pub fn compare_tails(
    name: &str,
    target: f64,
    mut ours: impl FnMut() -> Vec<Duration>,
    mut floor: impl FnMut() -> Vec<Duration>,
) {
    // Warms up, and is not counted.
    drop((ours(), floor()));
    let rounds = rounds(|| (tail(ours()), tail(floor())));
    tell(row(&format!("p99 of {name}"), Unit::Milliseconds, Target::AtMost(target), &rounds));
}

/// Tells how the rate of something compares with one that was recorded another time and cannot be measured here.
pub fn compare_recorded(name: &str, work: Work, target: f64, mut ours: impl FnMut(u32) -> Duration, recorded: f64) {
    let count = work.fitting(&mut ours);
    let rounds = rounds(|| (rate(count, &mut ours), recorded));
    let row = row(name, Unit::PerSecond, Target::AtLeast(target), &rounds);
    tell(Row { floor: Floor::Recorded(recorded), ..row });
}

/// Tells what was measured without a floor: once for each round.
pub fn state(name: &str, unit: Unit, target: Target, rounds: impl IntoIterator<Item = f64>) {
    let ratio = Spread::of(rounds);
    tell(Row { name: name.to_owned(), unit, ours: ratio.median, floor: Floor::None, ratio, target });
}

/// Tells how long something takes by the number of tickets. `once` does it with the n-th of these numbers and answers how
/// long it took. Answers the mean times of each round, in microseconds.
pub fn grow(store: &str, name: &str, sizes: &[u32], mut once: impl FnMut(usize) -> Duration) -> Vec<Vec<f64>> {
    let mut round = || (0..sizes.len()).map(|index| mean_micros(|| once(index))).collect::<Vec<_>>();
    // Warms up, and is not counted.
    round();
    let rounds = rounds(round);
    let point = |(index, tickets): (usize, &u32)| Point {
        tickets: *tickets,
        micros: Spread::of(rounds.iter().map(|round| round[index])),
    };
    let growth = Growth {
        store: store.to_owned(),
        name: name.to_owned(),
        points: sizes.iter().enumerate().map(point).collect(),
    };
    let times: Vec<_> = growth.points.iter().map(|point| table::time(point.micros.median)).collect();
    println!("| {store} {name} | {} | {:.1}x |", times.join(" | "), growth.factor());
    record::tell(&Record::Growth(growth));
    rounds
}

/// Tells how the rates of what took these times compare: ours and the floor's, of each round, in microseconds.
pub fn compare_times(name: &str, target: Target, rounds: &[(f64, f64)]) {
    let rounds: Vec<_> = rounds.iter().map(|(ours, floor)| (1_000_000.0 / ours, 1_000_000.0 / floor)).collect();
    tell(row(name, Unit::PerSecond, target, &rounds));
}

/// As often as it fits into some time, but at least thrice and at most a hundred times.
fn mean_micros(mut once: impl FnMut() -> Duration) -> f64 {
    const BUDGET: Duration = Duration::from_millis(50);
    let began = Instant::now();
    let (mut took, mut times) = (Duration::ZERO, 0_u32);
    while times < 3 || (began.elapsed() < BUDGET && times < 100) {
        took += once();
        times += 1;
    }
    took.as_secs_f64() * 1_000_000.0 / f64::from(times)
}

fn rounds<T>(mut round: impl FnMut() -> T) -> Vec<T> {
    (0..ROUNDS).map(|_| round()).collect()
}

/// Pieces of work in a second.
fn rate(count: u32, work: &mut impl FnMut(u32) -> Duration) -> f64 {
    f64::from(count) / work(count).as_secs_f64()
}

fn row(name: &str, unit: Unit, target: Target, rounds: &[(f64, f64)]) -> Row {
    Row {
        name: name.to_owned(),
        unit,
        ours: Spread::of(rounds.iter().map(|(ours, _)| *ours)).median,
        floor: Floor::Measured(Spread::of(rounds.iter().map(|(_, floor)| *floor)).median),
        ratio: Spread::of(rounds.iter().map(|(ours, floor)| ours / floor)),
        target,
    }
}

fn tell(row: Row) {
    println!("{}", table::row(&row));
    record::tell(&Record::Row(row));
}

/// Differs from run to run: a store may have been measured before.
///
/// # Panics
/// Before 1970.
#[must_use]
pub fn run_id() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970");
    u64::try_from(since.as_millis()).expect("some millions of years")
}

/// Tells the tail of some latencies, the 99th percentile of each round, where there is no floor but a time: `target`, in
/// milliseconds.
pub fn tail_within(name: &str, target: u32, mut ours: impl FnMut() -> Vec<Duration>) {
    // Warms up, and is not counted.
    ours();
    let rounds = rounds(|| tail(ours()));
    state(&format!("p99 of {name}"), Unit::Milliseconds, Target::AtMost(f64::from(target)), rounds);
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
    println!("{}", table::ROWS_HEAD);
}
