//! Jobs that replay dead letters, bit by bit.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use sk_tickets_core::{
    model::{page::Order, replay_job::ReplayJob},
    platform::{
        id::{DeliveryId, EndpointId, JobId},
        time::Timestamp,
    },
    store::PageSpec,
};

use crate::{
    columns::Columns,
    deliveries,
    error::{Fault, Result},
    guard::{Guarded, Scope},
    list::Query,
    outbox,
    realms::{RealmNumber, Skew},
    row::{self, replay_job_columns},
    writer::Verdict,
};

/// Adds a job; false if there is one with its id.
pub(crate) fn insert(connection: &Connection, realm: RealmNumber, job: &ReplayJob) -> Result<bool> {
    let ReplayJob { id, status, endpoint_id, types, from, to, total, done, failed, created_at, finished_at } = job;
    let inserted = connection
        .prepare_cached(concat!(
            "INSERT INTO replay_jobs (realm, ",
            replay_job_columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (realm, id) DO NOTHING"
        ))?
        .execute(params![
            realm,
            id.to_bytes(),
            status.as_str(),
            endpoint_id.map(EndpointId::to_bytes),
            row::json(types)?,
            from.map(Timestamp::as_millis),
            to.map(Timestamp::as_millis),
            i64::try_from(*total)?,
            i64::try_from(*done)?,
            i64::try_from(*failed)?,
            created_at.as_millis(),
            finished_at.map(Timestamp::as_millis),
        ])?;
    Ok(inserted == 1)
}

/// A job.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, id: JobId) -> Result<Option<ReplayJob>> {
    let job = connection
        .prepare_cached(concat!("SELECT ", replay_job_columns!(), " FROM my_replay_jobs WHERE realm = ?1 AND id = ?2"))?
        .query_row(params![realm, id.to_bytes()], |row| row::replay_job(&mut Columns::of(row)))
        .optional()?;
    Ok(job)
}

/// The job of all realms that was made first of those that are not completed. An index has no others.
pub(crate) const FIRST_UNFINISHED: &str = "SELECT realm, id FROM worker_replay_jobs ORDER BY id LIMIT 1";

pub(crate) fn first_unfinished(connection: &Connection) -> Result<Option<(RealmNumber, JobId)>> {
    let first = connection
        .prepare_cached(FIRST_UNFINISHED)?
        .query_row([], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.plain()?, columns.id()?))
        })
        .optional()?;
    Ok(first)
}

/// Goes on with the first job, if there is one.
pub(crate) fn go_on(guarded: &Guarded, now: Timestamp, limit: usize) -> Result<Verdict<bool>> {
    let Some((realm, id)) = guarded.within(Scope::Worker, first_unfinished)? else { return Ok(Verdict::Keep(false)) };
    guarded.within(Scope::Realm(realm), |connection| go_on_within(connection, realm, id, now, limit))?;
    Ok(Verdict::KeepAndWake(true))
}

fn go_on_within(connection: &Connection, realm: RealmNumber, id: JobId, now: Timestamp, limit: usize) -> Result<()> {
    let (mut job, cursor) = progress(connection, realm, id)?;
    let letters = letters(connection, realm, &job, cursor, limit)?;
    let (mut done, mut failed) = (0, 0);
    for letter in &letters {
        if outbox::replay(connection, realm, *letter, now)? {
            done += 1;
        } else {
            failed += 1;
        }
    }
    job.advance(done, failed, letters.len() < limit, now);
    update(connection, realm, &job, letters.last().copied().or(cursor))
}

/// A job, and the last letter that it has looked at.
fn progress(connection: &Connection, realm: RealmNumber, id: JobId) -> Result<(ReplayJob, Option<DeliveryId>)> {
    connection
        .prepare_cached(concat!(
            "SELECT cursor, ",
            replay_job_columns!(),
            " FROM my_replay_jobs WHERE realm = ?1 AND id = ?2"
        ))?
        .query_row(params![realm, id.to_bytes()], |row| {
            let mut columns = Columns::of(row);
            let cursor = columns.maybe_id()?;
            Ok((row::replay_job(&mut columns)?, cursor))
        })
        .optional()?
        .ok_or(Fault::Broken("a job waits that is not in its realm"))
}

/// The letters that a job looks at next.
fn letters(
    connection: &Connection,
    realm: RealmNumber,
    job: &ReplayJob,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<DeliveryId>> {
    let skew = Skew::for_times(connection, realm, [job.from, job.to])?;
    let page = PageSpec { after, order: Order::Asc, limit };
    let Query { sql, values } = deliveries::page(realm, skew, &job.filter(), page);
    let mut statement = connection.prepare_cached(&sql)?;
    let letters = statement.query_map(params_from_iter(values), |row| Columns::of(row).id())?;
    Ok(letters.collect::<rusqlite::Result<_>>()?)
}

fn update(connection: &Connection, realm: RealmNumber, job: &ReplayJob, cursor: Option<DeliveryId>) -> Result<()> {
    let ReplayJob { id, status, total, done, failed, finished_at, .. } = job;
    connection
        .prepare_cached(
            "UPDATE replay_jobs SET status = ?3, total = ?4, done = ?5, failed = ?6, cursor = ?7, finished_at = ?8
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            status.as_str(),
            i64::try_from(*total)?,
            i64::try_from(*done)?,
            i64::try_from(*failed)?,
            cursor.map(DeliveryId::to_bytes),
            finished_at.map(Timestamp::as_millis),
        ])?;
    Ok(())
}
