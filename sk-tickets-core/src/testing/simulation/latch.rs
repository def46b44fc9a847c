use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Closed once and for all. Who waits for it is woken in the order of waiting: tokio's `watch` picks an order by chance.
#[derive(Debug, Default)]
pub(super) struct Latch {
    is_closed: AtomicBool,
    waiters: Notify,
}

impl Latch {
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.waiters.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    pub(super) async fn closed(&self) {
        let mut woken = pin!(self.waiters.notified());
        // Waits from here on, so that a close after the look is not missed.
        woken.as_mut().enable();
        if !self.is_closed() {
            woken.await;
        }
    }
}
