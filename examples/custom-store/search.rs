//! Tickets by their words, and figures about them.

use std::{collections::BTreeSet, io};

use async_trait::async_trait;
use sk_tickets_core::{
    Realm, SearchQuery, ThreadEntry, Ticket, TicketFilter, TicketId,
    model::stats::{Stats, StatsBuilder, StatsRange, TicketFacts},
    store::{PageSpec, Result, TicketSearch, TicketStats},
};

use crate::{reader::page, rows::key, store::JournalStore};

/// There is no index of words: each ticket is read with its thread.
#[async_trait]
impl TicketSearch for JournalStore {
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        spec: PageSpec<TicketId>,
    ) -> Result<Vec<Ticket>> {
        let (realm, query, filter) = (realm.clone(), query.clone(), filter.clone());
        self.with(move |journal| {
            let mut found = BTreeSet::new();
            for ticket in journal.scan::<Ticket>(&key(&realm, "ticket", "")) {
                let ticket = ticket?;
                let thread = key(&realm, "thread", format!("{}/", ticket.id));
                let thread = journal.scan::<ThreadEntry>(&thread).collect::<io::Result<Vec<_>>>()?;
                if filter.matches(&ticket) && query.matches(&ticket, &thread) {
                    found.insert(ticket.id);
                }
            }
            let prefix = key(&realm, "ticket", "");
            page(journal.scan(&prefix), spec, |ticket: &Ticket| ticket.id, |one| found.contains(&one.id))
        })
        .await
    }
}

#[async_trait]
impl TicketStats for JournalStore {
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> Result<Stats> {
        let realm = realm.clone();
        self.with(move |journal| {
            let mut gathered = StatsBuilder::default();
            for ticket in journal.scan::<Ticket>(&key(&realm, "ticket", "")) {
                let ticket = ticket?;
                if range.contains(ticket.created_at) {
                    let timers = journal.get(&key(&realm, "timers", ticket.id))?.unwrap_or_default();
                    gathered.add(&TicketFacts::of(&ticket, &timers));
                }
            }
            Ok(gathered.finish(range))
        })
        .await
    }
}
