//! Agents over HTTP: a request is judged by the router as any other, and this has it answered. Nothing is kept between
//! requests, so any node answers any of them.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use rmcp::{
    model::ProtocolVersion,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use serde_json::json;
use sk_tickets_core::{limits::REQUEST_BYTES_MAX, platform::json::Json};

use super::{
    agent::{Access, Agent},
    caller::{Caller, SESSION},
};

/// Where it is, under the base path.
pub(crate) const PATH: &str = "/mcp";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// JSON-RPC 2.0, section 5.1.
const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const INTERNAL_ERROR: i64 = -32_603;

/// Answers a message of an agent who has passed the gate.
pub(crate) async fn answer(caller: Caller, headers: &HeaderMap, body: Bytes) -> Response {
    // By the same reading as every other body: no name twice, no nesting without end.
    let message = match Json::parse(&body) {
        Ok(message) => message,
        Err(error) => return refused(StatusCode::BAD_REQUEST, PARSE_ERROR, &error.to_string()),
    };
    // A session is a name and no more: it tells calls apart that are the same by intent.
    let session = is_initialize(&message).then(|| caller.request_id.to_string());
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(REQUEST_BYTES_MAX)
        .disable_allowed_hosts();
    let service = StreamableHttpService::new(
        move || Ok(Agent(Access::Admitted(caller.clone()))),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let response = service.handle(message_request(headers, body)).await;
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // The media type was looked at before: what is not supported is the message.
        let message = "this is no message of the Model Context Protocol";
        return refused(StatusCode::BAD_REQUEST, INVALID_REQUEST, message);
    }
    if response.status() == StatusCode::BAD_REQUEST && response.headers().get(header::CONTENT_TYPE) != Some(&JSON) {
        // The one thing that the SDK says in bare text.
        let spoken: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
        let message = format!("the header mcp-protocol-version must be one of {}", spoken.join(", "));
        return refused(StatusCode::BAD_REQUEST, INVALID_REQUEST, &message);
    }
    if response.status().is_server_error() {
        // In whatever words: they are not for clients.
        return refused(response.status(), INTERNAL_ERROR, "the request could not be handled");
    }
    let mut response = response.map(Body::new);
    if let Some(session) = session.filter(|_| response.status().is_success())
        && let Ok(session) = HeaderValue::try_from(session)
    {
        response.headers_mut().insert(SESSION, session);
    }
    response
}

/// The message with what the protocol has headers for. Answers are JSON, whether or not somebody says that they would take
/// a stream as well; and the server goes by any name, so the one it was called by is not passed on.
fn message_request(headers: &HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    let to = request.headers_mut();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("mcp-")) {
        to.append(name, value.clone());
    }
    to.insert(header::HOST, HeaderValue::from_static("localhost"));
    to.insert(header::CONTENT_TYPE, JSON);
    to.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    request
}

fn is_initialize(message: &Json) -> bool {
    let Json::Object(members) = message else { return false };
    matches!(members.get("method"), Some(Json::String(method)) if method == "initialize")
}

/// What cannot be told to which request it is the answer.
fn refused(status: StatusCode, code: i64, message: &str) -> Response {
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}});
    let mut response = Response::new(Body::from(error.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
