//! What a database promises by itself, whoever asks, and what every store must do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod atomic;
mod claims;
mod differential;
mod dump;
mod feed;
mod isolation;
mod killed;
mod migration;
mod nodes;
mod places;
mod redaction;
mod roles;
mod round_trips;
mod stage;
mod sweep;
mod violations;

use std::sync::Arc;

use sk_tickets_core::testing::conformance::Harness;
use sk_tickets_postgres::{PostgresStore, testing::Cluster};

/// A fresh store in a database of its own.
async fn fresh() -> Harness {
    let url = Cluster::shared().database().await;
    Harness::new(Arc::new(PostgresStore::open(url).await.unwrap()))
}

sk_tickets_core::conformance!(fresh);
