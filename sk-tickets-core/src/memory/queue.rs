use std::{collections::BTreeMap, ops::Bound, time::Duration};

use async_trait::async_trait;

use super::{DeliveryRow, EndpointRow, JobRow, MemoryStore, RealmData};
use crate::{
    model::{
        delivery::{DeadReason, DeliveryStatus},
        endpoint::{DisabledReason, EndpointStatus},
        replay_job::JobStatus,
    },
    platform::{id::DeliveryId, realm::Realm, time::Timestamp},
    store::{
        Backlog, Claimed, DeliveryQueue, DueQueue, Lane, Lease, LeasedDelivery, NextStep, Result, Settled, Settlement,
        Slots, WorkerId, choose,
    },
};

#[async_trait]
impl DeliveryQueue for MemoryStore {
    async fn claim_due(&self, worker: WorkerId, now: Timestamp, lease: Duration, slots: Slots) -> Result<Claimed> {
        let mut world = self.world();
        let queues: Vec<_> = world.realms.iter().flat_map(|(realm, data)| data.queues(realm, now)).collect();
        let mut deliveries = Vec::new();
        for (lane, (realm, id)) in choose(queues, slots) {
            let leased = world.realms.get_mut(&realm).and_then(|data| {
                let row = data.deliveries.get_mut(&id)?;
                row.token += 1;
                row.lease = Some((worker, now + lease));
                let endpoint = &data.endpoints.get(&row.delivery.endpoint_id)?.endpoint;
                let event = data.events.get(&row.delivery.event_id)?;
                Some(LeasedDelivery {
                    lease: Lease { realm, delivery_id: id, token: row.token },
                    endpoint_id: endpoint.id,
                    url: endpoint.url.clone(),
                    secret: endpoint.secret.clone(),
                    old_secrets: endpoint.old_secrets.clone(),
                    event_id: event.id,
                    payload: event.payload.clone(),
                    attempts_before: u32::try_from(row.delivery.attempts.len()).unwrap_or(u32::MAX),
                    failures: row.failures,
                    lane,
                })
            });
            deliveries.extend(leased);
        }
        let rows = world.realms.values().flat_map(|data| data.deliveries.values());
        let next = rows.filter_map(DeliveryRow::claimable_at).filter(|at| *at > now).min();
        let replaying = world.realms.values().flat_map(|data| data.jobs.values()).any(JobRow::is_unfinished);
        Ok(Claimed { deliveries, next, replaying })
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

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let mut world = self.world();
        let settled = settlements.iter().map(|one| match world.realms.get_mut(&one.lease.realm) {
            Some(data) => data.settle(one),
            None => Settled::LeaseLost,
        });
        let settled = settled.collect();
        drop(world);
        self.work.notify_one();
        Ok(settled)
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

    async fn replay_some(&self, now: Timestamp, limit: usize) -> Result<bool> {
        let mut world = self.world();
        let jobs = world.realms.values_mut().filter_map(|data| {
            let id = *data.jobs.iter().find(|(_, row)| row.is_unfinished())?.0;
            Some((id, data))
        });
        let Some((id, data)) = jobs.min_by_key(|(id, _)| *id) else { return Ok(false) };
        let RealmData { jobs, deliveries, endpoints, .. } = data;
        let Some(JobRow { job, cursor }) = jobs.get_mut(&id) else { return Ok(false) };
        let (filter, beyond) = (job.filter(), cursor.map_or(Bound::Unbounded, Bound::Excluded));
        let (mut done, mut failed) = (0, 0);
        let letters = deliveries.range_mut((beyond, Bound::Unbounded));
        for (id, row) in letters.filter(|(_, row)| filter.matches(&row.delivery)).take(limit) {
            *cursor = Some(*id);
            if endpoints.get(&row.delivery.endpoint_id).is_some_and(EndpointRow::is_told) {
                row.revive(now);
                done += 1;
            } else {
                failed += 1;
            }
        }
        job.advance(done, failed, done + failed < limit as u64, now);
        drop(world);
        self.work.notify_one();
        Ok(true)
    }

    async fn backlog(&self) -> Result<Backlog> {
        let world = self.world();
        let mut backlog = Backlog::default();
        for DeliveryRow { delivery, .. } in world.realms.values().flat_map(|data| data.deliveries.values()) {
            if let Some(due) = delivery.next_attempt_at {
                backlog.pending += 1;
                backlog.oldest_due = Some(backlog.oldest_due.map_or(due, |oldest| oldest.min(due)));
            }
            if delivery.is_dead_letter() {
                backlog.dead_letters += 1;
                let at = delivery.created_at;
                backlog.oldest_dead_letter = Some(backlog.oldest_dead_letter.map_or(at, |oldest| oldest.min(at)));
            }
        }
        Ok(backlog)
    }

    async fn wait_for_work(&self) {
        self.work.notified().await;
    }
}

impl JobRow {
    fn is_unfinished(&self) -> bool {
        self.job.status != JobStatus::Completed
    }
}

impl RealmData {
    /// What is due for each endpoint, lane by lane.
    fn queues(&self, realm: &Realm, now: Timestamp) -> impl Iterator<Item = DueQueue<(Realm, DeliveryId)>> {
        let mut queues = BTreeMap::new();
        for (id, row) in &self.deliveries {
            let (endpoint_id, Some(claimable_at)) = (row.delivery.endpoint_id, row.claimable_at()) else { continue };
            let failing = self.endpoints.get(&endpoint_id).is_some_and(|row| row.endpoint.failing_since.is_some());
            let lane = Lane::of(failing, row.failures);
            let empty = DueQueue { lane, failing, in_flight: 0, due: Vec::new() };
            let queue = queues.entry((endpoint_id, lane)).or_insert(empty);
            if claimable_at <= now {
                queue.due.push((claimable_at, *id, (realm.clone(), *id)));
            } else if row.lease.is_some() {
                queue.in_flight += 1;
            }
        }
        queues.into_values()
    }

    fn settle(&mut self, settlement: &Settlement) -> Settled {
        let Settlement { lease, attempt, next } = settlement;
        let Some(row) = self.held(lease) else { return Settled::LeaseLost };
        row.delivery.attempts.push(attempt.clone());
        row.lease = None;
        let endpoint_id = row.delivery.endpoint_id;
        match *next {
            NextStep::Delivered => {
                row.delivery.status = DeliveryStatus::Delivered;
                row.delivery.next_attempt_at = None;
            }
            NextStep::RetryAt(at) => {
                row.failures += 1;
                row.delivery.next_attempt_at = Some(at);
            }
            NextStep::DeadLetter => row.bury(DeadReason::Exhausted),
            NextStep::DisableEndpoint => self.bury_pending(endpoint_id, DeadReason::EndpointDisabled),
        }
        if let Some(row) = self.endpoints.get_mut(&endpoint_id) {
            row.endpoint.failing_since = match next {
                NextStep::Delivered => None,
                NextStep::RetryAt(_) | NextStep::DeadLetter | NextStep::DisableEndpoint => {
                    row.endpoint.failing_since.or(Some(attempt.at))
                }
            };
            if *next == NextStep::DisableEndpoint {
                row.endpoint.status = EndpointStatus::Disabled;
                row.endpoint.disabled_reason = Some(DisabledReason::Gone);
            }
        }
        Settled::Recorded
    }

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
