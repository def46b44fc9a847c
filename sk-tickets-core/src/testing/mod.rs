//! For those who test a store or an app: a clock that is set by hand, a sender and a notifier that answer by script, and the
//! [conformance] suite that every store passes, [differential] tests that compare one with the reference, and the
//! [simulation] of several nodes, their clients and all that can go wrong between them.

mod clock;
pub mod conformance;
mod dice;
pub mod differential;
mod notifier;
mod sender;
pub mod simulation;

pub use clock::ManualClock;
pub use notifier::ScriptedNotifier;
pub use sender::ScriptedSender;
