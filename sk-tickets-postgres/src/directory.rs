//! What is known before a realm is.
//!
//! The role that serves requests has no right to these tables. It goes through functions that run as a role of their own,
//! and each does one thing.

use async_trait::async_trait;
use sk_tickets_core::{
    model::{
        api_key::{ApiKey, Scope},
        form::Form,
        id::FormId,
    },
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, realm::Realm, time::Timestamp},
    store::{self, Directory},
};
use sqlx::{
    Decode, Postgres, Row, Type,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::{
    columns::{Columns, number_of},
    error::{Fault, Result},
    form, row,
    statement::uuid,
    store::PostgresStore,
};

#[async_trait]
impl Directory for PostgresStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> store::Result<()> {
        let ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at } = key;
        let scopes: Vec<&str> = scopes.iter().copied().map(Scope::as_str).collect();
        let query = sqlx::query("SELECT sk_tickets.api_key_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(realm.tenant().as_str())
            .bind(number_of(realm.environment()))
            .bind(uuid(*id))
            .bind(hash.0)
            .bind(name.as_deref())
            .bind(scopes)
            .bind(created_at.as_millis())
            .bind(expires_at.map(Timestamp::as_millis))
            .bind(revoked_at.map(Timestamp::as_millis))
            .bind(last_used_at.map(Timestamp::as_millis));
        self.inner.pool.rows(query).await.map(|_| ()).map_err(|error| Fault::from(error).during("keep an API key"))
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> store::Result<Option<ApiKey>> {
        let keys = self.keys(Some(hash)).await.map_err(|fault| fault.during("find an API key"))?;
        Ok(keys.into_iter().next())
    }

    async fn api_keys(&self) -> store::Result<Vec<ApiKey>> {
        self.keys(None).await.map_err(|fault| fault.during("list API keys"))
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> store::Result<bool> {
        let query = sqlx::query("SELECT sk_tickets.api_key_revoke($1, $2)").bind(uuid(id)).bind(at.as_millis());
        self.value(query).await.map_err(|error| Fault::from(error).during("revoke an API key"))
    }

    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> store::Result<bool> {
        let query = sqlx::query("SELECT sk_tickets.api_key_expire($1, $2)").bind(uuid(id)).bind(at.as_millis());
        self.value(query).await.map_err(|error| Fault::from(error).during("let an API key expire"))
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> store::Result<()> {
        let query = sqlx::query("SELECT sk_tickets.api_key_used($1, $2)").bind(uuid(id)).bind(at.as_millis());
        self.inner
            .pool
            .rows(query)
            .await
            .map(|_| ())
            .map_err(|error| Fault::from(error).during("note the use of an API key"))
    }

    async fn cursor_key(&self, candidate: CursorKey) -> store::Result<CursorKey> {
        let query = sqlx::query("SELECT sk_tickets.cursor_key($1)").bind(candidate.to_bytes());
        self.value(query)
            .await
            .map(CursorKey::from_bytes)
            .map_err(|error| Fault::from(error).during("keep the cursor key"))
    }

    async fn public_form(&self, id: FormId) -> store::Result<Option<(Realm, Form)>> {
        let found = async {
            let rows = self.inner.pool.rows(sqlx::query(form::PUBLIC).bind(uuid(id))).await?;
            let read = |row: &PgRow| -> Result<_> {
                let mut columns = Columns::of(row);
                let (tenant, realm) = row::realm(&mut columns)?;
                // What is sent with it is written next, and that takes the number.
                self.inner.realms.remember(&realm, tenant);
                Ok((realm, row::form(&mut columns)?))
            };
            rows.first().map(read).transpose()
        };
        found.await.map_err(|fault: Fault| fault.during("find a form"))
    }

    async fn realms(&self) -> store::Result<Vec<Realm>> {
        let query = sqlx::query("SELECT tenant, tenant_name, environment FROM sk_tickets.realms()");
        let realms = async {
            let rows = self.inner.pool.rows(query).await?;
            rows.iter().map(|row| Ok(row::realm(&mut Columns::of(row))?.1)).collect::<Result<_>>()
        };
        realms.await.map_err(|fault| fault.during("list realms"))
    }

    async fn ping(&self) -> store::Result<()> {
        // A standby answers reads, and cannot be written.
        let query =
            sqlx::query("SELECT NOT pg_is_in_recovery() AND max(version) IS NOT NULL FROM sk_tickets.schema_version");
        let writable = self.value(query).await.map_err(Fault::from).and_then(|writable| {
            if writable { Ok(()) } else { Err(Fault::Broken("the database is a standby, or has no schema")) }
        });
        writable.map_err(|fault| fault.during("see if the database can be used"))
    }
}

impl PostgresStore {
    /// The one value that a function answers.
    async fn value<T>(&self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<T>
    where
        T: for<'row> Decode<'row, Postgres> + Type<Postgres>,
    {
        self.inner.pool.row(query).await?.try_get(0)
    }

    async fn keys(&self, hash: Option<ApiKeyHash>) -> Result<Vec<ApiKey>> {
        let query = sqlx::query(
            "SELECT tenant, tenant_name, environment, id, name, scopes, created_at, expires_at, revoked_at, last_used_at
             FROM sk_tickets.api_keys($1)",
        )
        .bind(hash.map(|hash| hash.0));
        let rows = self.inner.pool.rows(query).await?;
        let read = |row: &PgRow| {
            let (tenant, key) = row::api_key(&mut Columns::of(row))?;
            // What the key opens is read next, and that takes the number.
            self.inner.realms.remember(&key.realm, tenant);
            Ok(key)
        };
        rows.iter().map(read).collect()
    }
}
