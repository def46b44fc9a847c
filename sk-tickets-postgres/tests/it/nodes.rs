//! Several nodes on one database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sk_tickets_core::{
    CreateEndpoint, CreateTicket, DeliveryFilter, DeliveryStatus, DiscardDeadLetter, Order, PageRequest,
    ReplayDeadLetters, SearchQuery, TicketFilter, Timestamp,
    limits::{FAILING_IN_FLIGHT_MAX, FIRST_IN_FLIGHT_MAX, RETRIES_IN_FLIGHT_MAX},
    model::{delivery::Attempt, replay_job::JobStatus},
    store::{DeliveryQueue, NextStep, Settled, Settlement, Slots, WorkerId},
};
use sk_tickets_postgres::{PostgresOptions, PostgresStore, testing::Cluster, violations};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::{task::JoinSet, time::timeout};

use crate::stage::{SLOTS, Stage, engine, key, raw, realm, run};

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

/// Two nodes add tickets while blocks of the index of words begin: each ticket's words are in the block that its id is
/// among, and a search goes through all of them in the order of ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_words_begin_while_other_nodes_add_tickets() {
    const TICKETS: usize = 1_300;
    let url = Cluster::shared().database().await;
    let mut writers = JoinSet::new();
    let mut desks = Vec::new();
    for node in 0..2 {
        let desk = engine(&PostgresStore::open(&url).await.unwrap()).desk(realm("mine"));
        desks.push(desk.clone());
        for writer in 0..10 {
            let desk = desk.clone();
            writers.spawn(async move {
                for number in 0..TICKETS / 20 {
                    let create = CreateTicket::new("one of many").unwrap();
                    desk.create_ticket(&key(&format!("{node}-{writer}-{number}")), create).await.unwrap();
                }
            });
        }
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(violations(&url, Duration::ZERO).await.unwrap(), []);
    let sizes = "SELECT count(DISTINCT ticket_id) FROM sk_tickets.ticket_terms GROUP BY block ORDER BY block";
    let sizes: Vec<i64> = sqlx::query_scalar(sizes).fetch_all(&mut raw(&url).await).await.unwrap();
    assert!(sizes.len() >= 2 && sizes.iter().rev().skip(1).all(|size| *size >= 512), "{sizes:?}");
    let words: SearchQuery = "many".parse().unwrap();
    for order in [Order::Asc, Order::Desc] {
        let mut found = Vec::new();
        let mut page = PageRequest::first().order(order).limit(100);
        loop {
            let next = desks[0].search_tickets(&words, &TicketFilter::ALL, &page).await.unwrap();
            found.extend(next.data.iter().map(|ticket| ticket.id));
            let Some(cursor) = next.next_cursor else { break };
            page = PageRequest::first().order(order).limit(100).after(cursor);
        }
        assert_eq!(found.len(), TICKETS);
        assert!(found.is_sorted_by(|one, other| if order == Order::Asc { one < other } else { one > other }));
    }
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

/// How many nodes claim at the same time, how often each looks, and how many slots it has in each lane.
const CLAIMERS: u64 = 12;
const LOOKS: usize = 40;
const EACH_LOOK: Slots = Slots { first: 6, retry: 3 };

/// Deliveries of some endpoints of the stage's own realm, more than there may be under way: of the first one first
/// attempts, of the second one retries, and the third one is failing.
async fn crowd(stage: &Stage) {
    for port in [9_001, 9_002] {
        let create = CreateEndpoint::new(format!("http://127.0.0.1:{port}/").parse().unwrap());
        stage.mine.create_endpoint(&key(&format!("{port}")), create).await.unwrap();
    }
    for number in 0..60 {
        let create = CreateTicket::new("one of many").unwrap();
        stage.mine.create_ticket(&key(&format!("{number}")), create).await.unwrap();
    }
    let change = "UPDATE sk_tickets.deliveries AS d SET failures = 1 FROM sk_tickets.endpoints AS e
                  WHERE e.tenant = d.tenant AND e.id = d.endpoint_id AND d.status = 'pending' AND e.url LIKE '%:9001/';
                  UPDATE sk_tickets.endpoints SET failing_since = 1 WHERE url LIKE '%:9002/'";
    run(&stage.url, change).await;
}

/// The most that were ever leased at a time: first attempts, retries, and of the failing endpoint.
async fn most_leased(url: String, stop: Arc<AtomicBool>) -> [i64; 3] {
    let mut superuser = raw(&url).await;
    let mut most = [0; 3];
    while !stop.load(Ordering::Relaxed) {
        let row = sqlx::query(
            "SELECT max(count) FILTER (WHERE url LIKE '%:9000/'), max(count) FILTER (WHERE url LIKE '%:9001/'),
                    max(count) FILTER (WHERE url LIKE '%:9002/')
             FROM (SELECT e.url, count(*) FROM sk_tickets.deliveries AS d
                   JOIN sk_tickets.endpoints AS e ON e.tenant = d.tenant AND e.id = d.endpoint_id
                   WHERE d.lease_owner IS NOT NULL GROUP BY e.url, e.tenant, e.id) AS leased",
        );
        let row = row.fetch_one(&mut superuser).await.unwrap();
        for (index, most) in most.iter_mut().enumerate() {
            *most = row.get::<Option<i64>, _>(index).unwrap_or(0).max(*most);
        }
    }
    most
}

/// Looks again and again; settles what it gets, now and then with a failure where that changes nothing for the others.
async fn claim_and_settle(store: PostgresStore, worker: WorkerId, now: Timestamp) -> usize {
    let mut settled = 0;
    for look in 0..LOOKS {
        let claimed = store.claim_due(worker, now, Duration::from_secs(10), EACH_LOOK).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        for due in claimed.deliveries {
            let fails = due.url.ends_with(":9002/");
            let next = if fails { NextStep::RetryAt(now) } else { NextStep::Delivered };
            let number = due.attempts_before + 1;
            let attempt = Attempt { number, at: now, status_code: None, error: None, latency_ms: 1, response: None };
            if look % 8 == 7 {
                // A worker that stops hands back what it has.
                store.release(worker).await.unwrap();
                break;
            }
            assert_eq!(
                store.settle(&[Settlement { lease: due.lease, attempt, next }]).await.unwrap(),
                [Settled::Recorded]
            );
            settled += 1;
        }
    }
    settled
}

/// However many nodes look at the same moment: no endpoint has more under way than it may, nobody waits for another in
/// a circle, and no work is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_claim_at_the_same_time_keep_to_what_an_endpoint_may_have() {
    let stage = Stage::set().await;
    crowd(&stage).await;
    let (now, stop) = (engine(&stage.store).now(), Arc::new(AtomicBool::new(false)));
    let watching = tokio::spawn(most_leased(stage.url.clone(), Arc::clone(&stop)));
    let mut claiming = Vec::new();
    for number in 0..CLAIMERS {
        let store = PostgresOptions::new(&stage.url).pool(1).open().await.unwrap();
        claiming.push(tokio::spawn(claim_and_settle(store, WorkerId(number), now)));
    }
    let mut settled = 0;
    for one in claiming {
        settled += one.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let most = watching.await.unwrap();
    let may = [FIRST_IN_FLIGHT_MAX, RETRIES_IN_FLIGHT_MAX, FAILING_IN_FLIGHT_MAX].map(|most| most as i64);
    assert!(most.iter().zip(may).all(|(most, may)| (1..=may).contains(most)), "{most:?}");
    assert!(settled > 60, "{settled}");

    // What nobody held last is found at once.
    let left = stage.store.claim_due(WorkerId(99), now, Duration::from_secs(10), SLOTS).await.unwrap();
    assert!(left.deliveries.iter().any(|due| due.url.ends_with(":9002/")));
}

/// From when a claim has counted what is under way until it is done, no other one leases for the endpoint: it does not
/// wait for it, and is told to look again soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_node_claims_for_an_endpoint_no_other_one_does() {
    let stage = Stage::set().await;
    for number in 0..2 {
        let create = CreateTicket::new("Part delayed").unwrap();
        stage.mine.create_ticket(&key(&format!("more-{number}")), create).await.unwrap();
    }
    let mut superuser = raw(&stage.url).await;
    // One at a time; what is mine is due before all else.
    let mine = stage.tenant(&stage.mine).await;
    let pending = format!("tenant = {mine} AND status = 'pending'");
    let failing = format!(
        "UPDATE sk_tickets.endpoints SET failing_since = 1;
         UPDATE sk_tickets.deliveries SET claimable_at = 100 WHERE {pending}"
    );
    run(&stage.url, &failing).await;
    let (now, lease, slots) = (engine(&stage.store).now(), Duration::from_secs(10), Slots { first: 0, retry: 1 });

    let mut holder = raw(&stage.url).await;
    let mut hold = holder.begin().await.unwrap();
    let first = format!("SELECT id FROM sk_tickets.deliveries WHERE {pending} ORDER BY id LIMIT 1 FOR UPDATE");
    let first: uuid::Uuid = sqlx::query_scalar(AssertSqlSafe(first)).fetch_one(&mut *hold).await.unwrap();
    let store = stage.store.clone();
    let slow = tokio::spawn(async move { store.claim_due(WorkerId(1), now, lease, slots).await });
    let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
                                  WHERE datname = current_database() AND wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut superuser).await.unwrap() {}

    // Another one for the same endpoint, which comes before the one that is waited for.
    let sooner = format!("UPDATE sk_tickets.deliveries SET claimable_at = 1 WHERE {pending} AND id <> '{first}'");
    let sooner = sqlx::query(AssertSqlSafe(sooner)).execute(&mut superuser).await.unwrap();
    assert_eq!(sooner.rows_affected(), 1);
    let other = stage.store.claim_due(WorkerId(2), now, lease, slots).await.unwrap();
    assert!(other.deliveries.is_empty());
    assert_eq!(other.next, Some(now + Duration::from_millis(50)));

    hold.rollback().await.unwrap();
    let claimed = slow.await.unwrap().unwrap();
    assert_eq!(claimed.deliveries.len(), 1);
    assert_eq!(claimed.deliveries[0].lease.delivery_id.to_bytes(), first.into_bytes());
}

