//! A server that is told to keep things for a second.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::Answer,
    process::{SERVER, Server},
};

const PATIENCE: Duration = Duration::from_secs(30);
const CREATE: &str = r#"{"subject": "Part delayed"}"#;

/// Asks until the answer has this status.
fn until(status: u16, ask: impl Fn() -> Answer) -> Answer {
    let start = Instant::now();
    loop {
        let response = ask();
        if response.status == status {
            return response;
        }
        assert!(start.elapsed() < PATIENCE, "{response:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_old_is_dropped_and_its_key_stays_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--retain", "events=1s,deliveries=1s,idempotency=1s"]);
    let endpoint = server.post("/webhook_endpoints", "endpoint", r#"{"url": "http://127.0.0.1:9009/"}"#).json();
    let path = format!("/webhook_endpoints/{}/disable", endpoint["id"].as_str().unwrap());
    assert_eq!(server.post(&path, "disable", "{}").status, 200);
    let ticket = server.post("/tickets", "order-4711", CREATE).json();
    // A dead letter, which keeps its event until it is dropped itself.
    let event = server.get("/events?order=asc").json()["data"][0]["id"].as_str().unwrap().to_owned();
    let cursor = server.get("/events?order=asc&limit=1").json()["next_cursor"].as_str().unwrap().to_owned();
    server.post("/tickets", "order-4712", CREATE);

    let expired = until(409, || server.post("/tickets", "order-4711", CREATE));
    assert_eq!(expired.json()["code"], "idempotency_key_expired");
    assert_eq!(server.post("/tickets", "order-4711", r#"{"subject": "Another"}"#).status, 409);
    until(404, || server.get(&format!("/events/{event}")));
    let gone = until(410, || server.get(&format!("/events?order=asc&cursor={cursor}")));
    assert_eq!(gone.json()["code"], "cursor_expired");
    assert_eq!(server.get("/dead_letters").json()["data"].as_array().unwrap().len(), 0);
    assert_eq!(server.get("/events?order=asc").json()["data"].as_array().unwrap().len(), 0);

    let id = ticket["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/tickets/{id}")).json()["subject"], "Part delayed", "tickets stay");
    assert_eq!(server.get("/tickets").json()["data"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_retention_is_refused() {
    for wrong in ["", "30d", "events", "events=soon", "events=0s", "tickets=1d", "events=1d,events=2d"] {
        let mut command = Command::new(SERVER);
        let output = command.args(["serve", &format!("--retain={wrong}")]).output().unwrap();
        assert!(!output.status.success(), "{wrong}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("events=90d,deliveries=30d,idempotency=24h"), "{said}");
    }
}
