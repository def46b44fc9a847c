//! Replays of many dead letters.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    super::fixture::{Fixture, key},
    delivery::{ALICE, EVERYTHING, LEASE, attempt, claim, deliveries, lone_endpoint, settle},
};
use crate::{
    model::{
        delivery::{Delivery, DeliveryFilter, DeliveryStatus},
        event::EventType,
        page::PageRequest,
        replay_job::{JobStatus, ReplayDeadLetters, ReplayJob},
        ticket::AssignTicket,
    },
    platform::{
        id::{EndpointId, JobId},
        text::List,
    },
    store::{NextStep, Slots},
};

async fn letters(fixture: &Fixture, filter: DeliveryFilter) -> Vec<Delivery> {
    let filter = DeliveryFilter { dead_letters: true, ..filter };
    fixture.desk.deliveries(&filter, &PageRequest::first().limit(100)).await.expect("read").data
}

/// Makes dead letters by disabling the endpoint while things happen.
async fn bury(fixture: &Fixture, endpoint: EndpointId, count: usize) {
    fixture.desk.disable_endpoint(&key(&format!("disable {endpoint}")), endpoint).await.expect("disabled");
    for number in 0..count {
        fixture.ticket(&format!("{number} for {endpoint}")).await;
    }
}

async fn enable(fixture: &Fixture, endpoint: EndpointId) -> Option<u64> {
    let enabled = fixture.desk.enable_endpoint(&key(&format!("enable {endpoint}")), endpoint).await.expect("enabled");
    enabled.value.replay.map(|offer| offer.dead_letters)
}

async fn replay(fixture: &Fixture, name: &str, which: ReplayDeadLetters) -> ReplayJob {
    fixture.desk.replay_dead_letters(&key(name), which).await.expect("made").value
}

async fn job(fixture: &Fixture, id: JobId) -> ReplayJob {
    fixture.desk.replay_job(id).await.expect("read").expect("there")
}

async fn step(fixture: &Fixture, limit: usize) -> bool {
    fixture.store.replay_some(fixture.tickets.now(), limit).await.expect("answered")
}

/// Bit by bit; what does not match stays as it is.
pub async fn a_job_replays_what_matches(fixture: &Fixture) {
    let [one, other] = [lone_endpoint(fixture, 9_000).await.id, lone_endpoint(fixture, 9_001).await.id];
    bury(fixture, other, 0).await;
    bury(fixture, one, 5).await;
    assert_eq!(enable(fixture, one).await, Some(5), "to enable it offers the replay");
    assert_eq!(enable(fixture, other).await, Some(5));
    fixture.tick();

    let made =
        replay(fixture, "all of one", ReplayDeadLetters { endpoint_id: Some(one), ..ReplayDeadLetters::ALL }).await;
    assert_eq!((made.status, made.total, made.done, made.failed), (JobStatus::Pending, 5, 0, 0));
    assert_eq!(job(fixture, made.id).await, made);
    let look = fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, Slots::NONE).await.expect("seen");
    assert!(look.replaying);

    fixture.tick();
    let now = fixture.tickets.now();
    assert!(step(fixture, 2).await);
    let running = job(fixture, made.id).await;
    assert_eq!((running.status, running.done, running.finished_at), (JobStatus::Running, 2, None));
    let replayed: Vec<_> =
        deliveries(fixture).await.into_iter().filter(|one| one.status == DeliveryStatus::Pending).collect();
    assert_eq!(replayed.len(), 2);
    assert!(replayed.iter().all(|letter| letter.endpoint_id == one && letter.next_attempt_at == Some(now)));
    let mut oldest: Vec<_> = deliveries(fixture).await;
    oldest.retain(|letter| letter.endpoint_id == one);
    oldest.sort_by_key(|letter| letter.id);
    let first: BTreeSet<_> = oldest.iter().take(2).map(|letter| letter.id).collect();
    assert_eq!(replayed.iter().map(|letter| letter.id).collect::<BTreeSet<_>>(), first, "the oldest first");

    while step(fixture, 2).await {}
    let completed = job(fixture, made.id).await;
    let expected = ReplayJob { status: JobStatus::Completed, done: 5, finished_at: Some(now), ..made };
    assert_eq!(completed, expected);
    assert_eq!(letters(fixture, DeliveryFilter::default()).await.len(), 5);
    let leased = fixture.store.claim_due(ALICE, now, LEASE, EVERYTHING).await.expect("claimed").deliveries;
    assert!(!leased.is_empty() && leased.iter().all(|one| one.failures == 0));
}

