//! How a database is opened.

use std::fmt;

use sk_tickets_core::store;

use crate::store::PostgresStore;

/// How to open a database.
///
/// ```no_run
/// # async fn example() -> sk_tickets_core::store::Result<()> {
/// use sk_tickets_postgres::PostgresOptions;
///
/// let store = PostgresOptions::new("postgres://sk_tickets_app@pooler:6432/tickets")
///     .listen_url("postgres://sk_tickets_app@database:5432/tickets")
///     .pool(20)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    pub(crate) url: String,
    pub(crate) listen_url: Option<String>,
    pub(crate) connections: usize,
}

const CONNECTIONS: usize = 10;

impl PostgresOptions {
    /// The database at `url`: `postgres://user:password@host:port/name`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), listen_url: None, connections: CONNECTIONS }
    }

    /// How many connections serve reads and writes; 10 unless set, at least 1.
    #[must_use]
    pub fn pool(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Where to listen for other nodes' work, if `url` leads to a pooler that gives out a connection by the transaction:
    /// to listen takes a session. Without one, such work is found by looking twice a second.
    #[must_use]
    pub fn listen_url(mut self, url: impl Into<String>) -> Self {
        self.listen_url = Some(url.into());
        self
    }

    /// Opens the database; given the owner's URL, brings its schema up to date first.
    ///
    /// # Errors
    /// If the database cannot be reached, or if [`check`](crate::check()) finds anything.
    pub async fn open(self) -> store::Result<PostgresStore> {
        PostgresStore::open_with(self).await
    }
}

impl fmt::Debug for PostgresOptions {
    // Without the URLs, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions").field("connections", &self.connections).finish_non_exhaustive()
    }
}
