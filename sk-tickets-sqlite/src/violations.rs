//! Whether everything in a database holds together.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sk_tickets_core::{
    platform::realm::Realm,
    store::{
        self,
        invariant::{Dialect, INVARIANTS, Violation},
    },
};

use crate::{columns::Columns, error::Result};

/// Which [`INVARIANTS`] do not hold in the database at `path`, and where. It only reads, in one snapshot, and works beside a
/// running server; it reads whole tables.
///
/// `slack` is how far the clocks of those who wrote may have been from each other.
///
/// # Errors
/// If the file is not there, is none of ours or cannot be read.
pub async fn violations(path: impl AsRef<Path> + Send, slack: Duration) -> store::Result<Vec<Violation>> {
    const CONTEXT: &str = "ask for what always holds";
    let path = path.as_ref().to_owned();
    let looked = tokio::task::spawn_blocking(move || look(&path, slack).map_err(|fault| fault.during(CONTEXT)));
    looked.await.map_err(|error| store::StoreError::internal(CONTEXT).caused_by(error))?
}

fn look(path: &Path, slack: Duration) -> Result<Vec<Violation>> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let slack_ms = u64::try_from(slack.as_millis()).unwrap_or(u64::MAX);
    let mut violations = Vec::new();
    for invariant in INVARIANTS {
        let Some(broken) = invariant.sql(Dialect::Sqlite, slack_ms) else { continue };
        let sql = format!(
            "SELECT r.tenant, r.environment, count(*), min(b.what) FROM ({broken}) AS b JOIN realms AS r ON r.id = b.realm
             GROUP BY r.id ORDER BY r.id"
        );
        let mut question = snapshot.prepare(&sql)?;
        let found = question.query_map([], |row| {
            let mut columns = Columns::of(row);
            let realm = Realm::assume(columns.word()?, columns.word()?);
            Ok(Violation { holds: invariant.holds, realm, count: columns.number()?, example: columns.plain()? })
        })?;
        for violation in found {
            violations.push(violation?);
        }
    }
    Ok(violations)
}
