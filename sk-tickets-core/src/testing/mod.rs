//! For those who test a store or an app: a clock that is set by hand, a sender that answers by script, and the
//! [conformance] suite that every store passes, and [differential] tests that compare one with the reference.

mod clock;
pub mod conformance;
pub mod differential;
mod sender;

pub use clock::ManualClock;
pub use sender::ScriptedSender;
