//! The store itself.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use sk_tickets_core::store::{self, Commit, CommitOutcome, RealmWriter};
use sqlx::Connection;

use crate::{
    check, commit, connect,
    error::{Fault, Result},
    group::Groups,
    migrate,
    options::PostgresOptions,
    pool::Pool,
    reads::Reads,
    realms::Realms,
    wakeup::{DUE, MAIL, WORK, Wakeup},
};

/// A store in a PostgreSQL database.
///
/// Handles are cheap to clone and share their connections. Any number of them, on any number of nodes, may use the
/// database at the same time.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: Arc<Pool>,
    pub(crate) groups: Groups,
    pub(crate) reads: Reads,
    pub(crate) realms: Realms,
    pub(crate) wakeup: Wakeup,
    /// Wakes those that tell customers.
    pub(crate) mail: Wakeup,
    /// Wakes those that wait for tickets that are due.
    pub(crate) due: Wakeup,
}

impl PostgresStore {
    /// Opens the database at `url`; given the owner's URL, brings its schema up to date first.
    ///
    /// # Errors
    /// If the database cannot be reached, or if [`check`](crate::check()) finds anything.
    pub async fn open(url: impl Into<String>) -> store::Result<Self> {
        PostgresOptions::new(url).open().await
    }

    pub(crate) async fn open_with(options: PostgresOptions) -> store::Result<Self> {
        Self::connect(options).await.map_err(|fault| fault.during("open the database"))
    }

    async fn connect(options: PostgresOptions) -> Result<Self> {
        let PostgresOptions { url, listen_url, connections } = options;
        let mut first = connect::connect(&url).await?;
        let owner = check::is_owner(&mut first).await?;
        if owner {
            migrate::apply(&mut first).await?;
            connect::assume(&mut first).await?;
        }
        let findings = check::findings(&mut first).await?;
        // All was asked; a farewell that fails changes nothing.
        let _ = first.close().await;
        if !findings.is_empty() {
            return Err(Fault::Unsafe(findings.join("; ")));
        }
        let pool = Arc::new(Pool::new(&url, connections, owner)?);
        let listen_url = listen_url.unwrap_or(url);
        let wakeup = Wakeup::start(Arc::clone(&pool), WORK, listen_url.clone());
        let mail = Wakeup::start(Arc::clone(&pool), MAIL, listen_url.clone());
        let due = Wakeup::start(Arc::clone(&pool), DUE, listen_url);
        let (groups, reads, realms) = (Groups::default(), Reads::default(), Realms::default());
        Ok(Self { inner: Arc::new(Inner { pool, groups, reads, realms, wakeup, mail, due }) })
    }
}

#[async_trait]
impl RealmWriter for PostgresStore {
    async fn commit(&self, commit: Commit) -> store::Result<CommitOutcome> {
        let Inner { pool, groups, realms, wakeup, mail, due, .. } = &*self.inner;
        let (makes_mail, may_be_due) = (commit.makes_mail(), commit.effect().may_be_due());
        let apply = async {
            let realm = realms.find_or_make(pool, commit.realm()).await?;
            commit::apply(pool, groups, realm, commit).await
        };
        let applied = apply.await.map_err(|fault| fault.during("commit"))?;
        if applied.due {
            wakeup.ring();
        }
        if makes_mail && applied.outcome == CommitOutcome::Applied {
            mail.ring();
        }
        if may_be_due && matches!(applied.outcome, CommitOutcome::Applied | CommitOutcome::Claimed(_)) {
            due.ring();
        }
        Ok(applied.outcome)
    }
}

impl fmt::Debug for PostgresStore {
    // Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}
