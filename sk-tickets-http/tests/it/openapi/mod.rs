//! The document: kept, true to fact, and never broken unawares.

mod breaking;
pub(crate) mod contract;
mod document;
mod fence;
