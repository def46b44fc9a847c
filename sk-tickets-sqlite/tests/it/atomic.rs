//! A commit is all there or not at all, whichever of its steps fails.

use std::sync::Arc;

use rusqlite::Connection;
use sk_tickets_core::{
    CreateTicket, Environment, IdempotencyKey, Realm, Tickets,
    model::{contact::InlineContact, endpoint::CreateEndpoint},
    platform::{text::List, webhook::TargetPolicy},
};
use sk_tickets_sqlite::SqliteStore;

/// All that a new ticket is written into.
const TABLES: [&str; 10] = [
    "claims",
    "contacts",
    "tickets",
    "queue_blocks",
    "ticket_tags",
    "thread_entries",
    "search_blocks",
    "ticket_terms",
    "events",
    "deliveries",
];

#[tokio::test]
async fn a_commit_that_fails_at_any_step_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let tickets = Tickets::builder(Arc::new(store)).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let key = |text: &str| IdempotencyKey::client(text).unwrap();
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    desk.create_endpoint(&key("endpoint"), endpoint).await.unwrap();
    let contact = InlineContact { name: None, email: Some("ann@example.com".parse().unwrap()), phone: None };
    let create = || CreateTicket {
        contact: Some(contact.clone()),
        tags: List::new(vec!["vip".parse().unwrap()]).unwrap(),
        body: Some("Ordered two weeks ago".parse().unwrap()),
        ..CreateTicket::new("Part delayed").unwrap()
    };

    let raw = Connection::open(path).unwrap();
    let rows = || {
        let count = |table| raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        TABLES.map(|table| count(table).unwrap())
    };
    let before = rows();
    for table in TABLES {
        let broken = "BEGIN SELECT RAISE (ABORT, 'broken'); END";
        raw.execute_batch(&format!("CREATE TRIGGER broken BEFORE INSERT ON {table} {broken}")).unwrap();
        assert!(desk.create_ticket(&key("ticket"), create()).await.is_err(), "{table}");
        raw.execute_batch("DROP TRIGGER broken").unwrap();
        assert_eq!(rows(), before, "{table}");
    }
    assert!(!desk.create_ticket(&key("ticket"), create()).await.unwrap().replayed);
    assert!(rows().iter().zip(before).all(|(after, before)| *after > before), "each of them was written");
}
