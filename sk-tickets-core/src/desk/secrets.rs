//! Secrets at rest: which master keys they are sealed with, and how that is changed.

use std::collections::BTreeMap;

use super::{Desk, Error, Inner, Tickets};
use crate::{
    model::{
        endpoint::{Endpoint, OldSecret},
        page::Order,
    },
    platform::{
        problem::{self, Problem},
        realm::Realm,
        seal::{MasterKeyId, SealError, Sealed},
        webhook::WebhookSecret,
    },
    store::{Commit, CommitOutcome, Effect, EndpointChange, PageSpec, SecretChange, StoreError},
};

/// How many rows are read at a time.
const PAGE: usize = 100;

/// How the secrets of a store are kept, over all realms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Secrets {
    /// How many there are: of endpoints, and in recorded answers.
    pub count: u64,
    /// How many of them are not sealed as they would be now: with another master key, or not at all.
    pub outdated: u64,
    /// How many do not open with the master keys there are, by the key that would be needed; none for damaged ones.
    pub unreadable: BTreeMap<Option<MasterKeyId>, u64>,
}

impl Tickets {
    /// Looks at how every secret is kept. A server does so before it starts: one whose master key is missing could
    /// neither sign nor give recorded answers again.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn secrets(&self) -> Result<Secrets, StoreError> {
        self.walk(false).await
    }

    /// Seals anew every secret that is not sealed as it would be now, with others at work beside; what is told is how it
    /// is afterwards. To be done after the first master key was configured, or another one.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. What was sealed by then stays so.
    pub async fn reseal(&self) -> Result<Secrets, StoreError> {
        self.walk(true).await?;
        self.walk(false).await
    }

    async fn walk(&self, reseal: bool) -> Result<Secrets, StoreError> {
        let mut seen = Secrets::default();
        for realm in self.inner.store.realms().await? {
            self.endpoints(&realm, reseal, &mut seen).await?;
            self.answers(&realm, reseal, &mut seen).await?;
        }
        Ok(seen)
    }

    async fn endpoints(&self, realm: &Realm, reseal: bool, seen: &mut Secrets) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let now = inner.clock.now();
        let mut after = None;
        loop {
            let spec = PageSpec { after, order: Order::Asc, limit: PAGE };
            let page = inner.store.endpoint_page(realm, spec).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for before in page {
                let mut outdated = false;
                let mut anew = |sealed: &Sealed| {
                    let anew = inner.note(realm, sealed, seen);
                    outdated |= anew.is_some();
                    anew.unwrap_or_else(|| sealed.clone())
                };
                let sealed = Endpoint {
                    secret: anew(&before.secret),
                    // One that has run out signs nothing more, and is no reason to keep its key.
                    old_secrets: before
                        .old_secrets
                        .iter()
                        .filter(|old| old.until > now)
                        .map(|OldSecret { secret, until }| OldSecret { secret: anew(secret), until: *until })
                        .collect(),
                    ..before.clone()
                };
                if reseal && (outdated || sealed.old_secrets.len() < before.old_secrets.len()) {
                    let change = EndpointChange::Update { before, after: sealed };
                    inner.replace(realm, Effect::Endpoint(Box::new(change))).await?;
                }
            }
        }
    }

    async fn answers(&self, realm: &Realm, reseal: bool, seen: &mut Secrets) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let mut after = None;
        loop {
            let page = inner.store.recorded_secrets(realm, after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, before) in page {
                if let Some(after) = inner.note(realm, &before, seen)
                    && reseal
                {
                    let change = SecretChange { key, before, after };
                    inner.replace(realm, Effect::Secret(Box::new(change))).await?;
                }
            }
        }
    }
}

impl Inner {
    /// Takes note of a secret; gives it sealed anew if it is not sealed as it would be now.
    fn note(&self, realm: &Realm, sealed: &Sealed, seen: &mut Secrets) -> Option<Sealed> {
        seen.count += 1;
        let is_current = self.keyring.is_current(sealed);
        seen.outdated += u64::from(!is_current);
        let missing = match self.keyring.open(sealed, realm) {
            Ok(plain) => return (!is_current).then(|| self.keyring.seal(&plain, realm, &*self.entropy)),
            Err(SealError::UnknownKey(id)) => Some(id),
            Err(SealError::Damaged) => None,
        };
        *seen.unreadable.entry(missing).or_default() += 1;
        None
    }

    /// Replaces what is sealed, by no request. If it was changed meanwhile, whoever did so has sealed it.
    async fn replace(&self, realm: &Realm, effect: Effect) -> Result<(), StoreError> {
        let commit = Commit::new(realm.clone(), self.clock.now(), None, effect);
        match self.store.commit(commit).await? {
            CommitOutcome::Applied
            | CommitOutcome::Claimed(_)
            | CommitOutcome::Stale
            | CommitOutcome::Replayed(_)
            | CommitOutcome::KeyReused => Ok(()),
        }
    }
}

impl Desk {
    /// The secret of an endpoint in this realm.
    pub(super) fn open(&self, sealed: &Sealed) -> Result<WebhookSecret, Error> {
        let opened = self.inner.keyring.open(sealed, &self.realm).map_err(|error| error.to_string());
        opened.and_then(|plain| WebhookSecret::from_bytes(plain).map_err(|error| error.to_string())).map_err(|detail| {
            tracing::error!(%detail, "a webhook secret cannot be told");
            Problem::new(problem::INTERNAL, "the webhook secret cannot be opened").into()
        })
    }
}
