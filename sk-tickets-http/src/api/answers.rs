//! What a line of the table can say is answered. Each writes itself and describes itself.

use std::marker::PhantomData;

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use sk_tickets_core::{
    Contact, Delivery, EndpointView, Error, Form, Notification, Queue, ReplayJob, SlaPolicy, ThreadEntry, Ticket,
    Version,
    platform::{
        idempotency::StoredResponse,
        problem::{self, Problem},
    },
};

use super::operation::{Answer, AnswerHeader, Answered, Spec};

/// Says that an answer is a repetition.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A resource, or a page of them.
#[derive(Debug)]
pub(crate) struct Found<T>(pub(crate) T);

impl<T: Serialize + JsonSchema> Answer for Found<T> {
    fn respond(self) -> Result<Response, Error> {
        json(&self.0)
    }

    fn describe(spec: &mut Spec) {
        spec.answers.push(Answered {
            status: 200,
            about: "Here it is.",
            schema: Some(SchemaGenerator::subschema_for::<T>),
            headers: Vec::new(),
        });
    }
}

/// A resource in a version, or that it has not changed.
#[derive(Debug)]
pub(crate) struct FoundVersion<T> {
    pub(crate) version: Version,
    /// None if it is what the asker knows.
    pub(crate) news: Option<T>,
}

impl<T: Serialize + JsonSchema> Answer for FoundVersion<T> {
    fn respond(self) -> Result<Response, Error> {
        let mut response = match self.news {
            Some(resource) => json(&resource)?,
            None => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
        };
        if let Ok(etag) = HeaderValue::try_from(self.version.etag()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        Ok(response)
    }

    fn describe(spec: &mut Spec) {
        let headers = vec![AnswerHeader::Etag];
        let schema = Some(SchemaGenerator::subschema_for::<T> as _);
        spec.answers.push(Answered { status: 200, about: "Here it is.", schema, headers: headers.clone() });
        spec.answers.push(Answered { status: 304, about: "It is what you have.", schema: None, headers });
    }
}

/// What a mutation answers: recorded with its key, and given again byte for byte.
#[derive(Debug)]
pub(crate) struct Recorded<const STATUS: u16, T> {
    stored: StoredResponse,
    replayed: bool,
    resource: PhantomData<fn() -> T>,
}

/// Something new, at its `Location`.
pub(crate) type Created<T> = Recorded<201, T>;
/// Something as it is after a change.
pub(crate) type Changed<T> = Recorded<200, T>;
/// A job that is under way, at its `Location`.
pub(crate) type Accepted<T> = Recorded<202, T>;
/// Nothing is left to tell of.
pub(crate) type Deleted = Recorded<204, ()>;

/// Something new or, where it was there, as it is after a change.
#[derive(Debug)]
pub(crate) struct Upserted<T>(Recorded<200, T>);

/// Something as it is after a change or, where there is nothing to change, nothing.
#[derive(Debug)]
pub(crate) struct IfAny<T>(Recorded<200, T>);

/// An answer that was recorded, told as what the table declares.
pub(crate) trait FromRecorded {
    fn from_recorded(stored: StoredResponse, replayed: bool) -> Self;
}

/// What mutations answer with.
pub(crate) trait Resource: JsonSchema {
    /// Whether it has a version, which its `ETag` is made of.
    const HAS_VERSION: bool;
    /// Whether there is a body.
    const HAS_BODY: bool = true;
}

impl Resource for Ticket {
    const HAS_VERSION: bool = true;
}

impl Resource for Contact {
    const HAS_VERSION: bool = false;
}

impl Resource for Queue {
    const HAS_VERSION: bool = false;
}

impl Resource for Form {
    const HAS_VERSION: bool = false;
}

impl Resource for SlaPolicy {
    const HAS_VERSION: bool = false;
}

impl Resource for ThreadEntry {
    const HAS_VERSION: bool = false;
}

impl Resource for EndpointView {
    const HAS_VERSION: bool = false;
}

impl Resource for Delivery {
    const HAS_VERSION: bool = false;
}

impl Resource for Notification {
    const HAS_VERSION: bool = false;
}

impl Resource for ReplayJob {
    const HAS_VERSION: bool = false;
}

impl Resource for () {
    const HAS_VERSION: bool = false;
    const HAS_BODY: bool = false;
}

impl<const STATUS: u16, T> FromRecorded for Recorded<STATUS, T> {
    fn from_recorded(stored: StoredResponse, replayed: bool) -> Self {
        debug_assert!(stored.status == STATUS || stored.status >= 400, "{} is not what is declared", stored.status);
        Self { stored, replayed, resource: PhantomData }
    }
}

impl<T> FromRecorded for Upserted<T> {
    fn from_recorded(stored: StoredResponse, replayed: bool) -> Self {
        Self(Recorded { stored, replayed, resource: PhantomData })
    }
}

impl<T> FromRecorded for IfAny<T> {
    fn from_recorded(stored: StoredResponse, replayed: bool) -> Self {
        Self(Recorded { stored, replayed, resource: PhantomData })
    }
}

impl<T: Resource> Answer for IfAny<T> {
    fn respond(self) -> Result<Response, Error> {
        self.0.respond()
    }

    fn describe(spec: &mut Spec) {
        Changed::<T>::describe(spec);
        spec.answers.push(Answered {
            status: 204,
            about: "There is none.",
            schema: None,
            headers: vec![AnswerHeader::IdempotentReplayed],
        });
    }
}

impl<T: Resource> Answer for Upserted<T> {
    fn respond(self) -> Result<Response, Error> {
        self.0.respond()
    }

    fn describe(spec: &mut Spec) {
        Changed::<T>::describe(spec);
        Created::<T>::describe(spec);
    }
}

impl<const STATUS: u16, T: Resource> Recorded<STATUS, T> {
    const HAS_LOCATION: bool = STATUS == 201 || STATUS == 202;
}

impl<const STATUS: u16, T: Resource> Answer for Recorded<STATUS, T> {
    fn respond(self) -> Result<Response, Error> {
        // The secret, if it tells one, is in its body.
        let StoredResponse { status, location, etag, content_type, body, secret: _ } = self.stored;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        for (name, value) in [(header::LOCATION, location), (header::ETAG, etag), (header::CONTENT_TYPE, content_type)]
        {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    fn describe(spec: &mut Spec) {
        let mut headers = vec![AnswerHeader::IdempotentReplayed];
        headers.extend(Self::HAS_LOCATION.then_some(AnswerHeader::Location));
        headers.extend(T::HAS_VERSION.then_some(AnswerHeader::Etag));
        let about = match STATUS {
            201 => "It is made; this is how it is.",
            202 => "It is under way; its `Location` says how far.",
            204 => "It is gone.",
            _ => "Done; this is how it is now.",
        };
        let schema = T::HAS_BODY.then_some(SchemaGenerator::subschema_for::<T> as _);
        spec.answers.push(Answered { status: STATUS, about, schema, headers });
    }
}

fn json(value: &impl Serialize) -> Result<Response, Error> {
    let body = serde_json::to_vec(value)
        .map_err(|error| Problem::new(problem::INTERNAL, format!("the answer cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
