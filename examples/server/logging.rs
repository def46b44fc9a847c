//! Logs go to standard error: for people on a terminal, as JSON otherwise. Secrets are in types that do not show
//! themselves, so none can get here.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// The SDK of the agents' protocol tells of each request that it was served.
const UNLESS_SET: &str = "info,rmcp=warn";

/// Starts logging; `RUST_LOG` says how much, `info` of our own unless set.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(UNLESS_SET));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).with_ansi(false).init();
    }
}
