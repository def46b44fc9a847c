//! The order in which a request is judged, once for all routes: size; route, method and media type; API key; rate; scope;
//! idempotency key; then the handler, which reads path, query and body and asks the desk.

use std::{collections::HashMap, error::Error as _, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection},
    middleware::{self, Next},
    response::Response,
    routing::{MethodFilter, MethodRouter, any, get},
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sk_tickets_core::{
    Actor, ApiKeyId, BASE_PATH, Error, IdempotencyKey, RequestId, Tickets,
    limits::REQUEST_BYTES_MAX,
    platform::{
        idempotency::IdempotencyKeyError,
        problem::{self, Problem},
    },
};

use crate::{
    api::{self, Call, KeyRing, Route},
    docs,
    platform::{
        body, fault,
        rate_limit::{Buckets, RateLimit, Standing},
    },
};

/// Names the request in every answer and in the logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Clone)]
struct Api {
    tickets: Tickets,
    keys: KeyRing,
    buckets: Option<Arc<Buckets<ApiKeyId>>>,
}

/// Choices for a router.
#[derive(Debug, Clone)]
#[must_use]
pub struct RouterOptions {
    tickets: Tickets,
    rate_limit: Option<RateLimit>,
}

impl RouterOptions {
    /// The API of an engine, without a rate limit.
    pub const fn new(tickets: Tickets) -> Self {
        Self { tickets, rate_limit: None }
    }

    /// Lets each key make no more requests than this, on this node; what is over is answered 429.
    pub const fn rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        self.rate_limit = limit;
        self
    }

    /// The router; see [`router()`].
    pub fn build(self) -> Router {
        let Self { tickets, rate_limit } = self;
        build(Api { tickets, keys: KeyRing::default(), buckets: rate_limit.map(|limit| Arc::new(Buckets::new(limit))) })
    }
}

/// The REST API of an engine, under `/tickets/v1`, with `/healthz` and `/readyz` beside it.
///
/// What has no route is answered with a problem. A router that has a fallback of its own merges this one after
/// [`Router::reset_fallback`]; what is under `/tickets/v1` is then still answered here.
pub fn router(tickets: Tickets) -> Router {
    RouterOptions::new(tickets).build()
}

fn build(api: Api) -> Router {
    let mut by_path: Vec<(&str, Vec<Route>)> = Vec::new();
    for route in api::table() {
        match by_path.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, routes)) => routes.push(route),
            None => by_path.push((route.path, vec![route])),
        }
    }
    let mut router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route(&format!("{BASE_PATH}/docs/errors/{{code}}"), get(docs::error_page));
    for (path, routes) in by_path {
        router = router.route(&format!("{BASE_PATH}{path}"), methods(routes));
    }
    // A route, unlike the fallback, stays when the fallback is reset.
    let router = router.route(&format!("{BASE_PATH}/{{*unknown}}"), any(unknown_route));
    router.fallback(unknown_route).layer(middleware::from_fn_with_state(api.clone(), frame)).with_state(api)
}

/// The methods of one path; any other is answered with those there are.
fn methods(routes: Vec<Route>) -> MethodRouter<Api> {
    let mut allow: Vec<_> = routes.iter().map(|route| route.method.to_string()).collect();
    if allow.iter().any(|method| method == "GET") {
        allow.push("HEAD".to_owned());
    }
    let allow = allow.join(", ");
    let wrong_method = move |State(api): State<Api>, Extension(request_id): Extension<RequestId>| async move {
        let problem = Problem::new(problem::METHOD_NOT_ALLOWED, format!("allowed here: {allow}"));
        let mut response = fault::response(&problem, None, api.tickets.error_docs(), request_id);
        if let Ok(allow) = HeaderValue::try_from(allow) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    };
    routes
        .into_iter()
        .fold(MethodRouter::new(), |router, route| {
            // Every method in the table is one of the few that have a filter.
            let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
            router.on(filter, move |api, params, request| answer(route.clone(), api, params, request))
        })
        .fallback(wrong_method)
}

/// Around every request: its id, the limit of its body, and what happens if all else fails.
async fn frame(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let request_id = api.tickets.request_id();
    request.extensions_mut().insert(request_id);
    let docs = api.tickets.error_docs();
    let (parts, body) = request.into_parts();
    let mut response = match body::read(body, &parts.headers, REQUEST_BYTES_MAX).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => fault::response(&problem, None, docs, request_id),
    };
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn unknown_route(State(api): State<Api>, Extension(request_id): Extension<RequestId>) -> Response {
    let problem = Problem::new(problem::NOT_FOUND, "there is no such resource");
    fault::response(&problem, None, api.tickets.error_docs(), request_id)
}

