//! The connections that serve, lent one statement at a time.
//!
//! A pool of our own, since sqlx's asks the server once more each time a connection comes back. All but a few statements
//! of a store are transactions of their own, so here nothing is to be asked: a connection that has answered is as it was
//! before.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, Error, PgConnection, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{connect, error::Result};

/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that was idle for so long is tried before it is used: it may have been cut meanwhile.
const IDLE: Duration = Duration::from_secs(15);

/// Makes connections as they are needed, at most so many.
pub(crate) struct Pool {
    options: PgConnectOptions,
    /// Made with the owner's URL, so that they must give up its rights.
    assumes: bool,
    permits: Semaphore,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
}

impl Pool {
    pub(crate) fn new(url: &str, connections: usize, assumes: bool) -> Result<Self> {
        let (permits, idle) = (Semaphore::new(connections), Mutex::default());
        Ok(Self { options: connect::parse(url)?, assumes, permits, idle })
    }

    /// What a statement answers.
    ///
    /// A connection is lent again only after it has answered in full. After an error, or if this is dropped in between, it
    /// is closed: what the server still does on it concerns nobody else.
    pub(crate) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>> {
        let (_permit, mut connection) = self.lend().await?;
        let rows = query.fetch_all(&mut connection).await?;
        self.idle().push((connection, Instant::now()));
        Ok(rows)
    }

    /// Begins a transaction of several statements. If it is dropped before it is committed, its connection is closed,
    /// and the server undoes it.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'_>> {
        let (permit, mut connection) = self.lend().await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        Ok(Transaction { pool: self, _permit: permit, connection })
    }

    async fn lend(&self) -> sqlx::Result<(SemaphorePermit<'_>, PgConnection)> {
        let lend = async {
            let permit = self.permits.acquire().await.map_err(|_| Error::PoolClosed)?;
            Ok::<_, Error>((permit, self.connection().await?))
        };
        timeout(ACQUIRE, lend).await.map_err(|_| Error::PoolTimedOut)?
    }

    /// The one row that a statement answers.
    pub(crate) async fn row(&self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<PgRow> {
        self.rows(query).await?.into_iter().next().ok_or(Error::RowNotFound)
    }

    async fn connection(&self) -> sqlx::Result<PgConnection> {
        loop {
            // Taken out first: the lock is not held while the connection is tried.
            let idle = self.idle().pop();
            let Some((mut connection, since)) = idle else { break };
            if since.elapsed() < IDLE || connection.ping().await.is_ok() {
                return Ok(connection);
            }
        }
        let mut connection = PgConnection::connect_with(&self.options).await?;
        if self.assumes {
            connect::assume(&mut connection).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(PgConnection, Instant)>> {
        // Nothing can fail while it is held, so it is whole even if a thread died.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction of several statements, on a connection that is lent for as long.
pub(crate) struct Transaction<'a> {
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
    connection: PgConnection,
}

impl Transaction<'_> {
    /// What a statement answers.
    pub(crate) async fn rows(&mut self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>> {
        query.fetch_all(&mut self.connection).await
    }

    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        self.pool.idle().push((self.connection, Instant::now()));
        Ok(())
    }
}
