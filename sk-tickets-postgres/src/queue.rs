//! The outbox as workers see it.
//!
//! All of it goes through functions that run as the worker role: the role that serves requests cannot look across realms,
//! and behind a pooler it cannot assume another one.

use std::time::Duration;

use async_trait::async_trait;
use sk_tickets_core::{
    model::delivery::{DeadReason, DeliveryStatus},
    platform::time::Timestamp,
    store::{
        self, Backlog, Claimed, DeliveryQueue, Lane, Lease, LeasedDelivery, NextStep, Settled, Settlement, Slots,
        WorkerId,
    },
};
use sqlx::{Postgres, postgres::PgArguments, query::Query};

use crate::{
    columns::{Columns, Read, number_of},
    error::{Fault, Result},
    reader::limit,
    replay, row,
    statement::uuid,
    store::PostgresStore,
};

#[async_trait]
impl DeliveryQueue for PostgresStore {
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        slots: Slots,
    ) -> store::Result<Claimed> {
        self.claim(worker, now, now + lease, slots).await.map_err(|fault| fault.during("claim deliveries"))
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> store::Result<Settled> {
        self.renew_lease(lease, until).await.map_err(|fault| fault.during("renew a lease"))
    }

    async fn settle(&self, settlements: &[Settlement]) -> store::Result<Vec<Settled>> {
        let settled = self.settle_leases(settlements).await.map_err(|fault| fault.during("settle deliveries"))?;
        // It may be due before anything that the workers wait for.
        let due_again = |(one, settled): (&Settlement, &Settled)| {
            *settled == Settled::Recorded && matches!(one.next, NextStep::RetryAt(_))
        };
        if settlements.iter().zip(&settled).any(due_again) {
            self.inner.wakeup.ring();
        }
        Ok(settled)
    }

    async fn release(&self, worker: WorkerId) -> store::Result<()> {
        let release = sqlx::query("SELECT sk_tickets.release_leases($1)").bind(owner(worker));
        let released = self.inner.pool.rows(release).await;
        released.map_err(|error| Fault::from(error).during("release leases"))?;
        self.inner.wakeup.ring();
        Ok(())
    }

    async fn replay_some(&self, now: Timestamp, limit: usize) -> store::Result<bool> {
        let replayed = replay::go_on(&self.inner.pool, now, limit).await;
        let replayed = replayed.map_err(|fault| fault.during("replay dead letters"))?;
        if replayed {
            self.inner.wakeup.ring();
        }
        Ok(replayed)
    }

    async fn backlog(&self) -> store::Result<Backlog> {
        let backlog = async {
            let query =
                sqlx::query("SELECT pending, oldest_due, dead_letters, oldest_dead_letter FROM sk_tickets.backlog()");
            let row = self.inner.pool.row(query).await?;
            let mut columns = Columns::of(&row);
            Ok(Backlog {
                pending: columns.number()?,
                oldest_due: columns.maybe_time()?,
                dead_letters: columns.number()?,
                oldest_dead_letter: columns.maybe_time()?,
            })
        };
        backlog.await.map_err(|error: sqlx::Error| Fault::from(error).during("count what waits"))
    }

    async fn wait_for_work(&self) {
        self.inner.wakeup.wait().await;
    }
}

/// How many columns a leased delivery has.
const LEASED_WIDTH: usize = 15;

/// How a delivery stands after an attempt.
struct Standing {
    status: DeliveryStatus,
    reason: Option<DeadReason>,
    due: Option<Timestamp>,
    /// How many failures the attempt adds.
    failures: i64,
}

impl From<NextStep> for Standing {
    fn from(next: NextStep) -> Self {
        let dead = |reason| Self { status: DeliveryStatus::Dead, reason: Some(reason), due: None, failures: 1 };
        match next {
            NextStep::Delivered => Self { status: DeliveryStatus::Delivered, reason: None, due: None, failures: 0 },
            NextStep::RetryAt(at) => Self { status: DeliveryStatus::Pending, reason: None, due: Some(at), failures: 1 },
            NextStep::DeadLetter => dead(DeadReason::Exhausted),
            NextStep::DisableEndpoint => dead(DeadReason::EndpointDisabled),
        }
    }
}

