use std::{sync::Arc, time::Duration};

use tokio::{select, sync::Notify};

use super::client::Client;
use crate::{
    model::page::{Order, PageRequest},
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

    /// Follows until told to stop, and then to the end.
    pub(super) async fn run(mut self, stop: Arc<Notify>) -> Self {
        let mut is_last = false;
        loop {
            let came = self.look().await;
            if is_last && came == Some(0) {
                return self;
            }
            let pause = Duration::from_millis(self.client.world.dice.between(50, 1_500) as u64);
            select! {
                biased;
                () = stop.notified(), if !is_last => is_last = true,
                () = self.client.world.time.sleep(pause) => {}
            }
        }
    }

    /// Reads a page; how many events came, if there was an answer.
    async fn look(&mut self) -> Option<usize> {
        let node = self.client.node()?;
        let page = PageRequest::first().limit(self.client.world.dice.between(1, 20)).order(Order::Asc);
        let page = self.cursor.iter().fold(page, PageRequest::after);
        let desk = node.tickets.desk(self.client.realm.clone());
        let page = select! {
            biased;
            () = node.life.ended() => return None,
            page = desk.events(&page) => page.ok()?,
        };
        self.seen.extend(page.data.iter().map(|event| event.id));
        self.cursor = page.next_cursor.or(self.cursor.take());
        Some(page.data.len())
    }
}
