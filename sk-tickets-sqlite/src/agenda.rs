//! What is due at tickets, across realms.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use async_trait::async_trait;
use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::{id::TicketId, sla::DueTicket, ticket::Priority},
    platform::{realm::Realm, time::Timestamp},
    store::{self, Agenda},
};

use crate::{
    columns::Columns,
    error::{Fault, Result},
    guard::{Guarded, Scope},
    reader::row_limit,
    realms::{RealmNumber, Realms},
    row,
    store::SqliteStore,
};

#[async_trait]
impl Agenda for SqliteStore {
    async fn tickets_due(
        &self,
        now: Timestamp,
        after: Option<&DueTicket>,
        limit: usize,
    ) -> store::Result<Vec<DueTicket>> {
        let after = after.cloned();
        let realms = Arc::clone(&self.inner.realms);
        let due = move |guarded: &Guarded| tickets_due(guarded, &realms, now, after.as_ref(), limit);
        self.inner.readers.read("list due tickets", due).await
    }

    async fn next_due(&self, now: Timestamp) -> store::Result<Option<Timestamp>> {
        let next = move |guarded: &Guarded| {
            guarded.within(Scope::Worker, |connection| {
                let next = connection
                    .prepare_cached(NEXT)?
                    .query_row([now.as_millis()], |row| Columns::of(row).maybe_time())?;
                Ok(next)
            })
        };
        self.inner.readers.read("find out when a ticket is due", next).await
    }

    async fn policies_changed(&self) -> store::Result<Vec<(Realm, Priority)>> {
        self.inner.readers.read("list changed policies", policies_changed).await
    }

    async fn wait_for_due(&self) {
        self.inner.due.wait().await;
    }
}

const DUE: &str = "SELECT wakes_at, id, realm FROM worker_due_tickets
                   WHERE wakes_at <= ?1 AND (wakes_at, id, realm) > (?2, ?3, ?4)
                   ORDER BY wakes_at, id, realm LIMIT ?5";

const NEXT: &str = "SELECT min(wakes_at) FROM worker_due_tickets WHERE wakes_at > ?1";

const CHANGED: &str = "SELECT realm, priority FROM worker_sla_policies";

fn tickets_due(
    guarded: &Guarded,
    realms: &Realms,
    now: Timestamp,
    after: Option<&DueTicket>,
    limit: usize,
) -> Result<Vec<DueTicket>> {
    // Before the first millisecond; an empty id is before all others.
    let mut beyond = (-1, Vec::new(), 0);
    if let Some(DueTicket { wakes_at, realm, ticket_id }) = after {
        let number = realms.find(guarded, realm)?.unwrap_or(RealmNumber::MAX);
        beyond = (wakes_at.as_millis(), ticket_id.to_bytes().to_vec(), number);
    }
    let (at, id, realm) = beyond;
    let found = guarded.within(Scope::Worker, |connection| {
        let mut statement = connection.prepare_cached(DUE)?;
        let found = statement.query_map(params![now.as_millis(), at, id, realm, row_limit(limit)], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.time()?, columns.id()?, columns.plain()?))
        })?;
        Ok(found.collect::<rusqlite::Result<Vec<(Timestamp, TicketId, RealmNumber)>>>()?)
    })?;
    let names = names(guarded, found.iter().map(|(_, _, realm)| *realm))?;
    found
        .into_iter()
        .map(|(wakes_at, ticket_id, realm)| {
            let realm = names.get(&realm).cloned().ok_or(UNKNOWN_REALM)?;
            Ok(DueTicket { wakes_at, realm, ticket_id })
        })
        .collect()
}

const UNKNOWN_REALM: Fault = Fault::Broken("a row belongs to a realm that is not there");

fn policies_changed(guarded: &Guarded) -> Result<Vec<(Realm, Priority)>> {
    let changed = guarded.within(Scope::Worker, |connection| {
        let mut statement = connection.prepare_cached(CHANGED)?;
        let changed = statement.query_map([], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.plain()?, columns.priority()?))
        })?;
        Ok(changed.collect::<rusqlite::Result<Vec<(RealmNumber, Priority)>>>()?)
    })?;
    let names = names(guarded, changed.iter().map(|(realm, _)| *realm))?;
    let named =
        changed.into_iter().map(|(realm, priority)| Ok((names.get(&realm).cloned().ok_or(UNKNOWN_REALM)?, priority)));
    named.collect()
}

/// The realms with these numbers.
fn names(guarded: &Guarded, numbers: impl Iterator<Item = RealmNumber>) -> Result<BTreeMap<RealmNumber, Realm>> {
    let mut names = BTreeMap::new();
    for number in numbers {
        if let Entry::Vacant(vacant) = names.entry(number) {
            vacant.insert(guarded.within(Scope::Directory, |connection| name(connection, number))?);
        }
    }
    Ok(names)
}

fn name(connection: &Connection, number: RealmNumber) -> Result<Realm> {
    let realm = connection
        .prepare_cached("SELECT tenant, environment FROM directory_realms WHERE id = ?1")?
        .query_row([number], |row| row::realm(&mut Columns::of(row)))?;
    Ok(realm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{list::tests::database, policy::CLOCKED};

    #[test]
    fn what_is_due_is_found_by_indexes_alone() {
        let (_folder, connection) = database();
        let plan = |sql: &str| {
            let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3));
            steps.map(Result::unwrap).collect::<Vec<_>>()
        };
        for (sql, step) in [
            (DUE, "SEARCH tickets USING COVERING INDEX tickets_due ((wakes_at,id,realm)>(?,?,?) AND wakes_at<?)"),
            (NEXT, "SEARCH tickets USING COVERING INDEX tickets_due (wakes_at>?)"),
            (CHANGED, "SCAN sla_policies USING INDEX sla_policies_changed"),
            (CLOCKED, "SEARCH tickets USING INDEX tickets_clocked (realm=? AND priority=? AND id>?)"),
        ] {
            assert_eq!(plan(sql), [step], "{sql}");
        }
    }
}
