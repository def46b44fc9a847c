//! The same random commands to this store and to the reference.

use std::{env, ops::Range, sync::Arc};

use sk_tickets_core::testing::differential;
use sk_tickets_sqlite::{SqliteOptions, Synchronous};

const SEEDS: Range<u64> = 0..10;
const STEPS: usize = 120;

/// How many seeds from 0 on, or which (`100..200`), as `DIFFERENTIAL_SEEDS` has it.
fn seeds() -> Range<u64> {
    let Ok(text) = env::var("DIFFERENTIAL_SEEDS") else { return SEEDS };
    let number = |text: &str| text.parse().expect("DIFFERENTIAL_SEEDS is a number or a range such as 100..200");
    text.split_once("..").map_or_else(|| 0..number(&text), |(from, to)| number(from)..number(to))
}

#[tokio::test]
async fn it_cannot_be_told_from_the_reference() {
    for seed in seeds() {
        let folder = tempfile::tempdir().unwrap();
        // What survives a crash is not looked at in here.
        let options = SqliteOptions::new(folder.path().join("tickets.db")).synchronous(Synchronous::Normal);
        differential::run(seed, STEPS, Arc::new(options.open().await.unwrap())).await;
    }
}
