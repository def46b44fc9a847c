use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use super::time::Time;
use crate::platform::time::{Clock, Timestamp};

/// The longest single sleep, as the machine's clock has it.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// A node's clock: it goes as time does, and is off by some milliseconds, which change when it is set.
#[derive(Debug)]
pub(super) struct NodeClock {
    time: Arc<Time>,
    off_by_ms: AtomicI64,
}

impl NodeClock {
    pub(super) const fn new(time: Arc<Time>) -> Self {
        Self { time, off_by_ms: AtomicI64::new(0) }
    }

    pub(super) fn set_off_by(&self, millis: i64) {
        self.off_by_ms.store(millis, Ordering::SeqCst);
    }

    pub(super) fn off_by(&self) -> i64 {
        self.off_by_ms.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.time.now().as_millis() + self.off_by())
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            self.time.sleep(left.min(LONGEST_NAP)).await;
        }
    }
}
