use std::io::{self, Write};

/// Says something that is seen although the test passes: what the macros print would be captured.
pub(crate) fn say(what: &str) {
    io::stderr().write_all(format!("{}\n", what.trim_end()).as_bytes()).unwrap();
}
