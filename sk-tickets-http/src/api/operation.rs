//! What an operation is: a line of the table. The types named in it read the request and write the answer, and describe
//! both, so that what is done and what is documented are the same.

use std::{future::Future, pin::Pin};

use axum::response::Response;
use http::Method;
use schemars::{Schema, SchemaGenerator, json_schema};
use sk_tickets_core::{
    Error, Scope,
    platform::{
        idempotency::KEY_MAX,
        problem::{self, ProblemKind},
    },
};

use super::{arguments::Asked, call::Call};
use crate::platform::query::{Declared, SchemaOf};

/// One operation: how it is asked for, what a key must be allowed, what it takes and answers, who answers.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Its stable name, which generated clients call it by.
    pub(crate) id: &'static str,
    pub(crate) scope: Scope,
    /// The module of its handler: the noun that it is about.
    pub(crate) noun: &'static str,
    pub(super) text: &'static str,
    pub(super) refuses: &'static [ProblemKind],
    pub(super) describe: fn(&mut Spec),
    pub(crate) handler: Handler,
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;
pub(crate) type Handler = fn(Call, Asked) -> Answering;

/// A part of a request that a handler is given: reads it, and describes it.
pub(crate) trait Argument: Sized {
    fn take(name: &str, asked: &mut Asked) -> Result<Self, Error>;
    fn describe(name: &'static str, spec: &mut Spec);
}

/// What a handler answers with when nothing speaks against it: writes it, and describes it.
pub(crate) trait Answer {
    fn respond(self) -> Result<Response, Error>;
    fn describe(spec: &mut Spec);
}

/// What an operation takes, answers and refuses, told by the types in its line.
#[derive(Debug, Default)]
pub(crate) struct Spec {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<RequestBody>,
    pub(crate) answers: Vec<Answered>,
    pub(crate) problems: Vec<ProblemKind>,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) place: Place,
    pub(crate) declared: Declared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header { required: bool },
}

#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) schema: SchemaOf,
    pub(crate) required: bool,
}

/// An answer other than a problem.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) schema: Option<SchemaOf>,
    /// Beside those that every answer has.
    pub(crate) headers: Vec<AnswerHeader>,
}

/// The headers of answers that say more than how a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnswerHeader {
    RequestId,
    Etag,
    IdempotentReplayed,
    Location,
    RateLimit,
    RateLimitPolicy,
    RetryAfter,
    WwwAuthenticate,
}

impl Spec {
    /// Notes a parameter that is given once.
    pub(crate) fn parameter(&mut self, place: Place, name: &'static str, about: &'static str, schema: SchemaOf) {
        let declared = Declared { name, about, repeatable: false, schema };
        self.parameters.push(Parameter { place, declared });
    }

    /// Notes what may be refused, each kind once.
    pub(crate) fn may_refuse(&mut self, problems: &[ProblemKind]) {
        for problem in problems {
            if !self.problems.contains(problem) {
                self.problems.push(*problem);
            }
        }
    }
}

/// What the router may find before the handler is asked, whatever the operation.
const ALWAYS: [ProblemKind; 6] = [
    problem::UNAUTHORIZED,
    problem::RATE_LIMITED,
    problem::INSUFFICIENT_SCOPE,
    problem::INVALID_PARAMETER,
    problem::INTERNAL,
    problem::UNAVAILABLE,
];

/// What else may be found about a mutation.
const OF_MUTATIONS: [ProblemKind; 7] = [
    problem::PAYLOAD_TOO_LARGE,
    problem::UNSUPPORTED_MEDIA_TYPE,
    problem::IDEMPOTENCY_KEY_REQUIRED,
    problem::IDEMPOTENCY_KEY_INVALID,
    problem::IDEMPOTENCY_KEY_REUSED,
    problem::IDEMPOTENCY_KEY_EXPIRED,
    problem::CONTENTION,
];

impl Operation {
    pub(crate) fn is_mutation(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }

    /// The first line of its text.
    pub(crate) fn summary(&self) -> &'static str {
        self.text.split_once("\n\n").map_or(self.text, |(summary, _)| summary).trim()
    }

    /// The rest of its text; empty if there is no more.
    pub(crate) fn description(&self) -> String {
        let rest = self.text.split_once("\n\n").map_or("", |(_, rest)| rest);
        rest.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// The names in the braces of its path.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    pub(crate) fn spec(&self) -> Spec {
        let mut spec = Spec::default();
        spec.may_refuse(&ALWAYS);
        if self.is_mutation() {
            spec.may_refuse(&OF_MUTATIONS);
            spec.parameter(
                Place::Header { required: true },
                "Idempotency-Key",
                "Names this request: sent again with the same key and body, it is done once and answered the same.",
                idempotency_key,
            );
        }
        (self.describe)(&mut spec);
        spec.may_refuse(self.refuses);
        spec.problems.sort_by_key(|problem| (problem.status, problem.code));
        spec
    }
}

/// A bare key. A structured-field string of it is the same key, and what begins with a quotation mark is read as one.
fn idempotency_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_MAX,
        "pattern": "^[!#-~][!-~]*$",
        "examples": ["order-4711"],
    })
}
