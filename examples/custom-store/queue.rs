//! The outbox as workers see it.

use std::{collections::BTreeMap, io, time::Duration};

use async_trait::async_trait;
use sk_tickets_core::{
    DeliveryStatus, Timestamp,
    model::{
        delivery::DeadReason,
        endpoint::{DisabledReason, Endpoint, EndpointStatus},
        replay_job::JobStatus,
    },
    store::{
        Backlog, Claimed, DeliveryQueue, DueQueue, Lane, Lease, LeasedDelivery, NextStep, Result, Settled, Settlement,
        Slots, WorkerId, choose,
    },
};

use crate::{
    journal::{Batch, Journal},
    reader::endpoint,
    rows::{DeliveryRow, EndpointRow, EventRow, JobRow, key},
    store::JournalStore,
    writer::{bury, put_endpoint},
};

impl DeliveryRow {
    /// Makes the delivery dead, and any lease on it void.
    pub(crate) fn bury(&mut self, reason: DeadReason) {
        self.delivery.status = DeliveryStatus::Dead;
        self.delivery.reason = Some(reason);
        self.delivery.next_attempt_at = None;
        self.lease = None;
    }

    /// Makes a dead letter pending, with the schedule from its start.
    pub(crate) fn revive(&mut self, at: Timestamp) {
        self.delivery.status = DeliveryStatus::Pending;
        self.delivery.reason = None;
        self.delivery.next_attempt_at = Some(at);
        self.failures = 0;
    }
}

/// The deliveries of all realms.
fn deliveries(journal: &Journal) -> io::Result<Vec<DeliveryRow>> {
    journal.pick(|key| key.split('/').nth(2) == Some("delivery"))
}

/// The delivery of a lease that still holds.
fn held(journal: &Journal, lease: &Lease) -> io::Result<Option<DeliveryRow>> {
    let row = journal.get::<DeliveryRow>(&key(&lease.realm, "delivery", lease.delivery_id))?;
    Ok(row.filter(|row| row.lease.is_some() && row.token == lease.token))
}

fn put(batch: &mut Batch, row: &DeliveryRow) -> io::Result<()> {
    batch.put(key(&row.realm()?, "delivery", row.delivery.id), row)
}

#[async_trait]
impl DeliveryQueue for JournalStore {
    async fn claim_due(&self, worker: WorkerId, now: Timestamp, lease: Duration, slots: Slots) -> Result<Claimed> {
        self.with(move |journal| {
            let (mut leased, mut batch) = (Vec::new(), Batch::default());
            for (lane, mut row) in choose(due_queues(journal, now)?, slots) {
                row.token += 1;
                row.lease = Some((worker.0, now + lease));
                put(&mut batch, &row)?;
                leased.extend(lease_of(journal, &row, lane)?);
            }
            journal.write(batch)?;
            let pending = deliveries(journal)?;
            let next = pending.iter().filter_map(DeliveryRow::claimable_at).filter(|at| *at > now).min();
            Ok(Claimed { deliveries: leased, next, replaying: first_job(journal)?.is_some() })
        })
        .await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let lease = lease.clone();
        self.with(move |journal| {
            let Some(mut row) = held(journal, &lease)? else { return Ok(Settled::LeaseLost) };
            row.lease = row.lease.map(|(worker, _)| (worker, until));
            let mut batch = Batch::default();
            put(&mut batch, &row)?;
            journal.write(batch)?;
            Ok(Settled::Recorded)
        })
        .await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let settlements = settlements.to_vec();
        let settled =
            self.with(move |journal| settlements.into_iter().map(|one| settle(journal, one)).collect()).await?;
        self.work.notify_one();
        Ok(settled)
    }

    async fn release(&self, worker: WorkerId) -> Result<()> {
        self.with(move |journal| {
            let mut batch = Batch::default();
            for mut row in deliveries(journal)? {
                if row.lease.take_if(|(holder, _)| *holder == worker.0).is_some() {
                    put(&mut batch, &row)?;
                }
            }
            journal.write(batch)
        })
        .await?;
        self.work.notify_one();
        Ok(())
    }

    async fn replay_some(&self, now: Timestamp, limit: usize) -> Result<bool> {
        let went_on = self.with(move |journal| replay_some(journal, now, limit)).await?;
        self.work.notify_one();
        Ok(went_on)
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.with(|journal| {
            let all = deliveries(journal)?;
            let letters = || all.iter().filter(|row| row.delivery.is_dead_letter());
            let due = || all.iter().filter_map(|row| row.delivery.next_attempt_at);
            Ok(Backlog {
                pending: due().count() as u64,
                oldest_due: due().min(),
                dead_letters: letters().count() as u64,
                oldest_dead_letter: letters().map(|row| row.delivery.created_at).min(),
            })
        })
        .await
    }

    async fn wait_for_work(&self) {
        self.work.notified().await;
    }
}

