//! Faults, and what the contract makes of them.

use std::time::Duration;

use rusqlite::ErrorCode;
use sk_tickets_core::store::StoreError;

/// What went wrong inside of this crate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("a value could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("a number does not fit its column")]
    Range(#[from] std::num::TryFromIntError),
    #[error("{0}")]
    Broken(&'static str),
}

pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

/// After how long a caller is asked to try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Busy, not broken: to try again helps.
pub(crate) fn unavailable(context: &'static str) -> StoreError {
    StoreError::unavailable(context, RETRY_AFTER)
}

impl Fault {
    /// Whether to try again may help: another process holds the lock, or the disk is full.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _))
                if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
        )
    }

    /// Whether the file is no whole database.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _))
                if matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
    }

    /// The error to answer with, and what was being done.
    pub(crate) fn during(self, context: &'static str) -> StoreError {
        let error = if self.is_passing() { unavailable(context) } else { StoreError::internal(context) };
        error.caused_by(self)
    }
}
