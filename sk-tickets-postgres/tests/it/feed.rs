//! The feed, followed while many write.

use std::collections::{BTreeMap, BTreeSet};

use sk_tickets_core::{
    AssignTicket, CreateTicket, Desk, Order, PageRequest, UserId,
    model::event::FeedPosition,
    store::{PageSpec, RealmReader},
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::Connection;

use crate::stage::{Stage, app_url, engine, key, raw, realm};

const WRITERS: usize = 8;
const EACH: usize = 25;

async fn write(desk: Desk, writer: usize) {
    for number in 0..EACH {
        let create = CreateTicket::new("one of many").unwrap();
        let made = desk.create_ticket(&key(&format!("make-{writer}-{number}")), create).await.unwrap().value;
        let take = AssignTicket::to(UserId::from_bytes([1; 16]));
        desk.assign_ticket(&key(&format!("take-{writer}-{number}")), made.id, take).await.unwrap();
    }
}

/// Two nodes write, a third one reads on and on: nothing is missed, nothing comes twice, tickets keep their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_on_another_node_misses_and_repeats_nothing() {
    let url = Cluster::shared().database().await;
    let nodes = [PostgresStore::open(&url).await.unwrap(), PostgresStore::open(&url).await.unwrap()];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(engine(&nodes[writer % 2]).desk(realm("acme")), writer)))
        .collect();

    let follower = engine(&PostgresStore::open(&url).await.unwrap()).desk(realm("acme"));
    let (mut seen, mut ids) = (Vec::new(), BTreeSet::new());
    let mut request = PageRequest::first().limit(7).order(Order::Asc);
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = follower.events(&request).await.unwrap();
        request = request.after(page.next_cursor.unwrap());
        if done && page.data.is_empty() {
            break;
        }
        for event in page.data {
            assert!(ids.insert(event.id), "{event:?} came twice");
            seen.push(event);
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }

    // Made; then assigned and, with that, opened.
    assert_eq!(seen.len(), WRITERS * EACH * 3);
    let mut last = BTreeMap::new();
    for event in seen {
        let before = last.insert(event.ticket_id, (event.ticket_version, event.id));
        assert!(before < Some((event.ticket_version, event.id)), "{event:?} came before {before:?}");
    }
}

/// A transaction that began early and is committed late: its event comes after what was read meanwhile, not before.
#[tokio::test]
async fn what_is_committed_late_comes_late() {
    let stage = Stage::set().await;
    let realm = stage.mine.realm();
    let page = async |after| {
        let spec = PageSpec { after, order: Order::Asc, limit: 100 };
        stage.store.event_page(realm, spec).await.unwrap().events
    };
    let before = page(None).await;

    let mut early = raw(&app_url(&stage.url).await).await;
    let mut transaction = early.begin().await.unwrap();
    let tenant = stage.tenant(&stage.mine).await;
    sqlx::query("SELECT sk_tickets.enter($1, 0::smallint)").bind(tenant).execute(&mut *transaction).await.unwrap();
    for sql in [
        "INSERT INTO sk_tickets.events
         SELECT (jsonb_populate_record(e, '{\"id\": \"00000000-0000-0000-0000-000000000001\"}')).*
         FROM sk_tickets.events AS e LIMIT 1",
        "INSERT INTO sk_tickets.feed_pending
         SELECT tenant, environment, id, ticket_id, ticket_version FROM sk_tickets.events
         WHERE id = '00000000-0000-0000-0000-000000000001'",
    ] {
        assert_eq!(sqlx::query(sql).execute(&mut *transaction).await.unwrap().rows_affected(), 1);
    }

    stage.mine.create_ticket(&key("later"), CreateTicket::new("later").unwrap()).await.unwrap();
    let last = before.last().map(|(position, _)| *position);
    let later = page(last).await;
    assert_eq!(later.len(), 1, "the reader waits for nobody");
    transaction.commit().await.unwrap();
    let latest = page(Some(later[0].0)).await;
    assert_eq!(latest.len(), 1, "and misses nothing");

    let positions: Vec<_> = page(None).await.into_iter().map(|(position, _)| position).collect();
    let expected: Vec<_> = (1..).map(FeedPosition).take(positions.len()).collect();
    assert_eq!(positions, expected);
}

/// Where nobody reads, commits number now and then what there is.
#[tokio::test]
async fn what_nobody_reads_is_numbered_all_the_same() {
    let stage = Stage::set().await;
    let mut superuser = raw(&stage.url).await;
    for number in 0..3_000 {
        let create = CreateTicket::new("one of many").unwrap();
        stage.mine.create_ticket(&key(&format!("k{number}")), create).await.unwrap();
        let numbered: i64 = sqlx::query_scalar("SELECT max(last_position) FROM sk_tickets.realms")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        if numbered > 10 {
            return;
        }
    }
    panic!("no commit of 3,000 has numbered any");
}
