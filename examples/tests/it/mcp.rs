//! Agents by the tools that others made: the official clients for Python and for TypeScript, and the MCP inspector.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};

use crate::{
    process::{SERVER, Server, create_key},
    tools::{root, run},
};

const READS: [&str; 5] = ["tickets_list", "tickets_search", "ticket_get", "queue_overview", "triage_options"];
const TRIAGES: [&str; 5] = ["ticket_triage", "ticket_assign", "queue_claim_next", "ticket_transition", "ticket_note"];
const WRITES: [&str; 2] = ["ticket_create", "ticket_reply"];

/// A server with two hundred tickets, and keys for it.
struct Desk {
    server: Server,
    folder: tempfile::TempDir,
    triage_key: String,
    ids: BTreeSet<String>,
}

impl Desk {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[]);
        let scopes = ["--tenant", "demo", "--environment", "test", "--scopes", "tickets:triage"];
        let triage_key = create_key(folder.path(), &scopes);
        let ids = (0..200).map(|number| {
            let body = json!({"subject": format!("Ticket {number}"), "body": "Where is my part?"}).to_string();
            let made: Value =
                serde_json::from_slice(&server.post("/tickets", &format!("t-{number}"), &body).body).unwrap();
            made["id"].as_str().unwrap().to_owned()
        });
        let ids = ids.collect();
        Self { server, folder, triage_key, ids }
    }

    fn url(&self) -> String {
        format!("http://{}/tickets/v1/mcp", self.server.authority)
    }

    /// What a client saw.
    fn seen_by(&self, command: &mut Command) -> Value {
        command
            .env("TRIAGE_KEY", &self.triage_key)
            .env("FULL_KEY", &self.server.key)
            .env("SERVER", SERVER)
            .env("DATABASE_URL", format!("sqlite:{}", self.folder.path().join("tickets.db").display()))
            .env_remove("RUST_LOG");
        serde_json::from_str(&run(command)).unwrap()
    }

    /// What it saw is what there is.
    fn check(&self, seen: &Value) {
        let set = |value: &Value| -> BTreeSet<String> {
            value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let names =
            |groups: &[&[&str]]| -> BTreeSet<String> { groups.concat().into_iter().map(str::to_owned).collect() };
        assert_eq!(set(&seen["triage_tools"]), names(&[&READS, &TRIAGES]));
        assert_eq!(set(&seen["full_tools"]), names(&[&READS, &TRIAGES, &WRITES]));
        assert_eq!(seen["prompts"], json!(["triage"]));

        let refused = &seen["refused"];
        assert_eq!(refused["code"], "illegal_transition");
        assert_eq!(refused["allowed"], json!(["pending", "on_hold", "resolved", "closed"]));
        assert!(refused["hint"].as_str().unwrap().contains("pending"));
        assert_eq!(seen["status"], "pending");

        let replies = &seen["replies"];
        assert_eq!(replies[0][0], replies[1][0], "one entry");
        assert_eq!((&replies[0][1], &replies[1][1]), (&json!(false), &json!(true)));
        let id = seen["ticket_id"].as_str().unwrap();
        let thread: Value =
            serde_json::from_slice(&self.server.get(&format!("/tickets/{id}/thread?limit=100")).body).unwrap();
        let replies = thread["data"].as_array().unwrap().iter().filter(|entry| entry["body"] == "On its way").count();
        assert_eq!(replies, 1, "it was sent once");
        let resource: Value = serde_json::from_str(seen["resource"].as_str().unwrap()).unwrap();
        assert_eq!(resource["ticket"]["id"], *id);

        let pages: Vec<_> =
            seen["pages"].as_array().unwrap().iter().map(|page| page.as_array().unwrap().len()).collect();
        assert_eq!(pages, [50, 50, 50, 50]);
        let ids: BTreeSet<_> = seen["pages"].as_array().unwrap().iter().flat_map(set).collect();
        assert_eq!(ids, self.ids, "each once");
    }
}

fn clients() -> std::path::PathBuf {
    root().join("examples/mcp-clients")
}

fn python(mode: &str) -> Command {
    let path = root().join("target/venv-mcp/bin/python");
    assert!(path.exists(), "{} is missing: ./scripts/test installs it", path.display());
    let mut command = Command::new(path);
    command.arg("-B").arg(clients().join("triage.py")).arg(mode);
    command
}

fn node(program: &str) -> Command {
    assert!(clients().join("node_modules").exists(), "the client for Node is missing: ./scripts/test installs it");
    let mut command = Command::new("node");
    command.current_dir(clients()).arg(program);
    command
}

#[test]
fn the_python_client_triages_over_http() {
    let desk = Desk::start();
    for (mode, protocol) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let seen = desk.seen_by(python(mode).arg(desk.url()));
        assert_eq!(seen["protocol"], protocol);
        desk.check(&seen);
    }
}

#[test]
fn the_python_client_triages_over_standard_input_and_output() {
    let desk = Desk::start();
    for (mode, protocol) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let seen = desk.seen_by(&mut python(mode));
        assert_eq!(seen["protocol"], protocol);
        desk.check(&seen);
    }
}

#[test]
fn the_typescript_client_triages() {
    let desk = Desk::start();
    desk.check(&desk.seen_by(node("triage.mjs").arg(desk.url())));
}

#[test]
fn the_inspector_finds_no_fault() {
    let desk = Desk::start();
    let id = desk.ids.first().unwrap();
    let inspect = |arguments: &[&str]| -> Value {
        let mut command = node("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
        command
            .args(["--cli", &desk.url(), "--transport", "http", "--header"])
            .arg(format!("Authorization: Bearer {}", desk.server.key))
            .args(arguments)
            // Where it keeps what it remembers.
            .env("HOME", desk.folder.path());
        serde_json::from_str(&run(&mut command)).unwrap()
    };
    let tools = inspect(&["--method", "tools/list"]);
    assert_eq!(tools["tools"].as_array().unwrap().len(), 12);
    let called = inspect(&["--method", "tools/call", "--tool-name", "tickets_list", "--tool-arg", "limit=3"]);
    assert_eq!(called["structuredContent"]["data"].as_array().unwrap().len(), 3);
    let resources = inspect(&["--method", "resources/list"]);
    assert_eq!(resources["resources"][0]["uri"], "transitions://table");
    let templates = inspect(&["--method", "resources/templates/list"]);
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "ticket://{ticket_id}");
    let read = inspect(&["--method", "resources/read", "--uri", &format!("ticket://{id}")]);
    assert!(read["contents"][0]["text"].as_str().unwrap().contains(id.as_str()));
    let prompts = inspect(&["--method", "prompts/list"]);
    assert_eq!(prompts["prompts"][0]["name"], "triage");
    let owner = "owner_id=usr_01J9X2M3N4P5Q6R7S8T9VAWBXC";
    let prompt = inspect(&["--method", "prompts/get", "--prompt-name", "triage", "--prompt-args", owner]);
    assert!(prompt["messages"][0]["content"]["text"].as_str().unwrap().contains("queue_claim_next"));
}
