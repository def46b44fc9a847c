//! Plain data: what a ticket, its thread and all around it look like.

pub mod actor;
pub mod api_key;
pub mod contact;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod evidence;
#[cfg(feature = "schema")]
pub(crate) mod evidence_schema;
pub mod form;
pub mod id;
pub mod metadata;
pub mod notification;
pub mod page;
pub mod queue;
pub mod redaction;
pub mod replay_job;
pub mod search;
pub mod sla;
pub mod stats;
pub mod thread;
pub mod ticket;