impl PostgresStore {
    async fn claim(&self, worker: WorkerId, now: Timestamp, until: Timestamp, slots: Slots) -> Result<Claimed> {
        let query = sqlx::query(
            "SELECT tenant, tenant_name, environment, id, token, endpoint_id, url, secret, old_secrets,
                    old_secrets_until, event_id, payload, attempts, failures, retry, next, replaying
             FROM sk_tickets.claim_due($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(owner(worker))
        .bind(now.as_millis())
        .bind(until.as_millis())
        .bind(limit(slots.first))
        .bind(limit(slots.retry))
        .bind(limit(Lane::First.in_flight_max(false)))
        .bind(limit(Lane::Retry.in_flight_max(false)))
        .bind(limit(Lane::Retry.in_flight_max(true)));
        let mut claimed = Claimed::default();
        for row in self.inner.pool.rows(query).await? {
            let mut columns = Columns::of(&row);
            match columns.maybe(LEASED_WIDTH, |columns| self.leased(columns))? {
                Some(delivery) => claimed.deliveries.push(delivery),
                None => (claimed.next, claimed.replaying) = (columns.maybe_time()?, columns.plain()?),
            }
        }
        Ok(claimed)
    }

    fn leased(&self, columns: &mut Columns<'_>) -> Read<LeasedDelivery> {
        let (tenant, realm) = row::realm(columns)?;
        // To settle it takes the number again.
        self.inner.realms.remember(&realm, tenant);
        Ok(LeasedDelivery {
            lease: Lease { realm, delivery_id: columns.id()?, token: columns.number()? },
            endpoint_id: columns.id()?,
            url: columns.plain()?,
            secret: columns.secret()?,
            old_secrets: row::old_secrets(columns)?,
            event_id: columns.id()?,
            payload: columns.plain()?,
            attempts_before: columns.number()?,
            failures: columns.number()?,
            lane: if columns.plain()? { Lane::Retry } else { Lane::First },
        })
    }

    async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let Some(realm) = self.inner.realms.find(&self.inner.pool, &lease.realm).await? else {
            return Ok(Settled::LeaseLost);
        };
        let query = sqlx::query("SELECT sk_tickets.renew_lease($1, $2, $3, $4, $5)")
            .bind(realm.tenant)
            .bind(number_of(realm.environment))
            .bind(uuid(lease.delivery_id))
            .bind(i64::try_from(lease.token)?)
            .bind(until.as_millis());
        self.settled(query).await
    }

    async fn settle_leases(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let mut tenants = Vec::with_capacity(settlements.len());
        for Settlement { lease, .. } in settlements {
            // A tenant that nobody has written to has none; it matches no lease.
            tenants.push(self.inner.realms.find(&self.inner.pool, &lease.realm).await?.map(|realm| realm.tenant));
        }
        macro_rules! of_each {
            (|$one:ident| $value:expr) => {
                settlements.iter().map(|$one| $value).collect::<Vec<_>>()
            };
        }
        let standings = of_each!(|one| Standing::from(one.next));
        let query = sqlx::query(
            "SELECT unnest(sk_tickets.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15))",
        )
        .bind(tenants)
        .bind(of_each!(|one| number_of(one.lease.realm.environment())))
        .bind(of_each!(|one| uuid(one.lease.delivery_id)))
        .bind(of_each!(|one| i64::try_from(one.lease.token)).into_iter().collect::<Result<Vec<_>, _>>()?)
        .bind(standings.iter().map(|standing| standing.status.as_str()).collect::<Vec<_>>())
        .bind(standings.iter().map(|standing| standing.reason.map(DeadReason::as_str)).collect::<Vec<_>>())
        .bind(standings.iter().map(|standing| standing.due.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(standings.iter().map(|standing| standing.failures).collect::<Vec<_>>())
        .bind(of_each!(|one| one.next == NextStep::DisableEndpoint))
        .bind(of_each!(|one| i64::from(one.attempt.number)))
        .bind(of_each!(|one| one.attempt.at.as_millis()))
        .bind(of_each!(|one| one.attempt.status_code.map(i32::from)))
        .bind(of_each!(|one| one.attempt.error.as_deref().map(str::as_bytes)))
        .bind(of_each!(|one| i64::try_from(one.attempt.latency_ms)).into_iter().collect::<Result<Vec<_>, _>>()?)
        .bind(of_each!(|one| one.attempt.response.as_deref().map(str::as_bytes)));
        let mut settled = vec![Settled::LeaseLost; settlements.len()];
        for row in self.inner.pool.rows(query).await? {
            let number: usize = Columns::of(&row).number()?;
            let one = number.checked_sub(1).and_then(|place| settled.get_mut(place));
            *one.ok_or(Fault::Broken("an attempt was settled that was not there"))? = Settled::Recorded;
        }
        Ok(settled)
    }

    /// Asks what answers whether a lease held.
    pub(crate) async fn settled(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Settled> {
        let held = Columns::of(&self.inner.pool.row(query).await?).plain()?;
        Ok(if held { Settled::Recorded } else { Settled::LeaseLost })
    }
}

/// A worker as a column has it: the same 64 bits.
pub(crate) const fn owner(worker: WorkerId) -> i64 {
    worker.0.cast_signed()
}
