//! Signed webhooks by [Standard Webhooks 1.0.0](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! the secret, the signature, the schedule of
//! attempts, and which targets are lawful. All pure.

mod schedule;
mod secret;
mod signature;
mod target;

pub use schedule::{Schedule, ScheduleError};
pub use secret::{SecretError, WebhookSecret};
pub use signature::{
    HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, SignatureHeaders, TOLERANCE, VerifyError, sign, signature_header,
    verify,
};
pub use target::{TargetError, TargetPolicy};
