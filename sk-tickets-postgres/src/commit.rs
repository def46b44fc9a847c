//! Commits.

use std::sync::Arc;

use serde_json::json;
use sk_tickets_core::{
    platform::{
        crash_point::crash_point,
        idempotency::{Claim, StoredResponse},
    },
    store::{Commit, CommitOutcome, Effect, QueueClaim},
};
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query as Bound,
};

use crate::{
    columns::{Columns, number_of},
    effect::{effect, id},
    error::{Fault, Result},
    group::Groups,
    load,
    pool::Pool,
    realms::RealmNumber,
    row::{self, recorded_columns},
    ticket::{TicketCommit, store_tickets},
};

/// What became of a commit, and whether a delivery can be due because of it.
pub(crate) struct Applied {
    pub(crate) outcome: CommitOutcome,
    pub(crate) due: bool,
}

/// Stores a commit, in one round trip; if the head of a queue is claimed, in five; if others wait, together with them.
pub(crate) async fn apply(pool: &Arc<Pool>, groups: &Groups, realm: RealmNumber, commit: Commit) -> Result<Applied> {
    if let Effect::QueueClaim(claim) = commit.effect() {
        return apply_claim(pool, realm, &commit, claim).await;
    }
    if TicketCommit::is(&commit) {
        let commit = TicketCommit::new(realm, commit)?;
        if !commit.goes_alone() {
            return groups.apply(pool, realm, commit).await;
        }
        return store_ticket(realm, &commit, async |query| run_alone(pool, query).await).await;
    }
    store(realm, &commit, async |query| run_alone(pool, query).await).await
}

/// Runs a statement that is a transaction of its own.
pub(crate) async fn run_alone(pool: &Pool, query: Bound<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>> {
    crash_point("commit.begin");
    let rows = pool.rows(query).await?;
    crash_point("commit.committed");
    Ok(rows)
}

/// Picks the head of a queue, and stores what is decided of it while it is locked. A twin that waited for the first one
/// finds the record instead; the other head, which it had picked meanwhile, is free again with the end of its transaction.
async fn apply_claim(pool: &Pool, realm: RealmNumber, commit: &Commit, claim: &QueueClaim) -> Result<Applied> {
    crash_point("commit.begin");
    let mut transaction = pool.begin().await?;
    let key = commit.claim().map(|(claim, _)| &claim.key);
    let head = load::head(&mut transaction, realm, key, claim.queue()).await?;
    let (commit, answer) = claim.settle(commit, &head);
    let run = async |query: Bound<'_, _, _>| transaction.rows(query).await;
    let Applied { outcome, due } = if TicketCommit::is(&commit) {
        store_ticket(realm, &TicketCommit::new(realm, commit)?, run).await?
    } else {
        store(realm, &commit, run).await?
    };
    crash_point("commit.stored");
    transaction.commit().await?;
    crash_point("commit.committed");
    let outcome = if outcome == CommitOutcome::Applied { CommitOutcome::Claimed(answer) } else { outcome };
    Ok(Applied { outcome, due })
}

/// Stores a commit that changes no ticket, by a statement that `run` runs.
async fn store(
    realm: RealmNumber,
    commit: &Commit,
    run: impl AsyncFnOnce(Bound<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>>,
) -> Result<Applied> {
    let (mut effect, bytes) = effect(realm, commit.effect())?;
    effect["shows"] = json!(commit.shows().map(id));
    let (claim, response) = commit.claim().map(|(claim, response)| (claim, response)).unzip();
    let slot = response.and_then(|response| response.secret.as_ref());
    let query = sqlx::query(concat!(
        "SELECT outcome, ",
        recorded_columns!(),
        " FROM sk_tickets.commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14)"
    ))
    .bind(realm.tenant)
    .bind(number_of(realm.environment))
    .bind(commit.at().as_millis())
    .bind(claim.map(|claim| claim.key.as_str()))
    .bind(claim.map(|claim| claim.fingerprint.0))
    .bind(response.map(|response| i32::from(response.status)))
    .bind(response.and_then(|response| response.location.as_deref()))
    .bind(response.and_then(|response| response.etag.as_deref()))
    .bind(response.and_then(|response| response.content_type.as_deref()))
    .bind(response.map(|response| response.body.as_slice()))
    .bind(slot.map(|slot| i64::try_from(slot.at)).transpose()?)
    .bind(slot.map(|slot| slot.secret.as_bytes()))
    .bind(serde_json::to_string(&effect)?)
    .bind(bytes);
    let row = run(query).await?.into_iter().next().ok_or(UNFINDABLE)?;
    applied(claim, &mut Columns::of(&row))?.ok_or(UNKNOWN)
}

/// Stores a commit that changes a ticket by itself.
pub(crate) async fn store_ticket(
    realm: RealmNumber,
    commit: &TicketCommit,
    run: impl AsyncFnOnce(Bound<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>>,
) -> Result<Applied> {
    store_tickets(realm, &[commit], run).await?.pop().flatten().ok_or(UNKNOWN)
}

pub(crate) const UNFINDABLE: Fault = Fault::Broken("a key is recorded and cannot be found");

const UNKNOWN: Fault = Fault::Broken("the outcome of a commit is unknown to this version");

/// What became of a commit, out of `outcome` and [`recorded_columns`]; none if it was not stored because another could not
/// be.
pub(crate) fn applied(claim: Option<&Claim>, columns: &mut Columns<'_>) -> Result<Option<Applied>> {
    let outcome: &str = columns.plain()?;
    let due = outcome == "due";
    let outcome = match (outcome, claim) {
        ("done" | "due", _) => CommitOutcome::Applied,
        ("stale", _) => CommitOutcome::Stale,
        ("recorded", Some(claim)) => repeated(claim, columns)?,
        ("again", _) => return Ok(None),
        _ => return Err(UNKNOWN),
    };
    Ok(Some(Applied { outcome, due }))
}

fn repeated(claim: &Claim, columns: &mut Columns<'_>) -> Result<CommitOutcome> {
    let recorded = row::recorded(columns)?;
    let response: StoredResponse = recorded.response;
    Ok(if recorded.fingerprint == claim.fingerprint {
        CommitOutcome::Replayed(response)
    } else {
        CommitOutcome::KeyReused
    })
}
