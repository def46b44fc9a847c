//! Whole rows as Postgres reads them: one text for all columns, in the order of the table.

use std::fmt::{self, Display, Write};

use serde::Serialize;

use crate::error::Result;

/// A row in the making, column by column from the left.
pub(crate) struct Record(String);

impl Record {
    pub(crate) fn new() -> Self {
        Self("(".to_owned())
    }

    /// A value, or null.
    pub(crate) fn push(mut self, value: Option<impl Display>) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        if let Some(value) = value {
            quote(&mut self.0, value);
        }
        self
    }

    pub(crate) fn value(self, value: impl Display) -> Self {
        self.push(Some(value))
    }

    /// A value in a column of JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<Self> {
        Ok(self.value(serde_json::to_string(value)?))
    }

    /// Values in a column of an array.
    pub(crate) fn array(self, values: impl IntoIterator<Item = impl Display>) -> Self {
        let mut array = "{".to_owned();
        for value in values {
            if array.len() > 1 {
                array.push(',');
            }
            quote(&mut array, value);
        }
        array.push('}');
        self.value(array)
    }

    pub(crate) fn done(mut self) -> String {
        self.0.push(')');
        self.0
    }
}

fn quote(into: &mut String, value: impl Display) {
    into.push('"');
    // To write into a string never fails.
    let _ = write!(Escaped(into), "{value}");
    into.push('"');
}

/// Writes what stands between quotes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['"', '\\']) {
            if let Some(plain) = part.strip_suffix(['"', '\\']) {
                self.0.push_str(plain);
                self.0.push('\\');
                self.0.push_str(&part[plain.len()..]);
            } else {
                self.0.push_str(part);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_column_holds_stays_within_its_quotes() {
        let row = Record::new()
            .value(7)
            .push(None::<&str>)
            .value("a\"b\\")
            .value("")
            .array(["x,y", "\"", "{}"])
            .json(&serde_json::json!({ "k": "\"" }))
            .unwrap();
        assert_eq!(row.done(), r#"("7",,"a\"b\\","","{\"x,y\",\"\\\"\",\"{}\"}","{\"k\":\"\\\"\"}")"#);
    }
}
