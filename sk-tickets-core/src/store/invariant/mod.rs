//! What holds in a store whatever has happened, as questions to the database itself.
//!
//! The engine keeps these by how it commits; the questions know nothing of that, and ask the rows alone. So they find what a
//! fault of ours, of the database or of whoever wrote past the engine has left behind. Each reads whole tables.
//!
//! They are written once, for every store that keeps its rows in SQL: see [`Dialect`].

mod all;
mod dialect;

use std::fmt;

pub use all::INVARIANTS;
pub use dialect::Dialect;

use crate::platform::realm::Realm;

/// Something that always holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Invariant {
    /// What holds, in a sentence.
    pub holds: &'static str,
    broken: Broken,
}

/// The rows that break it.
#[derive(Debug)]
enum Broken {
    /// The same question in every dialect.
    Anywhere(&'static str),
    /// One for each; none where there is nothing to ask.
    Each { sqlite: Option<&'static str>, postgres: Option<&'static str> },
}

impl Invariant {
    /// The question to ask: its answer has a row for each fault, with the columns of the realm and a text, `what`, that
    /// leads to it. None if the dialect has nothing to ask.
    ///
    /// `slack_ms` is how far the clocks of nodes may be from each other, in milliseconds: only what is further apart counts as
    /// earlier or later.
    #[must_use]
    pub fn sql(&self, dialect: Dialect, slack_ms: u64) -> Option<String> {
        let template = match (&self.broken, dialect) {
            (Broken::Anywhere(sql), _) => sql,
            (Broken::Each { sqlite, .. }, Dialect::Sqlite) => sqlite.as_ref()?,
            (Broken::Each { postgres, .. }, Dialect::Postgres) => postgres.as_ref()?,
        };
        Some(dialect.write(template, slack_ms))
    }
}

/// An invariant that does not hold in a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Violation {
    /// What should hold, in a sentence.
    pub holds: &'static str,
    /// Where it does not.
    pub realm: Realm,
    /// How often.
    pub count: u64,
    /// What leads to one of them.
    pub example: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holds, realm, count, example } = self;
        let (tenant, environment) = (realm.tenant(), realm.environment());
        write!(f, "{tenant} ({environment}): {holds} Not so {count} times, for instance at {example}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_can_be_written() {
        for invariant in INVARIANTS {
            let [sqlite, postgres] = [Dialect::Sqlite, Dialect::Postgres].map(|dialect| invariant.sql(dialect, 7));
            assert!(sqlite.is_some() || postgres.is_some(), "{}", invariant.holds);
            for sql in [sqlite, postgres].into_iter().flatten() {
                assert!(!sql.contains('@'), "{sql}");
                assert!(sql.contains(" AS what"), "{sql}");
            }
            assert!(invariant.holds.ends_with('.'), "{}", invariant.holds);
        }
    }
}
