//! Claims: which deliveries are attempted next.
//!
//! What waits for an endpoint stands in two queues, first attempts and retries. The index of what can be claimed has one
//! queue after the other, so a claim hops from head to head and looks at no more of a queue than may be leased at a time:
//! its cost does not depend on how many wait.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    platform::{
        id::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    store::{Claimed, DueQueue, Lane, Lease, LeasedDelivery, Slots, WorkerId, choose},
};

use crate::{
    columns::Columns,
    error::Result,
    guard::{Guarded, Scope},
    lease::owner,
    realms::RealmNumber,
    replay, row,
};

/// Leases what is due at `now` until `until`, as far as there are slots.
pub(crate) fn claim(
    guarded: &Guarded,
    worker: WorkerId,
    now: Timestamp,
    until: Timestamp,
    slots: Slots,
) -> Result<Claimed> {
    let (Waiting { queues, next }, replaying) = guarded.within(Scope::Worker, |connection| {
        Ok((look(connection, now)?, replay::first_unfinished(connection)?.is_some()))
    })?;
    let mut deliveries = Vec::new();
    for (lane, (realm, id)) in choose(queues.into_values(), slots) {
        let leased =
            guarded.within(Scope::Realm(realm), |connection| lease(connection, worker, until, realm, id, lane))?;
        deliveries.push(leased);
    }
    let runs_out = (!deliveries.is_empty() && until > now).then_some(until);
    Ok(Claimed { deliveries, next: next.into_iter().chain(runs_out).min(), replaying })
}

/// What waits in all realms.
#[derive(Default)]
struct Waiting {
    /// What is due, for each endpoint and lane.
    queues: BTreeMap<(RealmNumber, EndpointId, Lane), DueQueue<(RealmNumber, DeliveryId)>>,
    /// When the first of what is not due will be, or the first lease runs out.
    next: Option<Timestamp>,
}

/// The head of a queue.
#[derive(Clone, Copy)]
struct Head {
    realm: RealmNumber,
    endpoint_id: EndpointId,
    retrying: bool,
    claimable_at: Timestamp,
    /// Whether the endpoint is failing.
    failing: bool,
}

fn look(connection: &Connection, now: Timestamp) -> Result<Waiting> {
    let mut waiting = Waiting::default();
    let mut head = next_head(connection, None)?;
    while let Some(queue) = head {
        let next = if queue.claimable_at > now {
            Some(queue.claimable_at)
        } else {
            waiting.add(connection, queue, now)?;
            first_after(connection, queue, now)?
        };
        waiting.next = waiting.next.into_iter().chain(next).min();
        head = next_head(connection, Some(queue))?;
    }
    Ok(waiting)
}

impl Waiting {
    /// Adds what is due of a queue. Both queues of an endpoint that is failing are one.
    fn add(&mut self, connection: &Connection, head: Head, now: Timestamp) -> Result<()> {
        let Head { realm, endpoint_id, retrying, failing, .. } = head;
        let lane = Lane::of(failing, u32::from(retrying));
        let empty = DueQueue { lane, failing, in_flight: 0, due: Vec::new() };
        let queue = self.queues.entry((realm, endpoint_id, lane)).or_insert(empty);
        queue.in_flight = in_flight(connection, head, now)?;
        queue.due.extend(due(connection, head, now, lane.in_flight_max(failing))?);
        Ok(())
    }
}

/// The head of the queue after this one, which begins beyond any time that this one has. Without the time SQLite would
/// walk through this one first.
const NEXT_HEAD: &str = "SELECT waiting.realm, endpoint_id, retrying, claimable_at, failing
                         FROM worker_deliveries AS waiting
                         CROSS JOIN worker_endpoints AS endpoints
                           ON endpoints.realm = waiting.realm AND endpoints.id = waiting.endpoint_id
                         WHERE (waiting.realm, endpoint_id, retrying, claimable_at) > (?1, ?2, ?3, 9223372036854775807)
                         ORDER BY waiting.realm, endpoint_id, retrying, claimable_at LIMIT 1";

fn next_head(connection: &Connection, after: Option<Head>) -> Result<Option<Head>> {
    // Numbers of realms begin with 1.
    let (realm, endpoint, retrying) =
        after.map_or((0, [0; 16], false), |head| (head.realm, head.endpoint_id.to_bytes(), head.retrying));
    let head = connection
        .prepare_cached(NEXT_HEAD)?
        .query_row(params![realm, endpoint, retrying], |row| {
            let mut columns = Columns::of(row);
            Ok(Head {
                realm: columns.plain()?,
                endpoint_id: columns.id()?,
                retrying: columns.plain()?,
                claimable_at: columns.time()?,
                failing: columns.plain()?,
            })
        })
        .optional()?;
    Ok(head)
}

