//! What the customer is told, and what came of it.

use serde::{Deserialize, Serialize};

use super::{
    id::{ContactId, NotificationId, TicketId},
    page::Order,
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{platform::time::Timestamp, words};

words! {
    /// What came of a notification.
    pub enum Outcome {
        /// It will be sent, or sent again.
        Pending = "pending",
        /// A mail server took it.
        Sent = "sent",
        /// It was written and not sent: in a test realm nobody is told.
        Captured = "captured",
        /// Nobody knew where to send it.
        NoAddress = "no_address",
        /// It could not be sent, and is not tried any more unless it is replayed.
        Dead = "dead",
    }
}

words! {
    /// The way by which a customer is told.
    pub enum Channel {
        /// A mail.
        Email = "email",
    }
}

/// What a customer is told of their ticket: written when it was resolved, and kept as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Notification", transform = Object("notification")))]
#[serde(tag = "object", rename = "notification")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Notification {
    /// Its id; the mail's `Message-ID` is made of it.
    pub id: NotificationId,
    /// What it is about.
    pub ticket_id: TicketId,
    /// Whom it is for.
    pub contact_id: ContactId,
    /// What came of it.
    pub outcome: Outcome,
    /// The address that it goes to; none if there was none.
    pub to: Option<String>,
    /// The subject of the mail.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// How often it was tried to send it, before a replay too.
    pub attempts: u32,
    /// Why the last try failed, in words; none if it did not.
    pub last_error: Option<String>,
    /// When it is tried next; none unless it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When a mail server took it.
    pub sent_at: Option<Timestamp>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Which notifications a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct NotificationFilter {
    /// Those about this ticket.
    pub ticket_id: Option<TicketId>,
    /// Those of which this came.
    pub outcome: Option<Outcome>,
}

impl NotificationFilter {
    /// Whether a notification is shown.
    #[must_use]
    pub fn matches(&self, notification: &Notification) -> bool {
        let Self { ticket_id, outcome } = self;
        ticket_id.is_none_or(|id| notification.ticket_id == id)
            && outcome.is_none_or(|outcome| notification.outcome == outcome)
    }
}

/// The order in which notifications are listed unless another is asked for.
pub const NOTIFICATION_ORDER: Order = Order::Desc;
