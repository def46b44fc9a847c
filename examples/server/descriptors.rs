//! How many files and sockets the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sk_tickets_core::limits::CONNECTIONS_MAX;

/// What the database, webhooks and mails need beside connections.
const KEPT_BACK: u64 = 256;

/// How many connections there is room for. Asks for as many descriptors as the process may have at all: what a shell gives
/// is often far less.
pub(crate) fn for_connections() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let descriptors = if raised.is_ok() { maximum } else { current };
    let connections = room(descriptors);
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            connections,
            "fewer connections at a time than usual, since the process may have few descriptors"
        );
    }
    connections
}

/// None means that there is no limit.
fn room(descriptors: Option<u64>) -> usize {
    let room = descriptors.map_or(u64::MAX, |descriptors| descriptors.saturating_sub(KEPT_BACK));
    usize::try_from(room).unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_kept_back_for_what_is_no_connection() {
        assert_eq!(room(Some(1_024)), 768);
        assert_eq!(room(Some(64)), 1);
        assert_eq!(room(Some(1_000_000)), CONNECTIONS_MAX);
        assert_eq!(room(None), CONNECTIONS_MAX);
    }
}
