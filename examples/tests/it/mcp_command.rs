//! `mcp`, the command for hosts on a desktop.

use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::process::{command, create_key};

fn talk(folder: &std::path::Path, key: Option<&str>, arguments: &[&str], messages: &[Value]) -> Output {
    let mut command = command(folder, &[&["mcp"], arguments].concat());
    if let Some(key) = key {
        command.env("SK_TICKETS_KEY", key);
    }
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    {
        let mut input = process.stdin.take().unwrap();
        for message in messages {
            // One that does not serve us does not listen either.
            let _ = std::io::Write::write_all(&mut input, format!("{message}\n").as_bytes());
        }
    }
    process.wait_with_output().unwrap()
}

#[test]
fn an_agent_is_served_and_the_end_of_its_input_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let key = create_key(folder.path(), &["--tenant", "demo", "--environment", "test", "--scopes", "tickets:triage"]);
    let params =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
    ];
    for (flag, variable) in [(Some(key.as_str()), None), (None, Some(key.as_str()))] {
        let arguments: Vec<_> = flag.map(|key| ["--key", key]).into_iter().flatten().collect();
        let output = talk(folder.path(), variable, &arguments, &messages);
        assert!(output.status.success(), "{output:?}");
        // Every line is a message of the protocol.
        let said: Vec<Value> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[1]["result"]["tools"].as_array().unwrap().len(), 10);
    }
}

#[test]
fn a_bad_key_is_said_on_standard_error_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = create_key(elsewhere.path(), &["--tenant", "demo", "--environment", "test"]);
    for key in ["junk", &stranger] {
        let output = talk(folder.path(), None, &["--key", key], &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("error: the key opens nothing"), "{error}");
        assert!(!error.contains(key), "the key is not repeated: {error}");
    }
    let output = talk(folder.path(), None, &[], &[]);
    assert!(!output.status.success() && String::from_utf8(output.stderr).unwrap().contains("--key"));
}
