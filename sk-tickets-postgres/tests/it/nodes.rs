//! Several nodes on one database.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sk_tickets_core::{
    CreateTicket, DeliveryFilter, DeliveryStatus, PageRequest,
    store::{DeliveryQueue, WorkerId},
};
use sk_tickets_postgres::{PostgresOptions, PostgresStore};
use tokio::time::timeout;

use crate::stage::{SLOTS, Stage, engine, key, raw};

/// A worker hears of work that another node has committed, sooner than by looking once a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_on_one_node_wakes_the_workers_of_another() {
    let stage = Stage::set().await;
    let other = PostgresStore::open(&stage.url).await.unwrap();
    // The first wait returns once it listens: what was committed before must be looked for.
    timeout(Duration::from_secs(5), other.wait_for_work()).await.unwrap();
    while timeout(Duration::from_millis(100), other.wait_for_work()).await.is_ok() {}
    for number in 0..3 {
        let create = CreateTicket::new("Part delayed").unwrap();
        stage.mine.create_ticket(&key(&format!("k{number}")), create).await.unwrap();
        timeout(Duration::from_millis(500), other.wait_for_work()).await.expect("woken");
    }
}

/// Where nobody can listen, work is found by looking for it; nothing else suffers.
#[tokio::test]
async fn a_store_that_cannot_listen_serves_all_the_same() {
    let stage = Stage::set().await;
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing";
    let store = PostgresOptions::new(&stage.url).listen_url(nowhere).open().await.unwrap();
    timeout(Duration::from_secs(5), store.wait_for_work()).await.unwrap();
    let due = store.claim_due(WorkerId(7), engine(&store).now(), Duration::from_secs(10), SLOTS).await.unwrap();
    assert!(!due.deliveries.is_empty());
}

/// Commits fan out while their endpoint is disabled and enabled over and over: whenever it is disabled, nothing is
/// pending for it, and each event has its one delivery.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_pending_for_an_endpoint_that_is_disabled_meanwhile() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let stage = Stage::set().await;
    let endpoint = stage.mine.endpoints(&PageRequest::first()).await.unwrap().data.remove(0).id;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let desk = stage.mine.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    if DONE.load(Ordering::Relaxed) {
                        break;
                    }
                    let create = CreateTicket::new("one of many").unwrap();
                    desk.create_ticket(&key(&format!("{writer}-{number}")), create).await.unwrap();
                }
            })
        })
        .collect();
    let mut superuser = raw(&stage.url).await;
    for round in 0..30 {
        stage.mine.disable_endpoint(&key(&format!("off-{round}")), endpoint).await.unwrap();
        let pending = DeliveryFilter { status: Some(DeliveryStatus::Pending), ..DeliveryFilter::default() };
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(stage.mine.deliveries(&pending, &PageRequest::first()).await.unwrap().data, []);
        stage.mine.enable_endpoint(&key(&format!("on-{round}")), endpoint).await.unwrap();
    }
    DONE.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let missing: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sk_tickets.events AS e
         WHERE NOT EXISTS (SELECT FROM sk_tickets.deliveries AS d WHERE d.tenant = e.tenant AND d.event_id = e.id)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(missing, 0);
}
