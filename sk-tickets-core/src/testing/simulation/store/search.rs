use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    model::{
        id::TicketId,
        search::SearchQuery,
        stats::{Stats, StatsRange},
        ticket::{Ticket, TicketFilter},
    },
    platform::realm::Realm,
    store::{PageSpec, Result, TicketSearch, TicketStats},
};

#[async_trait]
impl TicketSearch for FaultyStore {
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> Result<Vec<Ticket>> {
        self.read("ticket_search", self.inner.ticket_search(realm, query, filter, page)).await
    }
}

#[async_trait]
impl TicketStats for FaultyStore {
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> Result<Stats> {
        self.read("ticket_stats", self.inner.ticket_stats(realm, range)).await
    }
}
