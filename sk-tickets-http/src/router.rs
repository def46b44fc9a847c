//! The order in which a request is judged, once for all routes: size; route and method; whether there is room for it; media
//! type; API key; rate; scope; idempotency key; then the handler, which reads path, query and body and asks the desk.

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error as _,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    middleware::{self, Next},
    response::Response,
    routing::{MethodFilter, MethodRouter, any},
};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use sk_tickets_core::{
    Actor, ApiKey, ApiKeyId, BASE_PATH, Error, IdempotencyKey, RequestId, Tickets,
    limits::{REQUEST_BYTES_MAX, REQUESTS_AT_ONCE_MAX},
    platform::{
        crash_point::crash_point,
        idempotency::IdempotencyKeyError,
        problem::{self, Problem},
    },
};
use tokio::sync::Semaphore;

use crate::{
    api::{self, Asked, Call, KeyRing, Operation},
    docs, form,
    metrics::Metrics,
    platform::{
        body, fault,
        query::Query,
        rate_limit::{Buckets, RateLimit, Standing},
    },
    status,
    unrouted::only,
};

#[cfg(feature = "mcp")]
use crate::mcp;

#[cfg(test)]
mod tests;

/// Names the request in every answer and in the logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// After how long to try again what there was no room for.
const ROOM_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct Api {
    tickets: Tickets,
    keys: KeyRing,
    buckets: Option<Arc<Buckets<ApiKeyId>>>,
    /// A place for each request that is being answered.
    places: Arc<Semaphore>,
    metrics: Metrics,
    trusted_proxies: u8,
}

/// Choices for a router.
#[derive(Debug, Clone)]
#[must_use]
pub struct RouterOptions {
    tickets: Tickets,
    rate_limit: Option<RateLimit>,
    requests_at_once: usize,
    metrics: Option<Metrics>,
    trusted_proxies: u8,
}

impl RouterOptions {
    /// The API of an engine, without a rate limit.
    pub const fn new(tickets: Tickets) -> Self {
        let requests_at_once = REQUESTS_AT_ONCE_MAX;
        Self { tickets, rate_limit: None, requests_at_once, metrics: None, trusted_proxies: 0 }
    }

    /// Lets each key make no more requests than this, on this node; what is over is answered 429.
    pub const fn rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        self.rate_limit = limit;
        self
    }

    /// Answers so many requests to the API at a time; 1,024 unless told otherwise. One more is answered 503 at once, with
    /// `Retry-After`, before anybody is asked who sent it: so what was let in is answered soon, however many come.
    pub const fn requests_at_once(mut self, requests: usize) -> Self {
        self.requests_at_once = requests;
        self
    }

    /// Counts requests into these metrics, which `/metrics` tells; into metrics of its own unless there are any.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Believes so many proxies before this server whom they were asked by (`X-Forwarded-For`): each adds a place to the
    /// end. None unless told otherwise, since anybody can send that header.
    ///
    /// How often a form is sent is limited for each address, so it has to be known: serve the router with
    /// [`serve`](crate::serve()), or with
    /// [`into_make_service_with_connect_info::<SocketAddr>()`](Router::into_make_service_with_connect_info). Otherwise all
    /// customers are one to it.
    pub const fn trusted_proxies(mut self, proxies: u8) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// The router; see [`router()`].
    pub fn build(self) -> Router {
        let Self { tickets, rate_limit, requests_at_once, metrics, trusted_proxies } = self;
        build(Api {
            tickets,
            keys: KeyRing::default(),
            buckets: rate_limit.map(|limit| Arc::new(Buckets::new(limit))),
            places: Arc::new(Semaphore::new(requests_at_once.min(Semaphore::MAX_PERMITS))),
            metrics: metrics.unwrap_or_default(),
            trusted_proxies,
        })
    }
}

/// The REST API of an engine, under `/tickets/v1`, with `/healthz`, `/readyz` and `/metrics` beside it.
///
/// What has no route is answered with a problem. A router that has a fallback of its own merges this one after
/// [`Router::reset_fallback`]; what is under `/tickets/v1` is then still answered here.
pub fn router(tickets: Tickets) -> Router {
    RouterOptions::new(tickets).build()
}

