//! Posts webhooks, to lawful targets only.

mod client;
#[cfg(test)]
mod rebinding;
mod resolver;

pub use client::WebhookClient;
