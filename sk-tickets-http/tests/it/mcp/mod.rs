//! The door for agents: the protocol, every tool, what a key sees, retries, words of strangers.

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