async fn readyz(State(api): State<Api>) -> (StatusCode, &'static str) {
    match api.tickets.store().ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached\n")
        }
    }
}

/// Judges a request and lets its handler answer.
async fn answer(
    route: Route,
    State(api): State<Api>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().copied().unwrap_or_else(|| api.tickets.request_id());
    // Nothing of ours panics; should it, the client still gets an answer, and its request is not lost in the logs.
    let mut standing = None;
    let judging = judge(&route, &api, params, request, request_id, &mut standing);
    let judged = AssertUnwindSafe(judging).catch_unwind().await;
    let mut response = match judged
        .unwrap_or_else(|_| Err(Problem::new(problem::INTERNAL, "the request could not be handled").into()))
    {
        Ok(response) => response,
        Err(error) => {
            log(&error, &route, request_id);
            let retry_after = standing.and_then(|standing| standing.refused_for).or(error.retry_after());
            fault::response(error.problem(), retry_after, api.tickets.error_docs(), request_id)
        }
    };
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    response
}

async fn judge(
    route: &Route,
    api: &Api,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    request_id: RequestId,
    standing: &mut Option<Standing>,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    // The frame has read the whole body; this only takes it out.
    let body = body::read(body, &parts.headers, REQUEST_BYTES_MAX).await?;
    if !body.is_empty() && !body::is_json(&parts.headers) {
        return Err(Problem::new(problem::UNSUPPORTED_MEDIA_TYPE, "send the body as application/json").into());
    }
    let key = api.keys.authenticate(&api.tickets, &parts.headers).await?;
    *standing = api.buckets.as_ref().map(|buckets| buckets.take(key.id, api.tickets.now()));
    if standing.is_some_and(|standing| standing.refused_for.is_some()) {
        return Err(Problem::new(problem::RATE_LIMITED, "wait as Retry-After says, then send it again").into());
    }
    api::require(&key, route.scope)?;
    let idempotency_key = if is_mutation(&route.method) { Some(idempotency_key(&parts.headers)?) } else { None };
    let desk = api.tickets.desk(key.realm.clone()).acting_as(Actor::ApiKey(key.id)).for_request(request_id);
    let params = params.map_err(|rejection| Problem::new(problem::INVALID_PARAMETER, rejection.body_text()))?;
    let path: HashMap<_, _> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = parts.uri.query().map(str::to_owned);
    (route.handler)(Call { desk, key, idempotency_key, path, query, headers: parts.headers, body }).await
}

