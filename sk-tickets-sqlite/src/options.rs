//! How a database is opened.

use std::path::{Path, PathBuf};

use sk_tickets_core::store;

use crate::store::SqliteStore;

/// How to open a database.
///
/// ```
/// # async fn example() -> sk_tickets_core::store::Result<()> {
/// use sk_tickets_sqlite::{SqliteOptions, Synchronous};
///
/// let store = SqliteOptions::new("tickets.db").readers(8).synchronous(Synchronous::Normal).open().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    pub(crate) path: PathBuf,
    pub(crate) readers: usize,
    pub(crate) writer_queue: usize,
    pub(crate) synchronous: Synchronous,
}

/// What a commit that was answered survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "SQLite has no other level that keeps a database whole")]
pub enum Synchronous {
    /// A crash of the machine: each transaction is on the disk before it is answered.
    #[default]
    Full,
    /// A crash of the process. After a crash of the machine the latest commits may be gone; the database is whole.
    Normal,
}

const READERS: usize = 4;
const WRITER_QUEUE: usize = 1024;

impl SqliteOptions {
    /// The database in the file at `path`, which is made if it is not there.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            readers: READERS,
            writer_queue: WRITER_QUEUE,
            synchronous: Synchronous::default(),
        }
    }

    /// How many reads run at the same time; 4 unless set, at least 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How many writes may wait; one more is told to try again. 1024 unless set, at least 1.
    #[must_use]
    pub fn writer_queue(mut self, writes: usize) -> Self {
        self.writer_queue = writes.max(1);
        self
    }

    /// What a commit that was answered survives; [`Synchronous::Full`] unless set.
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// If the file cannot be opened or made, or if a newer version of this crate has written its schema.
    pub async fn open(self) -> store::Result<SqliteStore> {
        SqliteStore::open_with(self).await
    }
}
