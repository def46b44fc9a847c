//! Rows, read column by column.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use sk_tickets_core::{
    model::ticket::Priority,
    platform::{
        id::{Id, IdKind},
        realm::Environment,
        seal::Sealed,
        time::Timestamp,
    },
};
use sqlx::{Decode, Postgres, Row, Type, ValueRef, postgres::PgRow};
use uuid::Uuid;

/// A row, read column by column from the left.
pub(crate) struct Columns<'row> {
    row: &'row PgRow,
    next: usize,
}

pub(crate) type Read<T> = sqlx::Result<T>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl<'row> Columns<'row> {
    pub(crate) const fn of(row: &'row PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// A value as Postgres has it.
    pub(crate) fn plain<T>(&mut self) -> Read<T>
    where
        T: Decode<'row, Postgres> + Type<Postgres>,
    {
        let value = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// What `read` makes of the next `width` columns; none if the first of them is null, as after an outer join.
    pub(crate) fn maybe<T>(&mut self, width: usize, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        let begin = self.next;
        let value = if self.row.try_get_raw(begin)?.is_null() { None } else { Some(read(self)?) };
        self.next = begin + width;
        Ok(value)
    }

    pub(crate) fn id<K: IdKind>(&mut self) -> Read<Id<K>> {
        Ok(Id::from_bytes(self.plain::<Uuid>()?.into_bytes()))
    }

    pub(crate) fn maybe_id<K: IdKind>(&mut self) -> Read<Option<Id<K>>> {
        Ok(self.plain::<Option<Uuid>>()?.map(|id| Id::from_bytes(id.into_bytes())))
    }

    pub(crate) fn time(&mut self) -> Read<Timestamp> {
        self.plain().map(Timestamp::from_millis)
    }

    pub(crate) fn maybe_time(&mut self) -> Read<Option<Timestamp>> {
        Ok(self.plain::<Option<_>>()?.map(Timestamp::from_millis))
    }

    /// A number that is not negative and fits.
    pub(crate) fn number<T>(&mut self) -> Read<T>
    where
        T: TryFrom<i64>,
        T::Error: Into<Cause>,
    {
        self.parse(|number: i64| T::try_from(number))
    }

    pub(crate) fn maybe_number<T>(&mut self) -> Read<Option<T>>
    where
        T: TryFrom<i64>,
        T::Error: Into<Cause>,
    {
        self.parse(|number: Option<i64>| number.map(T::try_from).transpose())
    }

    /// A value that is written as a word.
    pub(crate) fn word<T>(&mut self) -> Read<T>
    where
        T: FromStr,
        T::Err: Into<Cause>,
    {
        self.parse(str::parse)
    }

    pub(crate) fn maybe_word<T>(&mut self) -> Read<Option<T>>
    where
        T: FromStr,
        T::Err: Into<Cause>,
    {
        self.parse(|text: Option<&str>| text.map(str::parse).transpose())
    }

    pub(crate) fn words<T, C>(&mut self) -> Read<C>
    where
        T: FromStr,
        T::Err: Into<Cause>,
        C: FromIterator<T>,
    {
        self.parse(|words: Vec<String>| words.iter().map(|word| word.parse()).collect::<Result<C, _>>())
    }

    /// Words, where there are any.
    pub(crate) fn maybe_words<T>(&mut self) -> Read<Vec<T>>
    where
        T: FromStr,
        T::Err: Into<Cause>,
    {
        self.parse(|words: Option<Vec<String>>| {
            words.iter().flatten().map(|word| word.parse()).collect::<Result<_, _>>()
        })
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Read<T> {
        self.parse(|text: &str| serde_json::from_str(text))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&mut self) -> Read<Option<T>> {
        self.parse(|text: Option<&str>| text.map(serde_json::from_str).transpose())
    }

    pub(crate) fn secret(&mut self) -> Read<Sealed> {
        self.plain().map(Sealed::from_bytes)
    }

    pub(crate) fn priority(&mut self) -> Read<Priority> {
        self.parse(of_rank)
    }

    pub(crate) fn maybe_priority(&mut self) -> Read<Option<Priority>> {
        self.parse(|stored: Option<i16>| stored.map(of_rank).transpose())
    }

    pub(crate) fn environment(&mut self) -> Read<Environment> {
        self.parse(|stored: i16| {
            let environment = Environment::ALL.into_iter().find(|environment| number_of(*environment) == stored);
            environment.ok_or_else(|| format!("{stored} is no environment"))
        })
    }

    fn parse<S, T, E>(&mut self, parse: impl FnOnce(S) -> Result<T, E>) -> Read<T>
    where
        S: Decode<'row, Postgres> + Type<Postgres>,
        E: Into<Cause>,
    {
        let stored = self.plain()?;
        parse(stored)
            .map_err(|error| sqlx::Error::ColumnDecode { index: (self.next - 1).to_string(), source: error.into() })
    }
}

/// The priority in a place.
pub(crate) fn of_rank(stored: i16) -> Result<Priority, String> {
    let priority = Priority::ALL.iter().copied().find(|priority| rank(*priority) == stored);
    priority.ok_or_else(|| format!("{stored} is no priority"))
}

/// The place of a priority among all: 0 is low.
pub(crate) const fn rank(priority: Priority) -> i16 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    }
}

/// An environment as a key has it.
pub(crate) const fn number_of(environment: Environment) -> i16 {
    match environment {
        Environment::Test => 0,
        Environment::Live => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_rank_as_they_press() {
        assert!(Priority::ALL.windows(2).all(|pair| rank(pair[0]) + 1 == rank(pair[1])));
    }
}
