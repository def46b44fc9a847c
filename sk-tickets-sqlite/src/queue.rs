//! The outbox as workers see it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::delivery::{Attempt, DeadReason},
    platform::{
        id::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    store::{self, Backlog, Claimed, DeliveryQueue, Lease, NextStep, Settled, Settlement, Slots, WorkerId},
};

use crate::{
    claim::claim,
    columns::Columns,
    error::Result,
    guard::{Guarded, Scope},
    lease::{DELIVERIES, NOTIFICATIONS},
    outbox,
    pool::snapshot,
    realms::{RealmNumber, Realms},
    replay,
    store::SqliteStore,
    writer::Verdict,
};

#[async_trait]
impl DeliveryQueue for SqliteStore {
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        slots: Slots,
    ) -> store::Result<Claimed> {
        self.write_unsynced("claim deliveries", move |guarded| {
            claim(guarded, worker, now, now + lease, slots).map(Verdict::Keep)
        })
        .await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> store::Result<Settled> {
        let realms = Arc::clone(&self.inner.realms);
        let lease = lease.clone();
        self.write_unsynced("renew a lease", move |guarded| {
            let id = lease.delivery_id.to_bytes();
            DELIVERIES.renew(guarded, &realms, &lease.realm, id, lease.token, until).map(Verdict::Keep)
        })
        .await
    }

    async fn settle(&self, settlements: &[Settlement]) -> store::Result<Vec<Settled>> {
        let realms = Arc::clone(&self.inner.realms);
        let settlements = settlements.to_vec();
        self.write_unsynced("settle deliveries", move |guarded| {
            let settled: Vec<_> = settlements.iter().map(|one| settle(guarded, &realms, one)).collect::<Result<_>>()?;
            // It may be due before anything that the workers wait for.
            let due_again = |(one, settled): (&Settlement, &Settled)| {
                *settled == Settled::Recorded && matches!(one.next, NextStep::RetryAt(_))
            };
            let wakes = settlements.iter().zip(&settled).any(due_again);
            Ok(if wakes { Verdict::KeepAndWake(settled) } else { Verdict::Keep(settled) })
        })
        .await
    }

    async fn release(&self, worker: WorkerId) -> store::Result<()> {
        self.write_unsynced("release leases", move |guarded| {
            DELIVERIES.end_of(guarded, worker).map(Verdict::KeepAndWake)
        })
        .await
    }

    async fn replay_some(&self, now: Timestamp, limit: usize) -> store::Result<bool> {
        self.write("replay dead letters", move |guarded| replay::go_on(guarded, now, limit)).await
    }

    async fn backlog(&self) -> store::Result<Backlog> {
        let count = |connection: &Connection| snapshot(connection, || backlog(connection));
        self.inner.readers.read("count what waits", move |guarded| guarded.within(Scope::Worker, count)).await
    }

    async fn wait_for_work(&self) {
        self.inner.wakeup.wait().await;
    }
}

impl SqliteStore {
    /// Ends every lease, whoever holds it; what was held is due as it was before.
    ///
    /// For a server that starts and knows that none but its dead predecessor can hold any: it need not wait until
    /// they run out.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn void_leases(&self) -> store::Result<()> {
        self.write("void leases", |guarded| {
            NOTIFICATIONS.end_all(guarded)?;
            DELIVERIES.end_all(guarded).map(Verdict::KeepAndWake)
        })
        .await
    }
}

// Each reads an index and nothing else.
const PENDING: &str = "SELECT count(*), min(next_attempt_at) FROM worker_deliveries";
const DEAD_LETTERS: &str = "SELECT count(*), min(created_at) FROM worker_dead_letters";

fn backlog(connection: &Connection) -> Result<Backlog> {
    let count = |sql: &str| -> Result<(u64, Option<Timestamp>)> {
        let counted = connection.prepare_cached(sql)?.query_row([], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.number()?, columns.maybe_time()?))
        })?;
        Ok(counted)
    };
    let (pending, oldest_due) = count(PENDING)?;
    let (dead_letters, oldest_dead_letter) = count(DEAD_LETTERS)?;
    Ok(Backlog { pending, oldest_due, dead_letters, oldest_dead_letter })
}

/// How a delivery stands after an attempt.
struct Standing {
    status: &'static str,
    reason: Option<DeadReason>,
    due: Option<Timestamp>,
    /// How many failures the attempt adds.
    failures: u32,
}

