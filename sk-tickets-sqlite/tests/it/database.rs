//! What the database refuses, whoever asks.

use std::sync::Arc;

use rusqlite::{Connection, functions::FunctionFlags, types::Value};
use sk_tickets_core::{
    CreateTicket, Environment, IdempotencyKey, Realm, Tickets,
    model::endpoint::{CreateEndpoint, RotateSecret},
    platform::webhook::TargetPolicy,
};
use sk_tickets_sqlite::SqliteStore;

/// A database with one ticket in it, and a connection that knows nothing of this crate.
async fn with_a_ticket() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let desk = Tickets::new(Arc::new(store)).desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let ticket = CreateTicket::new("Part delayed").unwrap();
    desk.create_ticket(&IdempotencyKey::client("k").unwrap(), ticket).await.unwrap();
    let raw = Connection::open(path).unwrap();
    // As our own connections have it: REPLACE is a DELETE, and triggers see it.
    raw.pragma_update(None, "recursive_triggers", true).unwrap();
    // Else the guard, whose function it lacks, refuses before the triggers are asked. What is not in a redaction has no
    // business with them, be it in maintenance.
    raw.create_scalar_function("scope", 1, FunctionFlags::SQLITE_DETERMINISTIC, |context| {
        Ok(if context.get::<String>(0)? == "realm" { Value::from(1) } else { Value::from("maintenance".to_owned()) })
    })
    .unwrap();
    (folder, raw)
}

#[tokio::test]
async fn threads_and_events_are_append_only() {
    let (_folder, raw) = with_a_ticket().await;
    for (table, words) in [("thread_entries", "body"), ("events", "payload")] {
        let count = || raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
        let before = count();
        assert!(before > 0);
        for statement in [
            format!("UPDATE {table} SET id = id"),
            format!("DELETE FROM {table}"),
            format!("REPLACE INTO {table} SELECT * FROM {table}"),
            format!("UPDATE OR REPLACE {table} SET id = id"),
            format!("UPDATE {table} SET {words} = {words}"),
        ] {
            let refused = raw.execute(&statement, []).unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{statement}: {refused}");
        }
        assert_eq!(count(), before);
    }
}

#[tokio::test]
async fn nothing_is_left_of_the_secrets_of_a_deleted_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let tickets = Tickets::builder(Arc::new(store)).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let key = |text: &str| IdempotencyKey::client(text).unwrap();
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    let id = desk.create_endpoint(&key("e"), endpoint).await.unwrap().value.id;
    desk.rotate_secret(&key("r"), id, RotateSecret { overlap_seconds: None }).await.unwrap();
    let kept = || {
        let raw = Connection::open(&path).unwrap();
        let secrets = raw.query_row("SELECT secret, old_secrets FROM endpoints", [], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
        });
        secrets.unwrap()
    };
    let (secret, old) = kept();
    assert!(!secret.is_empty() && old != "[]");
    desk.delete_endpoint(&key("d"), id).await.unwrap();
    assert_eq!(kept(), (vec![], "[]".to_owned()));
}

#[tokio::test]
async fn nothing_refers_to_what_is_not_there() {
    let (_folder, raw) = with_a_ticket().await;
    raw.pragma_update(None, "foreign_keys", true).unwrap();
    let refused = raw.execute("UPDATE tickets SET realm = realm + 1", []);
    assert!(refused.is_err());
    let broken = raw.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!broken);
}
