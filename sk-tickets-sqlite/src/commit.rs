//! Applies a commit, inside of a transaction that the writer has begun.

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::id::TicketId,
    platform::{
        crash_point::crash_point,
        idempotency::{Claim, Recorded, StoredResponse},
        time::Timestamp,
    },
    store::{Commit, CommitOutcome, DeliveryAction, DeliveryChange, Effect, Loaded, SecretChange},
};

use crate::{
    contact, endpoint,
    error::{Fault, Result},
    form,
    guard::Scope,
    load::{Wanted, load},
    notification, outbox, policy, purge, queues,
    realms::{RealmNumber, Realms},
    redaction, replay,
    row::{self, recorded_columns},
    ticket,
    words::Words,
    writer::{Transaction, Verdict},
};

/// What became of a change.
pub(crate) enum Change {
    /// It was made.
    Done,
    /// It was made, and a delivery can be due.
    Due,
    /// What it was decided on has changed. It may be half made; the writer undoes it.
    Stale,
}

impl Change {
    pub(crate) const fn unless_stale(fresh: bool) -> Self {
        if fresh { Self::Done } else { Self::Stale }
    }
}

/// Applies a commit.
pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    realms: &Realms,
    commit: &Commit,
) -> Result<Verdict<CommitOutcome>> {
    let Transaction { guarded, words } = transaction;
    let realm = realms.find_or_make(guarded, commit.realm())?;
    let verdict = guarded.within(Scope::Realm(realm), |connection| apply_within(connection, realm, commit, words))?;
    match (commit.effect(), verdict) {
        (Effect::Redact(change), Verdict::Keep(outcome) | Verdict::KeepAndWake(outcome)) => {
            let replace = |connection: &Connection| redaction::replace(connection, realm, change);
            let fresh = guarded.within(Scope::Redaction(realm), replace)?;
            Ok(if fresh { Verdict::KeepAndErase(outcome) } else { Verdict::Undo(CommitOutcome::Stale) })
        }
        (Effect::Purge(purge), Verdict::Keep(outcome)) => {
            let drop = |connection: &Connection| purge::purge(connection, realm, purge);
            let dropped = guarded.within(Scope::Purge(realm), drop)?;
            Ok(if dropped { Verdict::Keep(outcome) } else { Verdict::Undo(CommitOutcome::Stale) })
        }
        (_, verdict) => Ok(verdict),
    }
}

fn apply_within(
    connection: &Connection,
    realm: RealmNumber,
    commit: &Commit,
    words: &mut Words,
) -> Result<Verdict<CommitOutcome>> {
    let Effect::QueueClaim(claim) = commit.effect() else { return store(connection, realm, commit, words) };
    // There is one writer, so nobody else is about to take the head.
    let is_recorded = match commit.claim() {
        Some((claim, _)) => find_recorded(connection, realm, claim.key.as_str())?.is_some(),
        None => false,
    };
    let head = if is_recorded { None } else { queues::head(connection, claim.queue())? };
    let head = match head {
        Some(id) => load(connection, realm, commit.realm().environment(), None, Wanted::Ticket(id))?,
        None => Loaded::default(),
    };
    let (commit, answer) = claim.settle(commit, &head);
    let claimed = |outcome| match outcome {
        CommitOutcome::Applied => CommitOutcome::Claimed(answer),
        other => other,
    };
    Ok(match store(connection, realm, &commit, words)? {
        Verdict::Keep(outcome) => Verdict::Keep(claimed(outcome)),
        Verdict::KeepAndWake(outcome) => Verdict::KeepAndWake(claimed(outcome)),
        Verdict::KeepAndErase(outcome) => Verdict::KeepAndErase(claimed(outcome)),
        Verdict::Undo(outcome) => Verdict::Undo(claimed(outcome)),
    })
}

