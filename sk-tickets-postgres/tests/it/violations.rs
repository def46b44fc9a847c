//! What always holds, and rows in which it does not.

use std::{sync::Arc, time::Duration};

use sk_tickets_core::{
    CreateEndpoint, CreateTicket, Environment, IdempotencyKey, PageRequest, Realm, TargetPolicy, Tickets,
    platform::text::List,
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster, violations};
use sqlx::{Connection, PgConnection};

/// What somebody does past the engine, and the beginning of what does not hold any more.
const BROKEN: [(&str, &str); 15] = [
    ("DELETE FROM sk_tickets.events", "Every version of a ticket has an event"),
    ("UPDATE sk_tickets.events SET event_type = 'ticket.updated'", "A ticket is created once"),
    ("UPDATE sk_tickets.events SET ticket_version = 2", "A frozen event is of the type and the version"),
    ("UPDATE sk_tickets.tickets SET status = 'pending'", "A ticket is as its last event says"),
    ("UPDATE sk_tickets.tickets SET reopen_count = 1", "A ticket was opened again as often"),
    ("UPDATE sk_tickets.tickets SET resolution_breached_at = 1", "A target that was missed is told once"),
    ("UPDATE sk_tickets.thread_entries SET sequence = 2", "The thread of a ticket counts from one"),
    ("UPDATE sk_tickets.tickets SET queued_at = NULL", "What waits in a queue"),
    ("UPDATE sk_tickets.queue_moves SET delta = -1", "As many wait in a lane"),
    ("DELETE FROM sk_tickets.ticket_tags", "A ticket is found by the tags"),
    ("UPDATE sk_tickets.search_blocks SET number = 2", "A word is in the block"),
    ("UPDATE sk_tickets.feed SET position = 2", "Places in the feed count from one"),
    ("DELETE FROM sk_tickets.feed", "Every event of a ticket has a place in the feed"),
    ("DELETE FROM sk_tickets.deliveries", "An event has a delivery to each endpoint"),
    ("DELETE FROM sk_tickets.claims WHERE location LIKE '%/tickets/tkt%'", "As many tickets are there"),
];

async fn fill(url: &str) {
    let store = Arc::new(PostgresStore::open(url).await.unwrap());
    let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(Realm::assume("mine".parse().unwrap(), Environment::Test));
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9999/".parse().unwrap());
    desk.create_endpoint(&IdempotencyKey::system("endpoint"), endpoint).await.unwrap();
    // Only what happens after the endpoint was made is looked at.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let mut ticket = CreateTicket::new("Part delayed").unwrap();
    ticket.tags = List::new(vec!["late".parse().unwrap()]).unwrap();
    desk.create_ticket(&IdempotencyKey::system("ticket"), ticket).await.unwrap();
    // Which gives its event a place in the feed.
    assert_eq!(desk.events(&PageRequest::first()).await.unwrap().data.len(), 1);
}

#[tokio::test]
async fn what_does_not_hold_is_named() {
    for (sql, holds) in BROKEN {
        let url = Cluster::shared().database().await;
        fill(&url).await;
        assert_eq!(violations(&url, Duration::ZERO).await.unwrap(), []);

        // A superuser, whom no trigger and no reference hinders who is a replica.
        let mut raw = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("SET session_replication_role = replica").execute(&mut raw).await.unwrap();
        assert!(sqlx::query(sql).execute(&mut raw).await.unwrap().rows_affected() > 0, "{sql}");
        let found = violations(&url, Duration::ZERO).await.unwrap();
        assert!(found.iter().any(|one| one.holds.starts_with(holds)), "{sql}: {found:?}");
    }
}
