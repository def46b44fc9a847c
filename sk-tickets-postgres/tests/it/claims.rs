//! Claims by many nodes: what others hold is passed over, and waited for if there is nothing else.

use std::{env, sync::Arc};

use sk_tickets_core::{
    AssignTicket, ClaimTicket, CreateTicket, Desk, Ticket, Tickets, UserId, testing::conformance::cases::claims::race,
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::{Connection, PgConnection};

use crate::stage::{key, raw, realm};

async fn desk(url: &str) -> Desk {
    let store = PostgresStore::open(url).await.unwrap();
    Tickets::new(Arc::new(store)).desk(realm("mine"))
}

/// `CLAIMS=5000` for as many tickets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_agents_on_two_nodes_are_given_each_ticket_once_and_in_order() {
    let tickets = env::var("CLAIMS").map_or(500, |count| count.parse().expect("a number"));
    let url = Cluster::shared().database().await;
    let nodes = [desk(&url).await, desk(&url).await];
    race(&nodes, tickets, 50).await;
}

async fn ticket(desk: &Desk, name: &str) -> Ticket {
    desk.create_ticket(&key(name), CreateTicket::new(name).unwrap()).await.unwrap().value
}

async fn claim(desk: &Desk, name: &str) -> Option<Ticket> {
    let claim = ClaimTicket::by(UserId::from_bytes([1; 16]));
    desk.claim_next(&key(name), "default".parse().unwrap(), claim).await.unwrap().value
}

/// Whether somebody waits for a lock in this database.
async fn somebody_waits(connection: &mut PgConnection) -> bool {
    let waits =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())";
    sqlx::query_scalar(waits).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_another_holds_is_passed_over_and_waited_for_if_there_is_no_other() {
    let url = Cluster::shared().database().await;
    let node = desk(&url).await;
    let (first, second) = (ticket(&node, "first").await, ticket(&node, "second").await);
    for takes in [false, true] {
        let mut holder = raw(&url).await;
        let mut held = holder.begin().await.unwrap();
        let lock = "SELECT id FROM sk_tickets.tickets WHERE id = $1 FOR NO KEY UPDATE";
        sqlx::query(lock).bind(uuid::Uuid::from_bytes(first.id.to_bytes())).execute(&mut *held).await.unwrap();
        if !takes {
            assert_eq!(claim(&node, "pass-over").await.map(|ticket| ticket.id), Some(second.id));
            // Back again, so that it is there for the next round.
            let back = AssignTicket::to_nobody();
            node.assign_ticket(&key("back"), second.id, back).await.unwrap();
            assert_eq!(claim(&node, "pass-over-again").await.map(|ticket| ticket.id), Some(second.id));
        }
        let waiting = tokio::spawn({
            let node = node.clone();
            async move { claim(&node, &format!("wait-{takes}")).await }
        });
        let mut watch = raw(&url).await;
        while !somebody_waits(&mut watch).await {
            assert!(!waiting.is_finished(), "it is not said that none waits");
        }
        if takes {
            let take = "UPDATE sk_tickets.tickets SET queued_at = NULL WHERE id = $1";
            sqlx::query(take).bind(uuid::Uuid::from_bytes(first.id.to_bytes())).execute(&mut *held).await.unwrap();
            held.commit().await.unwrap();
            assert_eq!(waiting.await.unwrap(), None);
        } else {
            // Who held it has failed, so it is free.
            held.rollback().await.unwrap();
            assert_eq!(waiting.await.unwrap().map(|ticket| ticket.id), Some(first.id));
            node.assign_ticket(&key("give-back"), first.id, AssignTicket::to_nobody()).await.unwrap();
        }
    }
}
