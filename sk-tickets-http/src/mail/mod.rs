//! Tells customers by mail, through an SMTP server.

mod message;
mod smtp;
mod url;

pub use smtp::{SmtpError, SmtpNotifier};
