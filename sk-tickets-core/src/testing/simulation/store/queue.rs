use std::time::Duration;

use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    platform::{realm::Realm, time::Timestamp},
    store::{Backlog, Claimed, DeliveryQueue, Lease, NextStep, Result, Settled, Settlement, Slots, WorkerId},
    testing::simulation::{
        fault::Fault,
        oracle::{Lapse, Window},
        property::Property,
    },
};

#[async_trait]
impl DeliveryQueue for FaultyStore {
    async fn claim_due(&self, worker: WorkerId, now: Timestamp, lease: Duration, slots: Slots) -> Result<Claimed> {
        let call = self.inner.claim_due(worker, now, lease, slots);
        self.call("claim_due", call, |claimed, window| {
            for delivery in &claimed.deliveries {
                let given =
                    self.world.oracle().deliveries.given(of(&delivery.lease), worker.0, (now, now + lease), window);
                self.check_given(&given);
            }
            let ids: Vec<_> = claimed.deliveries.iter().map(|one| (one.lease.delivery_id, one.lease.token)).collect();
            format!("{ids:?}, next {:?}", claimed.next)
        })
        .await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let what = format!("renew {} {}", lease.delivery_id, lease.token);
        self.call(&what, self.inner.renew(lease, until), |settled, window| {
            if *settled == Settled::Recorded {
                let held = self.world.oracle().deliveries.renewed(of(lease), until, window);
                self.check_lease(&held);
            }
            format!("{settled:?}")
        })
        .await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let each = settlements
            .iter()
            .map(|Settlement { lease, next, .. }| format!("{} {} {next:?}", lease.delivery_id, lease.token));
        let what = format!("settle {}", each.collect::<Vec<_>>().join(", "));
        self.call(&what, self.inner.settle(settlements), |settled, window| {
            for (Settlement { lease, next, .. }, settled) in settlements.iter().zip(settled) {
                if *settled == Settled::Recorded {
                    self.delivery_settled(lease, *next, window);
                }
            }
            format!("{settled:?}")
        })
        .await
    }

    async fn release(&self, worker: WorkerId) -> Result<()> {
        self.call("release", self.inner.release(worker), |(), _| {
            self.world.oracle().deliveries.released(worker.0);
            String::new()
        })
        .await
    }

    async fn replay_some(&self, now: Timestamp, limit: usize) -> Result<bool> {
        self.call("replay_some", self.inner.replay_some(now, limit), |more, _| more.to_string()).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.read("backlog", self.inner.backlog()).await
    }

    async fn wait_for_work(&self) {
        // Nothing may come between the wake-up and the worker: dropped there, it would be lost by us.
        self.life.must_go_on().await;
        self.inner.wait_for_work().await;
    }
}

impl FaultyStore {
    /// Notes whether a lease could be given.
    pub(super) fn check_given(&self, given: &std::result::Result<bool, Lapse>) {
        let detail = given.as_ref().err().map(|Lapse(why)| why.clone()).unwrap_or_default();
        self.world.check(Property::LeaseIsExclusive, given.is_ok(), || detail);
        if *given == Ok(true) {
            self.world.note(Fault::LeaseRanOut);
        }
    }

    fn delivery_settled(&self, lease: &Lease, next: NextStep, window: Window) {
        let mut oracle = self.world.oracle();
        let held = oracle.deliveries.settled(of(lease), window);
        if next == NextStep::DisableEndpoint {
            oracle.deliveries.void(&lease.realm);
        }
        drop(oracle);
        self.check_lease(&held);
    }
}

fn of(lease: &Lease) -> (&Realm, String, u64) {
    (&lease.realm, lease.delivery_id.to_string(), lease.token)
}
