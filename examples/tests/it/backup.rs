//! A backup by the command line, beside a running server.

use std::fs;

use crate::process::{Server, command, command_on};

#[test]
fn a_backup_made_beside_a_running_server_serves() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let created = server.post("/tickets", "one", r#"{"subject":"Part delayed"}"#);
    assert_eq!(created.status, 201);
    let backup = |file: &str| command(folder.path(), &["backup", file]).output().unwrap();
    let done = backup("copy.db");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    server.post("/tickets", "two", r#"{"subject":"Too late for the copy"}"#);

    let refused = backup("copy.db");
    assert!(!refused.status.success());
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(reason.contains("exists"), "{reason}");

    let mistaken = command_on("sqlite:typo.db", folder.path(), &["backup", "other.db"]).output().unwrap();
    assert!(!mistaken.status.success());
    assert!(String::from_utf8_lossy(&mistaken.stderr).contains("there is no database typo.db"), "{mistaken:?}");
    assert!(!folder.path().join("typo.db").exists() && !folder.path().join("other.db").exists());

    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("copy.db"), elsewhere.path().join("tickets.db")).unwrap();
    let mut restored = Server::start(elsewhere.path(), &[]);
    restored.key = server.key.clone();
    let again = restored.post("/tickets", "one", r#"{"subject":"Part delayed"}"#);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, created.body);
    assert_eq!(restored.get("/tickets").json()["data"].as_array().unwrap().len(), 1);
}
