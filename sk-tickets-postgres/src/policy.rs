//! SLA policies: as commits change them, and as they are found.

use serde_json::{Value, json};
use sk_tickets_core::{
    model::{
        sla::{KeptPolicy, PolicyRevision, PolicyWork, SlaPolicy},
        ticket::Priority,
    },
    store::PolicyChange,
};

use crate::{
    columns::rank,
    error::Result,
    reader::limit,
    realms::RealmNumber,
    statement::{Query, Value as Bound, in_realm, uuid},
    store::PostgresStore,
};

/// A change of a policy, by its columns.
pub(crate) fn change(change: &PolicyChange) -> Result<Value> {
    Ok(match change {
        PolicyChange::Set { expect, after } => json!({
            "kind": "policy", "action": "set", "expect": i64::try_from(*expect)?, "policy": columns(after)?,
        }),
        PolicyChange::Progress { policy, from, to } => json!({
            "kind": "policy",
            "action": "progress",
            "priority": rank(policy.priority),
            "revision": i64::try_from(policy.revision)?,
            "from": from.map(|id| uuid(id).to_string()),
            "to": to.map(|id| uuid(id).to_string()),
        }),
    })
}

fn columns(policy: &KeptPolicy) -> Result<Value> {
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
    Ok(json!({
        "id": uuid(*id).to_string(),
        "priority": rank(*priority),
        "revision": i64::try_from(*revision)?,
        "first_response_seconds": first_response_seconds,
        "resolution_seconds": resolution_seconds,
        "warn_before_seconds": warn_before_seconds,
        "created_at": created_at.as_millis(),
        "updated_at": updated_at.as_millis(),
    }))
}

/// The policies of a realm as one value, which [`row::policies`](crate::row::policies) reads, for a place in `FROM`.
macro_rules! policies_of_realm {
    () => {
        " LEFT JOIN LATERAL (
              SELECT jsonb_agg(jsonb_build_array(revision, id, priority, first_response_seconds, resolution_seconds,
                                                 warn_before_seconds, created_at, updated_at) ORDER BY priority)::text
                  AS kept
              FROM sk_tickets.sla_policies WHERE tenant = realm.tenant AND environment = realm.environment OFFSET 0
          ) AS policies ON true"
    };
}
pub(crate) use policies_of_realm;

/// The policies of a realm, by priority.
pub(crate) const ALL: &str = in_realm!("SELECT policies.kept FROM realm", policies_of_realm!());

/// What is to be done yet about a change of the policy of `$3`: a row for each of the next `$4` tickets, or one without a
/// ticket.
pub(crate) const WORK: &str = in_realm!(
    "SELECT policy.revision, policy.last_seen, ticket.id FROM realm
     CROSS JOIN LATERAL (
         SELECT priority, revision, last_seen FROM sk_tickets.sla_policies
         WHERE tenant = realm.tenant AND environment = realm.environment AND priority = $3 AND changed OFFSET 0
     ) AS policy
     LEFT JOIN LATERAL (
         SELECT id FROM sk_tickets.tickets
         WHERE tenant = realm.tenant AND environment = realm.environment AND priority = policy.priority AND clocked
           AND id > COALESCE(policy.last_seen, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $4
     ) AS ticket ON true ORDER BY ticket.id"
);

/// What is to be done yet about a change of a policy.
pub(crate) async fn work(
    store: &PostgresStore,
    realm: RealmNumber,
    priority: Priority,
    most: usize,
) -> Result<Option<PolicyWork>> {
    let mut query = Query::on(realm);
    query.sql = WORK.to_owned();
    query.values.extend([Bound::Small(rank(priority)), Bound::Number(limit(most))]);
    let rows = store.all(query, |columns| Ok((columns.number()?, columns.maybe_id()?, columns.maybe_id()?))).await?;
    let mut work: Option<PolicyWork> = None;
    for (revision, after, ticket) in rows {
        let policy = PolicyRevision { priority, revision };
        work.get_or_insert_with(|| PolicyWork { policy, after, tickets: Vec::new() }).tickets.extend(ticket);
    }
    Ok(work)
}
