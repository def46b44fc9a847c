//! What a database promises by itself, whoever writes to it, and what every store must do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod atomic;
mod backup;
mod claims;
mod database;
mod desk;
mod differential;
mod erased;
mod open;
mod violations;

use std::sync::Arc;

use sk_tickets_core::testing::conformance::Harness;
use sk_tickets_sqlite::SqliteStore;

/// A fresh store in a folder of its own.
async fn fresh() -> Harness {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    Harness::with_guard(Arc::new(store), folder)
}

sk_tickets_core::conformance!(fresh);
