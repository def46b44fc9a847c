//! The outbox as workers see it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, params};
use sk_tickets_core::{
    model::delivery::{Attempt, DeadReason},
    platform::{
        id::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    store::{self, DeliveryQueue, Lease, LeasedDelivery, NextStep, Settled, WorkerId},
};

use crate::{
    columns::Columns,
    error::Result,
    guard::{Guarded, Scope},
    outbox,
    realms::{RealmNumber, Realms},
    row,
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
        limit: usize,
    ) -> store::Result<Vec<LeasedDelivery>> {
        self.write("claim deliveries", move |guarded| {
            claim(guarded, worker, now, now + lease, limit).map(Verdict::Keep)
        })
        .await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> store::Result<Settled> {
        let realms = Arc::clone(&self.inner.realms);
        let lease = lease.clone();
        self.write("renew a lease", move |guarded| renew(guarded, &realms, &lease, until).map(Verdict::Keep)).await
    }

    async fn settle(&self, lease: &Lease, attempt: Attempt, next: NextStep) -> store::Result<Settled> {
        let realms = Arc::clone(&self.inner.realms);
        let lease = lease.clone();
        self.write("settle a delivery", move |guarded| {
            let settled = settle(guarded, &realms, &lease, &attempt, next)?;
            Ok(match (settled, next) {
                // It may be due before anything that the workers wait for.
                (Settled::Recorded, NextStep::RetryAt(_)) => Verdict::KeepAndWake(settled),
                (Settled::Recorded, NextStep::Delivered | NextStep::DeadLetter | NextStep::DisableEndpoint)
                | (Settled::LeaseLost, _) => Verdict::Keep(settled),
            })
        })
        .await
    }

    async fn release(&self, worker: WorkerId) -> store::Result<()> {
        self.write("release leases", move |guarded| {
            end_leases(guarded, HELD, [owner(worker)]).map(Verdict::KeepAndWake)
        })
        .await
    }

    async fn next_due(&self) -> store::Result<Option<Timestamp>> {
        let next = |connection: &Connection| -> Result<Option<Timestamp>> {
            let next = connection
                .prepare_cached("SELECT min(claimable_at) FROM worker_deliveries")?
                .query_row([], |row| Columns::of(row).maybe_time())?;
            Ok(next)
        };
        self.inner.readers.read("look for the next delivery", move |guarded| guarded.within(Scope::Worker, next)).await
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
        self.write("void leases", |guarded| end_leases(guarded, LEASED, []).map(Verdict::KeepAndWake)).await
    }
}

/// What can be claimed at ?1, the longest due first. An index has just this, in this order.
const CLAIMABLE: &str = "SELECT realm, id FROM worker_deliveries WHERE claimable_at <= ?1
                         ORDER BY claimable_at, id, realm LIMIT ?2";

const HELD: &str = "SELECT realm, id FROM worker_deliveries WHERE lease_owner = ?1";
const LEASED: &str = "SELECT realm, id FROM worker_deliveries WHERE lease_owner IS NOT NULL";

/// Which deliveries of all realms a statement finds.
fn find(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<(RealmNumber, DeliveryId)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.plain()?, columns.id()?))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Ends the leases that a statement finds; what was held is due as it was before.
fn end_leases(guarded: &Guarded, sql: &str, values: impl Params) -> Result<()> {
    for (realm, id) in guarded.within(Scope::Worker, |connection| find(connection, sql, values))? {
        guarded.within(Scope::Realm(realm), |connection| {
            connection
                .prepare_cached(
                    "UPDATE deliveries SET lease_owner = NULL, claimable_at = next_attempt_at
                     WHERE realm = ?1 AND id = ?2",
                )?
                .execute(params![realm, id.to_bytes()])?;
            Ok(())
        })?;
    }
    Ok(())
}

fn claim(
    guarded: &Guarded,
    worker: WorkerId,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<LeasedDelivery>> {
    let claimable = guarded.within(Scope::Worker, |connection| {
        find(connection, CLAIMABLE, params![now.as_millis(), i64::try_from(limit)?])
    })?;
    let lease_one =
        |(realm, id)| guarded.within(Scope::Realm(realm), |connection| lease(connection, worker, until, realm, id));
    claimable.into_iter().map(lease_one).collect()
}

fn lease(
    connection: &Connection,
    worker: WorkerId,
    until: Timestamp,
    realm: RealmNumber,
    id: DeliveryId,
) -> Result<LeasedDelivery> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET lease_owner = ?3, lease_token = lease_token + 1, claimable_at = ?4
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![realm, id.to_bytes(), owner(worker), until.as_millis()])?;
    let leased = connection
        .prepare_cached(
            "SELECT tenant, environment, lease_token, endpoint_id, url, secret, event_id, payload, attempts, failures
             FROM my_deliveries AS deliveries
             JOIN my_realm AS realms ON realms.id = deliveries.realm
             JOIN my_endpoints AS endpoints ON endpoints.realm = deliveries.realm AND endpoints.id = deliveries.endpoint_id
             JOIN my_events AS events ON events.realm = deliveries.realm AND events.id = deliveries.event_id
             WHERE deliveries.realm = ?1 AND deliveries.id = ?2",
        )?
        .query_row(params![realm, id.to_bytes()], |row| {
            let mut columns = Columns::of(row);
            let realm = row::realm(&mut columns)?;
            Ok(LeasedDelivery {
                lease: Lease { realm, delivery_id: id, token: columns.number()? },
                endpoint_id: columns.id()?,
                url: columns.plain()?,
                secrets: vec![columns.secret()?],
                event_id: columns.id()?,
                payload: columns.plain()?,
                attempts_before: columns.number()?,
                failures: columns.number()?,
            })
        })?;
    Ok(leased)
}