/// Two jobs about the same letters, done by many nodes at once, while others discard some of them: nobody waits in a circle,
/// and each letter is replayed once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_replay_the_same_letters_replay_each_once() {
    const LETTERS: u64 = 60;
    let stage = Stage::set().await;
    let endpoint = stage.mine.endpoints(&PageRequest::first()).await.unwrap().data.remove(0).id;
    stage.mine.disable_endpoint(&key("disable"), endpoint).await.unwrap();
    for number in 0..LETTERS {
        let create = CreateTicket::new("one of many").unwrap();
        stage.mine.create_ticket(&key(&format!("{number}")), create).await.unwrap();
    }
    stage.mine.enable_endpoint(&key("enable"), endpoint).await.unwrap();
    let which = ReplayDeadLetters { endpoint_id: Some(endpoint), ..ReplayDeadLetters::ALL };
    let mut jobs = Vec::new();
    for name in ["one", "other"] {
        jobs.push(stage.mine.replay_dead_letters(&key(name), which.clone()).await.unwrap().value);
    }
    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let discarding = stage.mine.deliveries(&letters, &PageRequest::first().limit(30)).await.unwrap().data;

    let now = engine(&stage.store).now();
    let mut replaying = Vec::new();
    for _ in 0..6 {
        let store = PostgresOptions::new(&stage.url).pool(1).open().await.unwrap();
        replaying.push(tokio::spawn(async move { while store.replay_some(now, 7).await.unwrap() {} }));
    }
    let mut discarded = 0;
    for letter in discarding {
        let discard = DiscardDeadLetter { reason: "not needed".parse().unwrap() };
        // Refused if it was replayed before.
        let answer = stage.mine.discard_dead_letter(&key(&format!("no-{}", letter.id)), letter.id, discard).await;
        discarded += u64::from(answer.is_ok());
    }
    for one in replaying {
        one.await.unwrap();
    }
    while stage.store.replay_some(now, 7).await.unwrap() {}
    let mut done = 0;
    for made in jobs {
        let job = stage.mine.replay_job(made.id).await.unwrap().unwrap();
        assert_eq!((job.status, job.total, job.done + job.failed), (JobStatus::Completed, made.total, made.total));
        done += job.done;
    }
    assert_eq!(stage.mine.deliveries(&letters, &PageRequest::first()).await.unwrap().data, []);
    assert!(done + discarded >= LETTERS, "{done} and {discarded}");
    let pending: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sk_tickets.deliveries WHERE endpoint_id = $1 AND status = 'pending'")
            .bind(uuid::Uuid::from_bytes(endpoint.to_bytes()))
            .fetch_one(&mut raw(&stage.url).await)
            .await
            .unwrap();
    assert_eq!(pending as u64, done);
}
