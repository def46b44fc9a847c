use std::fmt::Debug;

use async_trait::async_trait;

use super::Result;
use crate::{
    model::stats::{Stats, StatsRange},
    platform::realm::Realm,
};

/// Figures on the tickets of a realm.
#[async_trait]
pub trait TicketStats: Debug + Send + Sync + 'static {
    /// Figures on the tickets that were made within a time, all of one moment.
    ///
    /// ### To ensure correctness
    /// - a ticket counts by its `created_at` alone: from the first millisecond of the range up to before the last
    /// - percentiles are by nearest rank, of the exact durations
    /// - only tickets of `realm` count; where there are none, the figures say so
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> Result<Stats>;
}
