//! What users call: a desk is a handle on one realm. It loads, decides and commits.

mod answer;
mod builder;
mod chore;
mod error;
mod execute;
mod notifications;
mod paging;
mod read;
mod receipt;
mod secrets;
mod write;

use std::{sync::Arc, time::Duration};

use tokio::sync::OnceCell;

pub use builder::TicketsBuilder;
pub use error::Error;
pub(crate) use execute::Attempt;
pub use execute::{Answer, Request};
pub use receipt::Receipt;
pub use secrets::Secrets;
pub(crate) use write::unreadable;

use crate::{
    dispatch::{Dispatcher, WebhookSender},
    model::{
        actor::Actor,
        api_key::{API_KEY_PRODUCT, ApiKey, Scope},
    },
    notify::{MailTemplate, Mailer, Notifier},
    platform::{
        Retention,
        api_key::ApiKeySecret,
        cursor::CursorKey,
        id::{ApiKeyId, IdGenerator, RequestId},
        realm::Realm,
        seal::Keyring,
        system::Entropy,
        time::{Clock, Timestamp},
        token::TokenKey,
        webhook::{Schedule, TargetPolicy},
    },
    retention::Purger,
    store::{Store, StoreError},
    sweep::Sweeper,
};

/// The path that all of the API is under; part of every `Location`.
pub const BASE_PATH: &str = "/tickets/v1";

/// The engine: a store, and what to run it with. Cheap to clone.
///
/// ```
/// # tokio_test::block_on(async {
/// use std::sync::Arc;
/// use sk_tickets_core::{CreateTicket, Environment, IdempotencyKey, MemoryStore, Realm, Tickets};
///
/// let tickets = Tickets::new(Arc::new(MemoryStore::new()));
/// let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Test));
/// let key = IdempotencyKey::client("order-4711")?;
/// let receipt = desk.create_ticket(&key, CreateTicket::new("Part delayed")?).await?;
/// assert_eq!(receipt.value.subject, "Part delayed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Tickets {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: IdGenerator,
    error_docs: String,
    targets: TargetPolicy,
    schedule: Schedule,
    auto_close_after: Option<Duration>,
    keyring: Arc<Keyring>,
    mail: MailTemplate,
    cursor_key: OnceCell<CursorKey>,
}

impl Inner {
    /// The key that the store keeps, which cursors are authenticated with and keys for tokens are derived from.
    async fn cursor_key(&self) -> Result<CursorKey, StoreError> {
        let make = || async {
            let mut candidate = [0; 32];
            self.entropy.fill(&mut candidate);
            self.store.cursor_key(CursorKey::from_bytes(candidate)).await
        };
        self.cursor_key.get_or_try_init(make).await.cloned()
    }
}

impl Tickets {
    /// The engine on this store, with the machine's clock and randomness, and webhooks to public addresses only.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::builder(store).build()
    }

    /// The engine on this store, with other choices.
    pub fn builder(store: Arc<dyn Store>) -> TicketsBuilder {
        TicketsBuilder::new(store)
    }

    /// A handle on a realm. What it does is done by [`Actor::System`] until told otherwise.
    #[must_use]
    pub fn desk(&self, realm: Realm) -> Desk {
        Desk { inner: Arc::clone(&self.inner), realm, actor: Actor::System, request_id: None }
    }

    /// A worker that delivers webhooks through `sender`. Any number may run, on any number of nodes.
    #[must_use]
    pub fn dispatcher(&self, sender: Arc<dyn WebhookSender>) -> Dispatcher {
        let Inner { store, clock, entropy, schedule, keyring, .. } = &*self.inner;
        let (store, clock, keyring) = (Arc::clone(store), Arc::clone(clock), Arc::clone(keyring));
        Dispatcher::new(store, sender, clock, &**entropy, schedule.clone(), keyring)
    }

    /// A worker that tells customers through `notifier` that their tickets were resolved. Any number may run, on any number
    /// of nodes; where none runs, what is to be told waits.
    #[must_use]
    pub fn mailer(&self, notifier: Arc<dyn Notifier>) -> Mailer {
        Mailer::new(self.clone(), notifier, &*self.inner.entropy)
    }

    /// A worker that does what is due at tickets. Any number may run, on any number of nodes.
    #[must_use]
    pub fn sweeper(&self) -> Sweeper {
        Sweeper::new(self.clone())
    }

    /// A worker that drops what is older than a retention says, and what receivers answered more than thirty days ago. Any
    /// number may run, on any number of nodes; where none runs, everything is kept.
    #[must_use]
    pub fn purger(&self, retention: Retention) -> Purger {
        Purger::new(self.clone(), retention)
    }

    /// Makes an API key, and its tenant if there is none of that name. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn create_api_key(
        &self,
        realm: Realm,
        name: Option<String>,
        scopes: impl IntoIterator<Item = Scope> + Send,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, ApiKeySecret), StoreError> {
        let now = self.now();
        let secret = ApiKeySecret::generate(API_KEY_PRODUCT, realm.environment(), &*self.inner.entropy);
        let key = ApiKey {
            id: self.inner.ids.generate(now),
            realm,
            name,
            scopes: scopes.into_iter().collect(),
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        self.inner.store.api_key_create(&key, secret.hash()).await?;
        Ok((key, secret))
    }

    /// Makes a key that does what this one does, of the same name, and lets this one expire after an overlap in which its holder
    /// changes to the new one; it never lasts for longer than before. None if there is no such key that opens anything.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. The new key, whose secret nobody has then, may be in the list.
    pub async fn rotate_api_key(
        &self,
        id: ApiKeyId,
        overlap: Duration,
        expires_at: Option<Timestamp>,
    ) -> Result<Option<(ApiKey, ApiKeySecret)>, StoreError> {
        let now = self.now();
        let keys = self.inner.store.api_keys().await?;
        let Some(old) = keys.into_iter().find(|key| key.id == id && key.is_valid(now)) else { return Ok(None) };
        // First the new one: whatever fails, there is one that opens.
        let made = self.create_api_key(old.realm, old.name, old.scopes, expires_at).await?;
        self.inner.store.api_key_expire(id, now + overlap).await?;
        Ok(Some(made))
    }

    /// Revokes an API key; false if there is none, or if it was revoked before.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<bool, StoreError> {
        self.inner.store.api_key_revoke(id, self.now()).await
    }

    /// The store underneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    /// What tokens of a purpose are signed with, on every node of this store.
    pub(crate) async fn token_key(&self, purpose: &str) -> Result<TokenKey, StoreError> {
        Ok(TokenKey::derive(&self.inner.cursor_key().await?, purpose))
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.inner.schedule
    }

    /// The time by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A fresh id for a request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.inner.ids.generate(self.now())
    }

    /// The URL under which each error code has its page.
    #[must_use]
    pub fn error_docs(&self) -> &str {
        &self.inner.error_docs
    }
}

/// A handle on one realm: no method takes a realm, so none can be forgotten. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    inner: Arc<Inner>,
    realm: Realm,
    actor: Actor,
    request_id: Option<RequestId>,
}

impl Desk {
    /// The same desk, where `actor` does what no request says who does.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The same desk, whose problems name this request.
    #[must_use]
    pub fn for_request(mut self, request_id: RequestId) -> Self {
        self.request_id = Some(request_id);
        self
    }

    /// The realm this desk is in.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }
}
