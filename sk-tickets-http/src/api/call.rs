use std::{collections::HashMap, str::FromStr, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use sk_tickets_core::{
    ApiKey, Command, Desk, Error, IdempotencyKey, Order, PageRequest, Request, Scope, Version,
    limits::PAGE_MAX,
    platform::{
        idempotency::StoredResponse,
        input::{Faults, Input, Pointer, object},
        json::Json,
        problem::{self, Problem},
    },
};

use crate::platform::{
    etag::{self, Condition},
    query::Query,
};

/// Says that an answer is a repetition.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that has passed the gate: who asks is known and may ask this.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) desk: Desk,
    pub(crate) key: Arc<ApiKey>,
    /// There for every mutation.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) path: HashMap<String, String>,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// The id in the path with this name.
    pub(crate) fn id<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Error> {
        let text = self.path.get(name).map(String::as_str).unwrap_or_default();
        text.parse().map_err(|error| Problem::new(problem::INVALID_PARAMETER, format!("`{name}` {error}")).into())
    }

    /// Refuses every query parameter.
    pub(crate) fn no_query(&self) -> Result<(), Error> {
        Ok(Query::new(self.query.as_deref()).finish()?)
    }

    /// The page that is asked for, and the filters that `read` takes.
    pub(crate) fn list<F>(&self, read: impl FnOnce(&mut Query) -> F) -> Result<(F, PageRequest), Error> {
        let mut query = Query::new(self.query.as_deref());
        let mut page = PageRequest::first();
        match query.one::<usize>("limit") {
            Some(limit) if (1..=PAGE_MAX).contains(&limit) => page = page.limit(limit),
            Some(_) => query.fault("limit", format_args!("must be 1 to {PAGE_MAX}")),
            None => {}
        }
        if let Some(cursor) = query.one::<String>("cursor") {
            page = page.after(cursor);
        }
        if let Some(order) = query.one::<Order>("order") {
            page = page.order(order);
        }
        let filter = read(&mut query);
        query.finish()?;
        Ok((filter, page))
    }

    /// The body, read into a request.
    pub(crate) fn request<T: Input>(&self) -> Result<(T, Json), Error> {
        let json = self.json()?;
        let request = T::from_json(&json).map_err(Problem::validation)?;
        Ok((request, json))
    }

    /// The body of a request that has no fields.
    pub(crate) fn no_fields(&self) -> Result<Json, Error> {
        let json = self.json()?;
        let mut faults = Faults::default();
        object(&json, &[], Pointer::ROOT, &mut faults);
        let faults = faults.into_vec();
        if faults.is_empty() { Ok(json) } else { Err(Problem::validation(faults).into()) }
    }

    fn json(&self) -> Result<Json, Error> {
        Ok(Json::parse(&self.body).map_err(|error| Problem::new(problem::MALFORMED_JSON, error.to_string()))?)
    }

    /// Refuses a key that lacks a scope which the route alone does not ask for.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Error> {
        require(&self.key, scope)
    }

    /// Does what a command says, on condition of `If-Match`.
    pub(crate) async fn execute_if_match(self, command: Command, body: &Json) -> Result<Response, Error> {
        let versions = match etag::condition(&self.headers, &header::IF_MATCH, false)? {
            None | Some(Condition::Any) => None,
            Some(Condition::OneOf(versions)) => Some(versions.into_iter().map(Version).collect()),
        };
        self.execute_with(command, body, versions).await
    }

    /// Does what a command says. The resource has no version, so a condition on it cannot be kept, and is refused.
    pub(crate) async fn execute(self, command: Command, body: &Json) -> Result<Response, Error> {
        if self.headers.contains_key(header::IF_MATCH) {
            return Err(Problem::new(problem::INVALID_PARAMETER, "the header if-match is not supported here").into());
        }
        self.execute_with(command, body, None).await
    }

    async fn execute_with(
        self,
        command: Command,
        body: &Json,
        if_match: Option<Vec<Version>>,
    ) -> Result<Response, Error> {
        let key =
            self.idempotency_key.ok_or_else(|| Problem::new(problem::IDEMPOTENCY_KEY_REQUIRED, "none was sent"))?;
        let request = Request::as_sent(&key, command, body).if_match(if_match);
        let answer = self.desk.execute(request).await?;
        Ok(stored(answer.response, answer.replayed))
    }
}

/// Refuses a key that lacks a scope.
pub(crate) fn require(key: &ApiKey, scope: Scope) -> Result<(), Error> {
    if key.allows(scope) {
        return Ok(());
    }
    Err(Problem::new(problem::INSUFFICIENT_SCOPE, format!("this needs the scope {scope}"))
        .with("required_scope", scope.as_str())
        .into())
}

/// What a path that leads to nothing answers; the same for what belongs to another.
pub(crate) fn not_found() -> Error {
    Problem::new(problem::NOT_FOUND, "there is no such resource").into()
}

/// A resource, or a page of them.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Error> {
    let body = serde_json::to_vec(value)
        .map_err(|error| Problem::new(problem::INTERNAL, format!("the answer cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// An answer as the desk gives it, byte for byte: the secret, if it tells one, is in its body.
fn stored(stored: StoredResponse, replayed: bool) -> Response {
    let StoredResponse { status, location, etag, content_type, body, secret: _ } = stored;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [(header::LOCATION, location), (header::ETAG, etag), (header::CONTENT_TYPE, content_type)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    if replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
