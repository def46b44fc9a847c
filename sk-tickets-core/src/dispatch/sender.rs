use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use crate::platform::realm::Environment;

/// A signed webhook, ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a sender must heed every field")]
pub struct WebhookRequest {
    /// Where to.
    pub url: String,
    /// Which rules for addresses hold.
    pub environment: Environment,
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`
    pub timestamp: String,
    /// `webhook-signature`
    pub signature: String,
    /// The body, sent as `application/json`.
    pub body: Vec<u8>,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a sender must fill every field")]
pub struct WebhookReply {
    /// The HTTP status.
    pub status_code: u16,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The first 16 KiB of the body.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words for the owner of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[expect(clippy::exhaustive_structs, reason = "a text with a name")]
pub struct SendError(pub String);

/// Posts webhooks. It follows no redirects, and dials only addresses that its policy permits.
#[async_trait]
pub trait WebhookSender: Debug + Send + Sync + 'static {
    /// Posts a webhook. May be dropped at any point.
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError>;
}
