use super::{Audit, Books, all, read};
use crate::{
    model::{queue::DEFAULT_QUEUE, ticket::TicketFilter},
    platform::idempotency::IdempotencyKey,
    store::{Lookup, Subject},
    testing::simulation::{deed::secret_word, property::Property},
};

impl Audit<'_> {
    /// What was redacted is nowhere: not in what is kept, not in what was recorded, not in what is searched.
    pub(super) async fn redacted(&self, books: &Books) {
        let gone: Vec<_> = {
            let oracle = self.world.oracle();
            let of_realm = oracle.answers.words_gone.iter().filter(|(realm, _)| *realm == books.realm);
            of_realm.map(|(_, words)| words.clone()).collect()
        };
        if gone.is_empty() {
            return;
        }
        let mut kept = Vec::new();
        for (ticket, thread) in &books.tickets {
            kept.push(serde_json::to_string(ticket).unwrap_or_default());
            kept.extend(thread.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default()));
        }
        kept.extend(books.feed.iter().map(|(_, event)| String::from_utf8_lossy(&event.payload).into_owned()));
        kept.extend(books.deliveries.iter().map(|one| serde_json::to_string(one).unwrap_or_default()));
        kept.extend(books.notifications.iter().map(|one| serde_json::to_string(one).unwrap_or_default()));
        kept.extend(self.recorded(books).await);
        for words in gone {
            let word = secret_word(super::tickets::mark_in(&words).unwrap_or_default().as_str());
            let found = kept.iter().find(|text| text.contains(&word));
            self.world.check(Property::RedactedIsNowhere, found.is_none(), || format!("{word} is in {found:?}"));
            let query = word.parse().expect("a word can be searched for");
            let search = self.store.ticket_search(&books.realm, &query, &TicketFilter::ALL, all()).await;
            let found = read(search);
            self.world.check(Property::RedactedIsNowhere, found.is_empty(), || format!("{word} is found: {found:?}"));
        }
    }

    /// The answers that are recorded.
    async fn recorded(&self, books: &Books) -> Vec<String> {
        let keys: Vec<_> = {
            let oracle = self.world.oracle();
            let of_realm = oracle.answers.by_key.keys().filter(|(realm, _)| *realm == books.realm);
            of_realm.map(|(_, key)| key.clone()).collect()
        };
        let mut bodies = Vec::new();
        for key in keys {
            let key = IdempotencyKey::client(&key).expect("a lawful key");
            let lookup = Lookup { key: Some(&key), subject: Subject::Queue(DEFAULT_QUEUE) };
            let recorded = read(self.store.load(&books.realm, lookup).await).recorded;
            bodies.extend(recorded.map(|recorded| String::from_utf8_lossy(&recorded.response.body).into_owned()));
        }
        bodies
    }
}
