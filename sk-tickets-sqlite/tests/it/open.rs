//! Opening, by one and by many.

use rusqlite::Connection;
use sk_tickets_core::store::Directory;
use sk_tickets_sqlite::{SqliteOptions, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_can_open_a_new_database_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.db");
        let opening: Vec<_> = (0..8).map(|_| tokio::spawn(SqliteStore::open(path.clone()))).collect();
        for store in opening {
            store.await.unwrap().unwrap().ping().await.unwrap();
        }
        let raw = Connection::open(path).unwrap();
        let versions: i64 = raw.query_row("SELECT count(*) FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(versions, 1);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    drop(SqliteStore::open(&path).await.unwrap());
    Connection::open(&path).unwrap().execute("INSERT INTO schema_version (version) VALUES (1000)", []).unwrap();

    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.retry_after().is_none());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("newer"), "{cause}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    std::fs::write(&path, "not a database, but a text that is long enough to be taken for the header of one").unwrap();
    assert!(SqliteOptions::new(&path).open().await.is_err());
}
