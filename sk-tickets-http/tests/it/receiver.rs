//! A receiver of webhooks on a port of its own, and a worker that delivers to it.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Router, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Response, Uri};
use serde_json::Value;
use sk_tickets_core::{
    SendError, SignatureHeaders, TargetPolicy, VerifyError, WebhookReply, WebhookRequest, WebhookSecret, WebhookSender,
    verify,
};
use sk_tickets_http::WebhookClient;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};

use crate::app::{PATIENCE, TestApp};

/// A webhook as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn verify(&self, secret: &str, app: &TestApp) -> Result<(), VerifyError> {
        let headers = SignatureHeaders {
            id: self.header("webhook-id"),
            timestamp: self.header("webhook-timestamp"),
            signature: self.header("webhook-signature"),
        };
        verify(&WebhookSecret::parse(secret).expect("a secret"), headers, &self.body, app.tickets.now())
    }
}

/// Answers by a script, then with 204, and remembers what it was sent.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Response<Bytes>>,
    received: Vec<Received>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(Script::default()));
        let router = Router::new().fallback(receive).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { url, state, task }
    }

    /// The next answer that the script does not have yet.
    pub(crate) fn then(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        self.state.lock().expect("whole").answers.push_back(answer.body(body.into()).expect("an answer"));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().expect("whole").received.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(state): State<Arc<Mutex<Script>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<axum::body::Body> {
    let mut state = state.lock().expect("whole");
    state.received.push(Received { path: uri.path().to_owned(), headers, body });
    let answer = state.answers.pop_front().unwrap_or_else(|| {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = http::StatusCode::NO_CONTENT;
        answer
    });
    answer.map(axum::body::Body::from)
}

/// The sender of the box, which tells when it has sent.
#[derive(Debug)]
struct Watched {
    client: WebhookClient,
    sent: mpsc::UnboundedSender<()>,
}

#[async_trait]
impl WebhookSender for Watched {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let outcome = self.client.send(request).await;
        self.sent.send(()).expect("somebody counts");
        outcome
    }
}

impl TestApp {
    /// Delivers what is due: lets a worker make so many attempts and settle them.
    pub(crate) async fn attempt(&self, attempts: usize) {
        self.attempt_through(attempts, |sender| sender).await;
    }

    /// The same, through another sender around that of the box.
    pub(crate) async fn attempt_through(
        &self,
        attempts: usize,
        around: impl FnOnce(Arc<dyn WebhookSender>) -> Arc<dyn WebhookSender>,
    ) {
        let more = self.attempt_at_least(attempts, around).await;
        assert_eq!(more, 0, "more than {attempts} attempts were due");
    }

    /// Lets a worker make so many attempts where more are due, and says how many more it made before it stopped.
    pub(crate) async fn attempt_at_least(
        &self,
        attempts: usize,
        around: impl FnOnce(Arc<dyn WebhookSender>) -> Arc<dyn WebhookSender>,
    ) -> usize {
        let (sent, mut done) = mpsc::unbounded_channel();
        let client = WebhookClient::new(TargetPolicy::LoopbackInTest).expect("a client");
        let dispatcher = self.tickets.dispatcher(around(Arc::new(Watched { client, sent })));
        // A worker that is told to stop lets the attempts under way be settled.
        let all_sent = async {
            for _ in 0..attempts {
                done.recv().await.expect("an attempt");
            }
        };
        timeout(PATIENCE, dispatcher.run(all_sent)).await.expect("the attempts are made");
        std::iter::from_fn(|| done.try_recv().ok()).count()
    }
}
