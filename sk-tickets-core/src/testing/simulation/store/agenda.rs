use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    model::{sla::DueTicket, ticket::Priority},
    platform::{realm::Realm, time::Timestamp},
    store::{Agenda, Result},
};

#[async_trait]
impl Agenda for FaultyStore {
    async fn tickets_due(&self, now: Timestamp, after: Option<&DueTicket>, limit: usize) -> Result<Vec<DueTicket>> {
        self.call("tickets_due", self.inner.tickets_due(now, after, limit), |due, _| {
            let ids: Vec<_> = due.iter().map(|due| due.ticket_id).collect();
            format!("{ids:?}")
        })
        .await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.read("next_due", self.inner.next_due(now)).await
    }

    async fn policies_changed(&self) -> Result<Vec<(Realm, Priority)>> {
        self.read("policies_changed", self.inner.policies_changed()).await
    }

    async fn wait_for_due(&self) {
        // As with deliveries: nothing may come between the wake-up and the worker.
        self.life.must_go_on().await;
        self.inner.wait_for_due().await;
    }
}
