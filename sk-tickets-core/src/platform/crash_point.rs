//! Points at which a process can be made to die, for those who test what it leaves behind.
//!
//! They are there only if this crate is built with the feature `crash-points`. Nothing that serves is: it is for the tests of
//! a server, which build it with the feature and say in its environment where it is to die.

/// Passes a point. If `SK_TICKETS_CRASH_AT` is `label:n`, the process dies as the point with this label is passed for the n-th
/// time: at once, as by `kill -9`, with nothing flushed, closed or rolled back.
#[cfg(feature = "crash-points")]
#[doc(hidden)]
#[inline]
pub fn crash_point(label: &'static str) {
    armed::pass(label);
}

/// Does nothing.
#[cfg(not(feature = "crash-points"))]
#[doc(hidden)]
#[inline]
pub const fn crash_point(_label: &'static str) {}

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    };

    /// Where to die, and how often to pass there before.
    struct Order {
        label: String,
        left: AtomicUsize,
    }

    static ORDER: LazyLock<Option<Order>> = LazyLock::new(read);

    #[expect(clippy::disallowed_methods, reason = "whoever builds with this feature wants the environment to say so")]
    fn read() -> Option<Order> {
        let order = std::env::var("SK_TICKETS_CRASH_AT").ok()?;
        let (label, nth) = order.rsplit_once(':')?;
        Some(Order { label: label.to_owned(), left: AtomicUsize::new(nth.parse().ok()?) })
    }

    pub(super) fn pass(label: &str) {
        if let Some(order) = &*ORDER
            && order.label == label
            && order.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            std::process::abort();
        }
    }
}
