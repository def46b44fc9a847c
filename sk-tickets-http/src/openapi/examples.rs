//! Examples of what is answered: one of each object, kept in a file. Those of requests are with their types.

use serde_json::{Map, Value, json};

/// Adds to each schema its example, and to that of a list one of a page with it.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    // A file of ours, which a test holds against the schemas.
    let examples: Map<String, Value> = serde_json::from_str(include_str!("examples.json")).unwrap_or_default();
    let event = examples.get("TicketCreatedEvent").map(|event| ("Event".to_owned(), event.clone()));
    let examples: Vec<_> = examples.into_iter().chain(event).collect();
    for (name, example) in examples {
        let page = json!({"object": "list", "data": [example], "has_more": false, "next_cursor": null});
        for (name, example) in [(format!("{name}List"), page), (name, example)] {
            if let Some(schema) = schemas.get_mut(&name) {
                schema["examples"] = json!([example]);
            }
        }
    }
}
