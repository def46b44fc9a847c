//! What is due at tickets, across realms: a walk over all there is.

use std::io;

use async_trait::async_trait;
use sk_tickets_core::{
    Priority, Realm, Timestamp,
    model::sla::{DueTicket, Timers},
    store::{Agenda, Result},
};

use crate::{
    journal::Journal,
    rows::{PolicyRow, realm},
    store::JournalStore,
};

#[async_trait]
impl Agenda for JournalStore {
    async fn tickets_due(&self, now: Timestamp, after: Option<&DueTicket>, limit: usize) -> Result<Vec<DueTicket>> {
        let after = after.cloned();
        self.with(move |journal| {
            let mut due = waking(journal)?;
            due.retain(|ticket| {
                ticket.wakes_at <= now && after.as_ref().is_none_or(|after| rank(ticket) > rank(after))
            });
            due.truncate(limit);
            Ok(due)
        })
        .await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.with(move |journal| Ok(waking(journal)?.into_iter().map(|ticket| ticket.wakes_at).find(|at| *at > now)))
            .await
    }

    async fn policies_changed(&self) -> Result<Vec<(Realm, Priority)>> {
        self.with(|journal| {
            let mut changed = Vec::new();
            for (realm, key) in rows(journal, "policy")? {
                let row = journal.get::<PolicyRow>(&key)?;
                changed.extend(row.filter(|row| row.changed).map(|row| (realm, row.kept.policy.priority)));
            }
            Ok(changed)
        })
        .await
    }

    async fn wait_for_due(&self) {
        self.due.notified().await;
    }
}

fn rank(ticket: &DueTicket) -> impl Ord + use<'_> {
    (ticket.wakes_at, ticket.ticket_id, &ticket.realm)
}

/// The tickets at which something will be due, in order.
fn waking(journal: &Journal) -> io::Result<Vec<DueTicket>> {
    let mut waking = Vec::new();
    for (realm, key) in rows(journal, "timers")? {
        let ticket_id = key.rsplit('/').next().unwrap_or_default().parse().map_err(io::Error::other)?;
        let wakes_at = journal.get::<Timers>(&key)?.and_then(|timers| timers.wakes_at);
        waking.extend(wakes_at.map(|wakes_at| DueTicket { wakes_at, realm, ticket_id }));
    }
    waking.sort_by(|one, other| rank(one).cmp(&rank(other)));
    Ok(waking)
}

/// The keys of a table's rows in all realms.
fn rows(journal: &Journal, table: &str) -> io::Result<Vec<(Realm, String)>> {
    let mut found = Vec::new();
    for key in journal.keys() {
        let mut parts = key.split('/');
        if let (Some(tenant), Some(environment), Some(of)) = (parts.next(), parts.next(), parts.next())
            && of == table
        {
            let environment = environment.parse().map_err(io::Error::other)?;
            found.push((realm(tenant, environment)?, key.to_owned()));
        }
    }
    Ok(found)
}
