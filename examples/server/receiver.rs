//! A receiver of webhooks: verifies each, and hands on what it was.

use std::sync::{Arc, RwLock};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use sk_tickets_core::{
    Clock, SignatureHeaders, SystemClock, WebhookSecret,
    platform::webhook::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP},
    verify,
};
use tokio::sync::mpsc;

/// A webhook that arrived: the body if its signature is right, or why not.
pub(crate) type Received = Result<serde_json::Value, String>;

#[derive(Debug, Clone)]
struct Receiver {
    secret: Arc<RwLock<Option<WebhookSecret>>>,
    received: mpsc::Sender<Received>,
}

/// A router that takes webhooks on every path. The secret may be set once it is known.
pub(crate) fn router(secret: Arc<RwLock<Option<WebhookSecret>>>, received: mpsc::Sender<Received>) -> Router {
    Router::new().fallback(receive).with_state(Receiver { secret, received })
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let received = receiver.check(&headers, &body);
    let status = if received.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    match receiver.received.send(received).await {
        Ok(()) => status,
        // Nobody is there to act on it: let it be sent again.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Receiver {
    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Received {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let secret = self.secret.read().map_err(|error| error.to_string())?.clone().ok_or("no secret is known yet")?;
        let headers = SignatureHeaders {
            id: header(HEADER_ID),
            timestamp: header(HEADER_TIMESTAMP),
            signature: header(HEADER_SIGNATURE),
        };
        verify(&secret, headers, body, SystemClock.now()).map_err(|error| error.to_string())?;
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
}
