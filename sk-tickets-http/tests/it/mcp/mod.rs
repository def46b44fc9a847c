//! The door for agents: the protocol, every tool, what a key sees, retries, words of strangers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent;
mod errors;
mod idempotency;
mod isolation;
mod limits;
mod protocol;
mod resources;
mod scopes;
mod streams;
mod tools;
mod untrusted;
