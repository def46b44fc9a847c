//! Many claim from one queue at the same time.

use std::{env, sync::Arc};

use sk_tickets_core::{Environment, Realm, Tickets, testing::conformance::cases::claims::race};
use sk_tickets_sqlite::SqliteStore;

/// `CLAIMS=5000` for as many tickets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_agents_are_given_each_ticket_once_and_in_order() {
    let tickets = env::var("CLAIMS").map_or(500, |count| count.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    let desk = Tickets::new(Arc::new(store)).desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    race(&[desk], tickets, 50).await;
}