/// By type and by time, for the list, the count and the job alike.
pub async fn dead_letters_are_filtered(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await.id;
    bury(fixture, endpoint, 2).await;
    fixture.tick();
    let middle = fixture.tickets.now();
    let ticket = fixture.ticket("the third").await;
    fixture.tick();
    let assign = AssignTicket::to(super::super::fixture::user(1));
    fixture.desk.assign_ticket(&key("assign"), ticket.id, assign).await.expect("assigned");
    enable(fixture, endpoint).await;

    let all = || DeliveryFilter::default();
    let created = vec![EventType::TicketCreated];
    let both = vec![EventType::TicketStatusChanged, EventType::TicketAssigned];
    let count = async |filter| letters(fixture, filter).await.len();
    assert_eq!(count(all()).await, 5);
    assert_eq!(count(DeliveryFilter { types: created.clone(), ..all() }).await, 3);
    assert_eq!(count(DeliveryFilter { types: both, ..all() }).await, 2);
    assert_eq!(count(DeliveryFilter { types: vec![EventType::TicketReopened], ..all() }).await, 0);
    let third = ticket.created_at;
    assert!(third > middle);
    assert_eq!(count(DeliveryFilter { from: Some(third), ..all() }).await, 3, "from that instant on");
    assert_eq!(count(DeliveryFilter { to: Some(third), ..all() }).await, 2, "before that instant");
    let both_ends =
        DeliveryFilter { types: created.clone(), from: Some(middle), to: Some(fixture.tickets.now()), ..all() };
    assert_eq!(count(both_ends.clone()).await, 1);
    assert_eq!(count(DeliveryFilter { endpoint_id: Some(endpoint), ..both_ends }).await, 1);
    let other = EndpointId::from_bytes([9; 16]);
    assert_eq!(count(DeliveryFilter { endpoint_id: Some(other), ..all() }).await, 0);

    fixture.tick();
    let which = ReplayDeadLetters {
        types: Some(List::new(created).expect("few")),
        from: Some(middle),
        ..ReplayDeadLetters::ALL
    };
    let made = replay(fixture, "one", which).await;
    assert_eq!(made.total, 1);
    while step(fixture, 10).await {}
    assert_eq!(job(fixture, made.id).await.done, 1);
    let pending = deliveries(fixture).await.into_iter().filter(|one| one.status == DeliveryStatus::Pending);
    assert_eq!(pending.map(|one| one.ticket_id).collect::<Vec<_>>(), [Some(ticket.id)]);
}

/// It stays a dead letter.
pub async fn a_letter_whose_endpoint_is_not_enabled_has_failed(fixture: &Fixture) {
    let [one, other] = [lone_endpoint(fixture, 9_000).await.id, lone_endpoint(fixture, 9_001).await.id];
    bury(fixture, one, 0).await;
    bury(fixture, other, 3).await;
    enable(fixture, one).await;
    let refused = ReplayDeadLetters { endpoint_id: Some(other), ..ReplayDeadLetters::ALL };
    let refused = fixture.desk.replay_dead_letters(&key("refused"), refused).await.expect_err("disabled");
    assert_eq!(refused.code(), "endpoint_disabled");
    let unknown = ReplayDeadLetters { endpoint_id: Some(EndpointId::from_bytes([9; 16])), ..ReplayDeadLetters::ALL };
    let unknown = fixture.desk.replay_dead_letters(&key("unknown"), unknown).await.expect_err("unknown");
    assert!(unknown.is_not_found());

    fixture.tick();
    let made = replay(fixture, "all", ReplayDeadLetters::ALL).await;
    assert_eq!(made.total, 6);
    while step(fixture, 4).await {}
    let completed = job(fixture, made.id).await;
    assert_eq!((completed.status, completed.done, completed.failed), (JobStatus::Completed, 3, 3));
    let left = letters(fixture, DeliveryFilter::default()).await;
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|letter| letter.endpoint_id == other));
}

