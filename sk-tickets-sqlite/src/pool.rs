//! The connections that read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use sk_tickets_core::store::{self, StoreError};
use tokio::{sync::Semaphore, task};

use crate::{
    error::{Fault, Result},
    guard::Guarded,
};

/// Lends connections to reads, as many at a time as there are.
#[derive(Debug)]
pub(crate) struct Readers {
    idle: Mutex<Vec<Guarded>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Guarded>) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Arc::new(Self { idle: Mutex::new(connections), permits })
    }

    /// Runs a read that takes microseconds right here: to hand it to another thread would take longer than to do it.
    ///
    /// For what is found by its key. What walks over many rows would keep others from the thread, and goes to
    /// [`Readers::read`].
    pub(crate) async fn read_here<T>(
        self: &Arc<Self>,
        context: &'static str,
        work: impl FnOnce(&Guarded) -> Result<T>,
    ) -> store::Result<T> {
        let permit = self.permits.acquire().await;
        // Given back after the connection, which is dropped first.
        let _permit = permit.map_err(|error| StoreError::internal(context).caused_by(error))?;
        let read = || {
            let lent = Arc::clone(self).lend()?;
            work(lent.connection()?)
        };
        read().map_err(|fault| fault.during(context))
    }

    /// Runs a read on a thread that may block.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, context: &'static str, work: F) -> store::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Guarded) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| StoreError::internal(context).caused_by(error))?;
        let readers = Arc::clone(self);
        let read = task::spawn_blocking(move || {
            // Given back after the connection, which is dropped first.
            let _permit = permit;
            let lent = readers.lend()?;
            work(lent.connection()?)
        });
        match read.await {
            Ok(result) => result.map_err(|fault| fault.during(context)),
            Err(error) => Err(StoreError::internal(context).caused_by(error)),
        }
    }

    fn lend(self: Arc<Self>) -> Result<Lent> {
        let connection = self.idle().pop();
        if connection.is_none() { Err(MISSING) } else { Ok(Lent { connection, readers: self }) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Guarded>> {
        // Nothing can fail while it is held, so it is whole even if a thread died.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MISSING: Fault = Fault::Broken("there are fewer connections than reads allowed");

/// A connection that goes back by itself, even if the read panicked.
struct Lent {
    connection: Option<Guarded>,
    readers: Arc<Readers>,
}

impl Lent {
    fn connection(&self) -> Result<&Guarded> {
        self.connection.as_ref().ok_or(MISSING)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // A snapshot left open would show the next reader the past.
            if !connection.bare().is_autocommit()
                && let Err(error) = connection.bare().execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a read could not be ended");
            }
            self.readers.idle().push(connection);
        }
    }
}

/// Runs several statements that all see the same moment. What `work` leaves open after an error ends with the loan.
pub(crate) fn snapshot<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
    let value = work()?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connect, guard::Scope, options::SqliteOptions};

    #[tokio::test]
    async fn a_failed_read_leaves_its_connection_usable() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("x.db"));
        let mut writer = connect::writer(&options).unwrap();
        writer.maintain(|bare| Ok(bare.execute_batch("CREATE TABLE x (y)")?)).unwrap();
        let readers = Readers::new(vec![connect::reader(&options).unwrap()]);

        let count = |guarded: &Guarded| -> Result<i64> {
            guarded.within(Scope::Maintenance, |connection| {
                Ok(connection.query_row("SELECT count(*) FROM x", [], |row| row.get(0))?)
            })
        };
        let failed = readers.read("fail", move |connection| {
            snapshot(connection.bare(), || count(connection).and(Err::<(), _>(Fault::Broken("on purpose"))))
        });
        assert!(failed.await.is_err());
        let panicked = readers.read("panic", move |connection| -> Result<()> {
            snapshot(connection.bare(), || {
                count(connection)?;
                panic!("on purpose")
            })
        });
        assert!(panicked.await.is_err());

        writer.maintain(|bare| Ok(bare.execute_batch("INSERT INTO x VALUES (1)")?)).unwrap();
        assert_eq!(readers.read("count", count).await.unwrap(), 1);
    }
}
