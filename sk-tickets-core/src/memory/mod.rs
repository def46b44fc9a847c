//! The reference store: plain collections behind a lock. It is the executable specification that real stores are
//! compared with, and handy in tests. Nothing survives the process.

mod agenda;
mod notifications;
mod purge;
mod queue;
mod reader;
mod search;
mod stats;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{
    model::{
        api_key::ApiKey,
        contact::Contact,
        delivery::Delivery,
        endpoint::Endpoint,
        event::{Event, FeedPosition},
        form::Form,
        id::{ContactId, FormId, NotificationId, TicketId},
        notification::Notification,
        queue::Queue,
        replay_job::ReplayJob,
        sla::{KeptPolicy, Timers},
        thread::ThreadEntry,
        ticket::{Priority, Ticket},
    },
    platform::{
        api_key::ApiKeyHash,
        cursor::CursorKey,
        id::{ApiKeyId, DeliveryId, EndpointId, EventId, JobId},
        idempotency::{IdempotencyKey, Recorded},
        realm::Realm,
        time::Timestamp,
    },
    store::{Directory, Result, WorkerId},
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    world: Mutex<World>,
    work: Notify,
    mail: Notify,
    due: Notify,
}

#[derive(Debug, Default)]
struct World {
    realms: BTreeMap<Realm, RealmData>,
    keys: BTreeMap<ApiKeyId, (ApiKeyHash, ApiKey)>,
    cursor_key: Option<CursorKey>,
}

#[derive(Debug, Default)]
struct RealmData {
    tickets: BTreeMap<TicketId, Ticket>,
    timers: BTreeMap<TicketId, Timers>,
    threads: BTreeMap<TicketId, Vec<ThreadEntry>>,
    policies: BTreeMap<Priority, PolicyRow>,
    contacts: BTreeMap<ContactId, Contact>,
    /// By key.
    queues: BTreeMap<String, Queue>,
    forms: BTreeMap<FormId, Form>,
    /// What is in the feed, by position.
    feed: BTreeMap<FeedPosition, EventId>,
    /// The last position that is purged.
    purged: FeedPosition,
    /// Every event that is not purged, pings too.
    events: BTreeMap<EventId, Event>,
    endpoints: BTreeMap<EndpointId, EndpointRow>,
    deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    notifications: BTreeMap<NotificationId, NotificationRow>,
    claims: BTreeMap<IdempotencyKey, ClaimRow>,
    jobs: BTreeMap<JobId, JobRow>,
}

#[derive(Debug)]
struct ClaimRow {
    recorded: Recorded,
    /// The ticket whose words the answer shows.
    shows: Option<TicketId>,
    at: Timestamp,
}

#[derive(Debug)]
struct PolicyRow {
    kept: KeptPolicy,
    /// The work to do about its last change: the last ticket that was seen to. None if there is none.
    work: Option<Option<TicketId>>,
}

#[derive(Debug)]
struct EndpointRow {
    endpoint: Endpoint,
    deleted: bool,
}

#[derive(Debug)]
struct JobRow {
    job: ReplayJob,
    /// The last letter that was looked at.
    cursor: Option<DeliveryId>,
}

#[derive(Debug)]
struct DeliveryRow {
    delivery: Delivery,
    /// Failed attempts since the schedule began.
    failures: u32,
    /// Grows with each lease.
    token: u64,
    lease: Option<(WorkerId, Timestamp)>,
}

#[derive(Debug)]
struct NotificationRow {
    notification: Notification,
    /// Failed attempts since the schedule began.
    failures: u32,
    /// Grows with each lease.
    token: u64,
    lease: Option<(WorkerId, Timestamp)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // Every change is made after all that can fail, so a poisoned world is still whole.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> Result<()> {
        let mut world = self.world();
        world.realms.entry(key.realm.clone()).or_default();
        world.keys.insert(key.id, (hash, key.clone()));
        Ok(())
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> Result<Option<ApiKey>> {
        Ok(self.world().keys.values().find(|(known, _)| *known == hash).map(|(_, key)| key.clone()))
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        Ok(self.world().keys.values().map(|(_, key)| key.clone()).collect())
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        Ok(match self.world().keys.get_mut(&id) {
            Some((_, key)) if key.revoked_at.is_none() => {
                key.revoked_at = Some(at);
                true
            }
            Some(_) | None => false,
        })
    }

    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        Ok(match self.world().keys.get_mut(&id) {
            Some((_, key)) if key.revoked_at.is_none() && key.expires_at.is_none_or(|before| at < before) => {
                key.expires_at = Some(at);
                true
            }
            Some(_) | None => false,
        })
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> Result<()> {
        if let Some((_, key)) = self.world().keys.get_mut(&id) {
            key.last_used_at = key.last_used_at.max(Some(at));
        }
        Ok(())
    }

    async fn cursor_key(&self, candidate: CursorKey) -> Result<CursorKey> {
        Ok(self.world().cursor_key.get_or_insert(candidate).clone())
    }

    async fn public_form(&self, id: FormId) -> Result<Option<(Realm, Form)>> {
        let world = self.world();
        let mut found =
            world.realms.iter().filter_map(|(realm, data)| Some((realm.clone(), data.forms.get(&id)?.clone())));
        Ok(found.next())
    }

    async fn realms(&self) -> Result<Vec<Realm>> {
        Ok(self.world().realms.keys().cloned().collect())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}
