//! Connections, and the settings that every one of them has.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, MAIN_DB, OpenFlags, config::DbConfig};

use crate::{
    error::{Fault, Result},
    guard::Guarded,
    options::{SqliteOptions, Synchronous},
};

/// How long to wait for another process that holds the lock.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to ask again where SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

const WRITER_CACHE_KIB: i64 = 16 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;
/// The log is copied into the database when it has so many pages. More than SQLite's own 1000: a page that is written
/// again and again is copied once.
const CHECKPOINT_PAGES: i64 = 4_000;
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// More than there are statements, so that none is parsed twice.
const STATEMENTS_KEPT: usize = 256;

/// What is said of a file that this process may only read.
pub(crate) const READ_ONLY: &str = "the file cannot be written";

/// The one connection that writes.
pub(crate) fn writer(options: &SqliteOptions) -> Result<Guarded> {
    let connection = connect(options)?;
    // SQLite opens it nevertheless, to read.
    if connection.is_readonly(MAIN_DB)? {
        return Err(Fault::Broken(READ_ONLY));
    }
    synchronous(&connection, options.synchronous)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    // What is replaced leaves nothing behind in the file, so that a redaction need only look at what is there.
    connection.pragma_update(None, "secure_delete", true)?;
    Guarded::new(connection)
}

/// Sets what a transaction that begins after this waits for.
pub(crate) fn synchronous(connection: &Connection, synchronous: Synchronous) -> Result<()> {
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    Ok(connection.pragma_update(None, "synchronous", synchronous)?)
}

/// A connection that can only read.
pub(crate) fn reader(options: &SqliteOptions) -> Result<Guarded> {
    let connection = connect(options)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Guarded::new(connection)
}

fn connect(options: &SqliteOptions) -> Result<Connection> {
    // Each connection to such a path has a database of its own, and here several are to share one.
    if options.path.as_os_str().is_empty() || options.path.as_os_str() == ":memory:" {
        return Err(Fault::Broken("the database needs a file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A plan does not hang on what is bound. In a database that somebody has had analyzed, statements would be planned anew
    // for other values, that is each time, which takes longer than to carry them out.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    patiently(|| Ok(connection.pragma_update(None, "journal_mode", "WAL")?))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Without it REPLACE deletes rows past the triggers that refuse to.
    connection.pragma_update(None, "recursive_triggers", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Copies the log into the database and empties it: there is still in it what pages have been. False if somebody reads an
/// old moment and goes on doing so for as long as this.
pub(crate) fn empty_log(connection: &Connection, patience: Duration) -> Result<bool> {
    connection.busy_timeout(patience)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(busy? == 0)
}

/// Tries again while another process is in the way. SQLite does so by itself, but not when the kind of journal changes.
fn patiently<T>(mut action: impl FnMut() -> Result<T>) -> Result<T> {
    let give_up = Instant::now() + BUSY_TIMEOUT;
    loop {
        match action() {
            Err(fault) if fault.is_passing() && Instant::now() < give_up => thread::sleep(BUSY_PAUSE),
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(guarded: &mut Guarded, name: &str) -> String {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        let read = guarded.maintain(|connection| Ok(connection.pragma_query_value(None, name, value)?));
        match read.unwrap() {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn settings_are_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("x.db"));
        let mut writer = writer(&options).unwrap();
        let mut reader = reader(&options).unwrap();
        for (name, value) in [
            ("journal_mode", "wal"),
            ("foreign_keys", "1"),
            ("recursive_triggers", "1"),
            ("trusted_schema", "0"),
            ("temp_store", "2"),
            ("busy_timeout", "5000"),
        ] {
            assert_eq!(pragma(&mut writer, name), value, "{name}");
            assert_eq!(pragma(&mut reader, name), value, "{name}");
        }
        assert_eq!(pragma(&mut writer, "synchronous"), "2");
        assert_eq!(pragma(&mut writer, "secure_delete"), "1");
        assert_eq!(pragma(&mut writer, "query_only"), "0");
        assert_eq!(pragma(&mut reader, "query_only"), "1");
        let made = reader.maintain(|connection| Ok(connection.execute_batch("CREATE TABLE x (y)")?));
        assert!(made.is_err());
    }

    #[test]
    fn less_durability_is_a_choice() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("x.db")).synchronous(Synchronous::Normal);
        assert_eq!(pragma(&mut writer(&options).unwrap(), "synchronous"), "1");
    }

    #[test]
    fn a_database_needs_a_file() {
        assert!(matches!(writer(&SqliteOptions::new(":memory:")), Err(Fault::Broken(_))));
    }
}