fn build(api: Api) -> Router {
    let mut by_path: Vec<(&str, Vec<&'static Operation>)> = Vec::new();
    for operation in api::TABLE {
        match by_path.iter_mut().find(|(path, _)| *path == operation.path) {
            Some((_, operations)) => operations.push(operation),
            None => by_path.push((operation.path, vec![operation])),
        }
    }
    let mut router = Router::new()
        .merge(status::routes(api.tickets.clone(), api.metrics.clone()))
        .merge(docs::routes(&api.tickets))
        .merge(form::routes(api.tickets.clone(), api.trusted_proxies));
    for (path, operations) in by_path {
        router = router.route(&format!("{BASE_PATH}{path}"), methods(operations, &api.tickets));
    }
    #[cfg(feature = "mcp")]
    let router = router.route(
        &format!("{BASE_PATH}{}", mcp::PATH),
        only("POST", &api.tickets, MethodRouter::new().post(answer_agent)),
    );
    // A route, unlike the fallback, stays when the fallback is reset.
    let router = router.route(&format!("{BASE_PATH}/{{*unknown}}"), any(unknown_route));
    router.fallback(unknown_route).layer(middleware::from_fn_with_state(api.clone(), frame)).with_state(api)
}

/// The methods of one path; any other is answered with those there are.
fn methods(operations: Vec<&'static Operation>, tickets: &Tickets) -> MethodRouter<Api> {
    let mut allow: Vec<_> = operations.iter().map(|operation| operation.method.to_string()).collect();
    if allow.iter().any(|method| method == "GET") {
        allow.push("HEAD".to_owned());
    }
    let methods = operations.into_iter().fold(MethodRouter::new(), |router, operation| {
        // Every method in the table is one of the few that have a filter.
        let filter = MethodFilter::try_from(operation.method.clone()).unwrap_or(MethodFilter::GET);
        router.on(filter, move |api, params, request| answer(operation, api, params, request))
    });
    only(allow.join(", "), tickets, methods)
}

/// Around every request: its id, the limit of its body, and that it is counted.
async fn frame(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = api.tickets.request_id();
    request.extensions_mut().insert(request_id);
    let docs = api.tickets.error_docs();
    let (parts, body) = request.into_parts();
    let (method, route) = (parts.method.clone(), parts.extensions.get::<MatchedPath>().cloned());
    let mut response = match body::read(body, &parts.headers, REQUEST_BYTES_MAX).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(unread) => {
            let is_left = unread.is_left;
            let mut response = if route.as_ref().is_some_and(|route| form::tells_people(route.as_str())) {
                let mut request = Request::from_parts(parts, Body::empty());
                request.extensions_mut().insert(unread);
                next.run(request).await
            } else {
                fault::response(&unread.problem, None, docs, request_id)
            };
            if is_left {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    };
    if response.status() == StatusCode::NOT_MODIFIED {
        // A length would be that of the whole answer (RFC 9110, section 8.6), and axum tells that of any body that has one.
        *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    }
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    api.metrics.request(&method, route.as_ref().map(MatchedPath::as_str), response.status(), started);
    crash_point("reply");
    response
}

async fn unknown_route(State(api): State<Api>, Extension(request_id): Extension<RequestId>) -> Response {
    let problem = Problem::new(problem::NOT_FOUND, "there is no such resource");
    fault::response(&problem, None, api.tickets.error_docs(), request_id)
}

/// Judges a request and lets its handler answer.
async fn answer(
    operation: &'static Operation,
    State(api): State<Api>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().copied().unwrap_or_else(|| api.tickets.request_id());
    let Ok(_place) = api.places.try_acquire() else { return no_room(&api, request_id) };
    let mut standing = None;
    let judging = judge(operation, &api, params, request, request_id, &mut standing);
    // Nothing of ours panics; should it, the client still gets an answer, and its request is not lost in the logs.
    let judged = AssertUnwindSafe(judging).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
    conclude(judged, standing, &api, (&operation.method, operation.path), request_id)
}

/// Nothing is logged: there are too many of these when there are any. The metrics count them.
fn no_room(api: &Api, request_id: RequestId) -> Response {
    let detail = "too many requests at a time; try again, with the same Idempotency-Key if it had one";
    let problem = Problem::new(problem::UNAVAILABLE, detail);
    fault::response(&problem, Some(ROOM_AFTER), api.tickets.error_docs(), request_id)
}

fn panicked() -> Error {
    Problem::new(problem::INTERNAL, "the request could not be handled").into()
}

/// The answer to what was judged, with how its key stands.
fn conclude(
    judged: Result<Response, Error>,
    standing: Option<Standing>,
    api: &Api,
    named: (&Method, &str),
    request_id: RequestId,
) -> Response {
    let mut response = judged.unwrap_or_else(|error| {
        log(&error, named, request_id);
        let retry_after = standing.and_then(|standing| standing.refused_for).or(error.retry_after());
        fault::response(error.problem(), retry_after, api.tickets.error_docs(), request_id)
    });
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    response
}

/// Lets in what is declared as JSON and has a key that has requests left: what it brought, and the key.
async fn admit(
    api: &Api,
    request: Request,
    standing: &mut Option<Standing>,
) -> Result<(Parts, Bytes, Arc<ApiKey>), Error> {
    let (parts, body) = request.into_parts();
    // The frame has read the whole body; this only takes it out.
    let body = body::read(body, &parts.headers, REQUEST_BYTES_MAX).await.map_err(|unread| unread.problem)?;
    if !body.is_empty() && !body::is_json(&parts.headers) {
        return Err(Problem::new(problem::UNSUPPORTED_MEDIA_TYPE, "send the body as application/json").into());
    }
    let key = api.keys.authenticate(&api.tickets, &parts.headers).await?;
    *standing = api.buckets.as_ref().map(|buckets| buckets.take(key.id, api.tickets.now()));
    if standing.is_some_and(|standing| standing.refused_for.is_some()) {
        return Err(Problem::new(problem::RATE_LIMITED, "wait as Retry-After says, then send it again").into());
    }
    Ok((parts, body, key))
}

/// Lets in an agent, and has it answered.
#[cfg(feature = "mcp")]
async fn answer_agent(State(api): State<Api>, request: Request) -> Response {
    let request_id = request.extensions().get::<RequestId>().copied().unwrap_or_else(|| api.tickets.request_id());
    let Ok(_place) = api.places.try_acquire() else { return no_room(&api, request_id) };
    let mut standing = None;
    let judging = async {
        let (parts, body, key) = admit(&api, request, &mut standing).await?;
        let caller = mcp::Caller::of_request(api.tickets.clone(), key, &parts.headers, request_id);
        Ok(mcp::answer(caller, &parts.headers, body).await)
    };
    let judged = AssertUnwindSafe(judging).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
    conclude(judged, standing, &api, (&Method::POST, mcp::PATH), request_id)
}

async fn judge(
    operation: &Operation,
    api: &Api,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    request_id: RequestId,
    standing: &mut Option<Standing>,
) -> Result<Response, Error> {
    let (parts, body, key) = admit(api, request, standing).await?;
    api::require(&key, operation.scope)?;
    let is_mutation = operation.is_mutation();
    let idempotency_key = if is_mutation { Some(idempotency_key(&parts.headers)?) } else { None };
    let desk = api.tickets.desk(key.realm.clone()).acting_as(Actor::ApiKey(key.id)).for_request(request_id);
    let params = params.map_err(|rejection| Problem::new(problem::INVALID_PARAMETER, rejection.body_text()))?;
    let path: HashMap<_, _> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = Query::new(parts.uri.query());
    let asked = Asked { path, query, headers: parts.headers, body, is_mutation };
    (operation.handler)(Call { desk, key, idempotency_key }, asked).await
}

fn idempotency_key(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let first = values.next().map(HeaderValue::to_str);
    let key = match (first, values.next()) {
        (None, _) => Err(IdempotencyKeyError::Missing),
        (Some(Ok(text)), None) => IdempotencyKey::client(text),
        (Some(_), _) => Err(IdempotencyKeyError::Malformed),
    };
    key.map_err(|error| {
        let kind = match error {
            IdempotencyKeyError::Missing => problem::IDEMPOTENCY_KEY_REQUIRED,
            IdempotencyKeyError::Malformed => problem::IDEMPOTENCY_KEY_INVALID,
        };
        Problem::new(kind, error.to_string())
    })
}

/// What went wrong on our side, for who runs the server; a client is told only the request's id.
fn log(error: &Error, (method, path): (&Method, &str), request_id: RequestId) {
    if error.problem().status() >= 500 {
        let cause = error.source().map(|cause| format!("{cause:?}"));
        tracing::error!(%request_id, %method, path, cause, "{error}");
    }
}
