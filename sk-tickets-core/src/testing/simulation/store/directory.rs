use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    model::{api_key::ApiKey, form::Form, id::FormId},
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, realm::Realm, time::Timestamp},
    store::{Directory, Result},
};

#[async_trait]
impl Directory for FaultyStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> Result<()> {
        self.read("api_key_create", self.inner.api_key_create(key, hash)).await
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> Result<Option<ApiKey>> {
        self.read("api_key_by_hash", self.inner.api_key_by_hash(hash)).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.read("api_keys", self.inner.api_keys()).await
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        self.read("api_key_revoke", self.inner.api_key_revoke(id, at)).await
    }

    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        self.read("api_key_expire", self.inner.api_key_expire(id, at)).await
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> Result<()> {
        self.read("api_key_used", self.inner.api_key_used(id, at)).await
    }

    async fn cursor_key(&self, candidate: CursorKey) -> Result<CursorKey> {
        self.read("cursor_key", self.inner.cursor_key(candidate)).await
    }

    async fn public_form(&self, id: FormId) -> Result<Option<(Realm, Form)>> {
        self.read("public_form", self.inner.public_form(id)).await
    }

    async fn realms(&self) -> Result<Vec<Realm>> {
        self.read("realms", self.inner.realms()).await
    }

    async fn ping(&self) -> Result<()> {
        self.read("ping", self.inner.ping()).await
    }
}
