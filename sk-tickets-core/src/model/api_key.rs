//! API keys as the store knows them, and what they may do.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    platform::{id::ApiKeyId, realm::Realm, time::Timestamp},
    words,
};

/// The part of a key's text that says which product it is for: `sk_test_tk_…`.
pub const API_KEY_PRODUCT: &str = "tk";

words! {
    /// What a key may do.
    pub enum Scope {
        /// Read tickets, threads, events, queues, contacts and statistics. Contained in the two below.
        TicketsRead = "tickets:read",
        /// Everything with tickets and threads; contains triage.
        TicketsWrite = "tickets:write",
        /// Claim, assign, transition, change and note: what an AI agent gets.
        TicketsTriage = "tickets:triage",
        /// Webhook endpoints, deliveries and dead letters.
        Webhooks = "webhooks",
        /// Queues, forms, policies, redaction, and all others.
        Admin = "admin",
    }
}

impl Scope {
    /// Whether a key with this scope may do what asks for `wanted`.
    #[must_use]
    pub const fn contains(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Admin, _)
            | (Self::TicketsWrite, Self::TicketsRead | Self::TicketsWrite | Self::TicketsTriage)
            | (Self::TicketsTriage, Self::TicketsRead | Self::TicketsTriage)
            | (Self::TicketsRead, Self::TicketsRead)
            | (Self::Webhooks, Self::Webhooks) => true,
            (Self::TicketsWrite | Self::TicketsTriage | Self::TicketsRead, _) | (Self::Webhooks, _) => false,
        }
    }
}

/// A key as the store keeps it; its text is not in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct ApiKey {
    /// Its id, to list and revoke it by.
    pub id: ApiKeyId,
    /// The world it opens.
    #[serde(skip)]
    pub realm: Realm,
    /// What its owner calls it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// Since when it opens nothing.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether the key opens anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none_or(|at| now < at) && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether the key may do what asks for `wanted`.
    #[must_use]
    pub fn allows(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.contains(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contains_what() {
        let contained = |scope: Scope| -> Vec<&str> {
            Scope::ALL.iter().filter(|wanted| scope.contains(**wanted)).map(|wanted| wanted.as_str()).collect()
        };
        assert_eq!(contained(Scope::TicketsRead), ["tickets:read"]);
        assert_eq!(contained(Scope::TicketsWrite), ["tickets:read", "tickets:write", "tickets:triage"]);
        assert_eq!(contained(Scope::TicketsTriage), ["tickets:read", "tickets:triage"]);
        assert_eq!(contained(Scope::Webhooks), ["webhooks"]);
        assert_eq!(contained(Scope::Admin).len(), Scope::ALL.len());
    }
}
