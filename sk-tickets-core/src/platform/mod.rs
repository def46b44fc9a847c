//! What every product of the suite shares: ids, realms, keys, idempotency, cursors, problems, webhook signing.
//!
//! **Architecture invariant:** nothing in here names anything outside of `platform`. Another product could lift the
//! folder out as it stands; tickets are built on top of it. A test keeps that true.

pub mod api_key;
#[doc(hidden)]
pub mod crash_point;
pub mod cursor;
pub mod id;
pub mod idempotency;
pub mod input;
pub mod json;
pub mod json_edit;
#[cfg(not(feature = "schema"))]
mod no_schema;
pub mod number;
pub mod origin;
pub mod problem;
pub mod realm;
mod retention;
#[cfg(feature = "schema")]
pub mod schema;
pub mod seal;
pub mod system;
pub mod terms;
pub mod text;
pub mod time;
pub mod token;
pub mod webhook;
pub mod words;

pub use retention::{Retention, RetentionError};
