//! The store itself.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use sk_tickets_core::store::{self, Commit, CommitOutcome, RealmWriter, StoreError};

use crate::{
    commit, connect,
    error::Result,
    guard::Guarded,
    migrate::migrate,
    options::{SqliteOptions, Synchronous},
    pool::Readers,
    realms::Realms,
    wakeup::Wakeup,
    writer::{Transaction, Verdict, Writer},
};

/// A store in one SQLite file.
///
/// Handles are cheap to clone and share one writer and one set of readers. When the last one is dropped, writes that
/// wait are finished and the file is closed. Other processes may use the file at the same time.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) readers: Arc<Readers>,
    pub(crate) realms: Arc<Realms>,
    pub(crate) wakeup: Arc<Wakeup>,
    /// Wakes those that tell customers.
    pub(crate) mail: Wakeup,
    /// For who waits for tickets that are due.
    pub(crate) due: Wakeup,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database in the file at `path`, which is made if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// If the file cannot be opened or made, or if a newer version of this crate has written its schema.
    pub async fn open(path: impl AsRef<Path>) -> store::Result<Self> {
        SqliteOptions::new(path).open().await
    }

    pub(crate) async fn open_with(options: SqliteOptions) -> store::Result<Self> {
        let opening = tokio::task::spawn_blocking(move || {
            let (writer, readers) = connect_all(&options).map_err(|fault| fault.during("open the database"))?;
            let wakeup = Arc::new(Wakeup::new());
            let writer = Writer::start(writer, options.writer_queue, options.synchronous, Arc::clone(&wakeup))?;
            let realms = Arc::new(Realms::default());
            let inner = Inner {
                path: options.path,
                readers: Readers::new(readers),
                realms,
                wakeup,
                mail: Wakeup::new(),
                due: Wakeup::new(),
                writer,
            };
            Ok(Self { inner: Arc::new(inner) })
        });
        opening.await.map_err(|error| StoreError::internal("open the database").caused_by(error))?
    }

    /// Runs a job in the writer.
    pub(crate) async fn write<T, F>(&self, context: &'static str, work: F) -> store::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<Verdict<T>> + Send + 'static,
    {
        self.inner.writer.run(context, Synchronous::Full, work).await
    }

    /// Runs a job in the writer whose loss with the machine harms nobody: what it wrote survives the process and no more. A
    /// lease is of no use to a machine without power, and a delivery whose settlement is lost is sent again. What was
    /// answered after it and is on the disk has it there too: the log has one order.
    pub(crate) async fn write_unsynced<T, F>(&self, context: &'static str, work: F) -> store::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<Verdict<T>> + Send + 'static,
    {
        self.inner.writer.run(context, Synchronous::Normal, work).await
    }
}

/// The connection that writes and those that read.
fn connect_all(options: &SqliteOptions) -> Result<(Guarded, Vec<Guarded>)> {
    let mut writer = connect::writer(options)?;
    writer.maintain(migrate)?;
    let readers = (0..options.readers).map(|_| connect::reader(options)).collect::<Result<_>>()?;
    Ok((writer, readers))
}

#[async_trait]
impl RealmWriter for SqliteStore {
    async fn commit(&self, commit: Commit) -> store::Result<CommitOutcome> {
        let realms = Arc::clone(&self.inner.realms);
        // To take a commit apart is work too, which is spared the one thread that writes.
        let commit = Arc::new(commit);
        let shared = Arc::clone(&commit);
        let outcome = self.write("commit", move |transaction| commit::apply(transaction, &realms, &shared)).await?;
        if commit.makes_mail() && outcome == CommitOutcome::Applied {
            self.inner.mail.ring();
        }
        if commit.effect().may_be_due() && matches!(outcome, CommitOutcome::Applied | CommitOutcome::Claimed(_)) {
            self.inner.due.ring();
        }
        Ok(outcome)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
