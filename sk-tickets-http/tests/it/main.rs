//! The integration tests of the HTTP interface: the router over a real database, and real receivers of webhooks.

mod app;
mod auth;
mod conditional;
mod cursors;
mod embedding;
mod filters;
mod idempotency;
mod isolation;
mod judgement;
mod life;
mod malformed;
mod receiver;
mod targets;
mod traversal;
mod unruly;
mod webhooks;
