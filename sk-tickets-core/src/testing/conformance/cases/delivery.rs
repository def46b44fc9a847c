//! The outbox: leases, attempts, the schedule, dead letters.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::super::fixture::{Fixture, key};
use crate::{
    model::{
        delivery::{Attempt, DeadReason, Delivery, DeliveryFilter, DeliveryStatus, DiscardDeadLetter},
        endpoint::{CreateEndpoint, DisabledReason, EndpointStatus, EndpointView},
        page::PageRequest,
    },
    platform::{
        time::{Clock, Timestamp},
        webhook::{SignatureHeaders, WebhookSecret, verify},
    },
    store::{Lease, LeasedDelivery, NextStep, Settled, Settlement, Slots, WorkerId},
    testing::ScriptedSender,
};

pub(super) const LEASE: Duration = Duration::from_secs(10);
pub(super) const ALICE: WorkerId = WorkerId(1);
pub(super) const BOB: WorkerId = WorkerId(2);
/// Room for all that there is.
pub(super) const EVERYTHING: Slots = Slots { first: 100, retry: 100 };

pub(super) async fn claim_all(fixture: &Fixture, worker: WorkerId) -> Vec<LeasedDelivery> {
    fixture.store.claim_due(worker, fixture.tickets.now(), LEASE, EVERYTHING).await.expect("claimed").deliveries
}

pub(super) async fn claim(fixture: &Fixture, worker: WorkerId) -> Vec<Lease> {
    claim_all(fixture, worker).await.into_iter().map(|delivery| delivery.lease).collect()
}

/// Settles what is still leased.
pub(super) async fn settle(fixture: &Fixture, lease: &Lease, attempt: Attempt, next: NextStep) {
    assert_eq!(try_settle(fixture, lease, attempt, next).await, Settled::Recorded);
}

/// Settles by itself.
async fn try_settle(fixture: &Fixture, lease: &Lease, attempt: Attempt, next: NextStep) -> Settled {
    let settlement = Settlement { lease: lease.clone(), attempt, next };
    let [settled] = fixture.store.settle(&[settlement]).await.expect("answered")[..] else { panic!("one answer") };
    settled
}

pub(super) fn attempt(fixture: &Fixture, number: u32, status_code: u16) -> Attempt {
    Attempt {
        number,
        at: fixture.tickets.now(),
        status_code: Some(status_code),
        error: (status_code >= 300).then(|| format!("answered {status_code}")),
        latency_ms: 12,
        response: Some("noted ✓".to_owned()),
    }
}

pub(super) async fn deliveries(fixture: &Fixture) -> Vec<Delivery> {
    fixture.desk.deliveries(&DeliveryFilter::default(), &PageRequest::first().limit(100)).await.expect("read").data
}

/// Only what is in the realm that a case looks at: the decoy has an endpoint of its own.
fn mine(fixture: &Fixture, leases: Vec<Lease>) -> Vec<Lease> {
    leases.into_iter().filter(|lease| lease.realm == *fixture.desk.realm()).collect()
}

/// Eight workers at once share the deliveries out, and never more than they ask for.
pub async fn no_two_claims_give_the_same_delivery(fixture: &Fixture) {
    for port in 9_000..9_005 {
        fixture.endpoint(port).await;
    }
    for number in 0..4 {
        fixture.ticket(&format!("number {number}")).await;
    }
    let now = fixture.tickets.now();
    let few = Slots { first: 3, retry: 0 };
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = Arc::clone(&fixture.store);
            tokio::spawn(async move { store.claim_due(WorkerId(worker), now, LEASE, few).await.expect("claimed") })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        let due = worker.await.expect("no panic").deliveries;
        assert!(due.len() <= 3);
        claimed.extend(due.into_iter().map(|delivery| delivery.lease));
    }
    claimed.extend(claim(fixture, ALICE).await);
    assert_eq!(claimed.len(), 40, "five times four in each of two realms");
    let mut distinct: Vec<_> = claimed.into_iter().map(|lease| (lease.realm, lease.delivery_id)).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 40);
    assert!(claim(fixture, BOB).await.is_empty());
}