/// What is due for each endpoint, lane by lane.
fn due_queues(journal: &Journal, now: Timestamp) -> io::Result<Vec<DueQueue<DeliveryRow>>> {
    let mut queues = BTreeMap::new();
    for row in deliveries(journal)? {
        let Some(at) = row.claimable_at() else { continue };
        let endpoint_id = row.delivery.endpoint_id;
        let endpoint = journal.get::<EndpointRow>(&key(&row.realm()?, "endpoint", endpoint_id))?;
        let failing = endpoint.is_some_and(|row| row.endpoint().failing_since.is_some());
        let lane = Lane::of(failing, row.failures);
        let empty = DueQueue { lane, failing, in_flight: 0, due: Vec::new() };
        let queue = queues.entry((row.realm()?, endpoint_id, lane)).or_insert(empty);
        if at <= now {
            queue.due.push((at, row.delivery.id, row));
        } else if row.lease.is_some() {
            queue.in_flight += 1;
        }
    }
    Ok(queues.into_values().collect())
}

/// The job that was made first of those that are not completed.
fn first_job(journal: &Journal) -> io::Result<Option<JobRow>> {
    let jobs = journal.pick::<JobRow>(|key| key.split('/').nth(2) == Some("job"))?;
    Ok(jobs.into_iter().filter(|row| row.job.status != JobStatus::Completed).min_by_key(|row| row.job.id))
}

/// The letters and the job's progress, in one batch.
fn replay_some(journal: &mut Journal, now: Timestamp, limit: usize) -> io::Result<bool> {
    let Some(mut row) = first_job(journal)? else { return Ok(false) };
    let (realm, filter) = (row.realm()?, row.job.filter());
    let mut letters = journal.scan::<DeliveryRow>(&key(&realm, "delivery", "")).collect::<io::Result<Vec<_>>>()?;
    letters.retain(|letter| Some(letter.delivery.id) > row.cursor && filter.matches(&letter.delivery));
    letters.truncate(limit);
    let (mut batch, mut done, mut failed) = (Batch::default(), 0, 0);
    for mut letter in letters {
        row.cursor = Some(letter.delivery.id);
        let told = endpoint(journal, &realm, letter.delivery.endpoint_id)?;
        if told.is_some_and(|told| told.status == EndpointStatus::Enabled) {
            letter.revive(now);
            put(&mut batch, &letter)?;
            done += 1;
        } else {
            failed += 1;
        }
    }
    row.job.advance(done, failed, done + failed < limit as u64, now);
    batch.put(key(&realm, "job", row.job.id), &row)?;
    journal.write(batch)?;
    Ok(true)
}

fn lease_of(journal: &Journal, row: &DeliveryRow, lane: Lane) -> io::Result<Option<LeasedDelivery>> {
    let realm = row.realm()?;
    let endpoint = journal.get::<EndpointRow>(&key(&realm, "endpoint", row.delivery.endpoint_id))?;
    let event = journal.get::<EventRow>(&key(&realm, "event", row.delivery.event_id))?;
    let (Some(endpoint), Some(event)) = (endpoint, event) else { return Ok(None) };
    let (endpoint, event) = (endpoint.endpoint(), event.event());
    Ok(Some(LeasedDelivery {
        lease: Lease { realm, delivery_id: row.delivery.id, token: row.token },
        endpoint_id: endpoint.id,
        url: endpoint.url,
        secret: endpoint.secret,
        old_secrets: endpoint.old_secrets,
        event_id: event.id,
        payload: event.payload,
        attempts_before: u32::try_from(row.delivery.attempts.len()).unwrap_or(u32::MAX),
        failures: row.failures,
        lane,
    }))
}

/// The attempt, the delivery and the endpoint, in one batch.
fn settle(journal: &mut Journal, settlement: Settlement) -> io::Result<Settled> {
    let Settlement { lease, attempt, next } = settlement;
    let Some(mut row) = held(journal, &lease)? else { return Ok(Settled::LeaseLost) };
    let (realm, at, endpoint_id) = (&lease.realm, attempt.at, row.delivery.endpoint_id);
    let mut batch = Batch::default();
    row.delivery.attempts.push(attempt);
    row.lease = None;
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
        NextStep::DisableEndpoint => {
            bury(journal, &mut batch, realm, endpoint_id, DeadReason::EndpointDisabled)?;
            row.bury(DeadReason::EndpointDisabled);
        }
    }
    put(&mut batch, &row)?;
    if let Some(stored) = journal.get::<EndpointRow>(&key(realm, "endpoint", endpoint_id))? {
        let mut endpoint: Endpoint = stored.endpoint();
        endpoint.failing_since = match next {
            NextStep::Delivered => None,
            NextStep::RetryAt(_) | NextStep::DeadLetter | NextStep::DisableEndpoint => {
                endpoint.failing_since.or(Some(at))
            }
        };
        if next == NextStep::DisableEndpoint {
            endpoint.status = EndpointStatus::Disabled;
            endpoint.disabled_reason = Some(DisabledReason::Gone);
        }
        put_endpoint(&mut batch, realm, &endpoint)?;
    }
    journal.write(batch)?;
    Ok(Settled::Recorded)
}
