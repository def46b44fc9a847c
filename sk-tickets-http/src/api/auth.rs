use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use sk_tickets_core::{
    ApiKey, ApiKeySecret, Error, Tickets, Timestamp,
    model::api_key::API_KEY_PRODUCT,
    platform::{
        api_key::ApiKeyHash,
        problem::{self, Problem},
    },
};

use crate::platform::bearer;

/// How long a key is known without asking the store again. A revocation takes effect within it.
const KNOWN_FOR: Duration = Duration::from_secs(3);
/// The most keys that are known at a time.
const KNOWN_MAX: usize = 10_000;
/// How exactly the last use of a key is noted.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// The keys that were found, and when.
type Known = HashMap<ApiKeyHash, (Timestamp, Arc<ApiKey>)>;

/// Finds out whom a request is from. Keys that were found are known for a few seconds; keys that were not are asked
/// for anew, so that a key works at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    known: Arc<Mutex<Known>>,
}

impl KeyRing {
    /// The key of a request, if it opens anything now.
    pub(crate) async fn authenticate(&self, tickets: &Tickets, headers: &HeaderMap) -> Result<Arc<ApiKey>, Error> {
        self.open(tickets, bearer::token(headers).unwrap_or_default()).await
    }

    /// The key with this text, if it opens anything now.
    pub(crate) async fn open(&self, tickets: &Tickets, text: &str) -> Result<Arc<ApiKey>, Error> {
        let unauthorized =
            || Error::from(Problem::new(problem::UNAUTHORIZED, "send `Authorization: Bearer sk_…` with a valid key"));
        // Junk is refused by its checksum, before anybody is asked.
        let secret = ApiKeySecret::parse(API_KEY_PRODUCT, text).map_err(|_| unauthorized())?;
        let now = tickets.now();
        let key = match self.known(secret.hash(), now) {
            Some(key) => key,
            None => self.look_up(tickets, secret.hash(), now).await?.ok_or_else(unauthorized)?,
        };
        if key.is_valid(now) { Ok(key) } else { Err(unauthorized()) }
    }

    fn known(&self, hash: ApiKeyHash, now: Timestamp) -> Option<Arc<ApiKey>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = known.get(&hash)?;
        let fresh = now >= *since && now.since(*since) < KNOWN_FOR;
        fresh.then(|| Arc::clone(key))
    }

    async fn look_up(&self, tickets: &Tickets, hash: ApiKeyHash, now: Timestamp) -> Result<Option<Arc<ApiKey>>, Error> {
        let Some(key) = tickets.store().api_key_by_hash(hash).await? else { return Ok(None) };
        if key.is_valid(now) && key.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
            let (store, id) = (Arc::clone(tickets.store()), key.id);
            // Nobody waits for it, and nothing is lost if it fails.
            tokio::spawn(async move {
                if let Err(error) = store.api_key_used(id, now).await {
                    tracing::debug!(%error, key = %id, "the use of a key was not noted");
                }
            });
        }
        let key = Arc::new(key);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, (now, Arc::clone(&key)));
        Ok(Some(key))
    }
}
