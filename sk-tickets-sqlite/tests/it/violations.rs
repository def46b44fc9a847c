//! What always holds, and rows in which it does not.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use sk_tickets_core::{
    CreateEndpoint, CreateTicket, Environment, IdempotencyKey, Realm, TargetPolicy, Tickets, platform::text::List,
};
use sk_tickets_sqlite::{SqliteStore, violations};

/// What somebody does past the engine, and the beginning of what does not hold any more.
const BROKEN: [(&str, &str); 15] = [
    ("DELETE FROM events", "Every version of a ticket has an event"),
    ("UPDATE events SET event_type = 'ticket.updated'", "A ticket is created once"),
    ("UPDATE events SET ticket_version = 2", "A frozen event is of the type and the version"),
    ("UPDATE tickets SET status = 'pending'", "A ticket is as its last event says"),
    ("UPDATE tickets SET reopen_count = 1", "A ticket was opened again as often"),
    ("UPDATE tickets SET resolution_breached_at = 1", "A target that was missed is told once"),
    ("UPDATE thread_entries SET sequence = 2", "The thread of a ticket counts from one"),
    ("UPDATE tickets SET queued_at = NULL", "What waits in a queue"),
    ("UPDATE queue_blocks SET waiting = 2", "As many wait in a lane"),
    ("DELETE FROM ticket_tags", "A ticket is found by the tags"),
    ("UPDATE search_blocks SET tickets = 2", "A block of the search index"),
    ("UPDATE ticket_terms SET block = 2", "A word is in the block"),
    ("UPDATE events SET position = 2", "Places in the feed count from one"),
    ("DELETE FROM deliveries", "An event has a delivery to each endpoint"),
    ("DELETE FROM claims WHERE location LIKE '%/tickets/tkt%'", "As many tickets are there"),
];

async fn fill(path: &Path) {
    let store = Arc::new(SqliteStore::open(path).await.unwrap());
    let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(Realm::assume("mine".parse().unwrap(), Environment::Test));
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9999/".parse().unwrap());
    desk.create_endpoint(&IdempotencyKey::system("endpoint"), endpoint).await.unwrap();
    // Only what happens after the endpoint was made is looked at.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let mut ticket = CreateTicket::new("Part delayed").unwrap();
    ticket.tags = List::new(vec!["late".parse().unwrap()]).unwrap();
    desk.create_ticket(&IdempotencyKey::system("ticket"), ticket).await.unwrap();
}

#[tokio::test]
async fn what_does_not_hold_is_named() {
    for (sql, holds) in BROKEN {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.db");
        fill(&path).await;
        assert_eq!(violations(&path, Duration::ZERO).await.unwrap(), []);

        let raw = Connection::open(&path).unwrap();
        raw.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
        let triggers = "SELECT group_concat('DROP TRIGGER ' || name, '; ') FROM sqlite_schema WHERE type = 'trigger'";
        let unguard: String = raw.query_row(triggers, [], |row| row.get(0)).unwrap();
        raw.execute_batch(&unguard).unwrap();
        assert!(raw.execute(sql, []).unwrap() > 0, "{sql}");
        let found = violations(&path, Duration::ZERO).await.unwrap();
        assert!(found.iter().any(|one| one.holds.starts_with(holds)), "{sql}: {found:?}");
    }
}
