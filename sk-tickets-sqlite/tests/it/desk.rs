//! The store under the engine, where it matters that it is SQLite.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sk_tickets_core::{
    Clock, CreateTicket, Environment, IdempotencyKey, Realm, Tickets,
    model::{
        delivery::DeliveryFilter,
        endpoint::CreateEndpoint,
        page::{Order, PageRequest},
        ticket::{TicketFilter, UpdateTicket},
    },
    platform::{input::Patch, text::List, time::Timestamp, webhook::TargetPolicy},
    store::{DeliveryQueue, Settled, Slots, WorkerId},
    testing::ManualClock,
};
use sk_tickets_sqlite::{SqliteOptions, SqliteStore};

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::system(text)
}

fn realm() -> Realm {
    Realm::assume("acme".parse().unwrap(), Environment::Test)
}

fn ticket(subject: &str) -> CreateTicket {
    CreateTicket::new(subject).unwrap()
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let first = Tickets::new(Arc::new(SqliteStore::open(&path).await.unwrap())).desk(realm());
    let made = first.create_ticket(&key("k"), ticket("Part delayed")).await.unwrap().value;
    drop(first);

    let second = Tickets::new(Arc::new(SqliteStore::open(&path).await.unwrap())).desk(realm());
    let again = second.create_ticket(&key("k"), ticket("Part delayed")).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.value, made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_on_one_file_see_and_respect_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let mut creating = Vec::new();
    for _ in 0..3 {
        let desk = Tickets::new(Arc::new(SqliteStore::open(&path).await.unwrap())).desk(realm());
        for number in 0..20 {
            let desk = desk.clone();
            creating.push(tokio::spawn(async move {
                let subject = format!("Ticket {number}");
                desk.create_ticket(&key(&subject), ticket(&subject)).await.unwrap().replayed
            }));
        }
    }
    let mut made = 0;
    for created in creating {
        made += usize::from(!created.await.unwrap());
    }
    assert_eq!(made, 20);
    let desk = Tickets::new(Arc::new(SqliteStore::open(&path).await.unwrap())).desk(realm());
    let page = desk.tickets(&TicketFilter::ALL, &PageRequest::first().limit(100)).await.unwrap();
    assert_eq!(page.data.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_writes_are_told_to_try_again_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteOptions::new(folder.path().join("tickets.db")).writer_queue(1).open().await.unwrap();
    let desk = Tickets::new(Arc::new(store)).desk(realm());
    let creating: Vec<_> = (0..200)
        .map(|number| {
            let desk = desk.clone();
            tokio::spawn(async move {
                let subject = format!("Ticket {number}");
                desk.create_ticket(&key(&subject), ticket(&subject)).await.is_ok()
            })
        })
        .collect();
    let mut made = 0;
    for created in creating {
        made += usize::from(created.await.unwrap());
    }
    assert!((1..200).contains(&made), "{made}");
    let mut listed = 0;
    let mut page = PageRequest::first().limit(100);
    loop {
        let tickets = desk.tickets(&TicketFilter::ALL, &page).await.unwrap();
        listed += tickets.data.len();
        let Some(cursor) = tickets.next_cursor else { break };
        page = PageRequest::first().limit(100).after(cursor);
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_starting_server_voids_the_leases_of_its_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    let tickets = Tickets::builder(Arc::new(store.clone())).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(realm());
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    desk.create_endpoint(&key("e"), endpoint).await.unwrap();
    desk.create_ticket(&key("t"), ticket("Part delayed")).await.unwrap();

    const SLOTS: Slots = Slots { first: 10, retry: 10 };
    let long = Duration::from_secs(3_600);
    let now = tickets.now();
    let dead = store.claim_due(WorkerId(u64::MAX), now, long, SLOTS).await.unwrap().deliveries;
    assert_eq!(dead.len(), 1);
    assert!(store.claim_due(WorkerId(2), now, long, SLOTS).await.unwrap().deliveries.is_empty());

    store.void_leases().await.unwrap();
    assert_eq!(store.renew(&dead[0].lease, now + long).await.unwrap(), Settled::LeaseLost);
    let alive = store.claim_due(WorkerId(2), now, long, SLOTS).await.unwrap().deliveries;
    assert_eq!(alive.len(), 1);
    assert!(alive[0].lease.token > dead[0].lease.token);
}

#[tokio::test]
async fn a_list_by_time_is_exact_although_the_clock_stepped_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("tickets.db")).await.unwrap());
    let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
    let clock = Arc::new(ManualClock::new(at(100)));
    let desk = Tickets::builder(store).clock(Arc::clone(&clock) as Arc<dyn Clock>).build().desk(realm());
    // The second one's id is later than the first one's, though it is made an hour before.
    for (subject, seconds) in [("first", 100), ("second", -3_500), ("third", 200)] {
        clock.set(at(seconds));
        desk.create_ticket(&key(subject), ticket(subject)).await.unwrap();
    }
    for order in [Order::Asc, Order::Desc] {
        let list = async |created_after: Option<i64>, created_before: Option<i64>| {
            let filter = TicketFilter {
                created_after: created_after.map(at),
                created_before: created_before.map(at),
                ..TicketFilter::ALL
            };
            let mut subjects = Vec::new();
            let mut page = PageRequest::first().limit(1).order(order);
            loop {
                let tickets = desk.tickets(&filter, &page).await.unwrap();
                subjects.extend(tickets.data.into_iter().map(|ticket| ticket.subject));
                let Some(cursor) = tickets.next_cursor else { break };
                page = PageRequest::first().limit(1).order(order).after(cursor);
            }
            subjects.sort();
            subjects
        };
        assert_eq!(list(None, Some(100)).await, ["second"]);
        assert_eq!(list(Some(100), None).await, ["first", "third"]);
        assert_eq!(list(Some(101), None).await, ["third"]);
        assert_eq!(list(Some(-3_500), Some(-3_499)).await, ["second"]);
        assert_eq!(list(Some(-3_499), Some(100)).await, Vec::<String>::new());
        assert_eq!(list(None, Some(9_000_000_000)).await, ["first", "second", "third"]);
    }
}

