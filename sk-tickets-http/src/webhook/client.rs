use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use sk_tickets_core::{
    Environment, SendError, TargetPolicy, WebhookReply, WebhookRequest, WebhookSender,
    limits::{ATTEMPT_RESPONSE_BYTES_MAX, FIRST_ATTEMPTS_AT_ONCE_MAX, RETRIES_AT_ONCE_MAX},
    platform::webhook::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP},
};

use super::resolver::{Lookup, PolicyResolver, SystemLookup};

const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);
const IDLE_TIME_OUT: Duration = Duration::from_secs(30);
/// As many as a worker has attempts under way. One host can have many endpoints, and to dial costs more than an attempt.
const IDLE_PER_HOST_MAX: usize = FIRST_ATTEMPTS_AT_ONCE_MAX + RETRIES_AT_ONCE_MAX;
const USER_AGENT: &str = concat!("sk-tickets/", env!("CARGO_PKG_VERSION"));

type HyperClient = Client<HttpsConnector<HttpConnector<PolicyResolver>>, Full<Bytes>>;

/// Posts webhooks by HTTP/1.1, with TLS by rustls and the system's certificates. Follows no redirects, dials only
/// addresses that its policy permits, and stops reading an answer after 16 KiB.
pub struct WebhookClient {
    policy: TargetPolicy,
    test: HyperClient,
    live: HyperClient,
}

impl fmt::Debug for WebhookClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookClient").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl WebhookClient {
    /// A client with this policy, which should be the engine's.
    ///
    /// # Errors
    /// If the system's certificates cannot be read.
    pub fn new(policy: TargetPolicy) -> std::io::Result<Self> {
        Self::with_lookup(policy, &(Arc::new(SystemLookup) as Arc<dyn Lookup>))
    }

    pub(super) fn with_lookup(policy: TargetPolicy, lookup: &Arc<dyn Lookup>) -> std::io::Result<Self> {
        let resolver = |environment| PolicyResolver { policy, environment, lookup: Arc::clone(lookup) };
        Ok(Self { policy, test: client(resolver(Environment::Test))?, live: client(resolver(Environment::Live))? })
    }
}

fn client(resolver: PolicyResolver) -> std::io::Result<HyperClient> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIME_OUT));
    connector.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME_OUT)
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .build(connector))
}

#[async_trait]
impl WebhookSender for WebhookClient {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let WebhookRequest { url, environment, id, timestamp, signature, body } = request;
        // Judged again: an address that stands in the URL itself is never seen by the resolver.
        let url = self.policy.judge(&url, environment).map_err(|error| SendError(format!("the URL {error}")))?;
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header(HEADER_ID, id)
            .header(HEADER_TIMESTAMP, timestamp)
            .header(HEADER_SIGNATURE, signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| SendError(format!("the request cannot be made: {error}")))?;
        let client = match environment {
            Environment::Test => &self.test,
            Environment::Live => &self.live,
        };
        let (head, body) = client.request(request).await.map_err(|error| in_words(&error))?.into_parts();
        let body = read_start(body).await;
        Ok(WebhookReply { status_code: head.status.as_u16(), retry_after: retry_after(&head.headers), body })
    }
}

/// The first 16 KiB of an answer. What follows is not read: dropping the rest closes the connection.
async fn read_start(mut body: Incoming) -> Vec<u8> {
    let mut start = Vec::new();
    while start.len() < ATTEMPT_RESPONSE_BYTES_MAX {
        // The status has been told, so an answer that breaks off is still an answer.
        let Some(Ok(frame)) = body.frame().await else { break };
        if let Some(data) = frame.data_ref() {
            start.extend_from_slice(&data[..data.len().min(ATTEMPT_RESPONSE_BYTES_MAX - start.len())]);
        }
    }
    start
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than there is room for is still more than the schedule heeds.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

/// What went wrong, for the owner of the endpoint: the innermost cause says most.
fn in_words(error: &(dyn Error + 'static)) -> SendError {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    SendError(cause.to_string())
}

#[cfg(test)]
mod tests {
    use std::io;

    use http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(value).unwrap();
        retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        let hour = Duration::from_secs(3_600);
        let wait = read(&httpdate::fmt_http_date(SystemTime::now() + hour)).unwrap();
        assert!(wait <= hour && wait > hour / 2, "{wait:?}");
        let endless = Some(Duration::from_secs(u64::MAX));
        assert_eq!((read("18446744073709551615"), read("99999999999999999999999")), (endless, endless));
        for nothing in ["", "soon", "-1", "+1", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn the_innermost_cause_is_told() {
        let error = io::Error::other(io::Error::other(io::Error::other("connection refused")));
        assert_eq!(in_words(&error), SendError("connection refused".to_owned()));
    }
}
