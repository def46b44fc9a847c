use async_trait::async_trait;

use super::{MemoryStore, reader::rows};
use crate::{
    model::{
        id::TicketId,
        search::SearchQuery,
        ticket::{Ticket, TicketFilter},
    },
    platform::realm::Realm,
    store::{PageSpec, Result, TicketSearch},
};

#[async_trait]
impl TicketSearch for MemoryStore {
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> Result<Vec<Ticket>> {
        Ok(self.in_realm(realm, |data| {
            let is_found = |ticket: &Ticket| {
                filter.matches(ticket) && query.matches(ticket, data.threads.get(&ticket.id).into_iter().flatten())
            };
            rows(&data.tickets, page, |ticket| is_found(ticket).then(|| ticket.clone()))
        }))
    }
}
