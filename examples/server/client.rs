//! A small HTTP client for talking to oneself.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

use crate::Failure;

/// Posts JSON with an API key and an idempotency key; the status and the JSON that come back.
pub(crate) async fn post(uri: &str, key: &str, idempotency_key: &str, body: &Value) -> Result<(u16, Value), Failure> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::post(uri.parse::<Uri>()?)
        .header("authorization", format!("Bearer {key}"))
        .header("idempotency-key", idempotency_key)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let (head, body) = client.request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status.as_u16(), serde_json::from_slice(&body)?))
}
