use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    model::stats::{Stats, StatsBuilder, StatsRange, TicketFacts},
    platform::realm::Realm,
    store::{Result, TicketStats},
};

#[async_trait]
impl TicketStats for MemoryStore {
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> Result<Stats> {
        let gathered = self.in_realm(realm, |data| {
            let mut gathered = StatsBuilder::default();
            for ticket in data.tickets.values().filter(|ticket| range.contains(ticket.created_at)) {
                let timers = data.timers.get(&ticket.id).copied().unwrap_or_default();
                gathered.add(&TicketFacts::of(ticket, &timers));
            }
            gathered
        });
        Ok(gathered.finish(range))
    }
}