const DUE: &str = "SELECT claimable_at, id FROM worker_deliveries
                   WHERE realm = ?1 AND endpoint_id = ?2 AND retrying = ?3 AND claimable_at <= ?4
                   ORDER BY claimable_at, id LIMIT ?5";

/// What a delivery in a queue is known by: since when it is due, its id, and where it is.
type Due = (Timestamp, DeliveryId, (RealmNumber, DeliveryId));

/// The first of a queue that are due.
fn due(connection: &Connection, head: Head, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
    let Head { realm, endpoint_id, retrying, .. } = head;
    let mut statement = connection.prepare_cached(DUE)?;
    let values = params![realm, endpoint_id.to_bytes(), retrying, now.as_millis(), i64::try_from(limit)?];
    let due = statement.query_map(values, |row| {
        let mut columns = Columns::of(row);
        let (at, id) = (columns.time()?, columns.id()?);
        Ok((at, id, (realm, id)))
    })?;
    Ok(due.collect::<rusqlite::Result<_>>()?)
}

const FIRST_AFTER: &str = "SELECT min(claimable_at) FROM worker_deliveries
                           WHERE realm = ?1 AND endpoint_id = ?2 AND retrying = ?3 AND claimable_at > ?4";

/// When the first of a queue that is not due will be.
fn first_after(connection: &Connection, head: Head, now: Timestamp) -> Result<Option<Timestamp>> {
    let Head { realm, endpoint_id, retrying, .. } = head;
    let first = connection
        .prepare_cached(FIRST_AFTER)?
        .query_row(params![realm, endpoint_id.to_bytes(), retrying, now.as_millis()], |row| {
            Columns::of(row).maybe_time()
        })?;
    Ok(first)
}

const IN_FLIGHT: &str = "SELECT count(*) FROM worker_leases
                         WHERE realm = ?1 AND endpoint_id = ?2 AND retrying BETWEEN ?3 AND ?4 AND claimable_at > ?5";

/// How many leases hold that count for a queue: of an endpoint that is failing, all of them.
fn in_flight(connection: &Connection, head: Head, now: Timestamp) -> Result<usize> {
    let Head { realm, endpoint_id, retrying, failing, .. } = head;
    let (from, to) = if failing { (false, true) } else { (retrying, retrying) };
    let count = connection
        .prepare_cached(IN_FLIGHT)?
        .query_row(params![realm, endpoint_id.to_bytes(), from, to, now.as_millis()], |row| {
            Columns::of(row).number()
        })?;
    Ok(count)
}

const LEASE: &str = "UPDATE deliveries SET lease_owner = ?3, lease_token = lease_token + 1, claimable_at = ?4
                     WHERE realm = ?1 AND id = ?2";

const LEASED: &str =
    "SELECT tenant, environment, lease_token, endpoint_id, url, secret, old_secrets, event_id, payload,
                             attempts, failures
                      FROM my_deliveries AS deliveries
                      JOIN my_realm AS realms ON realms.id = deliveries.realm
                      JOIN my_endpoints AS endpoints
                        ON endpoints.realm = deliveries.realm AND endpoints.id = deliveries.endpoint_id
                      JOIN my_events AS events ON events.realm = deliveries.realm AND events.id = deliveries.event_id
                      WHERE deliveries.realm = ?1 AND deliveries.id = ?2";

