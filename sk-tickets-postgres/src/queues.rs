//! What there is to do in a queue.

use sk_tickets_core::{
    model::{queue::Workload, ticket::Status},
    platform::time::Timestamp,
};

use crate::{
    columns::{Columns, Read},
    realms::RealmNumber,
    statement::{Query, Value, in_realm, text},
};

/// What there is to do in a queue, as one row: how many wait, how many are in each status, since when the one has waited
/// that waits longest, and how many are at risk.
pub(crate) fn counts(realm: RealmNumber, queue: &str, now: Timestamp) -> Query {
    let mut query = Query::on(realm);
    query.values.extend([text(queue), Value::Number(now.as_millis())]);
    query.sql = COUNTS.to_owned();
    query
}

/// What [`counts`] gives.
pub(crate) fn read_counts(columns: &mut Columns<'_>) -> Read<Workload> {
    let mut counts = Workload { waiting: columns.number()?, ..Workload::default() };
    for status in [Status::New, Status::Open, Status::Pending, Status::OnHold, Status::Resolved] {
        counts.by_status.add(status, columns.number()?);
    }
    counts.oldest_queued_at = columns.maybe_time()?;
    counts.at_risk = columns.number()?;
    Ok(counts)
}

/// The queue is `$3`, the time `$4`. The head of each lane has waited longest in it.
const COUNTS: &str = in_realm!(
    "SELECT counts.* FROM realm CROSS JOIN LATERAL (
         SELECT (SELECT COALESCE(sum(waiting), 0)::bigint FROM sk_tickets.queue_blocks
                 WHERE tenant = realm.tenant AND environment = realm.environment AND queue = $3)
              + (SELECT COALESCE(sum(delta), 0)::bigint FROM sk_tickets.queue_moves
                 WHERE tenant = realm.tenant AND environment = realm.environment AND queue = $3),
                in_hand.*,
                (SELECT min(head.queued_at) FROM (VALUES (0), (1), (2), (3)) AS lane (priority)
                 CROSS JOIN LATERAL (
                     SELECT queued_at FROM sk_tickets.tickets
                     WHERE tenant = realm.tenant AND environment = realm.environment AND queue = $3
                       AND priority = lane.priority::smallint AND queued_at IS NOT NULL
                     ORDER BY queued_at, id LIMIT 1) AS head),
                (SELECT count(*) FROM sk_tickets.tickets
                 WHERE tenant = realm.tenant AND environment = realm.environment AND queue = $3 AND at_risk_at <= $4)
         FROM (SELECT count(*) FILTER (WHERE status = 'new'), count(*) FILTER (WHERE status = 'open'),
                      count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'on_hold'),
                      count(*) FILTER (WHERE status = 'resolved')
               FROM sk_tickets.tickets
               WHERE tenant = realm.tenant AND environment = realm.environment AND queue = $3 AND status <> 'closed'
              ) AS in_hand
         OFFSET 0
     ) AS counts"
);
