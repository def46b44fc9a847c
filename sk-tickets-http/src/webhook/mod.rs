//! Posts webhooks, to lawful targets only.

mod client;
mod resolver;

pub use client::WebhookClient;
