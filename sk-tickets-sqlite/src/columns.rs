//! Rows, read column by column.

use std::str::FromStr;

use rusqlite::{
    Row,
    types::{FromSql, Type},
};
use serde::de::DeserializeOwned;
use sk_tickets_core::{
    model::{endpoint::OldSecret, ticket::Priority},
    platform::{
        id::{Id, IdKind},
        idempotency::SecretSlot,
        seal::Sealed,
        time::Timestamp,
    },
};

/// A row, read column by column from the left.
pub(crate) struct Columns<'row, 'statement> {
    row: &'row Row<'statement>,
    next: usize,
}

pub(crate) type Read<T> = rusqlite::Result<T>;

impl<'row, 'statement> Columns<'row, 'statement> {
    pub(crate) const fn of(row: &'row Row<'statement>) -> Self {
        Self { row, next: 0 }
    }

    /// A value as SQLite has it.
    pub(crate) fn plain<T: FromSql>(&mut self) -> Read<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub(crate) fn id<K: IdKind>(&mut self) -> Read<Id<K>> {
        self.plain().map(Id::from_bytes)
    }

    pub(crate) fn maybe_id<K: IdKind>(&mut self) -> Read<Option<Id<K>>> {
        Ok(self.plain::<Option<_>>()?.map(Id::from_bytes))
    }

    pub(crate) fn time(&mut self) -> Read<Timestamp> {
        self.plain().map(Timestamp::from_millis)
    }

    pub(crate) fn maybe_time(&mut self) -> Read<Option<Timestamp>> {
        Ok(self.plain::<Option<_>>()?.map(Timestamp::from_millis))
    }

    /// A number that is not negative and fits.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Read<T> {
        let value: i64 = self.plain()?;
        T::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(self.next - 1, value))
    }

    pub(crate) fn maybe_number<T: TryFrom<i64>>(&mut self) -> Read<Option<T>> {
        let value: Option<i64> = self.plain()?;
        let index = self.next - 1;
        let number =
            value.map(|value| T::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, value)));
        number.transpose()
    }

    /// A value that is written as a word.
    pub(crate) fn word<T>(&mut self) -> Read<T>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.parse(|text: String| text.parse())
    }

    pub(crate) fn maybe_word<T>(&mut self) -> Read<Option<T>>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.parse(|text: Option<String>| text.map(|text| text.parse()).transpose())
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Read<T> {
        self.parse(|text: String| serde_json::from_str(&text))
    }

    pub(crate) fn sealed(&mut self) -> Read<Sealed> {
        self.plain().map(Sealed::from_bytes)
    }

    /// The secrets that were replaced, as JSON: each as when it ends and its bytes.
    pub(crate) fn old_secrets(&mut self) -> Read<Vec<OldSecret>> {
        let pairs: Vec<(i64, Vec<u8>)> = self.json()?;
        let secrets = pairs.into_iter().map(|(until, secret)| OldSecret {
            secret: Sealed::from_bytes(secret),
            until: Timestamp::from_millis(until),
        });
        Ok(secrets.collect())
    }

    /// The secret of an answer and its place, if it has one.
    pub(crate) fn secret_slot(&mut self) -> Read<Option<SecretSlot>> {
        let (at, secret) = (self.maybe_number()?, self.plain::<Option<_>>()?.map(Sealed::from_bytes));
        Ok(at.zip(secret).map(|(at, secret)| SecretSlot { at, secret }))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&mut self) -> Read<Option<T>> {
        self.parse(|text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose())
    }

    pub(crate) fn priority(&mut self) -> Read<Priority> {
        let rank: i64 = self.plain()?;
        let priority = Priority::ALL.iter().copied().find(|priority| self::rank(*priority) == rank);
        priority.ok_or(rusqlite::Error::IntegralValueOutOfRange(self.next - 1, rank))
    }

    pub(crate) fn maybe_priority(&mut self) -> Read<Option<Priority>> {
        let rank: Option<i64> = self.row.get(self.next)?;
        if rank.is_none() {
            self.next += 1;
            return Ok(None);
        }
        self.priority().map(Some)
    }

    /// A value that is kept as text.
    fn parse<S, T, E>(&mut self, parse: impl FnOnce(S) -> Result<T, E>) -> Read<T>
    where
        S: FromSql,
        E: std::error::Error + Send + Sync + 'static,
    {
        let stored = self.plain()?;
        parse(stored)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(self.next - 1, Type::Text, Box::new(error)))
    }
}

/// The place of a priority among all: 0 is low.
pub(crate) const fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::row::{attempt, contact};

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_its_column() {
        let connection = Connection::open_in_memory().unwrap();
        let message = |sql: &str| {
            let read = connection.query_row(sql, [], |row| attempt(row).map(|_| ())).and_then(|()| {
                connection.query_row("SELECT x'00', 'n', 'e', 'p', 'x'", [], |row| contact(row).map(|_| ()))
            });
            read.unwrap_err().to_string()
        };
        assert!(message("SELECT -1, 0, NULL, NULL, 0, NULL").contains("-1"));
        assert!(message("SELECT 1, 0, 70000, NULL, 0, NULL").contains("70000"));
        assert!(message("SELECT 1, 'soon', NULL, NULL, 0, NULL").contains("index: 1"));
        assert!(message("SELECT 1, 0, NULL, NULL, 0, NULL").contains("index: 0"));
    }

    #[test]
    fn priorities_rank_as_they_press() {
        assert!(Priority::ALL.windows(2).all(|pair| rank(pair[0]) + 1 == rank(pair[1])));
    }
}
