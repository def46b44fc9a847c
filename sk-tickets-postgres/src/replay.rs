//! Jobs that replay dead letters, bit by bit.

use serde_json::{Value, json};
use sk_tickets_core::{model::replay_job::ReplayJob, platform::time::Timestamp};

use crate::{
    columns::{Columns, Read},
    error::Result,
    pool::Pool,
    reader::limit,
    statement::{in_realm, uuid},
};

/// A job, by its columns.
pub(crate) fn columns(job: &ReplayJob) -> Result<Value> {
    let ReplayJob { id, status, endpoint_id, types, from, to, total, done, failed, created_at, finished_at } = job;
    Ok(json!({
        "id": uuid(*id).to_string(),
        "status": status.as_str(),
        "endpoint_id": endpoint_id.map(|id| uuid(id).to_string()),
        "types": types,
        "since": from.map(Timestamp::as_millis),
        "before": to.map(Timestamp::as_millis),
        "total": i64::try_from(*total)?,
        "done": i64::try_from(*done)?,
        "failed": i64::try_from(*failed)?,
        "created_at": created_at.as_millis(),
        "finished_at": finished_at.map(Timestamp::as_millis),
    }))
}

/// The job `$3`.
pub(crate) const JOB: &str = in_realm!(
    "SELECT job.* FROM realm CROSS JOIN LATERAL (
         SELECT id, status, endpoint_id, types, since, before, total, done, failed, created_at, finished_at
         FROM sk_tickets.replay_jobs
         WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0) AS job"
);

/// A job, out of [`JOB`].
pub(crate) fn job(columns: &mut Columns<'_>) -> Read<ReplayJob> {
    Ok(ReplayJob {
        id: columns.id()?,
        status: columns.word()?,
        endpoint_id: columns.maybe_id()?,
        types: columns.words()?,
        from: columns.maybe_time()?,
        to: columns.maybe_time()?,
        total: columns.number()?,
        done: columns.number()?,
        failed: columns.number()?,
        created_at: columns.time()?,
        finished_at: columns.maybe_time()?,
    })
}

/// Goes on with the first job that is not completed, in one round trip; answers whether there was one.
pub(crate) async fn go_on(pool: &Pool, now: Timestamp, most: usize) -> Result<bool> {
    let query = sqlx::query("SELECT sk_tickets.replay_some($1, $2)").bind(now.as_millis()).bind(limit(most));
    Ok(Columns::of(&pool.row(query).await?).plain()?)
}
