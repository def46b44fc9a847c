//! The integration tests of the core.

mod memory {
    use std::sync::Arc;

    use sk_tickets_core::{MemoryStore, testing::conformance::Harness};

    async fn fresh() -> Harness {
        Harness::new(Arc::new(MemoryStore::new()))
    }

    sk_tickets_core::conformance!(fresh);
}
