//! Faults, and what the contract makes of them.

use std::time::Duration;

use sk_tickets_core::store::StoreError;

/// What went wrong inside of this crate.
///
/// Outcomes that the contract foresees are none of these: every statement that can run into a constraint on purpose names
/// it (`ON CONFLICT ON CONSTRAINT …`), so that no other constraint is ever taken for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    #[error("too many requests wait")]
    Saturated,
    #[error("the answer was lost: {0}")]
    Lost(String),
    #[error("a value could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("a number does not fit its column")]
    Range(#[from] std::num::TryFromIntError),
    #[error("{0}")]
    Broken(&'static str),
    #[error("the database is not safe to use: {0}")]
    Unsafe(String),
}

pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

/// After how long a caller is asked to try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Classes and codes after which to try again helps: connection lost, out of resources, shutting down; transactions that
/// were in each other's way; whatever took too long.
const PASSING: &[&str] = &["08", "53", "57", "40001", "40P01", "55P03", "25P03", "25006"];

impl Fault {
    /// Whether to try again may help. An answer that was lost on its way may have been a success, so it counts as this.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Postgres(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| PASSING.iter().any(|passing| code.starts_with(passing)))
            }
            Self::Postgres(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::Protocol(_)
            ),
            Self::Saturated | Self::Lost(_) => true,
            Self::Json(_) | Self::Range(_) | Self::Broken(_) | Self::Unsafe(_) => false,
        }
    }

    /// The error to answer with, and what was being done.
    pub(crate) fn during(self, context: &'static str) -> StoreError {
        let error = if self.is_passing() {
            StoreError::unavailable(context, RETRY_AFTER)
        } else {
            StoreError::internal(context)
        };
        error.caused_by(self)
    }
}
