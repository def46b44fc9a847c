//! Commits, one or a group at a time.

use std::sync::Arc;

use serde_json::json;
use sk_tickets_core::{
    model::id::TicketId,
    platform::idempotency::{Claim, StoredResponse},
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
};

/// What became of a commit, and whether a delivery can be due because of it.
pub(crate) struct Applied {
    pub(crate) outcome: CommitOutcome,
    pub(crate) due: bool,
}

/// A commit with what it changes written as the database takes it.
pub(crate) struct Prepared {
    commit: Commit,
    effect: String,
    /// The bytes that go beside it.
    bytes: Vec<Vec<u8>>,
}

impl Prepared {
    pub(crate) fn new(realm: RealmNumber, commit: Commit) -> Result<Self> {
        let (mut effect, bytes) = effect(realm, commit.effect())?;
        effect["shows"] = json!(commit.shows().map(id));
        let (effect, bytes) = (serde_json::to_string(&effect)?, bytes.into_iter().map(<[u8]>::to_vec).collect());
        Ok(Self { commit, effect, bytes })
    }

    /// The ticket that it changes, if it does.
    pub(crate) fn ticket(&self) -> Option<TicketId> {
        match self.commit.effect() {
            Effect::Ticket(change) => Some(change.ticket.id),
            Effect::Unchanged(ticket, _) => Some(*ticket),
            _ => None,
        }
    }
}

/// Stores a commit, in one round trip; if the head of a queue is claimed, in five; if others wait, together with them.
pub(crate) async fn apply(
    pool: &Arc<Pool>,
    groups: &Arc<Groups>,
    realm: RealmNumber,
    commit: Commit,
) -> Result<Applied> {
    if let Effect::QueueClaim(claim) = commit.effect() {
        return apply_claim(pool, realm, &commit, claim).await;
    }
    if Groups::take(&commit) {
        return groups.apply(pool, realm, commit).await;
    }
    store(realm, &Prepared::new(realm, commit)?, async |query| pool.rows(query).await).await
}
/// Picks the head of a queue, and stores what is decided of it while it is locked. A twin that waited for the first one
/// finds the record instead; the other head, which it had picked meanwhile, is free again with the end of its transaction.
async fn apply_claim(pool: &Pool, realm: RealmNumber, commit: &Commit, claim: &QueueClaim) -> Result<Applied> {
    let mut transaction = pool.begin().await?;
    let key = commit.claim().map(|(claim, _)| &claim.key);
    let head = load::head(&mut transaction, realm, key, claim.queue()).await?;
    let (commit, answer) = claim.settle(commit, &head);
    let commit = Prepared::new(realm, commit)?;
    let Applied { outcome, due } = store(realm, &commit, async |query| transaction.rows(query).await).await?;
    transaction.commit().await?;
    let outcome = if outcome == CommitOutcome::Applied { CommitOutcome::Claimed(answer) } else { outcome };
    Ok(Applied { outcome, due })
}

/// Stores a commit by itself, by a statement that `run` runs.
pub(crate) async fn store(
    realm: RealmNumber,
    commit: &Prepared,
    run: impl AsyncFnOnce(Bound<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>>,
) -> Result<Applied> {
    let Prepared { commit, effect, bytes } = commit;
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
    .bind(effect)
    .bind(bytes);
    let row = run(query).await?.into_iter().next().ok_or(UNFINDABLE)?;
    applied(claim, &mut Columns::of(&row))
}

/// Stores commits in one transaction; an outcome for each, in their order.
pub(crate) async fn store_group(pool: &Pool, realm: RealmNumber, group: &[&Prepared]) -> Result<Vec<Applied>> {
    let claims: Vec<_> = group.iter().map(|prepared| prepared.commit.claim()).collect();
    let slots: Vec<_> = claims.iter().map(|claim| claim.and_then(|(_, response)| response.secret.as_ref())).collect();
    macro_rules! of_each {
        (|$claim:ident, $response:ident| $value:expr) => {
            claims.iter().map(|claim| claim.and_then(|($claim, $response)| $value)).collect::<Vec<_>>()
        };
    }
    let offsets: Vec<_> = slots
        .iter()
        .map(|slot| slot.map(|slot| i64::try_from(slot.at)).transpose())
        .collect::<Result<_, std::num::TryFromIntError>>()?;
    let ends: Vec<_> = group
        .iter()
        .scan(0, |end, prepared| {
            *end += prepared.bytes.len();
            Some(i32::try_from(*end))
        })
        .collect::<Result<_, std::num::TryFromIntError>>()?;
    let query = sqlx::query(concat!(
        "SELECT number, outcome, ",
        recorded_columns!(),
        " FROM sk_tickets.commit_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text[]::jsonb[], $14,
                                       $15)"
    ))
    .bind(realm.tenant)
    .bind(number_of(realm.environment))
    .bind(group.iter().map(|prepared| prepared.commit.at().as_millis()).collect::<Vec<_>>())
    .bind(of_each!(|claim, _response| Some(claim.key.as_str())))
    .bind(of_each!(|claim, _response| Some(claim.fingerprint.0.as_slice())))
    .bind(of_each!(|_claim, response| Some(i32::from(response.status))))
    .bind(of_each!(|_claim, response| response.location.as_deref()))
    .bind(of_each!(|_claim, response| response.etag.as_deref()))
    .bind(of_each!(|_claim, response| response.content_type.as_deref()))
    .bind(of_each!(|_claim, response| Some(response.body.as_slice())))
    .bind(offsets)
    .bind(slots.iter().map(|slot| slot.map(|slot| slot.secret.as_bytes())).collect::<Vec<_>>())
    .bind(group.iter().map(|prepared| prepared.effect.as_str()).collect::<Vec<_>>())
    .bind(group.iter().flat_map(|prepared| &prepared.bytes).map(Vec::as_slice).collect::<Vec<_>>())
    .bind(ends);
    let rows = pool.rows(query).await?;
    let mut rows = rows.iter();
    let mut outcomes = Vec::with_capacity(group.len());
    for (number, claim) in (1..).zip(claims) {
        let mut columns = Columns::of(rows.next().ok_or(UNFINDABLE)?);
        if columns.plain::<i32>()? != number {
            return Err(UNFINDABLE);
        }
        outcomes.push(applied(claim.map(|(claim, _)| claim), &mut columns)?);
    }
    Ok(outcomes)
}

const UNFINDABLE: Fault = Fault::Broken("a key is recorded and cannot be found");

/// What became of a commit, out of `outcome` and [`recorded_columns`].
fn applied(claim: Option<&Claim>, columns: &mut Columns<'_>) -> Result<Applied> {
    let outcome: &str = columns.plain()?;
    let due = outcome == "due";
    let outcome = match (outcome, claim) {
        ("done" | "due", _) => CommitOutcome::Applied,
        ("stale", _) => CommitOutcome::Stale,
        ("recorded", Some(claim)) => repeated(claim, columns)?,
        _ => return Err(Fault::Broken("the outcome of a commit is unknown to this version")),
    };
    Ok(Applied { outcome, due })
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
