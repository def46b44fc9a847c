//! Clients that are generated from the document are typed, and work.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::Server,
    say::say,
    tools::{root, run},
};

/// Runs the smoke test of a client against a server of its own.
fn smoke(command: &mut Command) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    command.env("SK_TICKETS_URL", format!("http://{}", server.authority)).env("SK_TICKETS_KEY", &server.key);
    say(&run(command));
}

fn installed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: ./scripts/test --all installs it", path.display());
    path
}

#[test]
#[ignore = "takes long: ./scripts/test --all"]
fn a_typescript_client_is_typed_and_works() {
    let folder = root().join("examples/clients/typescript");
    installed(folder.join("node_modules"));
    let npm = |script: &str| {
        let mut command = Command::new("npm");
        command.current_dir(&folder).args(["run", "--silent", script]);
        command
    };
    run(&mut npm("generate"));
    run(&mut npm("build"));
    smoke(&mut npm("smoke"));
}

#[test]
#[ignore = "takes long: ./scripts/test --all"]
fn a_python_client_is_typed_and_works() {
    let tools = installed(root().join("target/venv-client/bin"));
    let examples = root().join("examples/clients/python");
    let folder = tempfile::tempdir().unwrap();
    let python = |tool: &str| {
        let mut command = Command::new(tools.join(tool));
        // Where the client is.
        command.current_dir(folder.path()).env("PYTHONPATH", folder.path()).env("MYPYPATH", folder.path());
        command
    };
    run(python("openapi-python-client")
        .args(["generate", "--fail-on-warning", "--meta", "none", "--output-path", "sk_tickets_client"])
        .args([Path::new("--path"), &root().join("sk-tickets-http/openapi.json")])
        .args([Path::new("--config"), &examples.join("config.yaml")]));
    run(python("mypy").args(["--strict", "--package", "sk_tickets_client"]));
    run(python("mypy").arg("--strict").arg(examples.join("smoke.py")));
    smoke(python("python").arg(examples.join("smoke.py")));
}
