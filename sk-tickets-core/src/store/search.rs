use std::fmt::Debug;

use async_trait::async_trait;

use super::{PageSpec, Result};
use crate::{
    model::{
        id::TicketId,
        search::SearchQuery,
        ticket::{Ticket, TicketFilter},
    },
    platform::realm::Realm,
};

/// Finds tickets by the words in them.
///
/// What to look in comes with each commit, as [`TermChanges`](crate::model::search::TermChanges). A store without an
/// index can do without it, and ask [`SearchQuery::matches`] of each ticket and its thread.
#[async_trait]
pub trait TicketSearch: Debug + Send + Sync + 'static {
    /// Tickets in which every word of the query occurs and that match, by id.
    ///
    /// ### To ensure correctness
    /// - a ticket is found by a word as soon as a commit has added a text with it, and no longer once the last text with
    ///   it is gone
    /// - words that a commit adds to one ticket or one realm do not let another be found
    /// - every filter that is set holds for every row
    /// - a page has at most `limit` rows, in order, strictly after `after`, and whether or not that row still exists
    async fn ticket_search(
        &self,
        realm: &Realm,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: PageSpec<TicketId>,
    ) -> Result<Vec<Ticket>>;
}
