//! For those who test a store or an app: a clock that is set by hand, a sender and a notifier that answer by script, and the
//! [conformance] suite that every store passes, and [differential] tests that compare one with the reference.

mod clock;
pub mod conformance;
pub mod differential;
mod notifier;
mod sender;

pub use clock::ManualClock;
pub use notifier::ScriptedNotifier;
pub use sender::ScriptedSender;
