//! How many files and sockets the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sk_tickets_core::limits::{CONNECTIONS_MAX, FIRST_ATTEMPTS_AT_ONCE_MAX, RETRIES_AT_ONCE_MAX};

/// What the database, mails and a few webhooks need beside connections.
const KEPT_BACK_MIN: u64 = 256;
/// The same with as many webhooks as are under way at a time.
const KEPT_BACK_MAX: u64 = KEPT_BACK_MIN + (FIRST_ATTEMPTS_AT_ONCE_MAX + RETRIES_AT_ONCE_MAX) as u64;

/// Asks for as many descriptors as the process may have at all, since what a shell gives is often far less. Answers how many
/// there are; none means that there is no limit.
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}

/// How many connections there is room for.
pub(crate) fn for_connections() -> usize {
    let connections = room(raise());
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            connections,
            "fewer connections at a time than usual, since the process may have few descriptors"
        );
    }
    connections
}

/// Where there are few descriptors, webhooks have half of them.
fn room(descriptors: Option<u64>) -> usize {
    let room = descriptors.map_or(u64::MAX, |descriptors| {
        descriptors.saturating_sub((descriptors / 2).clamp(KEPT_BACK_MIN, KEPT_BACK_MAX))
    });
    usize::try_from(room).unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_kept_back_for_what_is_no_connection() {
        assert_eq!(room(Some(64)), 1);
        assert_eq!(room(Some(328)), 72);
        assert_eq!(room(Some(1_024)), 512);
        assert_eq!(room(Some(4_096)), 2_560);
        assert_eq!(room(Some(1_000_000)), CONNECTIONS_MAX);
        assert_eq!(room(None), CONNECTIONS_MAX);
    }
}