#[tokio::test]
async fn deliveries_by_time_are_exact_although_the_clock_stepped_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("tickets.db")).await.unwrap());
    let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
    let clock = Arc::new(ManualClock::new(at(100)));
    let tickets = Tickets::builder(store).clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let desk = tickets.targets(TargetPolicy::LoopbackInTest).build().desk(realm());
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    let endpoint = desk.create_endpoint(&key("e"), endpoint).await.unwrap().value.id;
    // The second one's id is later than the first one's, though it happens an hour before. No ticket is made meanwhile.
    for seconds in [100, -3_500, 200] {
        clock.set(at(seconds));
        desk.ping_endpoint(&key(&seconds.to_string()), endpoint).await.unwrap();
    }
    let list = async |from: Option<i64>, to: Option<i64>| {
        let filter = DeliveryFilter { from: from.map(at), to: to.map(at), ..DeliveryFilter::default() };
        let page = desk.deliveries(&filter, &PageRequest::first()).await.unwrap();
        page.data.into_iter().map(|delivery| delivery.created_at).collect::<BTreeSet<_>>()
    };
    assert_eq!(list(None, Some(100)).await, BTreeSet::from([at(-3_500)]));
    assert_eq!(list(Some(100), None).await, BTreeSet::from([at(100), at(200)]));
    assert_eq!(list(Some(-3_500), Some(-3_499)).await, BTreeSet::from([at(-3_500)]));
    assert_eq!(list(None, Some(200)).await, BTreeSet::from([at(-3_500), at(100)]));
}

#[tokio::test]
async fn a_ticket_is_found_by_the_tags_it_has_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("tickets.db")).await.unwrap();
    let desk = Tickets::new(Arc::new(store)).desk(realm());
    let tags = |tags: &[&str]| List::new(tags.iter().map(|tag| tag.parse().unwrap()).collect()).unwrap();
    let made = desk.create_ticket(&key("k"), CreateTicket { tags: tags(&["a", "b"]), ..ticket("Part delayed") }).await;
    let id = made.unwrap().value.id;
    let update = UpdateTicket { tags: Patch::Set(tags(&["b", "c"])), ..UpdateTicket::nothing() };
    desk.update_ticket(&key("u"), id, update).await.unwrap();
    for (tag, found) in [("a", false), ("b", true), ("c", true)] {
        let filter = TicketFilter { tag: Some(tag.to_owned()), ..TicketFilter::ALL };
        let page = desk.tickets(&filter, &PageRequest::first()).await.unwrap();
        assert_eq!(!page.data.is_empty(), found, "{tag}");
    }
}
