//! The file written anew.

use sk_tickets_core::store::{self, StoreError};

use crate::{connect, error::Result, options::SqliteOptions, store::SqliteStore};

impl SqliteStore {
    /// Writes the file anew, without free space. What was redacted, and whose page had moved before, may have left an old
    /// copy there; after this there is none.
    ///
    /// It takes room for a second copy and, while it writes, nobody else does: who waits for too long is told to try again.
    ///
    /// # Errors
    /// If others write all the time, or if the file cannot be written.
    pub async fn vacuum(&self) -> store::Result<()> {
        const CONTEXT: &str = "write the database anew";
        let options = SqliteOptions::new(&self.inner.path);
        let writing = tokio::task::spawn_blocking(move || vacuum(&options).map_err(|fault| fault.during(CONTEXT)));
        writing.await.map_err(|error| StoreError::internal(CONTEXT).caused_by(error))?
    }
}

fn vacuum(options: &SqliteOptions) -> Result<()> {
    connect::writer(options)?.maintain(|connection| {
        // The log has what the pages have been, until it is emptied.
        connection.execute_batch("VACUUM")?;
        connect::empty_log(connection, connect::BUSY_TIMEOUT).map(drop)
    })
}
