//! SK Tickets over HTTP: the REST API as an axum [`Router`](axum::Router), and a [`WebhookClient`] that posts signed
//! webhooks to addresses that are lawful targets.
//!
//! ```
//! use std::sync::Arc;
//! use sk_tickets_core::{MemoryStore, Tickets};
//!
//! let tickets = Tickets::new(Arc::new(MemoryStore::new()));
//! let app: axum::Router = sk_tickets_http::router(tickets);
//! ```
//!
//! The router knows the storage traits and no backend. Its paths begin with `/tickets/v1`, but for `/healthz`, `/readyz`
//! and `/metrics`; it can be merged into another router.
//!
//! # The map
//! - `platform`: bearer keys, rate limits, entity tags, query strings, problems: what every product of the suite shares.
//! - `api`: the table of operations, and a file of handlers for each noun.
//! - `openapi`: the document that is made from the table. `docs`: the reference and the error pages. `open`: the paths
//!   that ask for no key.
//! - `form`: the support form, as customers see it.
//! - `router`: the order in which a request is judged. `unrouted`: methods that a path does not have.
//! - `serve`: the router on a socket, within limits.
//! - `status`, `metrics`: how the process fares, for who runs it.
//! - `webhook`: the client that deliveries are sent with. `mail` (feature `smtp`): how customers are told.
//! - `mcp` (feature `mcp`): the door for agents.
//!
//! # Features
//! - `mcp`: the tools of agents, by the Model Context Protocol, in the router at `/tickets/v1/mcp` and over streams
//!   ([`mcp_over_streams`]).
//! - `smtp`: [`SmtpNotifier`], which tells customers by mail.

mod api;
mod docs;
mod form;
#[cfg(feature = "smtp")]
mod mail;
#[cfg(feature = "mcp")]
mod mcp;
mod metrics;
mod open;
mod openapi;
mod platform;
mod router;
mod serve;
mod status;
mod unrouted;
mod webhook;

#[cfg(feature = "smtp")]
pub use mail::{SmtpError, SmtpNotifier};
#[cfg(feature = "mcp")]
pub use mcp::{McpStreamsError, mcp_over_streams};
pub use metrics::Metrics;
pub use openapi::openapi;
pub use platform::rate_limit::RateLimit;
pub use router::{RouterOptions, router};
pub use serve::{ServeOptions, serve};
pub use status::status_router;
pub use webhook::WebhookClient;
