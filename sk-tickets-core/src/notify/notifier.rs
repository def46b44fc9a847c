use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    model::id::{NotificationId, TicketId},
    platform::{realm::Realm, time::Timestamp},
};

/// A mail to a customer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a notifier must heed every field")]
pub struct Mail {
    /// Its id, the same whenever it is sent again: what the `Message-ID` is to be made of.
    pub id: NotificationId,
    /// Whose customer is told; always a live realm.
    pub realm: Realm,
    /// What it is about.
    pub ticket_id: TicketId,
    /// The one address that it goes to.
    pub to: String,
    /// The subject: one line, without control characters.
    pub subject: String,
    /// What it says: plain text, lines end with `\n`.
    pub text: String,
    /// When this attempt is made.
    pub at: Timestamp,
}

/// Why a mail was not sent, in words for those who work on tickets. They see it: it holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum NotifyError {
    /// It may go better later: the server is away, busy, or does not let us in.
    #[error("{0}")]
    Passing(String),
    /// It will not: there is nobody at this address.
    #[error("{0}")]
    Permanent(String),
}

/// Sends mails.
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// Sends a mail to its one recipient; answers when a server has taken it. May be dropped at any point, and may be
    /// asked for the same mail again.
    ///
    /// # Errors
    /// [`NotifyError`] if no server has taken it.
    async fn notify(&self, mail: &Mail) -> Result<(), NotifyError>;
}
