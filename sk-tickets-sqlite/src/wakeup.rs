//! Tells sleeping workers that there is work.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// A count of wake-ups, and how many of them were heeded. What is counted cannot be missed: not by a worker that was
/// busy meanwhile, and not by one whose wait was dropped.
#[derive(Debug)]
pub(crate) struct Wakeup {
    rung: watch::Sender<u64>,
    heeded: AtomicU64,
}

impl Wakeup {
    pub(crate) fn new() -> Self {
        Self { rung: watch::Sender::new(0), heeded: AtomicU64::new(0) }
    }

    /// Wakes every worker that waits or, if none does, the next one that would.
    pub(crate) fn ring(&self) {
        self.rung.send_modify(|count| *count += 1);
    }

    /// Returns when it rang since this last returned.
    pub(crate) async fn wait(&self) {
        let heeded = self.heeded.load(Ordering::Acquire);
        let mut rung = self.rung.subscribe();
        // An error would mean that the sender is gone, and it lives as long as we do.
        if let Ok(count) = rung.wait_for(|count| *count > heeded).await {
            self.heeded.fetch_max(*count, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn what_rang_before_the_wait_is_heeded_once() {
        let wakeup = Wakeup::new();
        wakeup.ring();
        wakeup.ring();
        timeout(MOMENT, wakeup.wait()).await.unwrap();
        assert!(timeout(MOMENT, wakeup.wait()).await.is_err());
        // The wait that was dropped has not taken anything away.
        wakeup.ring();
        timeout(MOMENT, wakeup.wait()).await.unwrap();
    }

    #[tokio::test]
    async fn all_who_wait_are_woken() {
        let wakeup = Arc::new(Wakeup::new());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let wakeup = Arc::clone(&wakeup);
                tokio::spawn(async move { wakeup.wait().await })
            })
            .collect();
        tokio::time::sleep(MOMENT).await;
        wakeup.ring();
        for waiter in waiters {
            timeout(MOMENT, waiter).await.unwrap().unwrap();
        }
    }
}
