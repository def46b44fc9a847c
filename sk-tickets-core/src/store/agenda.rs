use std::fmt::Debug;

use async_trait::async_trait;

use super::Result;
use crate::{
    model::{sla::DueTicket, ticket::Priority},
    platform::{realm::Realm, time::Timestamp},
};

/// What is due at tickets, as the sweeper sees it, across all realms. Time is a parameter: the store has no clock.
#[async_trait]
pub trait Agenda: Debug + Send + Sync + 'static {
    /// The tickets whose [`wakes_at`](crate::model::sla::Timers::wakes_at) is `now` or before, the earliest first, then by
    /// id (which realm comes first where both are alike is up to the store): at most so many, of those after `after`.
    ///
    /// ### To ensure correctness
    /// - a ticket is listed from that very millisecond on, and no longer once a commit has moved it on
    /// - the cost depends on how many are listed, and not on how many tickets there are
    async fn tickets_due(&self, now: Timestamp, after: Option<&DueTicket>, limit: usize) -> Result<Vec<DueTicket>>;

    /// When the first ticket that is not due at `now` will be.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>>;

    /// The policies about which there is [work](super::RealmReader::policy_work) to do.
    async fn policies_changed(&self) -> Result<Vec<(Realm, Priority)>>;

    /// Returns when something may be due earlier than it was at the last call, or whenever it likes. May be dropped at any
    /// point.
    ///
    /// ### To ensure correctness
    /// - what was committed between two calls is not missed: the second returns at once
    async fn wait_for_due(&self);
}
