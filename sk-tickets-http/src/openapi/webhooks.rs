//! What is sent to webhook endpoints.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use sk_tickets_core::{
    event_schemas,
    platform::webhook::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP},
};

pub(super) fn webhooks(generator: &mut SchemaGenerator) -> Value {
    let header = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": about, "schema": schema});
    let headers = [
        header(
            HEADER_ID,
            "The id of the event, the same on every attempt and every replay. Note it: webhooks come at least once.",
            json!({"type": "string"}),
        ),
        header(
            HEADER_TIMESTAMP,
            "When this attempt was signed, in seconds since the epoch.",
            json!({"type": "string", "pattern": "^[0-9]+$"}),
        ),
        header(
            HEADER_SIGNATURE,
            "By Standard Webhooks: `v1,` and the base 64 of HMAC-SHA256 over `id.timestamp.body`; several during a \
             rotation, separated by a space. Verify the raw body.",
            json!({"type": "string"}),
        ),
    ];
    event_schemas(generator)
        .into_iter()
        .map(|(event_type, schema)| {
            let name = event_type.as_str();
            let webhook = json!({
                "post": {
                    "operationId": format!("on_{}", name.replace('.', "_")),
                    "tags": ["webhook_endpoints"],
                    "summary": format!("An event of type `{name}`"),
                    "security": [],
                    "parameters": headers,
                    "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
                    "responses": {
                        "2XX": {"description": "You have it."},
                        "410": {"description": "You want no more: the endpoint is disabled."},
                        "default": {"description": "You do not have it: it is tried again by the schedule."},
                    },
                },
            });
            (name.to_owned(), webhook)
        })
        .collect::<Map<_, _>>()
        .into()
}
