//! How much time a ticket has used: facts, whatever policy there is.

use super::{Timers, calendar::Calendar};
use crate::{model::ticket::Status, platform::time::Timestamp};

impl Timers {
    /// Of a ticket that is made now.
    pub(crate) fn start(at: Timestamp) -> Self {
        Self { resolution_since: Some(at), ..Self::default() }
    }

    /// The first reply was now, unless it was before.
    pub(crate) fn reply(&mut self, at: Timestamp) {
        self.first_replied_at.get_or_insert(at);
    }

    /// The ticket is in this status from now on.
    pub(crate) fn track(&mut self, status: Status, at: Timestamp) {
        match (self.resolution_since, runs(status)) {
            (None, true) => self.resolution_since = Some(at),
            (Some(since), false) => {
                self.resolution_used_ms =
                    self.resolution_used_ms.saturating_add(Calendar::default().elapsed_ms(since, at));
                self.resolution_since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

/// Whether resolution time runs: not while the customer is waited for, and not once it is done.
const fn runs(status: Status) -> bool {
    match status {
        Status::New | Status::Open | Status::OnHold => true,
        Status::Pending | Status::Resolved | Status::Closed => false,
    }
}
