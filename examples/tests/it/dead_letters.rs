//! Dead letters by the command line, beside a running server.

use std::{
    collections::BTreeSet,
    path::Path,
    process::Output,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use sk_tickets_postgres::testing::Cluster;

use crate::{
    process::{Server, command_on},
    receiver::Receiving,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_on("sqlite:tickets.db", folder, arguments)
}

fn run_on(database: &str, folder: &Path, arguments: &[&str]) -> Output {
    command_on(database, folder, &[&["dead-letters"], arguments].concat()).output().unwrap()
}

/// What it prints.
#[track_caller]
fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of.
#[track_caller]
fn complains(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// Makes an endpoint; gives its id.
fn hook(server: &Server, url: &str) -> String {
    let made = server.post("/webhook_endpoints", url, &format!(r#"{{"url":"{url}"}}"#));
    assert_eq!(made.status, 201);
    made.json()["id"].as_str().unwrap().to_owned()
}

fn act(server: &Server, endpoint: &str, what: &str) {
    let path = format!("/webhook_endpoints/{endpoint}/{what}");
    let key = format!("{what}-{:?}", Instant::now()).replace(' ', "");
    assert_eq!(server.post(&path, &key, "").status, 200);
}

fn tickets(server: &Server, name: &str, count: usize) {
    for number in 0..count {
        let made = server.post("/tickets", &format!("{name}-{number}"), r#"{"subject":"Part delayed"}"#);
        assert_eq!(made.status, 201);
    }
}

/// The dead letters as the server lists them, once there are so many.
fn letters(server: &Server, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let letters = server.get("/dead_letters?limit=100").json()["data"].as_array().unwrap().clone();
        if letters.len() == count {
            return letters;
        }
        assert!(start.elapsed() < PATIENCE, "there are {}", letters.len());
        thread::sleep(Duration::from_millis(20));
    }
}

fn id(letter: &Value) -> &str {
    letter["id"].as_str().unwrap()
}

/// A server with a letter that failed, and one whose endpoint was disabled by then.
fn two_letters(folder: &Path) -> (Server, Receiving, String) {
    let server = Server::start(folder, &["--webhook-schedule", "1ms"]);
    let receiving = Receiving::start(500);
    let endpoint = hook(&server, &receiving.url);
    tickets(&server, "failed", 1);
    letters(&server, 1);
    act(&server, &endpoint, "disable");
    tickets(&server, "missed", 1);
    (server, receiving, endpoint)
}

#[test]
fn they_are_listed_as_a_table_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (server, _receiving, endpoint) = two_letters(folder);
    let listed = letters(&server, 2);

    let table = says(folder, &["list"]);
    let [head, missed, failed] = table.lines().collect::<Vec<_>>()[..] else { panic!("three lines in {table}") };
    let column = |name: &str| head.find(name).unwrap();
    for (row, letter, attempts, why) in
        [(missed, &listed[0], "0", "endpoint_disabled"), (failed, &listed[1], "2", "answered 500")]
    {
        assert!(row.starts_with(id(letter)));
        assert!(row[column("event type")..].starts_with("ticket.created "), "{row}");
        assert!(row[column("endpoint")..].starts_with(&endpoint), "{row}");
        assert!(row[column("created")..].starts_with(letter["created_at"].as_str().unwrap()), "{row}");
        assert!(row[..column("last error")].trim_end().ends_with(&format!(" {attempts}")), "{row}");
        assert_eq!(&row[column("last error")..], why);
    }

    let json: Vec<Value> =
        says(folder, &["list", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json, listed);
    let one = run(folder, &["list", "--json", "--limit", "1"]);
    assert_eq!(String::from_utf8(one.stdout).unwrap().lines().count(), 1);
    assert!(String::from_utf8(one.stderr).unwrap().contains("there are more"));

    let count = |arguments: &[&str]| says(folder, &[&["list", "--json"], arguments].concat()).lines().count();
    assert_eq!(count(&["--endpoint", &endpoint]), 2);
    assert_eq!(count(&["--endpoint", "whe_01J9X2M3N4P5Q6R7S8T9VAWBXC"]), 0);
    assert_eq!(count(&["--type", "ticket.created", "--type", "ticket.resolved"]), 2);
    assert_eq!(count(&["--type", "ticket.resolved"]), 0);
    assert_eq!(count(&["--from", listed[0]["created_at"].as_str().unwrap()]), 1);
    assert_eq!(count(&["--to", listed[0]["created_at"].as_str().unwrap()]), 1);
    assert_eq!(count(&["--tenant", "acme"]), 0);
    assert_eq!(count(&["--environment", "live"]), 0);
    assert_eq!(run(folder, &["list", "--type", "ticket.unheard_of"]).status.code(), Some(2));
}

#[test]
fn one_is_replayed_or_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (server, receiving, endpoint) = two_letters(folder);
    let listed = letters(&server, 2);
    let (missed, failed) = (id(&listed[0]), id(&listed[1]));
    while receiving.try_now().is_some() {}

    assert!(complains(folder, &["replay", missed]).contains("error: endpoint_disabled: "));
    act(&server, &endpoint, "enable");
    let replay = ["replay", missed, "--idempotency-key", "once"];
    assert_eq!(says(folder, &replay), format!("{missed} is pending\n"));
    assert_eq!(receiving.next().id, listed[0]["event_id"].as_str().unwrap());
    letters(&server, 2);
    assert_eq!(says(folder, &replay), format!("{missed} is pending\n"), "the answer of the first time");

    assert_eq!(says(folder, &["discard", failed, "--reason", "stale"]), format!("{failed} is discarded\n"));
    letters(&server, 1);
    assert!(complains(folder, &["discard", failed, "--reason", "stale"]).contains("error: not_a_dead_letter: "));
    assert!(complains(folder, &["replay", failed]).contains("error: not_a_dead_letter: "));
    assert!(complains(folder, &["replay", missed, "--tenant", "acme"]).contains("error: not_found: "));
    assert!(complains(folder, &["discard", missed, "--reason", ""]).contains("error: must have at least 1 character"));
    let both = run(folder, &["replay", missed, "--type", "ticket.created"]);
    assert_eq!(both.status.code(), Some(2), "one, or all that match");
}

#[test]
fn on_sqlite_many_are_replayed_by_a_job_that_is_done_when_it_returns() {
    replay_many("sqlite:tickets.db");
}

#[tokio::test]
async fn on_postgres_many_are_replayed_by_a_job_that_is_done_when_it_returns() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || replay_many(&url)).await.unwrap();
}

fn replay_many(database: &str) {
    const LETTERS: usize = 250;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start_on(database, folder, "127.0.0.1:0", &[]);
    let run = |arguments: &[&str]| run_on(database, folder, arguments);
    let says = |arguments: &[&str]| String::from_utf8(run(arguments).stdout).unwrap();
    let receiving = Receiving::start(200);
    let endpoint = hook(&server, &receiving.url);
    act(&server, &endpoint, "disable");
    tickets(&server, "missed", LETTERS);
    let by_endpoint = ["replay", "--endpoint", &endpoint, "--type", "ticket.created"];
    let refused = run(&by_endpoint);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("error: endpoint_disabled: "));
    act(&server, &endpoint, "enable");

    let output = run(&[&by_endpoint[..], &["--idempotency-key", "all"]].concat());
    assert!(output.status.success());
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.starts_with("job_"), "{summary}");
    assert!(summary.ends_with(": 250 of 250 dead letters were replayed, 0 could not be\n"), "{summary}");
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.lines().next().unwrap().ends_with(" of 250"), "{progress}");
    assert_eq!(says(&[&by_endpoint[..], &["--idempotency-key", "all"]].concat()), summary, "the same job");
    letters(&server, 0);
    let told: BTreeSet<_> = (0..LETTERS).map(|_| receiving.next().id).collect();
    assert_eq!(told.len(), LETTERS);
    assert!(says(&["replay"]).ends_with(": 0 of 0 dead letters were replayed, 0 could not be\n"));
}
