//! The server as a whole, from outside: its command line, its processes, its death and return.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backup;
mod chaos;
mod client;
#[cfg(feature = "cross-language")]
mod clients;
mod crash;
mod dead_letters;
mod doctor;
mod invariants;
mod keys;
#[cfg(feature = "cross-language")]
mod mail;
#[cfg(feature = "cross-language")]
mod mcp;
mod mcp_command;
mod nodes;
#[cfg(feature = "cross-language")]
mod official_libraries;
mod openapi;
mod overload;
mod process;
mod receiver;
#[cfg(feature = "cross-language")]
mod reference_page;
mod retention;
mod retrying;
mod say;
#[cfg(feature = "cross-language")]
mod schemathesis;
mod secrets;
mod simulate;
mod sla;
mod start;
mod stop;
#[cfg(feature = "cross-language")]
mod support_form;
#[cfg(feature = "cross-language")]
mod tools;
