//! The same random commands to this store and to the reference.

use std::sync::Arc;

use sk_tickets_core::testing::differential;
use sk_tickets_postgres::{PostgresStore, testing::Cluster};

/// How many seeds; `DIFFERENTIAL_SEEDS` says otherwise.
const SEEDS: u64 = 3;
const STEPS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_cannot_be_told_from_the_reference() {
    let seeds = std::env::var("DIFFERENTIAL_SEEDS").ok().map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let url = Cluster::shared().database().await;
        differential::run(seed, STEPS, Arc::new(PostgresStore::open(url).await.unwrap())).await;
    }
}
