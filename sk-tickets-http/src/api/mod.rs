//! What can be asked for: the table of operations, and a file of handlers for each noun.

mod answers;
mod arguments;
mod auth;
mod call;
mod contacts;
mod dead_letters;
mod deliveries;
mod events;
mod forms;
mod notifications;
mod operation;
mod queues;
mod sla_policies;
mod stats;
mod table;
mod threads;
mod tickets;
mod webhook_endpoints;

pub(crate) use arguments::{Asked, IF_NONE_MATCH};
pub(crate) use auth::KeyRing;
#[cfg(feature = "mcp")]
pub(crate) use call::not_found;
pub(crate) use call::{Call, require};
pub(crate) use operation::{AnswerHeader, Answered, Operation, Parameter, Place, Spec};
pub(crate) use table::{NOUNS, TABLE};
#[cfg(feature = "mcp")]
pub(crate) use tickets::Owner;
