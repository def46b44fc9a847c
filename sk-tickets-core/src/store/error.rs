use std::{fmt, time::Duration};

/// What a store answers.
pub type Result<T> = std::result::Result<T, StoreError>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A fault of the store: not an outcome that the contract foresees.
///
/// Its text is for logs; clients are told no more than that the service is busy or that something went wrong.
pub struct StoreError {
    kind: Kind,
    context: &'static str,
    source: Option<Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unavailable { retry_after: Duration },
    Internal,
}

impl StoreError {
    /// The store is saturated or cannot be reached; to try again may help. Whether a write took place is not known:
    /// the retry with the same idempotency key finds out.
    #[must_use]
    pub fn unavailable(context: &'static str, retry_after: Duration) -> Self {
        Self { kind: Kind::Unavailable { retry_after }, context, source: None }
    }

    /// The store is broken or used wrongly; to try again will not help.
    #[must_use]
    pub fn internal(context: &'static str) -> Self {
        Self { kind: Kind::Internal, context, source: None }
    }

    /// With the error that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// After how long to try again; none if that will not help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            Kind::Unavailable { retry_after } => Some(retry_after),
            Kind::Internal => None,
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("context", &self.context)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Unavailable { .. } => write!(f, "the store is unavailable: {}", self.context),
            Kind::Internal => write!(f, "the store failed: {}", self.context),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
