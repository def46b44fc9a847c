//! The integration tests of the core.

mod architecture;
mod decide;
mod derived_keys;
mod diagram;
mod dispatcher;
mod documents;
mod endpoints;
mod forms;
mod golden;
mod mailer;
mod patience;
mod product;
mod properties;
mod schedule;
#[cfg(feature = "schema")]
mod schema;
mod simulation;
mod stage;
mod transitions;

mod memory {
    use std::sync::Arc;

    use sk_tickets_core::{MemoryStore, testing::conformance::Harness};

    async fn fresh() -> Harness {
        Harness::new(Arc::new(MemoryStore::new()))
    }

    sk_tickets_core::conformance!(fresh);
}
