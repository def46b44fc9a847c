//! Attempts that are settled together.

use std::time::Duration;

use super::{
    super::fixture::Fixture,
    delivery::{ALICE, attempt, claim_all, deliveries},
};
use crate::{
    model::{
        delivery::{DeadReason, DeliveryFilter, DeliveryStatus},
        endpoint::EndpointStatus,
        page::PageRequest,
    },
    platform::realm::Realm,
    store::{Lease, NextStep, Settled, Settlement},
};

/// Each has its outcome, as if the others were not there; of two with one lease the first counts.
pub async fn settlements_that_go_together_are_independent(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    let other = fixture.endpoint(9_001).await;
    fixture.ticket("one").await;
    fixture.ticket("two").await;
    let held = claim_all(fixture, ALICE).await;
    let of = |realm: &Realm, endpoint_id| -> Vec<Lease> {
        let of_it = held.iter().filter(|one| one.lease.realm == *realm && one.endpoint_id == endpoint_id);
        of_it.map(|one| one.lease.clone()).collect()
    };
    let (mine, theirs) = (fixture.desk.realm(), fixture.decoy.realm());
    let [first, second] = &of(mine, endpoint.id)[..] else { panic!("two for each endpoint") };
    let [third, fourth] = &of(mine, other.id)[..] else { panic!("two for each endpoint") };
    let foreign = held.iter().find(|one| one.lease.realm == *theirs).expect("the decoy has some").lease.clone();
    let lost = Lease { token: fourth.token + 1, ..fourth.clone() };
    let retry_at = fixture.tickets.now() + Duration::from_secs(1);
    let settled = settle_all(
        fixture,
        [
            (first, 500, NextStep::RetryAt(retry_at)),
            (&lost, 200, NextStep::Delivered),
            (first, 200, NextStep::Delivered),
            (third, 200, NextStep::Delivered),
            (&foreign, 500, NextStep::DeadLetter),
            (second, 200, NextStep::Delivered),
            (fourth, 500, NextStep::DeadLetter),
        ],
    )
    .await;
    let (recorded, lost) = (Settled::Recorded, Settled::LeaseLost);
    assert_eq!(settled, [recorded, lost, lost, recorded, recorded, recorded, recorded]);

    let all = deliveries(fixture).await;
    let delivery = |lease: &Lease| all.iter().find(|one| one.id == lease.delivery_id).expect("there");
    assert!(all.iter().all(|one| one.attempts.len() == 1));
    assert_eq!(delivery(first).next_attempt_at, Some(retry_at));
    assert_eq!(delivery(first).attempts[0].status_code, Some(500));
    assert_eq!(delivery(second).status, DeliveryStatus::Delivered);
    assert_eq!(delivery(third).status, DeliveryStatus::Delivered);
    assert_eq!(delivery(fourth).reason, Some(DeadReason::Exhausted));
    let failing_since = async |id| fixture.desk.endpoint(id).await.expect("read").expect("there").failing_since;
    assert_eq!(failing_since(endpoint.id).await, None, "the success came last");
    assert_eq!(failing_since(other.id).await, Some(fixture.tickets.now()), "the failure did");
    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let theirs = fixture.decoy.deliveries(&letters, &PageRequest::first()).await.expect("read").data;
    assert_eq!(theirs.iter().map(|one| one.id).collect::<Vec<_>>(), [foreign.delivery_id]);
}

/// What went before is kept; what comes after it finds its lease lost; other endpoints do not notice.
pub async fn one_that_disables_its_endpoint_voids_those_after_it(fixture: &Fixture) {
    let gone = fixture.endpoint(9_000).await;
    let other = fixture.endpoint(9_001).await;
    for subject in ["one", "two", "three", "four"] {
        fixture.ticket(subject).await;
    }
    let held = claim_all(fixture, ALICE).await;
    let of = |endpoint_id| -> Vec<Lease> {
        let of_it =
            held.iter().filter(|one| one.lease.realm == *fixture.desk.realm() && one.endpoint_id == endpoint_id);
        of_it.map(|one| one.lease.clone()).collect()
    };
    let ([before, by, after, unsettled], others) = (&of(gone.id)[..], of(other.id)) else { panic!("four for each") };
    let settled = settle_all(
        fixture,
        [
            (before, 200, NextStep::Delivered),
            (by, 410, NextStep::DisableEndpoint),
            (after, 410, NextStep::DisableEndpoint),
            (&others[0], 200, NextStep::Delivered),
        ],
    )
    .await;
    assert_eq!(settled, [Settled::Recorded, Settled::Recorded, Settled::LeaseLost, Settled::Recorded]);

    let all = deliveries(fixture).await;
    let stands = |lease: &Lease| {
        let one = all.iter().find(|one| one.id == lease.delivery_id).expect("there");
        (one.status, one.reason, one.attempts.len())
    };
    let buried = |attempts| (DeliveryStatus::Dead, Some(DeadReason::EndpointDisabled), attempts);
    assert_eq!(stands(before), (DeliveryStatus::Delivered, None, 1));
    assert_eq!([by, after, unsettled].map(stands), [buried(1), buried(0), buried(0)]);
    assert_eq!(stands(&others[0]), (DeliveryStatus::Delivered, None, 1));
    assert_eq!(stands(&others[1]), (DeliveryStatus::Pending, None, 0));
    let status = async |id| fixture.desk.endpoint(id).await.expect("read").expect("there").status;
    assert_eq!(status(gone.id).await, EndpointStatus::Disabled);
    assert_eq!(status(other.id).await, EndpointStatus::Enabled);
}

/// Settles together, each an attempt that had this answer.
async fn settle_all<const N: usize>(fixture: &Fixture, all: [(&Lease, u16, NextStep); N]) -> Vec<Settled> {
    let settlements = all.map(|(lease, status_code, next)| Settlement {
        lease: lease.clone(),
        attempt: attempt(fixture, 1, status_code),
        next,
    });
    fixture.store.settle(&settlements).await.expect("answered")
}
