use std::time::Duration;

use async_trait::async_trait;

use super::{DeliveryRow, MemoryStore, RealmData};
use crate::{
    model::{
        delivery::{Attempt, DeadReason, DeliveryStatus},
        endpoint::{DisabledReason, EndpointStatus},
    },
    platform::{realm::Realm, time::Timestamp},
    store::{DeliveryQueue, Lease, LeasedDelivery, NextStep, Result, Settled, WorkerId},
};

#[async_trait]
impl DeliveryQueue for MemoryStore {
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<LeasedDelivery>> {
        let mut world = self.world();
        let mut due: Vec<_> = world
            .realms
            .iter()
            .flat_map(|(realm, data)| data.deliveries.iter().map(move |(id, row)| (row.claimable_at(), *id, realm)))
            .filter_map(|(at, id, realm)| Some((at?, id, realm.clone())).filter(|(at, ..)| *at <= now))
            .collect();
        due.sort();
        due.truncate(limit);
        let lease_one = |(_, id, realm): (Timestamp, _, Realm)| {
            let data = world.realms.get_mut(&realm)?;
            let row = data.deliveries.get_mut(&id)?;
            let endpoint = &data.endpoints.get(&row.delivery.endpoint_id)?.endpoint;
            let event = data.events.get(&row.delivery.event_id)?;
            row.token += 1;
            row.lease = Some((worker, now + lease));
            Some(LeasedDelivery {
                lease: Lease { realm, delivery_id: id, token: row.token },
                endpoint_id: endpoint.id,
                url: endpoint.url.clone(),
                secrets: vec![endpoint.secret.clone()],
                event_id: event.id,
                payload: event.payload.clone(),
                attempts_before: u32::try_from(row.delivery.attempts.len()).unwrap_or(u32::MAX),
                failures: row.failures,
            })
        };
        Ok(due.into_iter().filter_map(lease_one).collect())
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let mut world = self.world();
        let held = world.realms.get_mut(&lease.realm).and_then(|data| data.held(lease));
        Ok(match held.and_then(|row| row.lease.as_mut()) {
            Some((_, end)) => {
                *end = until;
                Settled::Recorded
            }
            None => Settled::LeaseLost,
        })
    }

    async fn settle(&self, lease: &Lease, attempt: Attempt, next: NextStep) -> Result<Settled> {
        let mut world = self.world();
        let Some(data) = world.realms.get_mut(&lease.realm) else { return Ok(Settled::LeaseLost) };
        let Some(row) = data.held(lease) else { return Ok(Settled::LeaseLost) };
        let at = attempt.at;
        row.delivery.attempts.push(attempt);
        row.lease = None;
        let endpoint_id = row.delivery.endpoint_id;
        match next {
            NextStep::Delivered => {
                row.delivery.status = DeliveryStatus::Delivered;
                row.delivery.next_attempt_at = None;
            }
            NextStep::RetryAt(at) => {
                row.failures += 1;
                row.delivery.next_attempt_at = Some(at);
            }
            NextStep::DeadLetter => row.bury(DeadReason::Exhausted),
            NextStep::DisableEndpoint => data.bury_pending(endpoint_id, DeadReason::EndpointDisabled),
        }
        if let Some(row) = data.endpoints.get_mut(&endpoint_id) {
            row.endpoint.failing_since = match next {
                NextStep::Delivered => None,
                NextStep::RetryAt(_) | NextStep::DeadLetter | NextStep::DisableEndpoint => {
                    row.endpoint.failing_since.or(Some(at))
                }
            };
            if next == NextStep::DisableEndpoint {
                row.endpoint.status = EndpointStatus::Disabled;
                row.endpoint.disabled_reason = Some(DisabledReason::Gone);
            }
        }
        drop(world);
        self.work.notify_one();
        Ok(Settled::Recorded)
    }

    async fn release(&self, worker: WorkerId) -> Result<()> {
        let mut world = self.world();
        let rows = world.realms.values_mut().flat_map(|data| data.deliveries.values_mut());
        for row in rows.filter(|row| row.lease.is_some_and(|(holder, _)| holder == worker)) {
            row.lease = None;
        }
        drop(world);
        self.work.notify_one();
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let world = self.world();
        let rows = world.realms.values().flat_map(|data| data.deliveries.values());
        Ok(rows.filter_map(DeliveryRow::claimable_at).min())
    }

    async fn wait_for_work(&self) {
        self.work.notified().await;
    }
}

impl RealmData {
    /// The delivery of a lease that still holds.
    fn held(&mut self, lease: &Lease) -> Option<&mut DeliveryRow> {
        let row = self.deliveries.get_mut(&lease.delivery_id)?;
        (row.lease.is_some() && row.token == lease.token).then_some(row)
    }
}

impl DeliveryRow {
    /// When a worker may take it; none if it is not pending.
    fn claimable_at(&self) -> Option<Timestamp> {
        if self.delivery.status != DeliveryStatus::Pending {
            return None;
        }
        self.lease.map(|(_, end)| end).or(self.delivery.next_attempt_at)
    }
}
