//! The API as an OpenAPI 3.1 document, made from the table of operations and the types that read and write.

mod components;
mod examples;
mod paths;
mod webhooks;

use std::sync::LazyLock;

use schemars::SchemaGenerator;
use serde_json::{Value, json};
use sk_tickets_core::platform::schema::settings;

use crate::api::NOUNS;

/// Where schemas are in the document.
const SCHEMAS: &str = "/components/schemas";

/// The API as an OpenAPI 3.1 document.
///
/// It is made from the table by which requests are routed and from the types that read them, so it says what is done.
#[must_use]
pub fn openapi() -> Value {
    document().clone()
}

/// The same, made once.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    &DOCUMENT
}

fn make() -> Value {
    let settings = settings().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let (paths, refusals) = paths::paths(&mut generator);
    let webhooks = webhooks::webhooks(&mut generator);
    let headers = components::headers(&mut generator);
    let mut schemas = generator.take_definitions(true);
    examples::add(&mut schemas);
    let nouns = NOUNS.iter().map(|(name, _, about)| json!({"name": name, "description": about}));
    let tags: Vec<_> = nouns.chain([json!({"name": OPEN_TAG, "description": OPEN_ABOUT})]).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SK Tickets",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Tickets with idempotent writes, guarded transitions and signed webhooks.",
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document comes from."}],
        "tags": tags,
        "security": [{components::SECURITY: []}],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": components::security_schemes(),
            "headers": headers,
            "responses": refusals,
            "examples": components::problem_examples(),
            "schemas": schemas,
        },
    })
}

/// What a value is or, if it is a reference, refers to.
pub(crate) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// The tag of what asks for no key.
pub(crate) const OPEN_TAG: &str = "service";
pub(crate) const OPEN_ABOUT: &str =
    "How the process fares, its documents, and what people see of forms. Asks for no key.";

const ABOUT: &str = "\
**Idempotency.** Every mutation has an `Idempotency-Key`. The same key with the same body is done once and answered the \
same for ever (unless the server is told to keep answers for less), with `Idempotent-Replayed: true`; with another body it is refused.

**Lists.** `limit` rows at a time, and `next_cursor` to go on from. A row that matches for the whole traversal is given \
exactly once.

**Conditions.** A ticket has a version, told in `ETag`. `If-Match` guards a change, `If-None-Match` saves an answer that \
is no news.

**Rates.** Each key has its own, told in `RateLimit-Policy` and `RateLimit`, if the server has one. What is over is \
answered 429 with `Retry-After`.

**Agents** have a door of their own, `POST /tickets/v1/mcp`, where the server has it: the Model Context Protocol, with the same \
keys. It describes itself (`tools/list`), so it is not in this document.

Every answer has a `Request-Id`, which names the request in the log.

**Problems** are `application/problem+json` (RFC 9457) with a stable `code`. Each has a page at \
`/tickets/v1/docs/errors/{code}`.";
