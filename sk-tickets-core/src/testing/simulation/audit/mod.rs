//! What is looked at in the end: all that the store has, against all that is known from outside.

mod deliveries;
mod feed;
mod replays;
mod tickets;
mod words;

use std::{fmt::Debug, sync::Arc};

use super::{client::Client, clock::NodeClock, follower::Follower, node::engine, world::World};
use crate::{
    desk::Tickets,
    model::{
        delivery::{Delivery, DeliveryFilter},
        event::{Event, FeedPosition},
        notification::{Notification, NotificationFilter},
        page::Order,
        thread::ThreadEntry,
        ticket::{Ticket, TicketFilter},
    },
    platform::realm::Realm,
    store::{PageSpec, Result, Store},
};

/// Looks at the store itself, past all that fails.
#[derive(Debug)]
pub(super) struct Audit<'a> {
    world: &'a Arc<World>,
    store: &'a Arc<dyn Store>,
    stewards: &'a [Client],
}

/// All that the store has of a realm.
#[derive(Debug)]
struct Books {
    realm: Realm,
    tickets: Vec<(Ticket, Vec<ThreadEntry>)>,
    feed: Vec<(FeedPosition, Event)>,
    deliveries: Vec<Delivery>,
    notifications: Vec<Notification>,
}

impl<'a> Audit<'a> {
    pub(super) const fn new(world: &'a Arc<World>, store: &'a Arc<dyn Store>, stewards: &'a [Client]) -> Self {
        Self { world, store, stewards }
    }

    pub(super) async fn run(&self, mut followers: Vec<Follower>) {
        let tickets = self.engine();
        for follower in &mut followers {
            follower.finish(&tickets).await;
        }
        let mut all = Vec::new();
        for steward in self.stewards {
            all.push(self.books(&steward.realm).await);
        }
        for books in &all {
            self.effects(books);
            self.threads(books);
            self.alarms(books);
            self.heads(books);
            self.versions(books);
            self.outbox(books);
            self.customers(books);
            let others = all.iter().filter(|other| other.realm != books.realm);
            self.apart(books, others);
        }
        self.receivers(&all);
        self.followed(&followers, &all);
        self.replays(&tickets).await;
        for books in &all {
            self.redacted(books).await;
        }
        self.world.count(|figures| {
            figures.deliveries = all.iter().map(|books| books.deliveries.len() as u64).sum();
        });
    }

    /// A node that has seen nothing of all that.
    fn engine(&self) -> Tickets {
        let clock = Arc::new(NodeClock::new(Arc::clone(&self.world.time)));
        engine(Arc::clone(self.store), clock, u64::MAX)
    }

    pub(super) async fn notifications(&self, realm: &Realm) -> Vec<Notification> {
        read(self.store.notification_page(realm, &NotificationFilter::default(), all()).await)
    }

    async fn books(&self, realm: &Realm) -> Books {
        let mut tickets = Vec::new();
        for ticket in read(self.store.ticket_page(realm, &TicketFilter::ALL, all()).await) {
            let thread = read(self.store.thread_page(realm, ticket.id, all()).await).unwrap_or_default();
            tickets.push((ticket, thread));
        }
        Books {
            realm: realm.clone(),
            tickets,
            feed: read(self.store.event_page(realm, all()).await).events,
            deliveries: read(self.store.delivery_page(realm, &DeliveryFilter::default(), all()).await),
            notifications: self.notifications(realm).await,
        }
    }
}

const fn all<K>() -> PageSpec<K> {
    PageSpec { after: None, order: Order::Asc, limit: i32::MAX as usize }
}

/// What a store answers that nothing is done to.
fn read<T: Debug>(answer: Result<T>) -> T {
    answer.expect("the store itself does not fail")
}
