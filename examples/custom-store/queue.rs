//! The outbox as workers see it.

use std::{io, time::Duration};

use async_trait::async_trait;
use sk_tickets_core::{
    DeliveryStatus, Timestamp,
    model::{
        delivery::{Attempt, DeadReason},
        endpoint::{DisabledReason, Endpoint, EndpointStatus},
    },
    store::{DeliveryQueue, Lease, LeasedDelivery, NextStep, Result, Settled, WorkerId},
};

use crate::{
    journal::{Batch, Journal},
    rows::{DeliveryRow, EndpointRow, EventRow, key},
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
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<LeasedDelivery>> {
        self.with(move |journal| {
            let mut due = deliveries(journal)?;
            due.retain(|row| row.claimable_at().is_some_and(|at| at <= now));
            due.sort_by_key(|row| (row.claimable_at(), row.delivery.id));
            let (mut leased, mut batch) = (Vec::new(), Batch::default());
            for mut row in due.into_iter().take(limit) {
                row.token += 1;
                row.lease = Some((worker.0, now + lease));
                put(&mut batch, &row)?;
                leased.extend(lease_of(journal, &row)?);
            }
            journal.write(batch)?;
            Ok(leased)
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

    async fn settle(&self, lease: &Lease, attempt: Attempt, next: NextStep) -> Result<Settled> {
        let lease = lease.clone();
        let settled = self.with(move |journal| settle(journal, &lease, attempt, next)).await?;
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

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.with(|journal| Ok(deliveries(journal)?.iter().filter_map(DeliveryRow::claimable_at).min())).await
    }

    async fn wait_for_work(&self) {
        self.work.notified().await;
    }
}

fn lease_of(journal: &Journal, row: &DeliveryRow) -> io::Result<Option<LeasedDelivery>> {
    let realm = row.realm()?;
    let endpoint = journal.get::<EndpointRow>(&key(&realm, "endpoint", row.delivery.endpoint_id))?;
    let event = journal.get::<EventRow>(&key(&realm, "event", row.delivery.event_id))?;
    let (Some(endpoint), Some(event)) = (endpoint, event) else { return Ok(None) };
    let (endpoint, event) = (endpoint.endpoint()?, event.event());
    Ok(Some(LeasedDelivery {
        lease: Lease { realm, delivery_id: row.delivery.id, token: row.token },
        endpoint_id: endpoint.id,
        url: endpoint.url,
        secrets: vec![endpoint.secret],
        event_id: event.id,
        payload: event.payload,
        attempts_before: u32::try_from(row.delivery.attempts.len()).unwrap_or(u32::MAX),
        failures: row.failures,
    }))
}

/// The attempt, the delivery and the endpoint, in one batch.
fn settle(journal: &mut Journal, lease: &Lease, attempt: Attempt, next: NextStep) -> io::Result<Settled> {
    let Some(mut row) = held(journal, lease)? else { return Ok(Settled::LeaseLost) };
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
        let mut endpoint: Endpoint = stored.endpoint()?;
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
