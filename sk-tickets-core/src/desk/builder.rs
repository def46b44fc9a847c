use std::{sync::Arc, time::Duration};

use tokio::sync::OnceCell;

use super::{Inner, Tickets};
use crate::{
    limits::AUTO_CLOSE_DEFAULT_SECS,
    notify::MailTemplate,
    platform::{
        id::IdGenerator,
        seal::Keyring,
        system::{Entropy, SystemClock, SystemEntropy},
        time::Clock,
        webhook::{Schedule, TargetPolicy},
    },
    store::Store,
};

/// Where the pages of error codes are unless the server says where it serves them.
const ERROR_DOCS: &str = "https://api.softknack.com/tickets/v1/docs/errors/";

/// Choices for [`Tickets`]; made by [`Tickets::builder`].
#[derive(Debug)]
#[must_use]
pub struct TicketsBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    error_docs: String,
    targets: TargetPolicy,
    schedule: Schedule,
    auto_close_after: Option<Duration>,
    keyring: Keyring,
    mail: MailTemplate,
}

impl TicketsBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            error_docs: ERROR_DOCS.to_owned(),
            targets: TargetPolicy::default(),
            schedule: Schedule::default(),
            auto_close_after: Some(Duration::from_secs(AUTO_CLOSE_DEFAULT_SECS)),
            keyring: Keyring::default(),
            mail: MailTemplate::default(),
        }
    }

    /// Another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness. Secrets come from it too.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// The URL, with its final slash, under which each error code has its page: the `type` of a problem.
    pub fn error_docs(mut self, url: impl Into<String>) -> Self {
        self.error_docs = url.into();
        self
    }

    /// Where webhooks may be sent to.
    pub const fn targets(mut self, targets: TargetPolicy) -> Self {
        self.targets = targets;
        self
    }

    /// When deliveries and mails to customers are tried again.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// After how long a ticket that was resolved is closed if nobody opens it again; none for never. A week unless told
    /// otherwise. Counts for what is resolved from then on.
    pub const fn auto_close_after(mut self, after: Option<Duration>) -> Self {
        self.auto_close_after = after;
        self
    }

    /// The master keys that webhook secrets are sealed with in the store. By default there is none, and they are plain.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = keyring;
        self
    }

    /// How a mail reads that tells a customer that their ticket was resolved.
    pub fn mail_template(mut self, template: MailTemplate) -> Self {
        self.mail = template;
        self
    }

    /// The engine.
    #[must_use]
    pub fn build(self) -> Tickets {
        let Self { store, clock, entropy, error_docs, targets, schedule, auto_close_after, keyring, mail } = self;
        let ids = IdGenerator::new(Arc::clone(&entropy));
        let keyring = Arc::new(keyring);
        let cursor_key = OnceCell::new();
        let inner = Inner {
            store,
            clock,
            entropy,
            ids,
            error_docs,
            targets,
            schedule,
            auto_close_after,
            keyring,
            mail,
            cursor_key,
        };
        Tickets { inner: Arc::new(inner) }
    }
}
