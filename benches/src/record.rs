//! What benches tell the runner: a line of JSON for each thing that was measured.

use std::{env, fs::OpenOptions, io::Write as _};

use serde::{Deserialize, Serialize};

/// Names the file that records are added to; without it they are only printed.
pub const OUT: &str = "SK_BENCH_OUT";

/// Something a bench has to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A row of the table.
    Row(Row),
    /// How the time of something grows with the number of tickets.
    Growth(Growth),
    /// What was measured with, such as a database, and its version.
    Version(String, String),
    /// A part of a bench that broke off, and why.
    Failed(String, String),
}

/// Something that was measured, and what is aimed at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// The median.
    pub ours: f64,
    /// What it is held against.
    pub floor: Floor,
    /// What is held against the target: `ours` as a multiple of the floor; without a floor, `ours` itself.
    pub ratio: Spread,
    /// What is aimed at.
    pub target: Target,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Pieces of work in a second.
    PerSecond,
    /// Thousandths of a second.
    Milliseconds,
    /// Millions of bytes.
    Megabytes,
}

/// What something is held against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// The median of what was measured beside it.
    Measured(f64),
    /// What was measured another time and cannot be measured here.
    Recorded(f64),
    /// Nothing.
    None,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Target {
    /// How much of the target was reached: 1 or more if it was.
    #[must_use]
    pub fn share(self, reached: f64) -> f64 {
        match self {
            Self::AtLeast(target) => reached / target,
            Self::AtMost(target) => target / reached,
        }
    }
}

/// The rounds of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one; of an even number the higher one of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    /// Of at least one round.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], min: rounds[0], max: rounds[rounds.len() - 1] }
    }
}

/// How the time of something grows with the number of tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Where: `SQLite` or `Postgres`.
    pub store: String,
    /// What was measured.
    pub name: String,
    /// The times, by the number of tickets, the fewest first.
    pub points: Vec<Point>,
}

/// How long something takes with so many tickets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// How many tickets there are.
    pub tickets: u32,
    /// How long it takes, in microseconds.
    pub micros: Spread,
}

impl Growth {
    /// How many times as long it takes with the most tickets as with the fewest.
    ///
    /// # Panics
    /// If nothing was measured.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.points[self.points.len() - 1].micros.median / self.points[0].micros.median
    }
}

/// Tells the runner, if it listens.
///
/// # Panics
/// If the file cannot be written.
pub fn tell(record: &Record) {
    let Some(path) = env::var_os(OUT) else { return };
    let mut line = serde_json::to_string(record).expect("it has no map");
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("it opens");
    file.write_all(line.as_bytes()).expect("it is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_however_rounds_come() {
        let spread = Spread::of([5.0, 1.0, 9.0, 2.0, 3.0]);
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
        assert_eq!(Spread::of([2.0, 1.0]).median, 2.0);
    }

    #[test]
    fn a_target_is_reached_from_its_side() {
        assert_eq!(Target::AtLeast(0.5).share(1.0), 2.0);
        assert_eq!(Target::AtMost(0.5).share(1.0), 0.5);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let row = Row {
            name: "a | b".to_owned(),
            unit: Unit::PerSecond,
            ours: 10.5,
            floor: Floor::Recorded(55.0),
            ratio: Spread::of([1.0]),
            target: Target::AtMost(1.1),
        };
        for record in [Record::Row(row), Record::Failed("x".to_owned(), "line\nline".to_owned())] {
            let line = serde_json::to_string(&record).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        }
    }
}
