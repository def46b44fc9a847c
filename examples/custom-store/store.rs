//! The store: a handle on the journal, and the roles that are small.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sk_tickets_core::{
    ApiKeyId, Form, FormId, Realm, StoreError, Timestamp,
    model::api_key::ApiKey,
    platform::{api_key::ApiKeyHash, cursor::CursorKey},
    store::{Directory, Result},
};
use tokio::sync::Notify;

use crate::{
    journal::{Batch, Journal},
    rows::{ApiKeyRow, realm},
};

/// A store in one journal file.
#[derive(Debug, Clone)]
pub(crate) struct JournalStore {
    journal: Arc<Mutex<Journal>>,
    pub(crate) work: Arc<Notify>,
    pub(crate) mail: Arc<Notify>,
    pub(crate) due: Arc<Notify>,
}

impl JournalStore {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let journal = Arc::new(Mutex::new(Journal::open(path)?));
        Ok(Self { journal, work: Arc::new(Notify::new()), mail: Arc::new(Notify::new()), due: Arc::new(Notify::new()) })
    }

    /// Works on the journal, alone, on a thread that may wait for the disk.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let journal = Arc::clone(&self.journal);
        let done = tokio::task::spawn_blocking(move || {
            // A batch counts after all that can fail, so the journal is whole even if a thread died.
            work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(done) => done.map_err(|error| StoreError::internal("the journal failed").caused_by(error)),
            Err(error) => Err(StoreError::internal("the journal's thread failed").caused_by(error)),
        }
    }

    async fn change_key(
        &self,
        id: ApiKeyId,
        change: impl FnOnce(&mut ApiKeyRow) -> bool + Send + 'static,
    ) -> Result<bool> {
        self.with(move |journal| {
            let Some(mut row) = journal.get::<ApiKeyRow>(&api_key(id))? else { return Ok(false) };
            if !change(&mut row) {
                return Ok(false);
            }
            let mut batch = Batch::default();
            batch.put(api_key(id), &row)?;
            journal.write(batch)?;
            Ok(true)
        })
        .await
    }
}

// No tenant's name begins with a point.
const API_KEYS: &str = ".keys/";
const CURSOR_KEY: &str = ".cursor";

fn api_key(id: ApiKeyId) -> String {
    format!("{API_KEYS}{id}")
}

#[async_trait]
impl Directory for JournalStore {
    async fn api_key_create(&self, key: &ApiKey, hash: ApiKeyHash) -> Result<()> {
        let row = ApiKeyRow::of(key, hash.0);
        self.with(move |journal| {
            let mut batch = Batch::default();
            batch.put(api_key(row.id), &row)?;
            journal.write(batch)
        })
        .await
    }

    async fn api_key_by_hash(&self, hash: ApiKeyHash) -> Result<Option<ApiKey>> {
        self.with(move |journal| {
            let rows = journal.scan::<ApiKeyRow>(API_KEYS).collect::<io::Result<Vec<_>>>()?;
            rows.into_iter().find(|row| row.hash == hash.0).map(ApiKeyRow::api_key).transpose()
        })
        .await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.with(|journal| journal.scan::<ApiKeyRow>(API_KEYS).map(|row| row?.api_key()).collect()).await
    }

    async fn api_key_revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        let revoke = move |row: &mut ApiKeyRow| {
            let was_valid = row.revoked_at.is_none();
            row.revoked_at = row.revoked_at.or(Some(at));
            was_valid
        };
        self.change_key(id, revoke).await
    }

    async fn api_key_expire(&self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        let expire = move |row: &mut ApiKeyRow| {
            let is_earlier = row.revoked_at.is_none() && row.expires_at.is_none_or(|before| at < before);
            if is_earlier {
                row.expires_at = Some(at);
            }
            is_earlier
        };
        self.change_key(id, expire).await
    }

    async fn api_key_used(&self, id: ApiKeyId, at: Timestamp) -> Result<()> {
        let note = move |row: &mut ApiKeyRow| {
            let later = row.last_used_at < Some(at);
            row.last_used_at = row.last_used_at.max(Some(at));
            later
        };
        self.change_key(id, note).await.map(|_| ())
    }

    async fn cursor_key(&self, candidate: CursorKey) -> Result<CursorKey> {
        self.with(move |journal| {
            if let Some(kept) = journal.get(CURSOR_KEY)? {
                return Ok(CursorKey::from_bytes(kept));
            }
            let mut batch = Batch::default();
            batch.put(CURSOR_KEY.to_owned(), &candidate.to_bytes())?;
            journal.write(batch)?;
            Ok(candidate)
        })
        .await
    }

    async fn public_form(&self, id: FormId) -> Result<Option<(Realm, Form)>> {
        self.with(move |journal| public_form(journal, id)).await
    }

    async fn realms(&self) -> Result<Vec<Realm>> {
        self.with(|journal| {
            let mut realms = BTreeSet::new();
            for key in journal.keys() {
                let mut parts = key.split('/');
                if let (Some(tenant), Some(environment)) = (parts.next(), parts.next())
                    && let Ok(environment) = environment.parse()
                {
                    realms.insert(realm(tenant, environment)?);
                }
            }
            Ok(realms.into_iter().collect())
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        self.with(|journal| journal.write(Batch::default())).await
    }
}

/// The form with this id, of whatever realm. The key of its row names the realm, and no row of another table ends so.
pub(crate) fn public_form(journal: &Journal, id: FormId) -> io::Result<Option<(Realm, Form)>> {
    let end = format!("/form/{id}");
    let Some(at) = journal.keys().find(|at| at.ends_with(&end)) else { return Ok(None) };
    let mut parts = at.split('/');
    let (Some(tenant), Some(environment)) = (parts.next(), parts.next()) else { return Ok(None) };
    let realm = realm(tenant, environment.parse().map_err(io::Error::other)?)?;
    Ok(journal.get(at)?.map(|form| (realm, form)))
}
