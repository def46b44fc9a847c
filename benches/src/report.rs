//! What is written from records.

use std::fmt::Write as _;

use crate::{
    record::{Growth, Record, Row},
    table,
};

/// What a run came to.
#[derive(Debug, Default)]
pub struct Report {
    /// The rows, as they came.
    pub rows: Vec<Row>,
    /// How things grow, as they came.
    pub growths: Vec<Growth>,
    /// What was measured with.
    pub versions: Vec<(String, String)>,
    /// What broke off, and why.
    pub failures: Vec<(String, String)>,
}

impl Report {
    /// Adds the records of a bench.
    ///
    /// # Errors
    /// If a line is none; those before it are added.
    pub fn read(&mut self, lines: &str) -> serde_json::Result<()> {
        for line in lines.lines() {
            match serde_json::from_str(line)? {
                Record::Row(row) => self.rows.push(row),
                Record::Growth(growth) => self.growths.push(growth),
                Record::Version(of, version) if self.versions.iter().any(|(known, _)| *known == of) => {
                    debug_assert!(self.versions.contains(&(of, version)));
                }
                Record::Version(of, version) => self.versions.push((of, version)),
                Record::Failed(what, why) => self.failures.push((what, why)),
            }
        }
        Ok(())
    }

    /// What was measured on and with, in a line.
    #[must_use]
    pub fn setting(&self, cores: usize, rounds: usize) -> String {
        let mut setting = format!("{cores} cores");
        for (of, version) in &self.versions {
            let _ = write!(setting, ", {of} {version}");
        }
        let _ = write!(setting, "; median of {rounds} rounds (min–max)");
        setting
    }

    /// The table of rows, with what failed below.
    #[must_use]
    pub fn rows_table(&self) -> String {
        let mut lines = vec![table::ROWS_HEAD.to_owned()];
        lines.extend(self.rows.iter().map(table::row));
        for (what, why) in &self.failures {
            lines.push(format!("| {what} | failed: {} | | | | ✗ |", why.lines().next().unwrap_or_default()));
        }
        lines.join("\n")
    }

    /// How things grow in one store.
    #[must_use]
    pub fn growths_of(&self, store: &str) -> Vec<&Growth> {
        self.growths.iter().filter(|growth| growth.store == store).collect()
    }

    /// The stores in which it was measured how things grow.
    #[must_use]
    pub fn stores(&self) -> Vec<&str> {
        let mut stores: Vec<&str> = Vec::new();
        for growth in &self.growths {
            if !stores.contains(&growth.store.as_str()) {
                stores.push(&growth.store);
            }
        }
        stores
    }
}

/// Puts a text between the markers of this name; what stands around them stays.
///
/// # Errors
/// What is wrong, if the markers are not there once each and in order.
pub fn put(document: &str, name: &str, text: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- measured: {name} -->"), format!("<!-- end of {name} -->"));
    let parts = document.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match parts {
        Some((before, after)) if document.matches(&begin).count() == 1 && document.matches(&end).count() == 1 => {
            Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))
        }
        _ => Err(format!("there must be {begin} and after it {end}, once each")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Floor, Spread, Target, Unit};

    const DOCUMENT: &str = "# Prose\n\nabove\n\n<!-- measured: a -->\nold\n<!-- end of a -->\n\nbelow\n";

    #[test]
    fn what_is_between_markers_is_replaced_and_the_prose_stays() {
        let put_once = put(DOCUMENT, "a", "new\nlines\n").unwrap();
        assert_eq!(put_once, "# Prose\n\nabove\n\n<!-- measured: a -->\nnew\nlines\n<!-- end of a -->\n\nbelow\n");
        assert_eq!(put(&put_once, "a", "old").unwrap(), DOCUMENT);
    }

    #[test]
    fn markers_that_are_not_there_once_and_in_order_are_refused() {
        assert!(put(DOCUMENT, "b", "x").is_err());
        assert!(put(&DOCUMENT.repeat(2), "a", "x").is_err());
        assert!(put("<!-- end of a --><!-- measured: a -->", "a", "x").is_err());
        assert!(put("<!-- measured: a -->", "a", "x").is_err());
    }

    #[test]
    fn a_report_has_all_that_was_told_and_what_failed() {
        let row = Row {
            name: "sign".to_owned(),
            unit: Unit::PerSecond,
            ours: 10.0,
            floor: Floor::Measured(10.0),
            ratio: Spread::of([1.0]),
            target: Target::AtLeast(0.9),
        };
        let records = [
            Record::Version("SQLite".to_owned(), "3.51".to_owned()),
            Record::Row(row),
            Record::Failed("read".to_owned(), "it broke\nat length".to_owned()),
            Record::Version("SQLite".to_owned(), "3.51".to_owned()),
        ];
        let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
        let mut report = Report::default();
        report.read(&lines).unwrap();
        assert_eq!(report.setting(2, 5), "2 cores, SQLite 3.51; median of 5 rounds (min–max)");
        let table = report.rows_table();
        assert!(table.contains("| sign | 10.0/s |"), "{table}");
        assert!(table.ends_with("| read | failed: it broke | | | | ✗ |"), "{table}");
        assert!(report.read("no record").is_err());
    }
}
