//! `SQLite` stores that are kept.

use std::{fs, path::Path, sync::Arc};

use sk_tickets_benches::fill;
use sk_tickets_core::Tickets;
use sk_tickets_sqlite::SqliteStore;

/// The `SQLite` store with so many tickets in a folder, which is filled unless that was done before.
pub(crate) async fn sqlite(folder: &Path, tickets: u32) -> (String, Tickets) {
    let path = folder.join(format!("sqlite-{tickets}.db"));
    let done = folder.join(format!("sqlite-{tickets}.filled"));
    if !done.exists() {
        for suffix in ["", "-wal", "-shm"] {
            // What a fill that broke off has left, if there was one.
            let _ = fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
    let engine = fill::engine(Arc::new(SqliteStore::open(&path).await.expect("it opens")));
    if !done.exists() {
        fill::fill(&engine, tickets).await;
        fs::write(done, "").expect("written");
    }
    (format!("sqlite:{}", path.display()), engine)
}
