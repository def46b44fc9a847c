//! Waiting for a worker on a clock that is set by hand.

use std::time::Duration;

use sk_tickets_core::testing::ManualClock;

/// Lets others work until a condition holds.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..100_000 {
        if condition().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to that");
}

/// Moves the clock on, second by second, and lets the worker do what it does meanwhile.
pub(crate) async fn pass(clock: &ManualClock, secs: u64) {
    for _ in 0..secs {
        clock.advance(Duration::from_secs(1));
        moments(50).await;
    }
}

/// Lets others work, so many times.
pub(crate) async fn moments(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
