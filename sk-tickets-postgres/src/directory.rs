//! What is known before a realm is.
//!
//! The role that serves requests has no right to these tables. It goes through functions that run as a role of their own,
//! and each does one thing.

use async_trait::async_trait;
use sk_tickets_core::{
    model::api_key::{ApiKey, Scope},
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, time::Timestamp},
    store::{self, Directory},
};
use sqlx::postgres::PgRow;

use crate::{
    columns::{Columns, number_of},
    error::{Fault, Result},
    row,
    statement::uuid,
    store::PostgresStore,
};

#[async_trait]
impl Directory for PostgresStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> store::Result<()> {
        let ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at } = key;
        let scopes: Vec<&str> = scopes.iter().copied().map(Scope::as_str).collect();
        let created = sqlx::query("SELECT sk_tickets.api_key_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(realm.tenant().as_str())
            .bind(number_of(realm.environment()))
            .bind(uuid(*id))
            .bind(hash.0)
            .bind(name.as_deref())
            .bind(scopes)
            .bind(created_at.as_millis())
            .bind(expires_at.map(Timestamp::as_millis))
            .bind(revoked_at.map(Timestamp::as_millis))
            .bind(last_used_at.map(Timestamp::as_millis))
            .execute(&self.inner.pool)
            .await;
        created.map(|_| ()).map_err(|error| Fault::from(error).during("keep an API key"))
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> store::Result<Option<ApiKey>> {
        let keys = self.keys(Some(hash)).await.map_err(|fault| fault.during("find an API key"))?;
        Ok(keys.into_iter().next())
    }

    async fn api_keys(&self) -> store::Result<Vec<ApiKey>> {
        self.keys(None).await.map_err(|fault| fault.during("list API keys"))
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> store::Result<bool> {
        let revoked = sqlx::query_scalar("SELECT sk_tickets.api_key_revoke($1, $2)")
            .bind(uuid(id))
            .bind(at.as_millis())
            .fetch_one(&self.inner.pool)
            .await;
        revoked.map_err(|error| Fault::from(error).during("revoke an API key"))
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> store::Result<()> {
        let used = sqlx::query("SELECT sk_tickets.api_key_used($1, $2)")
            .bind(uuid(id))
            .bind(at.as_millis())
            .execute(&self.inner.pool)
            .await;
        used.map(|_| ()).map_err(|error| Fault::from(error).during("note the use of an API key"))
    }

    async fn cursor_key(&self, candidate: CursorKey) -> store::Result<CursorKey> {
        let kept: sqlx::Result<[u8; 32]> = sqlx::query_scalar("SELECT sk_tickets.cursor_key($1)")
            .bind(candidate.to_bytes())
            .fetch_one(&self.inner.pool)
            .await;
        kept.map(CursorKey::from_bytes).map_err(|error| Fault::from(error).during("keep the cursor key"))
    }

    async fn ping(&self) -> store::Result<()> {
        // A standby answers reads, and cannot be written.
        let writable: sqlx::Result<bool> = sqlx::query_scalar(
            "SELECT NOT pg_is_in_recovery() AND max(version) IS NOT NULL FROM sk_tickets.schema_version",
        )
        .fetch_one(&self.inner.pool)
        .await;
        let writable = writable.map_err(Fault::from).and_then(|writable| {
            if writable { Ok(()) } else { Err(Fault::Broken("the database is a standby, or has no schema")) }
        });
        writable.map_err(|fault| fault.during("see if the database can be used"))
    }
}

impl PostgresStore {
    async fn keys(&self, hash: Option<ApiKeyHash>) -> Result<Vec<ApiKey>> {
        let rows = sqlx::query(
            "SELECT tenant, tenant_name, environment, id, name, scopes, created_at, expires_at, revoked_at, last_used_at
             FROM sk_tickets.api_keys($1)",
        )
        .bind(hash.map(|hash| hash.0))
        .fetch_all(&self.inner.pool)
        .await?;
        let read = |row: &PgRow| {
            let (tenant, key) = row::api_key(&mut Columns::of(row))?;
            // What the key opens is read next, and that takes the number.
            self.inner.realms.remember(&key.realm, tenant);
            Ok(key)
        };
        rows.iter().map(read).collect()
    }
}
