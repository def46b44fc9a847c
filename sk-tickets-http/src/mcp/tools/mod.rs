//! The handlers, by what they are for.

pub(super) mod find;
pub(super) mod options;
pub(super) mod read;
pub(super) mod work;
