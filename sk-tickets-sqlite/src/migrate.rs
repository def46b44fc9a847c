//! Brings the schema up to date.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::error::{Fault, Result};

/// Every migration in order; the first one makes version 1. A migration that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_initial.sql")];

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY) STRICT";

/// Applies what is missing, and says so.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    for version in apply(connection)? {
        tracing::info!(version, "the schema of the database was brought up to date");
    }
    Ok(())
}

/// Applies what is missing, each migration in a transaction of its own; the versions that this made.
///
/// Two processes may start at once: whoever comes second waits for the first, looks again and finds it done.
pub(crate) fn apply(connection: &mut Connection) -> Result<Vec<usize>> {
    let mut made = Vec::new();
    loop {
        let applied = version(connection)?;
        if applied > MIGRATIONS.len() {
            return Err(Fault::Broken("a newer version of this crate has written the database; upgrade to open it"));
        }
        if applied == MIGRATIONS.len() {
            return Ok(made);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? == applied {
            transaction.execute_batch(VERSIONS)?;
            transaction.execute_batch(MIGRATIONS[applied])?;
            transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [i64::try_from(applied + 1)?])?;
            transaction.commit()?;
            made.push(applied + 1);
        }
    }
}

/// How many migrations there are: the version that this crate is written for.
pub(crate) const fn latest() -> usize {
    MIGRATIONS.len()
}

/// How many migrations were applied.
pub(crate) fn version(connection: &Connection) -> Result<usize> {
    let exists = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'", [], |_| Ok(()))
        .optional()?;
    if exists.is_none() {
        return Ok(0);
    }
    let version: i64 =
        connection.query_row("SELECT coalesce(max(version), 0) FROM schema_version", [], |row| row.get(0))?;
    Ok(usize::try_from(version)?)
}
