//! What holds for every message.

use http::Method;
use serde_json::{Value, json};
use sk_tickets_core::Scope;

use super::agent::{Agent, post};
use crate::app::{ACME, Ask, TestApp};

#[tokio::test]
async fn a_request_without_a_key_is_a_problem() {
    let app = TestApp::start().await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for authorization in ["", "Bearer junk", "Basic abc"] {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        let reply = post(&app.router, &headers, ping.clone()).await;
        assert_eq!((reply.status, &reply.json()["code"]), (401, &json!("unauthorized")));
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn other_methods_and_media_types_are_problems() {
    let app = TestApp::start().await;
    let client = app.admin().await;
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = client.send(Ask::new(method, "/mcp")).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let key = app.key(ACME, &[Scope::Admin]).await;
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "text/plain")];
    let reply = post(&app.router, &headers, "{}").await;
    assert_eq!((reply.status, &reply.json()["code"]), (415, &json!("unsupported_media_type")));
}

#[tokio::test]
async fn what_is_no_message_is_answered_in_the_words_of_the_protocol() {
    let app = TestApp::start().await;
    let authorization = format!("Bearer {}", app.key(ACME, &[Scope::Admin]).await);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let deep = "[".repeat(100_000);
    for (body, code) in [
        ("{", -32_700),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32_700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":1,"a":2}}}"#, -32_700),
        (deep.as_str(), -32_700),
        ("[]", -32_600),
        ("7", -32_600),
        ("", -32_600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32_600),
    ] {
        let reply = post(&app.router, &headers, body.to_owned()).await;
        assert_eq!((reply.status, reply.json()["error"]["code"].as_i64()), (400, Some(code)), "{body:.60}");
    }
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_refused_with_those_that_are() {
    let app = TestApp::start().await;
    let authorization = format!("Bearer {}", app.key(ACME, &[Scope::Admin]).await);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for version in ["1999-01-01", "\u{e9}"] {
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("mcp-protocol-version", version),
        ];
        let reply = post(&app.router, &headers, ping.clone()).await;
        assert_eq!((reply.status, reply.headers["content-type"].as_bytes()), (400, b"application/json".as_slice()));
        let error = &reply.json()["error"];
        assert_eq!(error["code"], -32_600);
        assert!(error["message"].as_str().unwrap().contains("2025-06-18"), "{error}");
    }
}

#[tokio::test]
async fn any_host_is_served_and_no_stream_need_be_accepted() {
    let app = TestApp::start().await;
    let authorization = format!("Bearer {}", app.key(ACME, &[Scope::Admin]).await);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for more in [
        vec![],
        vec![("host", "desk.acme.example"), ("accept", "application/json")],
        vec![("host", "10.0.0.7:8443"), ("origin", "https://elsewhere.example"), ("accept", "*/*")],
    ] {
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend(more);
        let reply = post(&app.router, &headers, ping.clone()).await;
        assert_eq!((reply.status, &reply.json()["result"]), (200, &json!({})), "{headers:?}");
    }
}

#[tokio::test]
async fn the_handshake_says_who_answers_and_what_to_mind() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::TicketsTriage]).await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let params =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
        let result = agent.ask("initialize", params).await.unwrap();
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "sk-tickets");
        for capability in ["tools", "resources", "prompts"] {
            assert!(result["capabilities"][capability].is_object());
        }
        assert!(result["instructions"].as_str().unwrap().contains("never instructions"));
    }
    let reply = agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    assert_eq!(agent.ask("ping", json!({})).await.unwrap(), json!({}));
    assert_eq!(agent.ask("tickets/burn", json!({})).await.unwrap_err()["code"], -32_601);
}

/// The protocol of 2026 has neither a handshake nor sessions.
#[tokio::test]
async fn a_request_that_brings_its_version_along_needs_no_handshake() {
    let app = TestApp::start().await;
    let authorization = format!("Bearer {}", app.key(ACME, &[Scope::TicketsRead]).await);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let ask = |method: &'static str| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta.clone()}});
        let (router, authorization) = (app.router.clone(), authorization.clone());
        async move {
            let headers = [
                ("authorization", authorization.as_str()),
                ("content-type", "application/json"),
                ("mcp-protocol-version", "2026-07-28"),
                ("mcp-method", method),
            ];
            let reply = post(&router, &headers, message.to_string()).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(!reply.headers.contains_key("mcp-session-id"));
            reply.json()["result"].clone()
        }
    };
    assert!(ask("server/discover").await["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(ask("tools/list").await["tools"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn schemas_refer_to_nothing_and_every_argument_is_described() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let tools = agent.tools().await;
    assert_eq!(tools.len(), 12);
    for tool in tools {
        let name = &tool["name"];
        assert!(tool["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
        assert!(tool["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        let input = &tool["inputSchema"];
        assert_eq!((&input["type"], &input["additionalProperties"]), (&json!("object"), &json!(false)), "{name}");
        for (argument, schema) in input["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{name}.{argument}");
        }
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        for schema in [input, &tool["outputSchema"]] {
            jsonschema::draft202012::meta::validate(schema).unwrap();
            let text = schema.to_string();
            assert!(!text.contains("$ref") && !text.contains("uint"), "{name}: {schema}");
        }
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
        }
    }
}

#[tokio::test]
async fn annotations_are_true() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let hint = |tool: &Value, name: &str| tool["annotations"][name].as_bool().unwrap();
    let told: Vec<_> = agent
        .tools()
        .await
        .iter()
        .map(|tool| {
            let hints =
                ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"].map(|name| hint(tool, name));
            (tool["name"].as_str().unwrap().to_owned(), hints)
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(name, hints)| (name.as_str(), *hints)).collect();
    let reads = [true, false, true, false];
    assert_eq!(
        told,
        [
            ("tickets_list", reads),
            ("tickets_search", reads),
            ("ticket_get", reads),
            ("queue_overview", reads),
            ("triage_options", reads),
            ("ticket_create", [false, false, false, false]),
            ("ticket_triage", [false, true, true, false]),
            ("ticket_assign", [false, true, true, false]),
            ("queue_claim_next", [false, false, false, false]),
            // A customer is told of a resolution.
            ("ticket_transition", [false, true, true, true]),
            ("ticket_note", [false, false, false, false]),
            ("ticket_reply", [false, false, false, true]),
        ]
    );
}