fn lease(
    connection: &Connection,
    worker: WorkerId,
    until: Timestamp,
    realm: RealmNumber,
    id: DeliveryId,
    lane: Lane,
) -> Result<LeasedDelivery> {
    connection.prepare_cached(LEASE)?.execute(params![realm, id.to_bytes(), owner(worker), until.as_millis()])?;
    let leased = connection.prepare_cached(LEASED)?.query_row(params![realm, id.to_bytes()], |row| {
        let mut columns = Columns::of(row);
        let realm = row::realm(&mut columns)?;
        Ok(LeasedDelivery {
            lease: Lease { realm, delivery_id: id, token: columns.number()? },
            endpoint_id: columns.id()?,
            url: columns.plain()?,
            secret: columns.sealed()?,
            old_secrets: columns.old_secrets()?,
            event_id: columns.id()?,
            payload: columns.plain()?,
            attempts_before: columns.number()?,
            failures: columns.number()?,
            lane,
        })
    })?;
    Ok(leased)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use crate::{connect, migrate::migrate, options::SqliteOptions};

    fn database() -> (tempfile::TempDir, Guarded) {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect::writer(&SqliteOptions::new(folder.path().join("x.db"))).unwrap();
        connection.maintain(migrate).unwrap();
        (folder, connection)
    }

    #[test]
    fn a_claim_searches_an_index_with_each_statement() {
        let (_folder, connection) = database();
        let plan = |sql: &str| {
            let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3));
            steps.map(Result::unwrap).collect::<Vec<_>>()
        };
        let claimable = "SEARCH deliveries USING INDEX deliveries_claimable";
        let queue = "realm=? AND endpoint_id=? AND retrying=? AND claimable_at";
        assert_eq!(
            plan(NEXT_HEAD),
            [
                format!("{claimable} ((realm,endpoint_id,retrying,claimable_at)>(?,?,?,?))"),
                "SEARCH endpoints USING PRIMARY KEY (realm=? AND id=?)".to_owned(),
            ]
        );
        assert_eq!(plan(DUE), [format!("{claimable} ({queue}<?)")]);
        assert_eq!(plan(FIRST_AFTER), [format!("{claimable} ({queue}>?)")]);
        let leased = "SEARCH deliveries USING INDEX deliveries_leased";
        assert_eq!(plan(IN_FLIGHT), [format!("{leased} (realm=? AND endpoint_id=? AND retrying>? AND retrying<?)")]);
        for sql in [LEASE, LEASED] {
            let plan = plan(sql);
            assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
        }
        // The first entry of an index that has nothing but unfinished jobs.
        let first_job = "SCAN replay_jobs USING INDEX replay_jobs_unfinished";
        assert_eq!(plan(replay::FIRST_UNFINISHED), [first_job]);
    }

    /// A database in which so many deliveries to one endpoint are due, as many are to be tried again later, and as many
    /// were delivered; and one is due for another endpoint.
    fn backlog(count: u32, failing: bool) -> (tempfile::TempDir, Guarded) {
        let (folder, mut connection) = database();
        let failing_since = if failing { "0" } else { "NULL" };
        let fill = format!(
            "INSERT INTO realms (id, tenant, environment) VALUES (1, 'acme', 'test');
             INSERT INTO events (realm, id, event_type, at, payload) VALUES (1, zeroblob(16), 'ping', 0, x'');
             INSERT INTO endpoints (realm, id, url, events, status, failing_since, created_at, secret, old_secrets,
                                    wanted_since)
             VALUES (1, unhex(printf('%032x', 1)), '', '[]', 'enabled', {failing_since}, 0, x'', '[]', 0),
                    (1, unhex(printf('%032x', 2)), '', '[]', 'enabled', NULL, 0, x'', '[]', 0);
             WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count}),
                  kinds (kind, status, at, failures) AS
                      (VALUES (0, 'pending', 0, 0), (1, 'pending', 9000, 1), (2, 'delivered', NULL, 0))
             INSERT INTO deliveries (realm, id, endpoint_id, event_id, event_type, status, next_attempt_at, claimable_at,
                                     failures, created_at)
             SELECT 1, unhex(printf('%032x', number * 3 + kind)), unhex(printf('%032x', 1)), zeroblob(16), 'ping', status,
                    at, at, failures, 0
             FROM numbers, kinds
             UNION ALL SELECT 1, zeroblob(16), unhex(printf('%032x', 2)), zeroblob(16), 'ping', 'pending', 7, 7, 0, 0"
        );
        connection.maintain(|connection| Ok(connection.execute_batch(&fill)?)).unwrap();
        (folder, connection)
    }

    /// What a claim gives, and how many steps SQLite's machine makes for it.
    fn counted(connection: &mut Guarded) -> (Claimed, u64) {
        let steps = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&steps);
        let count = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.maintain(|connection| Ok(connection.progress_handler(1, Some(count))?)).unwrap();
        let (now, until) = (Timestamp::from_millis(100), Timestamp::from_millis(10_100));
        let claimed = claim(connection, WorkerId(1), now, until, Slots { first: 96, retry: 32 }).unwrap();
        connection.maintain(|connection| Ok(connection.progress_handler(0, None::<fn() -> bool>)?)).unwrap();
        (claimed, steps.load(Ordering::Relaxed))
    }

    #[test]
    fn a_claim_costs_the_same_however_many_wait() {
        for (failing, leased) in [(false, 8), (true, 1)] {
            let [few, many] = [100, 20_000].map(|count| {
                let (_folder, mut connection) = backlog(count, failing);
                // The second one finds the endpoint with as many under way as there may be.
                [counted(&mut connection), counted(&mut connection)].map(|(claimed, steps)| {
                    assert_eq!(claimed.next, Some(Timestamp::from_millis(9_000)));
                    (claimed.deliveries.len(), steps)
                })
            });
            assert_eq!(few.map(|(claimed, _)| claimed), [leased + 1, 0]);
            assert_eq!(few, many);
        }
    }
}
