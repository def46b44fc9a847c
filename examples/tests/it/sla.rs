//! A clock that runs out while a server runs: the event comes by itself, and a resolved ticket is closed.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::process::{SERVER, Server};

const PATIENCE: Duration = Duration::from_secs(30);

/// The first event that fits, waited for.
fn wait_for(server: &Server, fits: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let events = server.get("/events?limit=100").json();
        if let Some(event) = events["data"].as_array().unwrap().iter().find(|event| fits(event)) {
            return event.clone();
        }
        assert!(start.elapsed() < PATIENCE, "{events}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_clock_runs_out_and_a_resolved_ticket_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--auto-close-after", "1s"]);
    let policy = r#"{"first_response_seconds": 1}"#;
    let set = server.send("PUT", "/sla_policies/normal", Some("policy"), policy).unwrap();
    assert_eq!(set.status, 200, "{set:?}");
    let ticket = server.post("/tickets", "ticket", r#"{"subject": "Part delayed"}"#).json();
    assert_eq!(ticket["sla"]["first_response"]["state"], "running");
    let breach = wait_for(&server, |event| event["type"] == "ticket.sla_breached");
    assert_eq!(breach["ticket_id"], ticket["id"]);
    assert_eq!(breach["data"]["due_at"], ticket["sla"]["first_response"]["due_at"]);

    let path = format!("/tickets/{}/transitions", ticket["id"].as_str().unwrap());
    let resolve = r#"{"to": "resolved", "resolution_note": "Sent", "owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC"}"#;
    assert_eq!(server.post(&path, "resolve", resolve).status, 200);
    let closed = wait_for(&server, |event| event["data"]["to"] == "closed");
    assert_eq!(
        (closed["data"]["reason"].as_str(), closed["data"]["actor"]["type"].as_str()),
        (Some("auto_close"), Some("system"))
    );
}

#[test]
fn what_is_no_time_to_close_after_is_refused() {
    for wrong in ["soon", "7", "d", "-1d", "99999999999999999999d", ""] {
        let mut command = std::process::Command::new(SERVER);
        let output = command.args(["serve", &format!("--auto-close-after={wrong}")]).output().unwrap();
        assert!(!output.status.success(), "{wrong}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("auto-close-after"), "{said}");
    }
}
