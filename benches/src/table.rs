//! Records as rows of Markdown.

use crate::record::{Floor, Growth, Point, Row, Target, Unit};

/// More than this, and the time of something grows with the number of tickets; what is less is noise.
pub const GROWS: f64 = 1.5;

/// The head of a table of rows.
pub const ROWS_HEAD: &str = "| what | ours | floor | ratio | target | |\n|---|---|---|---|---|---|";

/// A row of the table.
#[must_use]
pub fn row(row: &Row) -> String {
    let Row { name, unit, ours, floor, ratio, target: _ } = row;
    let (ours, ratio) = match floor {
        Floor::None => {
            (format!("{} ({}–{})", figure(*unit, *ours), plain(ratio.min), plain(ratio.max)), "–".to_owned())
        }
        Floor::Measured(_) | Floor::Recorded(_) => {
            (figure(*unit, *ours), format!("{:.2}x ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max))
        }
    };
    let against = match floor {
        Floor::Measured(floor) => figure(*unit, *floor),
        Floor::Recorded(floor) => format!("{} (recorded)", figure(*unit, *floor)),
        Floor::None => "–".to_owned(),
    };
    format!("| {name} | {ours} | {against} | {ratio} | {} | {} |", aim(row), mark(row))
}

/// What a row aims at, such as `≥ 0.5x`.
#[must_use]
pub fn aim(row: &Row) -> String {
    let (sign, target) = match row.target {
        Target::AtLeast(target) => ('≥', target),
        Target::AtMost(target) => ('≤', target),
    };
    match row.floor {
        Floor::None => format!("{sign} {}", figure(row.unit, target)),
        Floor::Measured(_) | Floor::Recorded(_) => format!("{sign} {target}x"),
    }
}

fn mark(row: &Row) -> char {
    if row.target.share(row.ratio.median) >= 1.0 { '✓' } else { '✗' }
}

/// A figure with its unit.
#[must_use]
pub fn figure(unit: Unit, figure: f64) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", plain(figure)),
        Unit::Milliseconds => format!("{} ms", plain(figure)),
        Unit::Megabytes => format!("{} MB", plain(figure)),
    }
}

/// With as many digits as say something: one behind the point below 100, and thousands apart above.
fn plain(figure: f64) -> String {
    if figure < 100.0 { format!("{figure:.1}") } else { grouped(figure.round() as u64) }
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table of how times grow, in one store.
#[must_use]
pub fn growths(growths: &[&Growth]) -> String {
    let Some(widest) = growths.iter().max_by_key(|growth| growth.points.len()) else { return String::new() };
    let sizes: Vec<_> = widest.points.iter().map(|point| grouped(point.tickets.into())).collect();
    let mut lines = vec![
        format!("| tickets | {} | grows | |", sizes.join(" | ")),
        format!("|---|{}---|---|", "---|".repeat(sizes.len())),
    ];
    for growth in growths {
        let times: Vec<_> = growth.points.iter().map(|Point { micros, .. }| time(micros.median)).collect();
        let mark = if growth.factor() > GROWS { '✗' } else { '✓' };
        lines.push(format!("| {} | {} | {:.1}x | {mark} |", growth.name, times.join(" | "), growth.factor()));
    }
    lines.join("\n")
}

/// A time in the unit that suits it.
#[must_use]
pub fn time(micros: f64) -> String {
    match micros {
        ..1_000.0 => format!("{micros:.0} µs"),
        ..1_000_000.0 => format!("{:.1} ms", micros / 1_000.0),
        _ => format!("{:.1} s", micros / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Spread;

    fn example() -> Row {
        Row {
            name: "create".to_owned(),
            unit: Unit::PerSecond,
            ours: 1_234_567.0,
            floor: Floor::Measured(2_000.0),
            ratio: Spread { median: 0.5, min: 0.4, max: 0.6 },
            target: Target::AtLeast(0.5),
        }
    }

    #[test]
    fn a_row_says_whether_its_target_is_reached() {
        assert_eq!(row(&example()), "| create | 1,234,567/s | 2,000/s | 0.50x (0.40–0.60) | ≥ 0.5x | ✓ |");
        let missed = Row { target: Target::AtLeast(0.51), ..example() };
        assert!(row(&missed).ends_with("| ≥ 0.51x | ✗ |"));
    }

    #[test]
    fn a_row_without_a_floor_is_held_against_its_target_itself() {
        let memory = Row {
            unit: Unit::Megabytes,
            ours: 25.04,
            floor: Floor::None,
            ratio: Spread { median: 25.04, min: 24.0, max: 26.0 },
            target: Target::AtMost(30.0),
            ..example()
        };
        assert_eq!(row(&memory), "| create | 25.0 MB (24.0–26.0) | – | – | ≤ 30.0 MB | ✓ |");
    }

    #[test]
    fn a_floor_of_another_day_says_so() {
        let recorded = Row { floor: Floor::Recorded(55.0), ..example() };
        assert!(row(&recorded).contains("| 55.0/s (recorded) |"));
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn what_grows_is_marked() {
        let point = |tickets, median| Point { tickets, micros: Spread { median, min: median, max: median } };
        let flat = Growth {
            store: "SQLite".to_owned(),
            name: "get".to_owned(),
            points: vec![point(10_000, 80.0), point(100_000, 90.0)],
        };
        let grows = Growth {
            name: "search".to_owned(),
            points: vec![point(10_000, 80.0), point(100_000, 8_000.0)],
            ..flat.clone()
        };
        assert_eq!(
            growths(&[&flat, &grows]),
            "| tickets | 10,000 | 100,000 | grows | |\n\
             |---|---|---|---|---|\n\
             | get | 80 µs | 90 µs | 1.1x | ✓ |\n\
             | search | 80 µs | 8.0 ms | 100.0x | ✗ |"
        );
    }
}
