//! Queues: where tickets without an owner wait.

use crate::{limits::QUEUE_KEY_MAX, platform::text::Text};

/// The key of a queue.
pub type QueueKey = Text<1, QUEUE_KEY_MAX>;

/// The queue that is in every realm.
pub const DEFAULT_QUEUE: &str = "default";
