//! The door for agents, by the [Model Context Protocol](https://modelcontextprotocol.io): the same keys, requests, desk and
//! idempotency as the REST API, as tools. Over HTTP in the router, over a pair of streams for hosts on a desktop.
//!
//! - `table`: every tool, a line each. `tool`: what a line is. `arguments`: what a line can take. `tools`: the handlers.
//! - `keys`: the idempotency key of a call, given or made. `refusal`: how a call is refused.
//! - `card`, `thread`, `untrusted`: how tickets are shown to an agent, and whose words are whose.
//! - `resources`, `prompt`: what is there beside tools.
//! - `agent`, `endpoint`, `streams`: the protocol. The only files that name the SDK.

mod agent;
mod arguments;
mod caller;
mod card;
mod endpoint;
mod keys;
mod prompt;
mod refusal;
mod resources;
mod rules;
mod streams;
mod table;
mod thread;
mod tool;
mod tools;
mod untrusted;

pub(crate) use caller::Caller;
pub(crate) use endpoint::{PATH, answer};
pub use streams::{McpStreamsError, mcp_over_streams};
