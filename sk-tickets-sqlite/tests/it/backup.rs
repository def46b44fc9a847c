//! Copies made while others write.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::Connection;
use sk_tickets_core::{
    CreateTicket, Desk, Environment, IdempotencyKey, Realm, Tickets, model::endpoint::CreateEndpoint,
    platform::webhook::TargetPolicy,
};
use sk_tickets_sqlite::SqliteStore;

fn desk(store: SqliteStore) -> Desk {
    let tickets = Tickets::builder(Arc::new(store)).targets(TargetPolicy::LoopbackInTest).build();
    tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test))
}

async fn create(desk: &Desk, subject: &str) -> bool {
    let create = CreateTicket::new(subject).unwrap();
    desk.create_ticket(&IdempotencyKey::client(subject).unwrap(), create).await.unwrap().replayed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_writes_is_whole_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    let original = desk(store.clone());
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    original.create_endpoint(&IdempotencyKey::client("e").unwrap(), endpoint).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (desk, over) = (original.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    create(&desk, &format!("{writer}-{made}")).await;
                    made += 1;
                }
                made
            })
        })
        .collect();
    for round in 0..3 {
        let acknowledged = format!("before-{round}");
        create(&original, &acknowledged).await;
        let copy = folder.path().join(format!("copy-{round}.db"));
        store.backup(&copy).await.unwrap();
        assert_whole(&copy);
        let restored = desk(SqliteStore::open(&copy).await.unwrap());
        assert!(create(&restored, &acknowledged).await, "what was acknowledged before is in the copy");
        assert!(!create(&restored, "after").await, "the copy can be written");
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
    assert!(!create(&original, "after").await, "a copy and its original are two");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
}

/// What must hold of any database, however it came to be.
fn assert_whole(path: &std::path::Path) {
    let raw = Connection::open(path).unwrap();
    raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
    let check: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert!(!raw.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    for (what, sql) in [
        ("a key without its effect", "SELECT (SELECT count(*) FROM claims) - 1 <> (SELECT count(*) FROM tickets)"),
        ("an event without a delivery", "SELECT (SELECT count(*) FROM events) <> (SELECT count(*) FROM deliveries)"),
        ("a ticket without an event", "SELECT (SELECT count(*) FROM tickets) <> (SELECT count(*) FROM events)"),
        (
            "a gap in a thread",
            "SELECT EXISTS (SELECT 1 FROM thread_entries GROUP BY realm, ticket_id HAVING max(sequence) <> count(*))",
        ),
        ("a gap in the feed", "SELECT max(position) <> count(*) FROM events"),
    ] {
        let broken: bool = raw.query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(!broken, "{what}");
    }
}

#[tokio::test]
async fn no_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "mine").unwrap();
    for path in [&taken, &folder.path().join("tickets.db"), &folder.path().join("missing").join("copy.db")] {
        assert!(store.backup(path).await.is_err(), "{path:?}");
    }
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let copy = folder.path().join("copy.db");
    let (first, second) = tokio::join!(store.backup(&copy), store.backup(&copy));
    assert!(first.is_ok() != second.is_ok(), "one of them has it");
    assert!(SqliteStore::open(&copy).await.is_ok());
}
