use std::fmt::Debug;

use async_trait::async_trait;

use super::Result;
use crate::{
    model::{api_key::ApiKey, form::Form, id::FormId},
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, realm::Realm, time::Timestamp},
};

/// What is known before a realm is: API keys, the forms that customers are shown, and the secret that cursors are
/// authenticated with.
#[async_trait]
pub trait Directory: Debug + Send + Sync + 'static {
    /// Keeps a key, and makes its tenant if there is none of that name.
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> Result<()>;

    /// The key with this hash, valid or not.
    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> Result<Option<ApiKey>>;

    /// Every key of every tenant, by id.
    async fn api_keys(&self) -> Result<Vec<ApiKey>>;

    /// Revokes a key; false if there is none, or if it was revoked before.
    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool>;

    /// Lets a key open nothing from `at` on, never for longer than before; false if there is none, or if it was revoked or
    /// ends by then anyway.
    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> Result<bool>;

    /// Notes that a key was used.
    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> Result<()>;

    /// The key that this store's cursors are authenticated with.
    ///
    /// ### To ensure correctness
    /// - the first call keeps `candidate`; every later call, on whatever node, answers what was kept
    async fn cursor_key(&self, candidate: CursorKey) -> Result<CursorKey>;

    /// The form with this id, of whatever realm, and its realm: who is shown a form has no key.
    ///
    /// ### To ensure correctness
    /// - the whole id is needed: there is no other way from outside to a form, and none to a list of them
    async fn public_form(&self, id: FormId) -> Result<Option<(Realm, Form)>>;

    /// Every realm, for what is done to all of them in turn.
    async fn realms(&self) -> Result<Vec<Realm>>;

    /// Answers if the store can be read and written.
    async fn ping(&self) -> Result<()>;
}
