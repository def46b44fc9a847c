//! SLA policies: as writes change them, and as they are found.

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::{
        id::TicketId,
        sla::{KeptPolicy, PolicyRevision, PolicyWork, SlaPolicy},
        ticket::Priority,
    },
    store::PolicyChange,
};

use crate::{
    columns::{Columns, rank},
    error::Result,
    realms::RealmNumber,
    row::{self, policy_columns},
};

/// Changes a policy; false if it is not as expected.
pub(crate) fn change(connection: &Connection, realm: RealmNumber, change: &PolicyChange) -> Result<bool> {
    match change {
        PolicyChange::Set { expect, after } => {
            if revision(connection, realm, change.priority())? == *expect {
                set(connection, realm, after)?;
                Ok(true)
            } else {
                Ok(false)
            }
        }
        PolicyChange::Progress { policy, from, to } => {
            let progressed = connection
                .prepare_cached(
                    "UPDATE sla_policies SET changed = ?5 IS NOT NULL, cursor = ?5
                     WHERE realm = ?1 AND priority = ?2 AND revision = ?3 AND cursor IS ?4 AND changed",
                )?
                .execute(params![
                    realm,
                    rank(policy.priority),
                    i64::try_from(policy.revision)?,
                    from.map(TicketId::to_bytes),
                    to.map(TicketId::to_bytes),
                ])?;
            Ok(progressed == 1)
        }
    }
}

fn set(connection: &Connection, realm: RealmNumber, policy: &KeptPolicy) -> Result<()> {
    let KeptPolicy { policy, revision } = policy;
    let SlaPolicy {
        id,
        priority,
        first_response_seconds,
        resolution_seconds,
        warn_before_seconds,
        created_at,
        updated_at,
    } = policy;
    let seconds = |seconds: &Option<u64>| seconds.map(i64::try_from).transpose();
    connection
        .prepare_cached(
            "INSERT INTO sla_policies (realm, priority, id, revision, first_response_seconds, resolution_seconds,
                                       warn_before_seconds, created_at, updated_at, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)
             ON CONFLICT (realm, priority) DO UPDATE
             SET id = ?3, revision = ?4, first_response_seconds = ?5, resolution_seconds = ?6, warn_before_seconds = ?7,
                 created_at = ?8, updated_at = ?9, changed = 1, cursor = NULL",
        )?
        .execute(params![
            realm,
            rank(*priority),
            id.to_bytes(),
            i64::try_from(*revision)?,
            seconds(first_response_seconds)?,
            seconds(resolution_seconds)?,
            seconds(warn_before_seconds)?,
            created_at.as_millis(),
            updated_at.as_millis(),
        ])?;
    Ok(())
}

/// Whether a policy is the one in force.
pub(crate) fn is_in_force(connection: &Connection, realm: RealmNumber, policy: PolicyRevision) -> Result<bool> {
    Ok(revision(connection, realm, policy.priority)? == policy.revision)
}

/// The revision of the policy of a priority; 0 if there is none.
fn revision(connection: &Connection, realm: RealmNumber, priority: Priority) -> Result<u64> {
    let revision = connection
        .prepare_cached("SELECT revision FROM my_sla_policies WHERE realm = ?1 AND priority = ?2")?
        .query_row(params![realm, rank(priority)], |row| Columns::of(row).number())
        .optional()?;
    Ok(revision.unwrap_or(0))
}

/// The policies of a realm, by priority.
pub(crate) fn all(connection: &Connection, realm: RealmNumber) -> Result<Vec<KeptPolicy>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        policy_columns!(),
        " FROM my_sla_policies WHERE realm = ?1 ORDER BY priority"
    ))?;
    let policies = statement.query_map([realm], row::policy)?;
    Ok(policies.collect::<rusqlite::Result<_>>()?)
}

pub(crate) const CLOCKED: &str = "SELECT id FROM my_clocked_tickets WHERE realm = ?1 AND priority = ?2 AND id > ?3
                                  ORDER BY id LIMIT ?4";

/// What is to be done yet about a change of a policy.
pub(crate) fn work(
    connection: &Connection,
    realm: RealmNumber,
    priority: Priority,
    limit: i64,
) -> Result<Option<PolicyWork>> {
    let changed = connection
        .prepare_cached("SELECT revision, cursor FROM my_sla_policies WHERE realm = ?1 AND priority = ?2 AND changed")?
        .query_row(params![realm, rank(priority)], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.number()?, columns.maybe_id()?))
        })
        .optional()?;
    let Some((revision, after)): Option<(u64, Option<TicketId>)> = changed else { return Ok(None) };
    // Shorter than any id, and so before all of them.
    let beyond = after.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
    let mut statement = connection.prepare_cached(CLOCKED)?;
    let tickets = statement.query_map(params![realm, rank(priority), beyond, limit], |row| Columns::of(row).id())?;
    let tickets = tickets.collect::<rusqlite::Result<_>>()?;
    Ok(Some(PolicyWork { policy: PolicyRevision { priority, revision }, after, tickets }))
}
