use std::collections::BTreeMap;

use super::{Audit, Books};
use crate::testing::simulation::{follower::Follower, property::Property};

impl Audit<'_> {
    /// Each version of each ticket has its events, in order.
    pub(super) fn versions(&self, books: &Books) {
        let mut told: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for (_, event) in &books.feed {
            if let (Some(id), Some(version)) = (event.ticket_id, event.ticket_version) {
                told.entry(id).or_default().push(version.0);
            }
        }
        for (ticket, _) in &books.tickets {
            let mut versions = told.remove(&ticket.id).unwrap_or_default();
            let in_order = versions.is_sorted();
            versions.dedup();
            let whole = versions.iter().copied().eq(1..=ticket.version.0);
            self.world.check(Property::EveryVersionIsTold, in_order && whole, || {
                format!("{} is in version {}, told are {versions:?}", ticket.id, ticket.version.0)
            });
        }
    }

    /// Who followed the feed from the beginning has seen what is in it.
    pub(super) fn followed(&self, followers: &[Follower], all: &[Books]) {
        for follower in followers {
            let Some(books) = all.iter().find(|books| books.realm == *follower.realm()) else { continue };
            let there: Vec<_> = books.feed.iter().map(|(_, event)| event.id).collect();
            self.world.check(Property::FeedIsFollowed, there == follower.seen, || {
                let at = there.iter().zip(&follower.seen).take_while(|(one, other)| one == other).count();
                format!("{:?}: {} events, {} seen, alike up to {at}", books.realm, there.len(), follower.seen.len())
            });
        }
    }
}