/// Once it ran out, another has the delivery, and nothing can be settled or renewed with it.
pub async fn a_lease_that_ran_out_is_fenced(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    let old = mine(fixture, claim(fixture, ALICE).await).remove(0);
    fixture.clock.advance(LEASE - Duration::from_millis(1));
    assert!(claim(fixture, BOB).await.is_empty());
    fixture.tick();
    let new = mine(fixture, claim(fixture, BOB).await).remove(0);
    assert_eq!(new.delivery_id, old.delivery_id);
    assert!(new.token > old.token);

    let settled = try_settle(fixture, &old, attempt(fixture, 1, 200), NextStep::Delivered).await;
    assert_eq!(settled, Settled::LeaseLost);
    let renewed = fixture.store.renew(&old, fixture.tickets.now() + LEASE).await.expect("answered");
    assert_eq!(renewed, Settled::LeaseLost);
    assert_eq!(deliveries(fixture).await[0].attempts, []);

    let settled = try_settle(fixture, &new, attempt(fixture, 1, 200), NextStep::Delivered).await;
    assert_eq!(settled, Settled::Recorded);
    let settled = try_settle(fixture, &new, attempt(fixture, 2, 200), NextStep::Delivered).await;
    assert_eq!(settled, Settled::LeaseLost, "a lease ends when it is settled");
    assert_eq!(deliveries(fixture).await[0].attempts.len(), 1);
}

/// Who renews keeps the delivery.
pub async fn a_lease_can_be_renewed(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    let leases = claim(fixture, ALICE).await;
    fixture.clock.advance(LEASE / 2);
    for lease in &leases {
        let renewed = fixture.store.renew(lease, fixture.tickets.now() + LEASE).await.expect("answered");
        assert_eq!(renewed, Settled::Recorded);
    }
    fixture.clock.advance(LEASE - Duration::from_millis(1));
    assert!(claim(fixture, BOB).await.is_empty());
    fixture.tick();
    assert_eq!(claim(fixture, BOB).await.len(), leases.len());
}

/// Attempt, delivery and endpoint change together; a success ends a failing streak.
pub async fn settling_records_the_attempt(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    let failing_since = async || fixture.desk.endpoint(endpoint.id).await.expect("read").expect("there").failing_since;

    let lease = mine(fixture, claim(fixture, ALICE).await).remove(0);
    let first = attempt(fixture, 1, 500);
    let retry_at = fixture.tickets.now() + Duration::from_secs(1);
    let settled = try_settle(fixture, &lease, first.clone(), NextStep::RetryAt(retry_at)).await;
    assert_eq!(settled, Settled::Recorded);
    let delivery = deliveries(fixture).await.remove(0);
    assert_eq!(delivery.attempts, std::slice::from_ref(&first));
    assert_eq!((delivery.status, delivery.next_attempt_at), (DeliveryStatus::Pending, Some(retry_at)));
    assert_eq!(failing_since().await, Some(first.at));

    assert!(mine(fixture, claim(fixture, ALICE).await).is_empty(), "not due yet");
    fixture.clock.set(retry_at);
    let due =
        claim_all(fixture, ALICE).await.into_iter().find(|due| due.lease.realm == *fixture.desk.realm()).expect("due");
    assert_eq!((due.attempts_before, due.failures), (1, 1));
    assert_eq!(due.url, endpoint.url);
    let second = attempt(fixture, 2, 204);
    let settled = try_settle(fixture, &due.lease, second.clone(), NextStep::Delivered).await;
    assert_eq!(settled, Settled::Recorded);
    let delivery = deliveries(fixture).await.remove(0);
    assert_eq!(delivery.attempts, [first, second]);
    assert_eq!((delivery.status, delivery.next_attempt_at), (DeliveryStatus::Delivered, None));
    assert_eq!(failing_since().await, None);
}

/// 410: the endpoint is disabled, and all it was not told waits in dead letters.
pub async fn a_receiver_that_is_gone_is_disabled(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    fixture.ticket("two").await;
    let leases = mine(fixture, claim(fixture, ALICE).await);
    let gone = attempt(fixture, 1, 410);
    let settled = try_settle(fixture, &leases[0], gone, NextStep::DisableEndpoint).await;
    assert_eq!(settled, Settled::Recorded);
    let after = fixture.desk.endpoint(endpoint.id).await.expect("read").expect("there");
    assert_eq!(after.status, EndpointStatus::Disabled);
    assert_eq!(after.disabled_reason.map(DisabledReason::as_str), Some("gone"));
    let all = deliveries(fixture).await;
    assert!(all.iter().all(|delivery| delivery.reason == Some(DeadReason::EndpointDisabled)));
    assert_eq!(all.iter().map(|delivery| delivery.attempts.len()).sum::<usize>(), 1);
    let late = try_settle(fixture, &leases[1], attempt(fixture, 1, 200), NextStep::Delivered).await;
    assert_eq!(late, Settled::LeaseLost);
}

