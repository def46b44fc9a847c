//! What every product's HTTP interface shares.
//!
//! **Architecture invariant:** nothing in here names anything outside of it, but for core's `platform`.

pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod etag;
pub(crate) mod fault;
pub(crate) mod named;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod served;
