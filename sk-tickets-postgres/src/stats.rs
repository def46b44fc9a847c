//! Figures on tickets: counted by the database, of the part of an index that has the times in question and all that is
//! counted.

use async_trait::async_trait;
use sk_tickets_core::{
    model::stats::{Breaches, Durations, PERCENTILES, Stats, StatsBuilder, StatsRange},
    platform::realm::Realm,
    store::{self, TicketStats},
};

use crate::{
    columns::{Columns, Read},
    realms::RealmNumber,
    statement::{Query, Value, in_realm},
    store::PostgresStore,
};

/// Tickets by queue and status, in arrays; then, of all of them, how many were late or opened again; then how many durations
/// there are of each kind, and those at the ranks of the percentiles `$5`.
const STATS: &str = in_realm!(
    "SELECT stats.* FROM realm CROSS JOIN LATERAL (
         WITH facts AS MATERIALIZED (
             SELECT queue, status,
                    CASE WHEN first_replied_at IS NOT NULL THEN GREATEST(first_replied_at - created_at, 0) END
                        AS responded_in,
                    CASE WHEN first_resolved_at IS NOT NULL THEN GREATEST(first_resolved_at - created_at, 0) END
                        AS resolved_in,
                    first_response_breached_at IS NOT NULL AS response_breached,
                    resolution_breached_at IS NOT NULL AS resolution_breached, reopen_count > 0 AS reopened
             FROM sk_tickets.tickets
             WHERE tenant = realm.tenant AND environment = realm.environment AND created_at >= $3 AND created_at < $4
         ), counted AS (
             SELECT queue, status, count(*) AS tickets FROM facts GROUP BY queue, status
         ), responded AS (
             SELECT count(*) AS count, array_agg(responded_in ORDER BY responded_in) AS took
             FROM facts WHERE responded_in IS NOT NULL
         ), resolved AS (
             SELECT count(*) AS count, array_agg(resolved_in ORDER BY resolved_in) AS took
             FROM facts WHERE resolved_in IS NOT NULL
         )
         SELECT (SELECT array_agg(queue ORDER BY queue, status) FROM counted) AS queues,
                (SELECT array_agg(status ORDER BY queue, status) FROM counted) AS statuses,
                (SELECT array_agg(tickets ORDER BY queue, status) FROM counted) AS tickets,
                (SELECT count(*) FROM facts WHERE response_breached) AS response_breached,
                (SELECT count(*) FROM facts WHERE resolution_breached) AS resolution_breached,
                (SELECT count(*) FROM facts WHERE reopened) AS reopened,
                responded.count AS responded,
                ARRAY(SELECT responded.took[(percent * responded.count + 99) / 100] FROM unnest($5::bigint[]) AS percent)
                    AS responded_in,
                resolved.count AS resolved,
                ARRAY(SELECT resolved.took[(percent * resolved.count + 99) / 100] FROM unnest($5::bigint[]) AS percent)
                    AS resolved_in
         FROM responded, resolved OFFSET 0
     ) AS stats"
);

#[async_trait]
impl TicketStats for PostgresStore {
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> store::Result<Stats> {
        let gathered = self.read("gather figures", realm, async |realm| {
            self.one(query(realm, range), |columns| stats(columns, range)).await
        });
        Ok(gathered.await?.unwrap_or_else(|| StatsBuilder::default().finish(range)))
    }
}

pub(crate) fn query(realm: RealmNumber, range: StatsRange) -> Query {
    let StatsRange { from, to } = range;
    let mut query = Query::on(realm);
    query.values.push(Value::Number(from.as_millis()));
    query.values.push(Value::Number(to.as_millis()));
    query.values.push(Value::Numbers(PERCENTILES.map(u64::cast_signed).into()));
    query.sql = STATS.to_owned();
    query
}

fn stats(columns: &mut Columns<'_>, range: StatsRange) -> Read<Stats> {
    // Null where there are none.
    let queues: Option<Vec<String>> = columns.plain()?;
    let statuses = columns.maybe_words()?;
    let counts: Option<Vec<i64>> = columns.plain()?;
    let counts = counts.unwrap_or_default().into_iter().map(i64::unsigned_abs);
    let counts = queues.unwrap_or_default().into_iter().zip(statuses).zip(counts);
    let sla = Breaches { first_response_breached: columns.number()?, resolution_breached: columns.number()? };
    let reopened = columns.number()?;
    let first_response = durations(columns)?;
    let resolution = durations(columns)?;
    let counts = counts.map(|((queue, status), count)| (queue, status, count));
    Ok(Stats::new(range, counts, first_response, resolution, sla, reopened))
}

fn durations(columns: &mut Columns<'_>) -> Read<Durations> {
    let count = columns.number()?;
    let found: Vec<Option<i64>> = columns.plain()?;
    let mut millis = [None; PERCENTILES.len()];
    for (one, found) in millis.iter_mut().zip(found) {
        *one = found.map(i64::unsigned_abs);
    }
    Ok(Durations::from_percentiles(count, millis))
}
