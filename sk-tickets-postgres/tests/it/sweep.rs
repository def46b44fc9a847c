//! Clocks of tickets, on several nodes of one database.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sk_tickets_core::{
    Clock, CreateTicket, Event, EventType, OwnerFilter, PageRequest, Priority, SetSlaPolicy, TicketFilter, Tickets,
    model::sla::SlaSeconds, testing::ManualClock,
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};

use sqlx::Connection;
use tokio::time::timeout;

use crate::stage::{Stage, engine, key, raw, realm};

const TICKETS: usize = 40;

fn within(seconds: u64) -> SetSlaPolicy {
    SetSlaPolicy {
        first_response_seconds: Some(SlaSeconds::new(seconds).unwrap()),
        resolution_seconds: Some(SlaSeconds::new(seconds).unwrap()),
        warn_before_seconds: None,
    }
}

/// Engines on stores of their own, with one clock.
async fn nodes(count: usize) -> (Arc<ManualClock>, Vec<Tickets>) {
    let url = Cluster::shared().database().await;
    let clock = Arc::new(ManualClock::new(sk_tickets_core::Timestamp::from_millis(1_800_000_000_000)));
    let mut nodes = Vec::new();
    for _ in 0..count {
        let store = PostgresStore::open(&url).await.unwrap();
        nodes.push(Tickets::builder(Arc::new(store)).clock(Arc::clone(&clock) as Arc<dyn Clock>).build());
    }
    (clock, nodes)
}

/// Both sweep the same tickets at the same time: each breach is told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_tell_each_breach_once() {
    let (clock, nodes) = nodes(2).await;
    let desk = nodes[0].desk(realm("mine"));
    desk.set_sla_policy(&key("policy"), Priority::Normal, within(60)).await.unwrap();
    for number in 0..TICKETS {
        let create = CreateTicket::new("Part delayed").unwrap();
        desk.create_ticket(&key(&format!("ticket-{number}")), create).await.unwrap();
    }
    clock.advance(Duration::from_secs(60));
    let sweepers = [nodes[0].sweeper(), nodes[1].sweeper()];
    tokio::join!(sweepers[0].run(quiet(&nodes)), sweepers[1].run(quiet(&nodes)));
    let mut told: BTreeMap<_, usize> = BTreeMap::new();
    let mut page = PageRequest::first().limit(100);
    loop {
        let read = desk.events(&page).await.unwrap();
        for Event { event_type, ticket_id, .. } in read.data {
            if event_type == EventType::TicketSlaBreached {
                *told.entry(ticket_id.unwrap()).or_default() += 1;
            }
        }
        let Some(cursor) = read.next_cursor else { break };
        page = PageRequest::first().limit(100).after(cursor);
    }
    assert_eq!(told.len(), TICKETS);
    assert!(told.values().all(|count| *count == 2), "one for each clock: {told:?}");
}

/// Returns when nothing is due any more.
async fn quiet(nodes: &[Tickets]) {
    while !nodes[0].store().tickets_due(nodes[0].now(), None, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// Tickets are made on one node while a policy changes over and over on another: in the end all are under the last one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ticket_slips_through_a_change_of_its_policy() {
    let (_clock, nodes) = nodes(3).await;
    let desk = nodes[0].desk(realm("mine"));
    desk.set_sla_policy(&key("first"), Priority::Normal, within(60)).await.unwrap();
    let makers: Vec<_> = (0..4)
        .map(|maker| {
            let desk = nodes[1].desk(realm("mine"));
            tokio::spawn(async move {
                for number in 0..TICKETS {
                    let create = CreateTicket::new("one of many").unwrap();
                    desk.create_ticket(&key(&format!("{maker}-{number}")), create).await.unwrap();
                }
            })
        })
        .collect();
    let sweeper = nodes[2].sweeper();
    let mut last = 60;
    while !makers.iter().all(tokio::task::JoinHandle::is_finished) {
        last += 1;
        desk.set_sla_policy(&key(&format!("policy-{last}")), Priority::Normal, within(last)).await.unwrap();
        assert_eq!(sweeper.sweep().await.unwrap().failed, 0);
    }
    for maker in makers {
        maker.await.unwrap();
    }
    while sweeper.sweep().await.unwrap().more {}
    let filter = TicketFilter { owner: Some(OwnerFilter::Nobody), ..TicketFilter::ALL };
    let (mut page, mut seen) = (PageRequest::first().limit(100), 0);
    loop {
        let read = desk.tickets(&filter, &page).await.unwrap();
        for ticket in read.data {
            let due = Some(ticket.created_at + Duration::from_secs(last));
            let sla = ticket.sla.unwrap();
            assert_eq!([sla.first_response.unwrap().due_at, sla.resolution.unwrap().due_at], [due; 2]);
            seen += 1;
        }
        let Some(cursor) = read.next_cursor else { break };
        page = PageRequest::first().limit(100).after(cursor);
    }
    assert_eq!(seen, 4 * TICKETS);
}

/// A ticket that was decided on a policy is stored before the policy changes, or not at all: the change waits for it, and
/// the work about the change finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_policy_waits_for_what_was_decided_on_it() {
    let stage = Stage::set().await;
    let sweeper = engine(&stage.store).sweeper();
    while sweeper.sweep().await.unwrap().more {}
    // Whoever fans out waits for this one, after the policy was looked at.
    let mut holder = raw(&stage.url).await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT FROM sk_tickets.endpoints FOR UPDATE").execute(&mut *held).await.unwrap();
    let desk = stage.mine.clone();
    let create = CreateTicket::new("Part delayed").unwrap();
    let create = tokio::spawn(async move { desk.create_ticket(&key("late"), create).await.unwrap().value });
    let mut watch = raw(&stage.url).await;
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut watch)
        .await
        .unwrap();
        if waiting > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let desk = stage.mine.clone();
    let mut change =
        tokio::spawn(async move { desk.set_sla_policy(&key("change"), Priority::Normal, within(30)).await.unwrap() });
    let early = timeout(Duration::from_millis(300), &mut change).await;
    assert!(early.is_err(), "the change waits");
    held.rollback().await.unwrap();
    let made = create.await.unwrap();
    change.await.unwrap();
    while sweeper.sweep().await.unwrap().more {}
    let seen = stage.mine.ticket(made.id).await.unwrap().unwrap().ticket;
    let due_at = seen.sla.unwrap().first_response.unwrap().due_at;
    assert_eq!(due_at, Some(made.created_at + Duration::from_secs(30)));
}
