//! The connections that serve, lent one statement at a time.
//!
//! A pool of our own, since sqlx's asks the server once more each time a connection comes back. All but a few statements
//! of a store are transactions of their own, so here nothing is to be asked: a connection that has answered is as it was
//! before.

use std::{
    future::Future,
    io,
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
/// How long an answer is waited for: twice as long as the server works on a statement. If none has come by then, the connection is cut
/// and nobody has said so, as when a host is gone, and whether the statement has taken place is not known.
const ANSWER: Duration = Duration::from_secs(60);
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
    /// is closed: what the server still does on it ends by the server's own time-out, and concerns nobody else.
    pub(crate) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>> {
        let (_permit, mut connection) = self.lend().await?;
        let rows = answer(query.fetch_all(&mut connection)).await?;
        self.idle().push((connection, Instant::now()));
        Ok(rows)
    }

    /// Begins a transaction of several statements. If it is dropped before it is committed, its connection is closed,
    /// and the server undoes it.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'_>> {
        let (permit, mut connection) = self.lend().await?;
        answer(sqlx::query("BEGIN").execute(&mut connection)).await?;
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

/// What the server answers, if it does in time.
async fn answer<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(ANSWER, asked).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
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
        answer(query.fetch_all(&mut self.connection)).await
    }

    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        answer(sqlx::query("COMMIT").execute(&mut self.connection)).await?;
        self.pool.idle().push((self.connection, Instant::now()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
        let url = Cluster::shared().database().await;
        let pool = Pool::new(&url, 1, false).unwrap();
        let alive = async || pool.rows(sqlx::query("SELECT 1")).await.is_ok();
        assert!(alive().await);
        // With nothing else to do, time goes on at once.
        tokio::time::pause();
        let lost = pool.rows(sqlx::query("SELECT pg_sleep(600)")).await;
        tokio::time::resume();
        assert!(matches!(lost, Err(Error::Io(_))), "{lost:?}");
        assert!(alive().await, "the connection is not lent again, and its place is");
    }
}