impl From<NextStep> for Standing {
    fn from(next: NextStep) -> Self {
        match next {
            NextStep::Delivered => Self { status: "delivered", reason: None, due: None, failures: 0 },
            NextStep::RetryAt(at) => Self { status: "pending", reason: None, due: Some(at), failures: 1 },
            NextStep::DeadLetter => {
                Self { status: "dead", reason: Some(DeadReason::Exhausted), due: None, failures: 1 }
            }
            NextStep::DisableEndpoint => {
                Self { status: "dead", reason: Some(DeadReason::EndpointDisabled), due: None, failures: 1 }
            }
        }
    }
}

fn settle(guarded: &Guarded, realms: &Realms, settlement: &Settlement) -> Result<Settled> {
    let Some(realm) = realms.find_written(guarded, &settlement.lease.realm)? else { return Ok(Settled::LeaseLost) };
    guarded.within(Scope::Realm(realm), |connection| settle_within(connection, realm, settlement))
}

fn settle_within(connection: &Connection, realm: RealmNumber, settlement: &Settlement) -> Result<Settled> {
    let Settlement { lease, attempt, next } = settlement;
    let Some((endpoint, was_failing)) = leased(connection, realm, lease)? else { return Ok(Settled::LeaseLost) };
    let Standing { status, reason, due, failures } = (*next).into();
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET status = ?3, reason = ?4, next_attempt_at = ?5, claimable_at = ?5, attempts = attempts + 1,
                 failures = failures + ?6, lease_owner = NULL
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![
            realm,
            lease.delivery_id.to_bytes(),
            status,
            reason.map(DeadReason::as_str),
            due.map(Timestamp::as_millis),
            failures,
        ])?;
    insert_attempt(connection, realm, lease.delivery_id, attempt)?;
    let fails = *next != NextStep::Delivered;
    if fails != was_failing {
        set_failing_since(connection, realm, endpoint, fails.then_some(attempt.at))?;
    }
    if *next == NextStep::DisableEndpoint {
        disable(connection, realm, endpoint)?;
    }
    Ok(Settled::Recorded)
}

/// For which endpoint the delivery is, and whether that is failing; none if the lease does not hold. Nobody else writes
/// before the transaction of this ends.
fn leased(connection: &Connection, realm: RealmNumber, lease: &Lease) -> Result<Option<(EndpointId, bool)>> {
    let leased = connection
        .prepare_cached(
            "SELECT endpoint_id, failing_since IS NOT NULL
             FROM my_deliveries AS deliveries
             CROSS JOIN my_endpoints AS endpoints
               ON endpoints.realm = deliveries.realm AND endpoints.id = deliveries.endpoint_id
             WHERE deliveries.realm = ?1 AND deliveries.id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL",
        )?
        .query_row(params![realm, lease.delivery_id.to_bytes(), i64::try_from(lease.token)?], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.id()?, columns.plain()?))
        })
        .optional()?;
    Ok(leased)
}

fn insert_attempt(connection: &Connection, realm: RealmNumber, delivery: DeliveryId, attempt: &Attempt) -> Result<()> {
    let Attempt { number, at, status_code, error, latency_ms, response } = attempt;
    connection
        .prepare_cached(
            "INSERT INTO delivery_attempts (realm, delivery_id, number, at, status_code, error, latency_ms, response)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            realm,
            delivery.to_bytes(),
            number,
            at.as_millis(),
            status_code,
            error,
            i64::try_from(*latency_ms)?,
            response,
        ])?;
    Ok(())
}

fn set_failing_since(
    connection: &Connection,
    realm: RealmNumber,
    endpoint: EndpointId,
    since: Option<Timestamp>,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE endpoints SET failing_since = ?3 WHERE realm = ?1 AND id = ?2")?
        .execute(params![realm, endpoint.to_bytes(), since.map(Timestamp::as_millis)])?;
    Ok(())
}

fn disable(connection: &Connection, realm: RealmNumber, endpoint: EndpointId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE endpoints SET status = 'disabled', disabled_reason = 'gone' WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![realm, endpoint.to_bytes()])?;
    outbox::bury_pending(connection, realm, endpoint, DeadReason::EndpointDisabled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{
        Query,
        tests::{database, plan},
    };

    #[test]
    fn what_waits_is_counted_by_indexes_alone() {
        let (_folder, connection) = database();
        for (sql, index) in [(PENDING, "deliveries_claimable"), (DEAD_LETTERS, "deliveries_dead_letters")] {
            let query = Query { sql: sql.to_owned(), values: Vec::new() };
            assert_eq!(plan(&connection, &query), format!("SCAN deliveries USING COVERING INDEX {index}"));
        }
    }
}
