//! Who is served first: lanes, and how much of one endpoint is under way.

use std::{sync::Arc, time::Duration};

use super::{
    super::fixture::Fixture,
    delivery::{ALICE, BOB, EVERYTHING, LEASE, attempt, claim, deliveries, lone_endpoint, settle},
};
use crate::{
    limits::{FAILING_IN_FLIGHT_MAX, FIRST_IN_FLIGHT_MAX, RETRIES_IN_FLIGHT_MAX},
    platform::id::{DeliveryId, EndpointId},
    store::{Lane, Lease, LeasedDelivery, NextStep, Slots, WorkerId},
};

async fn tickets(fixture: &Fixture, name: &str, count: usize) {
    for number in 0..count {
        fixture.ticket(&format!("{name} {number}")).await;
    }
}

async fn claim_into(fixture: &Fixture, slots: Slots) -> Vec<LeasedDelivery> {
    fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, slots).await.expect("claimed").deliveries
}

fn of(leased: &[LeasedDelivery], endpoint: EndpointId) -> Vec<&LeasedDelivery> {
    leased.iter().filter(|one| one.endpoint_id == endpoint).collect()
}

fn ids(leased: &[LeasedDelivery]) -> Vec<DeliveryId> {
    leased.iter().map(|one| one.lease.delivery_id).collect()
}

/// The rest waits until one of them is settled.
pub async fn no_endpoint_has_more_leased_than_it_may(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await.id;
    tickets(fixture, "one of many", FIRST_IN_FLIGHT_MAX + 3).await;
    let leased = claim_into(fixture, EVERYTHING).await;
    assert_eq!(leased.len(), FIRST_IN_FLIGHT_MAX);
    assert!(leased.iter().all(|one| one.endpoint_id == endpoint && one.lane == Lane::First));
    assert!(claim(fixture, BOB).await.is_empty(), "be it by another worker");

    settle(fixture, &leased[0].lease, attempt(fixture, 1, 200), NextStep::Delivered).await;
    assert_eq!(claim(fixture, BOB).await.len(), 1);
    fixture.clock.advance(LEASE);
    assert_eq!(claim(fixture, BOB).await.len(), FIRST_IN_FLIGHT_MAX, "a lease that ran out does not count");
}

/// However many look at the same instant.
pub async fn concurrent_claims_keep_to_what_an_endpoint_may_have(fixture: &Fixture) {
    for port in [9_000, 9_001] {
        lone_endpoint(fixture, port).await;
    }
    tickets(fixture, "one of many", FIRST_IN_FLIGHT_MAX * 2).await;
    let now = fixture.tickets.now();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = Arc::clone(&fixture.store);
            tokio::spawn(async move { store.claim_due(WorkerId(worker), now, LEASE, EVERYTHING).await })
        })
        .collect();
    let mut leased = 0;
    for worker in workers {
        leased += worker.await.expect("no panic").expect("claimed").deliveries.len();
    }
    // What one of them held while another one looked is found by the next look.
    leased += claim(fixture, ALICE).await.len();
    assert_eq!(leased, FIRST_IN_FLIGHT_MAX * 2);
}

/// A long backlog is no disadvantage for another endpoint.
pub async fn the_endpoint_with_the_fewest_leased_comes_first(fixture: &Fixture) {
    let long = lone_endpoint(fixture, 9_000).await.id;
    tickets(fixture, "before", 4).await;
    let short = lone_endpoint(fixture, 9_001).await.id;
    tickets(fixture, "after", 1).await;

    let leased = claim_into(fixture, Slots { first: 3, retry: 0 }).await;
    assert_eq!(leased.iter().map(|one| one.endpoint_id).collect::<Vec<_>>(), [long, short, long]);
    let mut due: Vec<_> = deliveries(fixture).await;
    due.retain(|one| one.endpoint_id == long);
    due.sort_by_key(|one| (one.next_attempt_at, one.id));
    let expected: Vec<_> = due.iter().take(2).map(|one| one.id).collect();
    assert_eq!(ids(&leased).into_iter().filter(|id| expected.contains(id)).collect::<Vec<_>>(), expected);
}

/// What is likely to fail takes no slot from what is not.
pub async fn each_lane_has_slots_of_its_own(fixture: &Fixture) {
    let failing = lone_endpoint(fixture, 9_000).await.id;
    tickets(fixture, "to one", 1).await;
    let first = claim(fixture, ALICE).await.remove(0);
    settle(fixture, &first, attempt(fixture, 1, 500), NextStep::RetryAt(fixture.tickets.now())).await;
    let healthy = lone_endpoint(fixture, 9_001).await.id;
    tickets(fixture, "to both", 2).await;

    let none_for_retries = claim_into(fixture, Slots { first: 10, retry: 0 }).await;
    assert!(of(&none_for_retries, failing).is_empty(), "a first attempt to a failing endpoint is in that lane too");
    assert_eq!(of(&none_for_retries, healthy).len(), 2);
    let retries = claim_into(fixture, Slots { first: 0, retry: 10 }).await;
    assert_eq!(retries.len(), FAILING_IN_FLIGHT_MAX);
    assert_eq!((retries[0].endpoint_id, retries[0].lane), (failing, Lane::Retry));
    assert_eq!(retries[0].lease.delivery_id, first.delivery_id, "the longest due first");
}

/// Until an attempt succeeds.
pub async fn a_failing_endpoint_has_one_attempt_at_a_time(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    tickets(fixture, "one of many", 4).await;
    let leases = claim(fixture, ALICE).await;
    assert_eq!(leases.len(), 4);
    settle(fixture, &leases[0], attempt(fixture, 1, 500), NextStep::RetryAt(fixture.tickets.now())).await;
    assert!(claim(fixture, BOB).await.is_empty(), "three are still under way");
    for lease in &leases[1..] {
        settle(fixture, lease, attempt(fixture, 1, 500), NextStep::RetryAt(fixture.tickets.now())).await;
    }
    let probe = claim(fixture, BOB).await;
    assert_eq!(probe.len(), FAILING_IN_FLIGHT_MAX);
    assert!(claim(fixture, ALICE).await.is_empty());
    settle(fixture, &probe[0], attempt(fixture, 2, 200), NextStep::Delivered).await;
    assert_eq!(claim(fixture, ALICE).await.len(), RETRIES_IN_FLIGHT_MAX, "those left are retries");
}

/// When there may be something else to do: what is due later, and leases that run out.
pub async fn the_next_due_time_is_known(fixture: &Fixture) {
    let look = async || fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, Slots::NONE).await.expect("seen");
    assert_eq!(look().await.next, None);
    lone_endpoint(fixture, 9_000).await;
    tickets(fixture, "one", 1).await;
    let before = look().await;
    assert!(before.deliveries.is_empty(), "without a slot nothing is claimed");
    assert_eq!(before.next, None, "it is due already");
    let now = fixture.tickets.now();
    let leases: Vec<Lease> = claim(fixture, ALICE).await;
    assert_eq!(look().await.next, Some(now + LEASE));
    let later = now + Duration::from_secs(4);
    settle(fixture, &leases[0], attempt(fixture, 1, 500), NextStep::RetryAt(later)).await;
    assert_eq!(look().await.next, Some(later));
    assert!(!look().await.replaying);
}