fn store(
    connection: &Connection,
    realm: RealmNumber,
    commit: &Commit,
    words: &mut Words,
) -> Result<Verdict<CommitOutcome>> {
    if let Some((claim, response)) = commit.claim()
        && let Some(outcome) = repeated(connection, realm, claim, response, commit)?
    {
        return Ok(Verdict::Undo(outcome));
    }
    crash_point("commit.claimed");
    let change = match commit.effect() {
        Effect::None => Change::Done,
        Effect::Unchanged(ticket, version) => {
            Change::unless_stale(ticket::is_in(connection, realm, *ticket, *version)?)
        }
        Effect::Ticket(change) => ticket::change(connection, realm, change, words)?,
        // The words themselves are replaced in a scope of their own, after this.
        Effect::Redact(redaction) => ticket::change(connection, realm, &redaction.change, words)?,
        Effect::Contact(change) => Change::unless_stale(contact::change(connection, realm, change)?),
        Effect::Queue(change) => Change::unless_stale(queues::change(connection, realm, change)?),
        Effect::Form(change) => Change::unless_stale(form::change(connection, realm, change)?),
        Effect::Policy(change) => Change::unless_stale(policy::change(connection, realm, change)?),
        Effect::QueueClaim(_) => return Err(Fault::Broken("a claim was not settled")),
        // What is old is dropped in a scope of its own, after this.
        Effect::Purge(_) => Change::Done,
        Effect::Endpoint(change) => endpoint::change(connection, realm, change, commit.at())?,
        Effect::Delivery(change) => change_delivery(connection, realm, change, commit.at())?,
        Effect::Notification(change) => {
            Change::unless_stale(notification::revive(connection, realm, change, commit.at())?)
        }
        Effect::Replay(job) if replay::insert(connection, realm, job)? => Change::Due,
        Effect::Replay(_) => Change::Stale,
        Effect::Secret(change) => Change::unless_stale(change_secret(connection, realm, change)?),
    };
    Ok(match change {
        Change::Done => Verdict::Keep(CommitOutcome::Applied),
        Change::Due => Verdict::KeepAndWake(CommitOutcome::Applied),
        Change::Stale => Verdict::Undo(CommitOutcome::Stale),
    })
}

/// Records a key with its answer; if it was recorded before, how the commit ends.
fn repeated(
    connection: &Connection,
    realm: RealmNumber,
    claim: &Claim,
    response: &StoredResponse,
    commit: &Commit,
) -> Result<Option<CommitOutcome>> {
    let StoredResponse { status, location, etag, content_type, body, secret } = response;
    let slot = secret.as_ref();
    let recorded = connection
        .prepare_cached(
            "INSERT INTO claims (realm, key, fingerprint, status, location, etag, content_type, body, secret_offset,
                                 secret, ticket_id, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (realm, key) DO NOTHING",
        )?
        .execute(params![
            realm,
            claim.key.as_str(),
            claim.fingerprint.0,
            status,
            location,
            etag,
            content_type,
            body,
            slot.map(|slot| i64::try_from(slot.at)).transpose()?,
            slot.map(|slot| slot.secret.as_bytes()),
            commit.shows().map(TicketId::to_bytes),
            commit.at().as_millis(),
        ])?;
    if recorded == 1 {
        return Ok(None);
    }
    let before = find_recorded(connection, realm, claim.key.as_str())?;
    let before = before.ok_or(Fault::Broken("a key is recorded and cannot be found"))?;
    Ok(Some(if before.fingerprint == claim.fingerprint {
        CommitOutcome::Replayed(before.response)
    } else {
        CommitOutcome::KeyReused
    }))
}

/// What is recorded of a key.
pub(crate) fn find_recorded(connection: &Connection, realm: RealmNumber, key: &str) -> Result<Option<Recorded>> {
    let recorded = connection
        .prepare_cached(concat!("SELECT ", recorded_columns!(), " FROM my_claims WHERE realm = ?1 AND key = ?2"))?
        .query_row(params![realm, key], row::recorded)
        .optional()?;
    Ok(recorded)
}

fn change_delivery(
    connection: &Connection,
    realm: RealmNumber,
    change: &DeliveryChange,
    at: Timestamp,
) -> Result<Change> {
    let DeliveryChange { id, ticket, action } = change;
    if let Some((ticket, version)) = ticket
        && !ticket::is_in(connection, realm, *ticket, *version)?
    {
        return Ok(Change::Stale);
    }
    Ok(match action {
        DeliveryAction::Replay if outbox::replay(connection, realm, *id, at)? => Change::Due,
        DeliveryAction::Replay => Change::Stale,
        DeliveryAction::Discard(why) => Change::unless_stale(outbox::discard(connection, realm, *id, why)?),
    })
}

/// Replaces the secret in a recorded answer; false if it is not as expected.
fn change_secret(connection: &Connection, realm: RealmNumber, change: &SecretChange) -> Result<bool> {
    let SecretChange { key, before, after } = change;
    let changed = connection
        .prepare_cached("UPDATE claims SET secret = ?4 WHERE realm = ?1 AND key = ?2 AND secret = ?3")?
        .execute(params![realm, key.as_str(), before.as_bytes(), after.as_bytes()])?;
    Ok(changed == 1)
}
