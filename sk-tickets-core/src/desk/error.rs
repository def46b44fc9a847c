use std::{fmt, time::Duration};

use crate::{
    platform::{
        cursor::CursorError,
        problem::{self, Problem},
    },
    store::StoreError,
};

/// Why a desk did not do what it was asked: a problem with a stable code and, if the store was at fault, the cause.
#[derive(Debug)]
pub struct Error {
    problem: Problem,
    retry_after: Option<Duration>,
    source: Option<StoreError>,
}

impl Error {
    /// The problem, as a client is told of it.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The stable code of the problem.
    #[must_use]
    pub fn code(&self) -> &str {
        self.problem.code()
    }

    /// After how long to try again, where that may help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether there is no such thing in the realm.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.problem.status() == 404
    }

    /// Whether things stand in the way as they are now (409), such as an illegal transition.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.problem.status() == 409
    }

    /// Whether the request itself is not lawful (400 or 422).
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.problem.status(), 400 | 422)
    }

    /// Whether to try again later may help (503). A write may have taken place: try with the same key.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.problem.status() == 503
    }

    pub(super) fn contention() -> Self {
        let problem = Problem::new(problem::CONTENTION, "others kept changing the resource; try again");
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::from(problem) }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problem, retry_after: None, source: None }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let retry_after = error.retry_after();
        let problem = if retry_after.is_some() {
            Problem::new(problem::UNAVAILABLE, "try again with the same Idempotency-Key")
        } else {
            Problem::new(problem::INTERNAL, "the fault was logged under the request's id")
        };
        Self { problem, retry_after, source: Some(error) }
    }
}

impl From<CursorError> for Error {
    fn from(error: CursorError) -> Self {
        let kind = match error {
            CursorError::Invalid => problem::INVALID_CURSOR,
            CursorError::FilterMismatch => problem::CURSOR_FILTER_MISMATCH,
        };
        Self::from(Problem::new(kind, error.to_string()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.code(), self.problem.detail())?;
        for fault in self.problem.errors() {
            write!(f, "; {} {}", fault.pointer, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