/// Handed back, they are due as they were, for anybody.
pub async fn released_deliveries_are_due_again(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    let held = claim(fixture, ALICE).await;
    fixture.store.release(BOB).await.expect("released");
    assert!(claim(fixture, BOB).await.is_empty(), "who holds nothing releases nothing");
    fixture.store.release(ALICE).await.expect("released");
    assert_eq!(claim(fixture, BOB).await.len(), held.len());
    let late = try_settle(fixture, &held[0], attempt(fixture, 1, 200), NextStep::Delivered).await;
    assert_eq!(late, Settled::LeaseLost);
}

/// The second wait returns at once.
pub async fn work_committed_between_two_waits_is_not_missed(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    for number in 0..3 {
        fixture.ticket(&format!("number {number}")).await;
        woken(fixture.store.wait_for_work()).await;
    }
    let store = Arc::clone(&fixture.store);
    let waiting = tokio::spawn(async move { woken(store.wait_for_work()).await });
    fixture.ticket("the last").await;
    waiting.await.expect("woken");
}

/// Fails where the case would otherwise wait for ever.
#[expect(clippy::disallowed_methods, reason = "how long a test waits for what should come at once")]
async fn woken(work: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("a worker that waits is woken");
}

/// Only a dead letter can be; after that it is none.
pub async fn a_dead_letter_is_replayed_or_discarded(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    for subject in ["one", "two", "three"] {
        fixture.ticket(subject).await;
    }
    for (lease, next) in mine(fixture, claim(fixture, ALICE).await).iter().zip([
        NextStep::DeadLetter,
        NextStep::DeadLetter,
        NextStep::Delivered,
    ]) {
        settle(fixture, lease, attempt(fixture, 1, 500), next).await;
    }
    let filter = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let letters = async || fixture.desk.deliveries(&filter, &PageRequest::first()).await.expect("read").data;
    let dead = letters().await;
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|letter| letter.reason == Some(DeadReason::Exhausted)));

    fixture.tick();
    let replayed = fixture.desk.replay_dead_letter(&key("replay"), dead[0].id).await.expect("replayed").value;
    assert_eq!((replayed.status, replayed.reason), (DeliveryStatus::Pending, None));
    assert_eq!(replayed.next_attempt_at, Some(fixture.tickets.now()));
    assert_eq!(fixture.desk.delivery(dead[0].id).await.expect("read").as_ref(), Some(&replayed));
    let again = fixture.desk.replay_dead_letter(&key("again"), dead[0].id).await.expect_err("not dead");
    assert_eq!(again.code(), "not_a_dead_letter");

    let discard = || DiscardDeadLetter { reason: "not needed".parse().expect("lawful") };
    let gone = fixture.desk.discard_dead_letter(&key("discard"), dead[1].id, discard()).await.expect("discarded").value;
    assert_eq!((gone.status, gone.reason), (DeliveryStatus::Dead, Some(DeadReason::Discarded)));
    assert_eq!(gone.discard_reason.as_deref(), Some("not needed"));
    assert_eq!(fixture.desk.delivery(gone.id).await.expect("read").as_ref(), Some(&gone));
    assert!(letters().await.is_empty());
    let again = fixture.desk.replay_dead_letter(&key("late"), dead[1].id).await.expect_err("given up");
    assert_eq!(again.code(), "not_a_dead_letter");
    let stranger = fixture.decoy.replay_dead_letter(&key("theirs"), dead[1].id).await.expect_err("not dead there");
    assert_eq!(stranger.code(), "not_a_dead_letter");

    let due = claim_all(fixture, BOB).await.into_iter().find(|due| due.lease.delivery_id == dead[0].id).expect("due");
    assert_eq!((due.attempts_before, due.failures), (1, 0), "attempts are kept, the schedule starts afresh");
}

