use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    model::{sla::DueTicket, ticket::Priority},
    platform::{realm::Realm, time::Timestamp},
    store::{Agenda, Result},
};

#[async_trait]
impl Agenda for MemoryStore {
    async fn tickets_due(&self, now: Timestamp, after: Option<&DueTicket>, limit: usize) -> Result<Vec<DueTicket>> {
        let mut due = self.waking();
        due.retain(|ticket| ticket.wakes_at <= now && after.is_none_or(|after| rank(ticket) > rank(after)));
        due.truncate(limit);
        Ok(due)
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        Ok(self.waking().into_iter().map(|ticket| ticket.wakes_at).find(|at| *at > now))
    }

    async fn policies_changed(&self) -> Result<Vec<(Realm, Priority)>> {
        let world = self.world();
        let changed = world.realms.iter().flat_map(|(realm, data)| {
            let changed = data.policies.iter().filter(|(_, row)| row.work.is_some());
            changed.map(|(priority, _)| (realm.clone(), *priority))
        });
        Ok(changed.collect())
    }

    async fn wait_for_due(&self) {
        self.due.notified().await;
    }
}

fn rank(ticket: &DueTicket) -> impl Ord + use<'_> {
    (ticket.wakes_at, ticket.ticket_id, &ticket.realm)
}

impl MemoryStore {
    /// The tickets at which something will be due, in order.
    fn waking(&self) -> Vec<DueTicket> {
        let world = self.world();
        let of_realm = |(realm, data): (&Realm, &super::RealmData)| {
            let waking = data.timers.iter().filter_map(|(id, timers)| {
                Some(DueTicket { wakes_at: timers.wakes_at?, realm: realm.clone(), ticket_id: *id })
            });
            waking.collect::<Vec<_>>()
        };
        let mut waking: Vec<_> = world.realms.iter().flat_map(of_realm).collect();
        waking.sort_by(|one, other| rank(one).cmp(&rank(other)));
        waking
    }
}
