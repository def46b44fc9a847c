use std::time::Duration;

use prometheus_client::{
    metrics::gauge::ConstGauge,
    registry::{Registry, Unit},
};
use sk_tickets_core::{
    Tickets, Timestamp,
    store::{Backlog, NotificationBacklog, StoreError},
};
use tokio::sync::Mutex;

use super::PREFIX;

/// How long the store is not asked again: however often somebody looks, it has to count once a second at most.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// What waits in a store: deliveries, and what customers are to be told.
pub(super) type Waiting = (Backlog, NotificationBacklog);

/// What waited in a store a moment ago.
#[derive(Debug, Default)]
pub(crate) struct RecentBacklog {
    known: Mutex<Option<(Timestamp, Waiting)>>,
}

impl RecentBacklog {
    /// What waits; none if the store cannot say.
    pub(super) async fn get(&self, tickets: &Tickets) -> Option<Waiting> {
        // Held while the store is asked: whoever comes meanwhile waits for the same answer.
        let mut known = self.known.lock().await;
        let now = tickets.now();
        if let Some((since, waiting)) = *known
            && now >= since
            && now.since(since) < FRESH_FOR
        {
            return Some(waiting);
        }
        match ask(tickets).await {
            Ok(waiting) => {
                *known = Some((now, waiting));
                Some(waiting)
            }
            Err(error) => {
                tracing::warn!(%error, "what waits could not be counted");
                None
            }
        }
    }
}

async fn ask(tickets: &Tickets) -> Result<Waiting, StoreError> {
    Ok((tickets.store().backlog().await?, tickets.store().notification_backlog().await?))
}

/// What waits as gauges, made for one look: where the store cannot say there are none, rather than old ones.
pub(super) fn gauges((backlog, notifications): Waiting, now: Timestamp) -> Registry {
    let Backlog { pending, oldest_due, dead_letters, oldest_dead_letter } = backlog;
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register("deliveries_pending", "Deliveries that are still to be made", ConstGauge::new(pending));
    registry.register_with_unit(
        "deliveries_oldest_due",
        "How long ago the pending delivery that is due first was due; 0 if none is",
        Unit::Seconds,
        ConstGauge::new(age(oldest_due, now)),
    );
    registry.register(
        "dead_letters",
        "Dead letters that nobody has replayed or discarded",
        ConstGauge::new(dead_letters),
    );
    registry.register_with_unit(
        "dead_letters_oldest",
        "How long ago the event of the oldest dead letter happened; 0 if there is none",
        Unit::Seconds,
        ConstGauge::new(age(oldest_dead_letter, now)),
    );
    let NotificationBacklog { pending, oldest, dead } = notifications;
    registry.register("notifications_pending", "What customers are still to be told", ConstGauge::new(pending));
    registry.register_with_unit(
        "notifications_oldest_pending",
        "How long ago the oldest of what customers are still to be told was written; 0 if there is nothing",
        Unit::Seconds,
        ConstGauge::new(age(oldest, now)),
    );
    registry.register(
        "notifications_dead",
        "What customers could not be told and nobody has replayed",
        ConstGauge::new(dead),
    );
    registry
}

/// In seconds; 0 for what is in the future, and for nothing.
fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.filter(|since| *since <= now).map_or(0.0, |since| now.since(since).as_secs_f64())
}
