//! The integration tests of the HTTP interface: the router over a real database, and real receivers of webhooks.

mod app;
mod auth;
mod conditional;
mod contacts;
mod cursors;
mod dead_letters;
mod docs;
mod embedding;
mod endpoint_health;
mod filters;
mod form;
mod forms;
#[path = "../../../sk-tickets-core/tests/it/golden.rs"]
mod golden;
mod idempotency;
mod isolation;
mod judgement;
mod life;
mod malformed;
#[cfg(feature = "mcp")]
mod mcp;
mod metrics;
mod notifications;
mod openapi;
mod queues;
mod receiver;
mod redaction;
mod replay_jobs;
mod rotation;
mod search;
mod serving;
mod sla;
mod stats;
mod targets;
mod traversal;
mod unruly;
mod webhooks;
