//! Errors as clients see them: [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details with a stable code.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{id::RequestId, input::Fault};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A kind of problem: its stable code, HTTP status and title. Each has a page in `docs/errors/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "declared as constants, here and by products")]
pub struct ProblemKind {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The same for every problem of the kind.
    pub title: &'static str,
}

/// Declares kinds of problems as constants, and the list of all of them.
#[macro_export]
macro_rules! problem_kinds {
    ($registry:ident: $($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: $crate::platform::problem::ProblemKind =
                $crate::platform::problem::ProblemKind { code: $code, status: $status, title: $title };
        )*
        /// Every kind declared here.
        pub const $registry: &[$crate::platform::problem::ProblemKind] = &[$($name),*];
    };
}

problem_kinds! { PLATFORM_PROBLEMS:
    /// The body is not JSON.
    MALFORMED_JSON = 400 "malformed_json" "The body is not well-formed JSON";
    /// A header, query parameter or id in the path is not lawful.
    INVALID_PARAMETER = 400 "invalid_parameter" "A parameter is not valid";
    /// A cursor that this server did not make for this list.
    INVALID_CURSOR = 400 "invalid_cursor" "The cursor is not valid";
    /// A cursor of the same list under other filters.
    CURSOR_FILTER_MISMATCH = 400 "cursor_filter_mismatch" "The cursor belongs to other filters";
    /// A mutation without an idempotency key.
    IDEMPOTENCY_KEY_REQUIRED = 400 "idempotency_key_required" "An Idempotency-Key is required";
    /// An idempotency key that is too long or has other characters than visible ASCII.
    IDEMPOTENCY_KEY_INVALID = 400 "idempotency_key_invalid" "The Idempotency-Key is not valid";
    /// No key, or one that opens nothing.
    UNAUTHORIZED = 401 "unauthorized" "A valid API key is required";
    /// The key lacks the scope.
    INSUFFICIENT_SCOPE = 403 "insufficient_scope" "The API key lacks a scope";
    /// There is no such thing for this caller.
    NOT_FOUND = 404 "not_found" "No such resource";
    /// The path is there, the method is not.
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The method is not allowed here";
    /// The key was used with another request before.
    IDEMPOTENCY_KEY_REUSED = 409 "idempotency_key_reused" "The Idempotency-Key was used with another request";
    /// The key was used, and its answer is no longer kept.
    IDEMPOTENCY_KEY_EXPIRED = 409 "idempotency_key_expired" "The Idempotency-Key was used, and its answer is no longer kept";
    /// What comes next after a cursor of the feed is no longer kept.
    CURSOR_EXPIRED = 410 "cursor_expired" "What comes after the cursor is no longer kept";
    /// `If-Match` names another version than the current one.
    PRECONDITION_FAILED = 412 "precondition_failed" "The resource has another version";
    /// The body is larger than allowed.
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The body is too large";
    /// The body is not declared as JSON.
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The media type is not supported";
    /// One or more fields are not lawful.
    VALIDATION_FAILED = 422 "validation_failed" "The request is not valid";
    /// More requests than the key may make.
    RATE_LIMITED = 429 "rate_limited" "Too many requests";
    /// A fault on our side.
    INTERNAL = 500 "internal" "Something went wrong on our side";
    /// Too many others changed the resource at the same time.
    CONTENTION = 503 "contention" "Too many changes at the same time";
    /// The server or its store is saturated, or the store cannot be reached.
    UNAVAILABLE = 503 "unavailable" "The service is busy";
}

/// One problem, as it is told to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Details {
    /// The same for every problem with this code.
    title: Cow<'static, str>,
    /// The HTTP status.
    status: u16,
    /// What there is to say about this case.
    detail: Cow<'static, str>,
    /// What a program goes by. Stable; there may be new ones.
    code: Cow<'static, str>,
    /// Everything wrong with the request; only with `validation_failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(flatten)]
    extensions: Map<String, Value>,
}

/// A problem on its way to a client.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Body<'a> {
    /// The page about this code.
    r#type: String,
    /// The request, for those who look into it.
    request_id: RequestId,
    #[serde(flatten)]
    details: &'a Details,
}

/// The members that a problem gets on its way to a client.
const ADDED_MEMBERS: [&str; 2] = ["type", "request_id"];

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Body::json_schema(generator);
        schema.insert(
            "description".to_owned(),
            "What went wrong ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Some codes have members of their own."
                .into(),
        );
        schema
    }
}

impl Problem {
    /// A problem of a kind, with what there is to say about this case of it.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            title: Cow::Borrowed(kind.title),
            status: kind.status,
            detail: detail.into(),
            code: Cow::Borrowed(kind.code),
            errors: Vec::new(),
            extensions: Map::new(),
        }))
    }

    /// [`VALIDATION_FAILED`] with every fault found.
    #[must_use]
    pub fn validation(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{} {}", if one.pointer.is_empty() { "the body" } else { &one.pointer }, one.message),
            many => format!("{} fields are not valid", many.len()),
        };
        let mut problem = Self::new(VALIDATION_FAILED, detail);
        problem.0.errors = errors;
        problem
    }

    /// With a member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What there is to say about this case.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The faults of a request that failed validation.
    #[must_use]
    pub fn errors(&self) -> &[Fault] {
        &self.0.errors
    }

    /// A member beside the standard ones, such as `allowed`.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.0.extensions.get(name)
    }

    /// The problem as JSON. `docs` is the URL under which each code has its page.
    #[must_use]
    pub fn to_json(&self, docs: &str, request_id: RequestId) -> Vec<u8> {
        let body = Body { r#type: format!("{docs}{}", self.0.code), request_id, details: &self.0 };
        // Strings, numbers and lists only: nothing here can fail to be written.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// Reads a problem that [`Problem::to_json`] wrote; none if it is something else.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        let mut details: Details = serde_json::from_slice(body).ok()?;
        details.extensions.retain(|name, _| !ADDED_MEMBERS.contains(&name.as_str()));
        Some(Self(Box::new(details)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_back_as_it_was_written() {
        let problem = Problem::validation(vec![Fault {
            pointer: "/subject".into(),
            code: "required".into(),
            message: "is required".into(),
        }])
        .with("allowed", vec!["open"]);
        let json = problem.to_json("https://example.com/errors/", RequestId::from_bytes([0; 16]));
        assert_eq!(Problem::from_json(&json).unwrap(), problem);
        let text = String::from_utf8(json).unwrap();
        assert!(text.contains(r#""type":"https://example.com/errors/validation_failed""#), "{text}");
        assert!(text.contains(r#""detail":"/subject is required""#), "{text}");
    }
}
