//! What operations refer to: the security scheme, headers, examples of problems.

use schemars::{SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use sk_tickets_core::{RequestId, Scope};

use crate::{api::AnswerHeader, docs};

/// The name of the security scheme.
pub(super) const SECURITY: &str = "apiKey";

pub(super) fn security_schemes() -> Value {
    let scopes: Vec<_> = Scope::ALL.iter().map(|scope| format!("`{scope}`")).collect();
    json!({
        SECURITY: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sk_test_tk_… or sk_live_tk_…",
            "description": format!(
                "An API key. Its scopes say what it may do: {}. `tickets:write` contains `tickets:triage`, both contain \
                 `tickets:read`, and `admin` contains all.",
                scopes.join(", ")
            ),
        },
    })
}

impl AnswerHeader {
    const ALL: [Self; 8] = [
        Self::RequestId,
        Self::Etag,
        Self::IdempotentReplayed,
        Self::Location,
        Self::RateLimit,
        Self::RateLimitPolicy,
        Self::RetryAfter,
        Self::WwwAuthenticate,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::RequestId => "Request-Id",
            Self::Etag => "ETag",
            Self::IdempotentReplayed => "Idempotent-Replayed",
            Self::Location => "Location",
            Self::RateLimit => "RateLimit",
            Self::RateLimitPolicy => "RateLimit-Policy",
            Self::RetryAfter => "Retry-After",
            Self::WwwAuthenticate => "WWW-Authenticate",
        }
    }

    fn describe(self, generator: &mut SchemaGenerator) -> Value {
        let (always, about, schema) = match self {
            Self::RequestId => (true, "Names the request.", generator.subschema_for::<RequestId>()),
            Self::Etag => (true, "The version, for `If-Match` and `If-None-Match`.", entity_tag()),
            Self::IdempotentReplayed => {
                let about = "The answer is a repetition: the key was used before, with the same request.";
                (false, about, json_schema!({"type": "string", "const": "true"}))
            }
            Self::Location => {
                (true, "Where it can be read.", json_schema!({"type": "string", "format": "uri-reference"}))
            }
            Self::RateLimit => {
                (false, "How the key stands: what it may still ask for, and when it has rested.", rate("r=199;t=1"))
            }
            Self::RateLimitPolicy => {
                (false, "How many requests the key may make in how many seconds.", rate("q=200;w=2"))
            }
            Self::RetryAfter => {
                (true, "After how many seconds to try again.", json_schema!({"type": "integer", "minimum": 1}))
            }
            Self::WwwAuthenticate => (true, "How to identify.", json_schema!({"type": "string", "const": "Bearer"})),
        };
        json!({"description": about, "required": always, "schema": schema})
    }
}

fn entity_tag() -> schemars::Schema {
    json_schema!({"type": "string", "pattern": "^(W/)?\"[!#-~]+\"$", "examples": ["\"3\""]})
}

fn rate(example: &str) -> schemars::Schema {
    json_schema!({"type": "string", "examples": [format!("\"default\";{example}")]})
}

/// All headers, by the name that [`referred`] refers to.
pub(super) fn headers(generator: &mut SchemaGenerator) -> Value {
    AnswerHeader::ALL
        .iter()
        .map(|header| (header.name().to_owned(), header.describe(generator)))
        .collect::<Map<_, _>>()
        .into()
}

/// References to headers.
pub(super) fn referred(headers: impl IntoIterator<Item = AnswerHeader>) -> Value {
    headers
        .into_iter()
        .map(|header| (header.name().to_owned(), json!({"$ref": format!("#/components/headers/{}", header.name())})))
        .collect::<Map<_, _>>()
        .into()
}

/// An example of each problem, from its page.
pub(super) fn problem_examples() -> Value {
    docs::PAGES
        .iter()
        .map(|page| {
            (page.code.to_owned(), json!({"summary": page.kind().map(|kind| kind.title), "value": page.example()}))
        })
        .collect::<Map<_, _>>()
        .into()
}