/// A worker on a clock that is set by hand: runs it to the next due time again and again, until nothing is due.
async fn run_dispatcher(fixture: &Fixture, sender: &Arc<ScriptedSender>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let dispatcher = fixture.tickets.dispatcher(Arc::clone(sender) as _);
    let worker = tokio::spawn(async move {
        dispatcher
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    while let Some(due) = deliveries(fixture).await.iter().filter_map(|delivery| delivery.next_attempt_at).min() {
        if due > fixture.tickets.now() {
            fixture.clock.set(Timestamp::from_millis(due.as_millis() - 1));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            fixture.clock.set(due);
        }
        tokio::task::yield_now().await;
    }
    stop.send(()).expect("the worker is there");
    worker.await.expect("the worker stops");
}

fn assert_signed(sender: &ScriptedSender, secret: &WebhookSecret) {
    for (at, request) in sender.sent() {
        let headers =
            SignatureHeaders { id: &request.id, timestamp: &request.timestamp, signature: &request.signature };
        assert_eq!(verify(secret, headers, &request.body, at), Ok(()), "signed at the time of the attempt");
    }
}

/// An endpoint without a twin in the decoy, so that all that is sent is for it.
pub(super) async fn lone_endpoint(fixture: &Fixture, port: u16) -> EndpointView {
    fixture.tick();
    let create = CreateEndpoint::new(format!("http://127.0.0.1:{port}/").parse().expect("lawful"));
    fixture.desk.create_endpoint(&key(&format!("lone {port}")), create).await.expect("made").value
}

async fn lone_secret(fixture: &Fixture) -> WebhookSecret {
    let made = lone_endpoint(fixture, 9_000).await;
    WebhookSecret::parse(made.secret.expect("told once").expose()).expect("a secret")
}

/// 500 three times, then 200: four attempts at 0, 1, 5 and 21 s, one id, four valid signatures.
pub async fn the_schedule_is_kept_to_the_millisecond(fixture: &Fixture) {
    let secret = lone_secret(fixture).await;
    fixture.ticket("one").await;
    let start = fixture.tickets.now();
    let sender = Arc::new(ScriptedSender::new(Arc::clone(&fixture.clock) as Arc<dyn Clock>, [500, 0, 500], 200));
    run_dispatcher(fixture, &sender).await;

    let sent = sender.sent();
    let seconds: Vec<_> = sent.iter().map(|(at, _)| at.since(start).as_millis()).collect();
    assert_eq!(seconds, [0, 1_000, 5_000, 21_000]);
    assert!(sent.iter().all(|(_, request)| request.id == sent[0].1.id && request.body == sent[0].1.body));
    let mut signatures: Vec<_> = sent.iter().map(|(_, request)| request.signature.clone()).collect();
    signatures.sort();
    signatures.dedup();
    assert_eq!(signatures.len(), 4);
    assert_signed(&sender, &secret);

    let delivery = deliveries(fixture).await.remove(0);
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    assert_eq!(delivery.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(delivery.attempts[1].error.as_deref(), Some("connection refused"));
    assert_eq!(delivery.attempts[3].response.as_deref(), Some("noted"));
}

/// Eight attempts in 2 h 36 m 21 s, then a dead letter; a replay reaches the receiver once it is back.
pub async fn what_always_fails_is_a_dead_letter_after_eight_attempts(fixture: &Fixture) {
    let secret = lone_secret(fixture).await;
    fixture.ticket("one").await;
    let start = fixture.tickets.now();
    let sender = Arc::new(ScriptedSender::new(Arc::clone(&fixture.clock) as Arc<dyn Clock>, [], 503));
    run_dispatcher(fixture, &sender).await;

    let seconds: Vec<_> = sender.sent().iter().map(|(at, _)| at.since(start).as_secs()).collect();
    assert_eq!(seconds, [0, 1, 5, 21, 81, 381, 2_181, 9_381]);
    let letter = deliveries(fixture).await.remove(0);
    assert_eq!((letter.status, letter.reason), (DeliveryStatus::Dead, Some(DeadReason::Exhausted)));
    assert_eq!(letter.attempts.len(), 8);

    sender.answer_with(200);
    fixture.clock.advance(Duration::from_secs(3_600));
    fixture.desk.replay_dead_letter(&key("replay"), letter.id).await.expect("replayed");
    run_dispatcher(fixture, &sender).await;
    let sent = sender.sent();
    assert_eq!(sent.len(), 9);
    assert_eq!(sent[8].1.id, sent[0].1.id, "a replay keeps the webhook-id");
    assert_signed(&sender, &secret);
    let delivery = deliveries(fixture).await.remove(0);
    assert_eq!((delivery.status, delivery.attempts.len()), (DeliveryStatus::Delivered, 9));
}