fn is_mutation(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
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
fn log(error: &Error, route: &Route, request_id: RequestId) {
    if error.problem().status() >= 500 {
        let cause = error.source().map(|cause| format!("{cause:?}"));
        tracing::error!(%request_id, method = %route.method, path = route.path, cause, "{error}");
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

    use http_body_util::BodyExt;
    use sk_tickets_core::{
        Clock, CreateEndpoint, CreateTicket, DeliveryFilter, Environment, MemoryStore, PageRequest, Realm, Scope,
        Timestamp, testing::ManualClock,
    };
    use tower::ServiceExt;

    use super::*;

    /// An id of no thing, lawful wherever an id is wanted.
    const ULID: &str = "01J9X2M3N4P5Q6R7S8T9VAWBXC";

    struct Stage {
        tickets: Tickets,
        router: Router,
    }

    impl Stage {
        fn new() -> Self {
            let tickets = Tickets::new(Arc::new(MemoryStore::new()));
            Self { router: router(tickets.clone()), tickets }
        }

        async fn key(&self, scopes: &[Scope]) -> String {
            self.key_of("acme", Environment::Test, scopes).await
        }

        async fn key_of(&self, tenant: &str, environment: Environment, scopes: &[Scope]) -> String {
            let realm = Realm::assume(tenant.parse().unwrap(), environment);
            let made = self.tickets.create_api_key(realm, None, scopes.iter().copied(), None).await;
            format!("Bearer {}", made.unwrap().1.expose())
        }

        /// The status and the body that a route answers with, asked for something lawful.
        async fn act(&self, route: &Route, path: &str, key: &str, idempotency_key: &str) -> (u16, serde_json::Value) {
            let request = http::Request::builder()
                .method(&route.method)
                .uri(path)
                .header(header::AUTHORIZATION, key)
                .header(header::CONTENT_TYPE, "application/json")
                .header(IDEMPOTENCY_KEY, idempotency_key)
                .body(Body::from(body(route)));
            let (head, body) = self.router.clone().oneshot(request.unwrap()).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
        }

        /// The status, the headers and the problem's code.
        async fn ask(&self, method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> (u16, HeaderMap, String) {
            let mut request = http::Request::builder().method(method).uri(path);
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let (head, body) = response.into_parts();
            let body: serde_json::Value =
                serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
            (head.status.as_u16(), head.headers, body["code"].as_str().unwrap_or_default().to_owned())
        }
    }

    /// The ids that paths are made with.
    struct Ids {
        ticket: String,
        entry: String,
        event: String,
        endpoint: String,
        delivery: String,
    }

    impl Ids {
        /// Of no things.
        fn of_nothing() -> Self {
            let id = |prefix: &str| format!("{prefix}_{ULID}");
            Self { ticket: id("tkt"), entry: id("ent"), event: id("evt"), endpoint: id("whe"), delivery: id("dlv") }
        }

        /// Of a tenant's things, one of each kind; the delivery is a dead letter.
        async fn of_acme(tickets: &Tickets) -> Self {
            let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
            let key = |text: &str| IdempotencyKey::system(text);
            let hook = CreateEndpoint::new("https://example.com/".parse().unwrap());
            let endpoint = desk.create_endpoint(&key("hook"), hook).await.unwrap().value.id;
            desk.disable_endpoint(&key("off"), endpoint).await.unwrap();
            let ticket = desk.create_ticket(&key("ticket"), CreateTicket::new("Mine").unwrap()).await.unwrap().value.id;
            desk.enable_endpoint(&key("on"), endpoint).await.unwrap();
            let first = PageRequest::first();
            let entry = desk.thread(ticket, &first).await.unwrap().unwrap().data[0].id;
            let letter = desk.deliveries(&DeliveryFilter::default(), &first).await.unwrap().data.remove(0);
            Self {
                ticket: ticket.to_string(),
                entry: entry.to_string(),
                event: letter.event_id.to_string(),
                endpoint: endpoint.to_string(),
                delivery: letter.id.to_string(),
            }
        }

        /// The path of a route with these ids in it.
        fn path(&self, route: &Route) -> String {
            let id = match route.path.split('/').nth(1).unwrap() {
                "tickets" => &self.ticket,
                "events" => &self.event,
                "webhook_endpoints" => &self.endpoint,
                "deliveries" | "dead_letters" => &self.delivery,
                other => panic!("which ids do {other} have?"),
            };
            let path = route.path.replace("{id}", id).replace("{entry}", &self.entry);
            assert!(!path.contains('{'), "{path}");
            format!("{BASE_PATH}{path}")
        }
    }

    /// The path of a route, with ids of no things.
    fn concrete(route: &Route) -> String {
        Ids::of_nothing().path(route)
    }

    /// A body that a route takes.
    fn body(route: &Route) -> &'static str {
        match (route.method.as_str(), route.path.rsplit('/').next().unwrap()) {
            ("POST", "assign") => r#"{"owner_id":null}"#,
            ("POST", "transitions") => r#"{"to":"closed","reason":"spam"}"#,
            ("POST", "thread") => r#"{"kind":"note","body":"x"}"#,
            ("POST", "discard") => r#"{"reason":"x"}"#,
            ("PATCH", "{id}") if route.path.starts_with("/tickets") => r#"{"subject":"x"}"#,
            ("PATCH", "{id}") => r#"{"description":"x"}"#,
            _ => "",
        }
    }

    #[tokio::test]
    async fn no_route_tells_another_tenants_thing_from_no_thing() {
        let stage = Stage::new();
        let theirs = Ids::of_acme(&stage.tickets).await;
        let nothing = Ids::of_nothing();
        let stranger = stage.key_of("stranger", Environment::Test, Scope::ALL).await;
        let live = stage.key_of("acme", Environment::Live, Scope::ALL).await;
        let with_id: Vec<_> = api::table().into_iter().filter(|route| route.path.contains('{')).collect();
        for (number, route) in with_id.iter().enumerate() {
            let mut told = Vec::new();
            for (who, key) in [&stranger, &live].into_iter().enumerate() {
                for (which, ids) in [&theirs, &nothing].into_iter().enumerate() {
                    let idempotency_key = format!("{number}-{who}-{which}");
                    let (status, mut problem) = stage.act(route, &ids.path(route), key, &idempotency_key).await;
                    assert_eq!(status, 404, "{} {}", route.method, route.path);
                    problem.as_object_mut().unwrap().remove("request_id").unwrap();
                    told.push(problem);
                }
            }
            assert!(told.iter().all(|problem| *problem == told[0]), "{} {}: {told:?}", route.method, route.path);
        }
        // To whom they belong they are there, or all of the above would say nothing.
        let owner = stage.key_of("acme", Environment::Test, Scope::ALL).await;
        for (number, route) in with_id.iter().enumerate() {
            let (status, answer) = stage.act(route, &theirs.path(route), &owner, &format!("owner-{number}")).await;
            let is_gone = route.path.starts_with("/dead_letters") || route.path.starts_with("/webhook_endpoints");
            assert!(status != 404 || is_gone, "{} {}: {answer}", route.method, route.path);
        }
    }

    #[tokio::test]
    async fn the_rate_is_judged_after_the_key_and_before_the_scope() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
        let tickets =
            Tickets::builder(Arc::new(MemoryStore::new())).clock(Arc::clone(&clock) as Arc<dyn Clock>).build();
        let limit = RateLimit::per_second(NonZeroU32::MIN);
        let router = RouterOptions::new(tickets.clone()).rate_limit(Some(limit)).build();
        let stage = Stage { tickets, router };
        let powerless = stage.key(&[]).await;
        let path = format!("{BASE_PATH}/tickets");
        let ask = async |key: &str| stage.ask(&Method::GET, &path, &[(header::AUTHORIZATION, key)]).await;

        let (status, headers, _) = ask("Bearer junk").await;
        assert_eq!(status, 401);
        assert!(!headers.contains_key("ratelimit"), "nobody's requests are not counted");
        for remaining in [1, 0] {
            let (status, headers, _) = ask(&powerless).await;
            assert_eq!(status, 403);
            assert!(headers["ratelimit"].to_str().unwrap().contains(&format!("r={remaining};")), "{headers:?}");
        }
        let (status, headers, code) = ask(&powerless).await;
        assert_eq!((status, code.as_str()), (429, "rate_limited"));
        assert_eq!(headers[header::RETRY_AFTER], "1");
        clock.advance(Duration::from_secs(1));
        assert_eq!(ask(&powerless).await.0, 403);
        assert_eq!(ask(&powerless).await.0, 429);
    }

    #[tokio::test]
    async fn every_route_wants_a_key_with_its_scope() {
        let stage = Stage::new();
        for route in api::table() {
            let (method, path) = (&route.method, concrete(&route));
            let (status, headers, code) = stage.ask(method, &path, &[]).await;
            assert_eq!((status, code.as_str()), (401, "unauthorized"), "{method} {path}");
            assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");

            for scope in [None].into_iter().chain(Scope::ALL.iter().copied().map(Some)) {
                let key = stage.key(scope.as_slice()).await;
                let (status, _, code) = stage.ask(method, &path, &[(header::AUTHORIZATION, &key)]).await;
                let is_refused = (status, code.as_str()) == (403, "insufficient_scope");
                let is_contained = scope.is_some_and(|scope| scope.contains(route.scope));
                assert_ne!(is_refused, is_contained, "{method} {path} with {scope:?}: {status} {code}");
            }
        }
    }

    #[tokio::test]
    async fn every_mutation_wants_an_idempotency_key() {
        let stage = Stage::new();
        let key = stage.key(Scope::ALL).await;
        for route in api::table() {
            let (method, path) = (&route.method, concrete(&route));
            let (status, _, code) = stage.ask(method, &path, &[(header::AUTHORIZATION, &key)]).await;
            if *method == Method::GET {
                assert!(matches!(status, 200 | 404), "{method} {path}: {status} {code}");
            } else {
                assert_eq!((status, code.as_str()), (400, "idempotency_key_required"), "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn every_route_refuses_a_parameter_that_it_does_not_know() {
        let stage = Stage::new();
        let key = stage.key(Scope::ALL).await;
        for route in api::table() {
            let (method, path) = (&route.method, format!("{}?unknown=1", concrete(&route)));
            let headers = [(header::AUTHORIZATION, key.as_str()), (IDEMPOTENCY_KEY, "k")];
            let (status, _, code) = stage.ask(method, &path, &headers).await;
            assert_eq!((status, code.as_str()), (400, "invalid_parameter"), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn every_path_names_the_methods_it_has() {
        let stage = Stage::new();
        let mut by_path: HashMap<String, BTreeSet<String>> = HashMap::new();
        for route in api::table() {
            let methods = by_path.entry(concrete(&route)).or_default();
            methods.insert(route.method.to_string());
            if route.method == Method::GET {
                methods.insert("HEAD".to_owned());
            }
        }
        for (path, methods) in by_path {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                let (status, headers, code) = stage.ask(&method.parse().unwrap(), &path, &[]).await;
                if methods.contains(method) {
                    assert_eq!(status, 401, "{method} {path}");
                    continue;
                }
                assert_eq!(status, 405, "{method} {path}");
                // An answer to HEAD has no body.
                assert!(code == "method_not_allowed" || method == "HEAD", "{method} {path}: {code}");
                let allow = headers[header::ALLOW].to_str().unwrap();
                assert_eq!(allow.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), methods, "{path}");
            }
        }
    }
}
