//! The reference in a real Chromium, as the real server gives it.

use std::process::Command;

use crate::{
    process::Server,
    say::say,
    tools::{python_tool, root, run},
};

/// `tests/browser/reference.py` says what is checked. The pictures stay, to be looked at.
#[test]
fn the_reference_works_in_a_browser() {
    let chromium = Command::new("chromium").arg("--version").output();
    assert!(chromium.is_ok(), "chromium is missing: ./scripts/test installs it");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let said = run(python_tool("python")
        .env("SK_TICKETS_KEY", &server.key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root().join("examples/tests/browser/reference.py"))
        .arg(format!("http://{}/tickets/v1", server.authority))
        .arg(root().join("target/screenshots")));
    say(&format!("the reference in Chromium: {said}"));
    assert!(said.contains("operations in 6 views"), "{said}");
}