fn renew(guarded: &Guarded, realms: &Realms, lease: &Lease, until: Timestamp) -> Result<Settled> {
    let Some(realm) = realms.find_written(guarded, &lease.realm)? else { return Ok(Settled::LeaseLost) };
    let renewed = guarded.within(Scope::Realm(realm), |connection| {
        let renewed = connection
            .prepare_cached(
                "UPDATE deliveries SET claimable_at = ?4
                 WHERE realm = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL",
            )?
            .execute(params![realm, lease.delivery_id.to_bytes(), i64::try_from(lease.token)?, until.as_millis()])?;
        Ok(renewed)
    })?;
    Ok(if renewed == 1 { Settled::Recorded } else { Settled::LeaseLost })
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

fn settle(guarded: &Guarded, realms: &Realms, lease: &Lease, attempt: &Attempt, next: NextStep) -> Result<Settled> {
    let Some(realm) = realms.find_written(guarded, &lease.realm)? else { return Ok(Settled::LeaseLost) };
    guarded.within(Scope::Realm(realm), |connection| settle_within(connection, realm, lease, attempt, next))
}

fn settle_within(
    connection: &Connection,
    realm: RealmNumber,
    lease: &Lease,
    attempt: &Attempt,
    next: NextStep,
) -> Result<Settled> {
    let Standing { status, reason, due, failures } = next.into();
    // The lease is checked by the statement that ends it.
    let endpoint = connection
        .prepare_cached(
            "UPDATE deliveries
             SET status = ?4, reason = ?5, next_attempt_at = ?6, claimable_at = ?6, attempts = attempts + 1,
                 failures = failures + ?7, lease_owner = NULL
             WHERE realm = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL
             RETURNING endpoint_id",
        )?
        .query_row(
            params![
                realm,
                lease.delivery_id.to_bytes(),
                i64::try_from(lease.token)?,
                status,
                reason.map(DeadReason::as_str),
                due.map(Timestamp::as_millis),
                failures,
            ],
            |row| Columns::of(row).id(),
        )
        .optional()?;
    let Some(endpoint) = endpoint else { return Ok(Settled::LeaseLost) };
    insert_attempt(connection, realm, lease.delivery_id, attempt)?;
    match next {
        NextStep::Delivered => succeeded(connection, realm, endpoint)?,
        NextStep::RetryAt(_) | NextStep::DeadLetter => failed(connection, realm, endpoint, attempt.at)?,
        NextStep::DisableEndpoint => {
            failed(connection, realm, endpoint, attempt.at)?;
            disable(connection, realm, endpoint)?;
        }
    }
    Ok(Settled::Recorded)
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

/// The conditions below keep an endpoint's row from being written where nothing changes.
fn succeeded(connection: &Connection, realm: RealmNumber, endpoint: EndpointId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE endpoints SET failing_since = NULL WHERE realm = ?1 AND id = ?2 AND failing_since IS NOT NULL",
        )?
        .execute(params![realm, endpoint.to_bytes()])?;
    Ok(())
}

fn failed(connection: &Connection, realm: RealmNumber, endpoint: EndpointId, at: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE endpoints SET failing_since = ?3 WHERE realm = ?1 AND id = ?2 AND failing_since IS NULL",
        )?
        .execute(params![realm, endpoint.to_bytes(), at.as_millis()])?;
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

/// A worker as a column has it: the same 64 bits.
const fn owner(worker: WorkerId) -> i64 {
    worker.0.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connect, migrate::migrate, options::SqliteOptions};

    #[test]
    fn a_claim_reads_no_more_than_what_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect::writer(&SqliteOptions::new(folder.path().join("x.db"))).unwrap();
        connection.maintain(migrate).unwrap();
        let plan = |sql: &str| {
            let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            steps.map(Result::unwrap).collect::<Vec<_>>()
        };
        let claim = CLAIMABLE.replace("?1", "1").replace("?2", "1");
        assert_eq!(plan(&claim), ["SEARCH deliveries USING COVERING INDEX deliveries_claimable (claimable_at<?)"]);
    }
}
