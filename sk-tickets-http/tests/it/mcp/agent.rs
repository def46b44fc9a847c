//! An agent's host: sends messages, and holds every result against the schema that its tool declares.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sk_tickets_core::{Environment, Scope};
use tower::ServiceExt;

use crate::app::TestApp;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Sends a body to the door, with these headers.
pub(crate) async fn post(router: &Router, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let mut request = Request::post("/tickets/v1/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let Ok(response) = router.clone().oneshot(request.body(body.into()).unwrap()).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert!(head.headers.contains_key("request-id"), "{head:?}");
    Reply { status: head.status.as_u16(), headers: head.headers, body }
}

/// A host with a key, after the handshake.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    router: Router,
    key: String,
    pub(crate) session: HeaderValue,
    schemas: Arc<Mutex<HashMap<String, Value>>>,
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl Agent {
    pub(crate) async fn start(app: &TestApp, realm: (&str, Environment), scopes: &[Scope]) -> Self {
        Self::with_key(&app.router, &app.key(realm, scopes).await).await
    }

    pub(crate) async fn with_key(router: &Router, key: &str) -> Self {
        let mut agent = Self {
            router: router.clone(),
            key: key.to_owned(),
            session: HeaderValue::from_static(""),
            schemas: Arc::default(),
        };
        let params = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let reply = agent.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        agent.session = reply.headers["mcp-session-id"].clone();
        agent
    }

    /// The same host with the same session, answered by another node.
    pub(crate) fn at(&self, router: &Router) -> Self {
        Self { router: router.clone(), ..self.clone() }
    }

    pub(crate) async fn send(&self, message: &Value) -> Reply {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![
            (header::AUTHORIZATION.as_str(), authorization.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let session = self.session.to_str().unwrap();
        if !session.is_empty() {
            headers.push(("mcp-session-id", session));
        }
        post(&self.router, &headers, message.to_string()).await
    }

    /// Asks for something: `result`, or `error`.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let reply = self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json", "{reply:?}");
        let mut answer = reply.json();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)), "{answer}");
        if answer["error"].is_object() { Err(answer["error"].take()) } else { Ok(answer["result"].take()) }
    }

    pub(crate) async fn tools(&self) -> Vec<Value> {
        self.ask("tools/list", json!({})).await.unwrap()["tools"].as_array().unwrap().clone()
    }

    pub(crate) async fn tool_names(&self) -> Vec<String> {
        self.tools().await.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Calls a tool: the whole result.
    pub(crate) async fn result(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments})).await.unwrap()
    }

    /// Calls a tool that does it: its data, which keeps to the schema and stands in the text as well.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.result(tool, arguments).await;
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
        let data = result["structuredContent"].clone();
        assert!(!result["content"][0]["text"].as_str().unwrap().is_empty());
        let text: Value = serde_json::from_str(result["content"][1]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, data);
        let faults = self.faults(tool, &data).await;
        assert!(faults.is_empty(), "{tool}: {faults:?} in {data:#}");
        data
    }

    async fn faults(&self, tool: &str, data: &Value) -> Vec<String> {
        let known = self.schemas.lock().unwrap().get(tool).cloned();
        let schema = match known {
            Some(schema) => schema,
            None => {
                let tools = self.tools().await;
                let mut schemas = self.schemas.lock().unwrap();
                for one in tools {
                    schemas.insert(one["name"].as_str().unwrap().to_owned(), one["outputSchema"].clone());
                }
                schemas[tool].clone()
            }
        };
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        validator.iter_errors(data).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Calls a tool that refuses: what it says.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) -> Value {
        let result = self.result(tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool}: {result:#}");
        let data = result["structuredContent"].clone();
        let (code, hint) = (data["code"].as_str().unwrap(), data["hint"].as_str().unwrap());
        assert!(!code.is_empty() && !hint.is_empty());
        let faults = self.faults(tool, &data).await;
        assert!(faults.is_empty(), "{tool}: {faults:?} in {data:#}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with(&format!("{code}: {hint}")), "{text}");
        data
    }

    /// Makes a ticket: its id.
    pub(crate) async fn ticket(&self, arguments: Value) -> String {
        self.call("ticket_create", arguments).await["ticket"]["id"].as_str().unwrap().to_owned()
    }
}
