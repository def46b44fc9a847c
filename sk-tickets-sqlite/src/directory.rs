//! What is known before a realm is.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::{
    model::{api_key::ApiKey, form::Form, id::FormId},
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, realm::Realm, time::Timestamp},
    store::{self, Directory},
};

use crate::{
    columns::Columns,
    error::Result,
    form,
    guard::{Guarded, Scope},
    realms::Realms,
    row,
    store::SqliteStore,
    writer::Verdict,
};

macro_rules! select_api_keys {
    () => {
        "SELECT tenant, environment, keys.id, name, scopes, created_at, expires_at, revoked_at, last_used_at
         FROM directory_api_keys AS keys JOIN directory_realms AS realms ON realms.id = keys.realm"
    };
}

#[async_trait]
impl Directory for SqliteStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> store::Result<()> {
        let realms = Arc::clone(&self.inner.realms);
        let key = key.clone();
        self.write("keep an API key", move |guarded| insert(guarded, &realms, &key, hash).map(Verdict::Keep)).await
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> store::Result<Option<ApiKey>> {
        let find = move |connection: &Connection| -> Result<Option<ApiKey>> {
            let key = connection
                .prepare_cached(concat!(select_api_keys!(), " WHERE hash = ?1"))?
                .query_row([hash.0], row::api_key)
                .optional()?;
            Ok(key)
        };
        self.inner.readers.read_here("find an API key", |guarded| guarded.within(Scope::Directory, find)).await
    }

    async fn api_keys(&self) -> store::Result<Vec<ApiKey>> {
        let list = |connection: &Connection| -> Result<Vec<ApiKey>> {
            let mut statement = connection.prepare_cached(concat!(select_api_keys!(), " ORDER BY keys.id"))?;
            let keys = statement.query_map([], row::api_key)?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        };
        self.inner.readers.read("list API keys", move |guarded| guarded.within(Scope::Directory, list)).await
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> store::Result<bool> {
        self.write_directory("revoke an API key", move |connection| {
            let revoked = connection
                .prepare_cached("UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
                .execute(params![id.to_bytes(), at.as_millis()])?;
            Ok(Verdict::Keep(revoked == 1))
        })
        .await
    }

    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> store::Result<bool> {
        self.write_directory("let an API key expire", move |connection| {
            let expired = connection
                .prepare_cached(
                    "UPDATE api_keys SET expires_at = ?2
                     WHERE id = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
                )?
                .execute(params![id.to_bytes(), at.as_millis()])?;
            Ok(Verdict::Keep(expired == 1))
        })
        .await
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> store::Result<()> {
        self.write_directory("note the use of an API key", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
                )?
                .execute(params![id.to_bytes(), at.as_millis()])?;
            Ok(Verdict::Keep(()))
        })
        .await
    }

    async fn cursor_key(&self, candidate: CursorKey) -> store::Result<CursorKey> {
        self.write_directory("keep the cursor key", move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO settings (name, value) VALUES ('cursor_key', ?1) ON CONFLICT (name) DO NOTHING",
                )?
                .execute([candidate.to_bytes()])?;
            let kept = connection
                .prepare_cached("SELECT value FROM directory_settings WHERE name = 'cursor_key'")?
                .query_row([], |row| row.get(0))?;
            Ok(Verdict::Keep(CursorKey::from_bytes(kept)))
        })
        .await
    }

    async fn public_form(&self, id: FormId) -> store::Result<Option<(Realm, Form)>> {
        self.inner.readers.read_here("find a form", |guarded| guarded.within(Scope::Form(id), form::find_public)).await
    }

    async fn realms(&self) -> store::Result<Vec<Realm>> {
        let list = |connection: &Connection| -> Result<Vec<Realm>> {
            let sql = "SELECT tenant, environment FROM directory_realms ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let realms = statement.query_map([], |row| row::realm(&mut Columns::of(row)))?;
            Ok(realms.collect::<rusqlite::Result<_>>()?)
        };
        self.inner.readers.read("list realms", move |guarded| guarded.within(Scope::Directory, list)).await
    }

    async fn ping(&self) -> store::Result<()> {
        // To begin a transaction that writes takes the lock, so this fails if another process does not let go of it.
        self.write("see if the database can be written", |_| Ok(Verdict::Keep(()))).await?;
        let look = |connection: &Connection| -> Result<()> {
            connection.prepare_cached("SELECT max(version) FROM schema_version")?.query_row([], |_| Ok(()))?;
            Ok(())
        };
        self.inner
            .readers
            .read("see if the database can be read", move |guarded| guarded.within(Scope::Directory, look))
            .await
    }
}

impl SqliteStore {
    /// Runs a job on the directory in the writer.
    async fn write_directory<T, F>(&self, context: &'static str, work: F) -> store::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<Verdict<T>> + Send + 'static,
    {
        self.write(context, move |guarded| guarded.within(Scope::Directory, work)).await
    }
}

fn insert(guarded: &Guarded, realms: &Realms, key: &ApiKey, hash: ApiKeyHash) -> Result<()> {
    let ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at } = key;
    let realm = realms.find_or_make(guarded, realm)?;
    guarded.within(Scope::Directory, |connection| {
        connection
            .prepare_cached(
                "INSERT INTO api_keys (id, hash, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                id.to_bytes(),
                hash.0,
                realm,
                name,
                row::json(scopes)?,
                created_at.as_millis(),
                expires_at.map(Timestamp::as_millis),
                revoked_at.map(Timestamp::as_millis),
                last_used_at.map(Timestamp::as_millis),
            ])?;
        Ok(())
    })
}
