//! A commit is all there or not at all, whichever of its steps fails.

use sk_tickets_core::{CreateTicket, InlineContact, model::endpoint::CreateEndpoint, platform::text::List};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::AssertSqlSafe;

use crate::stage::{engine, key, raw, realm, run};

/// All that a new ticket is written into.
const TABLES: [&str; 10] = [
    "claims",
    "contacts",
    "tickets",
    "queue_moves",
    "ticket_tags",
    "thread_entries",
    "ticket_terms",
    "events",
    "feed_pending",
    "deliveries",
];

async fn rows(url: &str) -> Vec<i64> {
    let mut superuser = raw(url).await;
    let mut rows = Vec::new();
    for table in TABLES {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM sk_tickets.{table}"));
        rows.push(sqlx::query_scalar(count).fetch_one(&mut superuser).await.unwrap());
    }
    rows
}

#[tokio::test]
async fn a_commit_that_fails_at_any_step_leaves_nothing() {
    let url = Cluster::shared().database().await;
    let store = PostgresStore::open(&url).await.unwrap();
    let desk = engine(&store).desk(realm("acme"));
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    desk.create_endpoint(&key("endpoint"), endpoint).await.unwrap();
    let contact = InlineContact { name: None, email: Some("ann@example.com".parse().unwrap()), phone: None };
    let create = || CreateTicket {
        contact: Some(contact.clone()),
        tags: List::new(vec!["vip".parse().unwrap()]).unwrap(),
        body: Some("Ordered two weeks ago".parse().unwrap()),
        ..CreateTicket::new("Part delayed").unwrap()
    };
    let broken =
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$";
    run(&url, broken).await;

    let before = rows(&url).await;
    for table in TABLES {
        let trigger = format!("CREATE TRIGGER broken BEFORE INSERT ON sk_tickets.{table}");
        run(&url, &format!("{trigger} FOR EACH ROW EXECUTE FUNCTION broken()")).await;
        assert!(desk.create_ticket(&key("ticket"), create()).await.is_err(), "{table}");
        run(&url, &format!("DROP TRIGGER broken ON sk_tickets.{table}")).await;
        assert_eq!(rows(&url).await, before, "{table}");
    }
    assert!(!desk.create_ticket(&key("ticket"), create()).await.unwrap().replayed);
    let after = rows(&url).await;
    assert!(after.iter().zip(before).all(|(after, before)| *after > before), "each of them was written: {after:?}");
}
