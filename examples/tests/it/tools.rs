//! The tools that `./scripts/test` installs for the tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// A program of the virtual environment for Python.
pub(crate) fn python_tool(name: &str) -> Command {
    let path = root().join("target/venv/bin").join(name);
    assert!(path.exists(), "{} is missing: ./scripts/test installs it", path.display());
    Command::new(path)
}

/// Runs a program to its end; what it prints. Panics unless it succeeds.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} fails:\n{stdout}\n{stderr}");
    stdout
}
