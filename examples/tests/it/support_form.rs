//! The support form in a real Chromium, as the real server gives it.

use std::{fs, process::Command};

use crate::{
    process::{Process, Server, command},
    say::say,
    tools::root,
};

/// `tests/browser/form/form.test.mjs` says what is checked. The pictures stay, to be looked at.
#[test]
fn the_support_form_works_in_a_browser() {
    let tests = root().join("examples/tests/browser/form");
    let chromium = Command::new("chromium").arg("--version").output();
    assert!(chromium.is_ok(), "chromium is missing: ./scripts/test installs it");
    assert!(tests.join("node_modules").exists(), "the driver of the browser is missing: ./scripts/test installs it");
    let screenshots = root().join("target/screenshots");
    fs::create_dir_all(&screenshots).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    // The demo shows who was told.
    let mut listener = Process::start(command(folder.path(), &["listen", "--port", "0"]));
    listener.wait_for("waiting for webhooks");

    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec", "--test-force-exit", "--test-timeout=300000"])
        .arg(tests.join("form.test.mjs"))
        .env("SK_TICKETS_ORIGIN", format!("http://{}", server.authority))
        .env("SK_TICKETS_KEY", &server.key)
        .env("SCREENSHOTS", screenshots)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let passed = said.lines().find_map(|line| line.strip_prefix("ℹ pass ")).and_then(|number| number.parse().ok());
    assert!(passed.is_some_and(|passed: u32| passed >= 15), "{said}");
    say(&format!("the support form in Chromium:\n{said}"));
}
