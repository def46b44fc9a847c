//! Whether a database can be used safely.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, MAIN_DB, OpenFlags};
use sk_tickets_core::store;

use crate::{
    connect::READ_ONLY,
    error::Result,
    guard::Guarded,
    migrate::{apply, latest, version},
};

/// What speaks against serving from the database at `path`, in words; nothing, if all is well. It only reads, and works
/// beside a running server; it reads the whole file.
///
/// # Errors
/// If the file is not there or cannot be read.
pub async fn check(path: impl AsRef<Path> + Send) -> store::Result<Vec<String>> {
    const CONTEXT: &str = "check the database";
    let path = path.as_ref().to_owned();
    let looked = tokio::task::spawn_blocking(move || findings(&path).map_err(|fault| fault.during(CONTEXT)));
    looked.await.map_err(|error| store::StoreError::internal(CONTEXT).caused_by(error))?
}

fn findings(path: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    match look(path, &mut findings) {
        Err(fault) if fault.is_damage() => findings.push(format!("the file is damaged: {fault}")),
        looked => looked?,
    }
    Ok(findings)
}

fn look(path: &Path, findings: &mut Vec<String>) -> Result<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !is_writable(path)? {
        findings.push(READ_ONLY.to_owned());
    }
    // Those of ours ask for the realm, and a check of the file is in none.
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    match version(&connection)? {
        0 => {
            findings.push("there is no schema: migrate".to_owned());
            return Ok(());
        }
        found if found > latest() => {
            findings.push(format!("the schema has version {found}, newer than {}: upgrade this program", latest()));
            return Ok(());
        }
        found if found < latest() => {
            findings.push(format!("the schema has version {found}, older than {}: migrate", latest()));
        }
        _ => findings.extend(differences(&schema(&connection)?)?),
    }
    let mut damage = connection.prepare("PRAGMA integrity_check")?;
    let damage: Vec<String> = damage.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    findings.extend(damage.into_iter().filter(|line| line != "ok").map(|line| format!("the file is damaged: {line}")));
    let mut orphans = connection.prepare("SELECT DISTINCT \"table\", parent FROM pragma_foreign_key_check")?;
    let orphans = orphans.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for orphan in orphans {
        let (table, parent) = orphan?;
        findings.push(format!("rows of {table} refer to rows of {parent} that are not there"));
    }
    Ok(())
}

/// Whether this process may write the file. By way of SQLite: to open and close the file beside it would end its locks. Nothing
/// is read, so nothing changes.
fn is_writable(path: &Path) -> Result<bool> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Ok(!connection.is_readonly(MAIN_DB)?)
}

/// The tables, indexes, views and triggers, each with the text that made it.
type Schema = BTreeMap<(String, String), String>;

fn schema(connection: &Connection) -> Result<Schema> {
    let mut parts = connection.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let parts = parts.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(parts.collect::<rusqlite::Result<_>>()?)
}

/// Where a schema is not the one that the migrations make: a trigger that is gone guards nothing any more.
fn differences(found: &Schema) -> Result<Vec<String>> {
    let fresh = Guarded::new(Connection::open_in_memory()?)?.maintain(|connection| {
        apply(connection)?;
        schema(connection)
    })?;
    let wanted = fresh.iter().filter_map(|(part @ (kind, name), sql)| match found.get(part) {
        None => Some(format!("{kind} {name} is missing")),
        Some(other) if other != sql => Some(format!("{kind} {name} is not as it was made")),
        Some(_) => None,
    });
    // Whoever adds an index of their own harms nothing; a trigger or a view may.
    let added = found.keys().filter(|part @ (kind, _)| !fresh.contains_key(part) && kind != "index" && kind != "table");
    Ok(wanted.chain(added.map(|(kind, name)| format!("{kind} {name} is not ours"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn a_fresh_database_is_well_and_what_was_tampered_with_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(check(&path).await.is_err(), "there is no file, and none is made");
        assert!(!path.exists());
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(check(&path).await.unwrap(), Vec::<String>::new());
        drop(store);

        let raw = Connection::open(&path).unwrap();
        raw.execute_batch("DROP TRIGGER events_stay; CREATE VIEW all_tickets AS SELECT * FROM tickets").unwrap();
        assert_eq!(check(&path).await.unwrap(), ["trigger events_stay is missing", "view all_tickets is not ours"]);
        raw.execute("INSERT INTO schema_version (version) VALUES (99)", []).unwrap();
        assert!(check(&path).await.unwrap()[0].contains("newer"));
    }

    #[test]
    fn an_empty_file_has_no_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        std::fs::write(&path, "").unwrap();
        assert_eq!(
            findings(&path).map_err(|fault| fault.to_string()),
            Ok(vec!["there is no schema: migrate".to_owned()])
        );
    }
}
