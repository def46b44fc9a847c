//! x
pub mod limits;
pub mod model;
pub mod platform;
pub mod store;
pub mod transition;