/// One that fails again waits for another job; one that was discarded meanwhile counts as failed.
pub async fn a_job_looks_at_each_letter_once(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await.id;
    bury(fixture, endpoint, 3).await;
    enable(fixture, endpoint).await;
    fixture.tick();
    let made = replay(fixture, "all", ReplayDeadLetters::ALL).await;
    assert!(step(fixture, 1).await);
    let lease = claim(fixture, ALICE).await.remove(0);
    settle(fixture, &lease, attempt(fixture, 1, 500), NextStep::DeadLetter).await;
    let newest = letters(fixture, DeliveryFilter::default()).await.remove(0);
    let discard = crate::DiscardDeadLetter { reason: "not needed".parse().expect("lawful") };
    fixture.desk.discard_dead_letter(&key("discard"), newest.id, discard).await.expect("discarded");
    fixture.tick();
    fixture.ticket("later").await;
    while step(fixture, 1).await {}
    let completed = job(fixture, made.id).await;
    assert_eq!((completed.total, completed.done, completed.failed), (3, 2, 1));
    let dead = letters(fixture, DeliveryFilter::default()).await;
    assert_eq!(dead.iter().map(|letter| letter.id).collect::<Vec<_>>(), [lease.delivery_id]);

    fixture.tick();
    let again = replay(fixture, "again", ReplayDeadLetters::ALL).await;
    assert_eq!(again.total, 1);
    while step(fixture, 10).await {}
    assert!(letters(fixture, DeliveryFilter::default()).await.is_empty());
    let nothing = replay(fixture, "nothing", ReplayDeadLetters::ALL).await;
    assert_eq!((nothing.status, nothing.total), (JobStatus::Completed, 0));
    assert!(!step(fixture, 10).await, "there is nothing to go on with");
}

/// Each letter is counted once, whoever does it.
pub async fn no_two_workers_do_the_same_part_of_a_job(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await.id;
    bury(fixture, endpoint, 20).await;
    enable(fixture, endpoint).await;
    fixture.tick();
    let made = replay(fixture, "all", ReplayDeadLetters::ALL).await;
    let now = fixture.tickets.now();
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&fixture.store);
            tokio::spawn(async move { while store.replay_some(now, 3).await.expect("answered") {} })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
    while step(fixture, 3).await {}
    let completed = job(fixture, made.id).await;
    assert_eq!((completed.total, completed.done, completed.failed), (20, 20, 0));
}

/// Neither the job nor its letters are another realm's business.
pub async fn a_job_stays_in_its_realm(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await.id;
    for desk in [&fixture.desk, &fixture.decoy] {
        desk.disable_endpoint(&key("disable"), endpoint).await.expect("disabled");
    }
    fixture.ticket("one").await;
    for desk in [&fixture.desk, &fixture.decoy] {
        desk.enable_endpoint(&key("enable"), endpoint).await.expect("enabled");
    }
    fixture.tick();
    let made = replay(fixture, "all", ReplayDeadLetters::ALL).await;
    assert_eq!(made.total, 1);
    assert_eq!(fixture.decoy.replay_job(made.id).await.expect("read"), None);
    while step(fixture, 10).await {}
    let theirs = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let theirs = fixture.decoy.deliveries(&theirs, &PageRequest::first()).await.expect("read").data;
    assert_eq!(theirs.len(), 1);
}

/// Pending and dead, over all realms.
pub async fn the_backlog_is_counted(fixture: &Fixture) {
    let empty = fixture.store.backlog().await.expect("read");
    assert_eq!(empty, crate::store::Backlog::default());
    let endpoint = fixture.endpoint(9_000).await.id;
    fixture.ticket("one").await;
    let first = fixture.tickets.now();
    fixture.ticket("two").await;
    fixture.desk.disable_endpoint(&key("disable"), endpoint).await.expect("disabled");
    let backlog = fixture.store.backlog().await.expect("read");
    assert_eq!((backlog.pending, backlog.dead_letters), (2, 2), "the decoy's and the realm's");
    assert_eq!((backlog.oldest_due, backlog.oldest_dead_letter), (Some(first), Some(first)));
}
