use std::{sync::Arc, time::Duration};

use tokio::select;

use super::{client::Client, latch::Latch};
use crate::{
    desk::Tickets,
    model::{
        event::Event,
        page::{Order, Page, PageRequest},
    },
    platform::{id::EventId, realm::Realm},
};

/// Somebody who follows the feed of a realm by cursor, and asks again if there was no answer.
#[derive(Debug)]
pub(super) struct Follower {
    client: Client,
    cursor: Option<String>,
    pub(super) seen: Vec<EventId>,
}

impl Follower {
    pub(super) const fn new(client: Client) -> Self {
        Self { client, cursor: None, seen: Vec::new() }
    }

    pub(super) const fn realm(&self) -> &Realm {
        &self.client.realm
    }

    /// Follows until told to stop.
    pub(super) async fn run(mut self, stop: Arc<Latch>) -> Self {
        loop {
            self.look().await;
            let pause = Duration::from_millis(self.client.world.dice.between(50, 1_500) as u64);
            select! {
                biased;
                () = stop.closed() => return self,
                () = self.client.world.time.sleep(pause) => {}
            }
        }
    }

    /// Reads what has come since, to the end.
    pub(super) async fn finish(&mut self, tickets: &Tickets) {
        let desk = tickets.desk(self.client.realm.clone());
        while let Ok(page) = desk.events(&self.next_page()).await
            && !page.data.is_empty()
        {
            self.note(page);
        }
    }

    /// Reads a page, if there is an answer.
    async fn look(&mut self) {
        let Some(node) = self.client.node() else { return };
        let desk = node.tickets.desk(self.client.realm.clone());
        let wanted = self.next_page();
        let page = select! {
            biased;
            () = node.life.ended() => return,
            page = desk.events(&wanted) => page,
        };
        if let Ok(page) = page {
            self.note(page);
        }
    }

    fn next_page(&self) -> PageRequest {
        let page = PageRequest::first().limit(self.client.world.dice.between(1, 20)).order(Order::Asc);
        self.cursor.iter().fold(page, PageRequest::after)
    }

    fn note(&mut self, page: Page<Event>) {
        self.seen.extend(page.data.iter().map(|event| event.id));
        self.cursor = page.next_cursor.or(self.cursor.take());
    }
}
