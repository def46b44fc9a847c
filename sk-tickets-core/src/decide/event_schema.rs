//! The schema of events, made from what they are told with.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::event_detail::schemas;
use crate::{
    model::{
        event::{Event, EventType},
        id::TicketId,
        ticket::{Ticket, Version},
    },
    platform::{id::EventId, realm::Environment, schema::described, time::Timestamp},
};

/// What an event of one type says beside the ticket.
pub(super) trait Told: JsonSchema {
    /// The type.
    const TYPE: EventType;
}

/// The whole of an event that says a `D`.
pub(super) struct EventOf<D>(PhantomData<D>);

impl<D: Told> JsonSchema for EventOf<D> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Event", D::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut data = D::json_schema(generator);
        let description = data.remove("description");
        let (ticket_id, ticket_version) = if D::TYPE == EventType::Ping {
            (json_schema!({ "type": "null" }), json_schema!({ "type": "null" }))
        } else {
            add_ticket(&mut data, generator);
            (generator.subschema_for::<TicketId>(), generator.subschema_for::<Version>())
        };
        json_schema!({
            "description": description,
            "type": "object",
            "properties": {
                "id": described(generator.subschema_for::<EventId>(), "Its id; also the `webhook-id`."),
                "object": { "type": "string", "const": "event" },
                "type": { "description": "What happened.", "type": "string", "const": D::TYPE },
                "timestamp": described(generator.subschema_for::<Timestamp>(), "When."),
                "environment": described(generator.subschema_for::<Environment>(), "Test or live."),
                "ticket_id": described(ticket_id, "To which ticket."),
                "ticket_version": described(ticket_version, "The version of the ticket that this made."),
                "data": data,
            },
            "required": ["id", "object", "type", "timestamp", "environment", "ticket_id", "ticket_version", "data"],
        })
    }
}

fn add_ticket(data: &mut Schema, generator: &mut SchemaGenerator) {
    let ticket = described(generator.subschema_for::<Ticket>(), "The ticket as it was after this.");
    if let Some(properties) = data.get_mut("properties").and_then(|properties| properties.as_object_mut()) {
        properties.insert("ticket".to_owned(), ticket.into());
    }
    if let Some(required) = data.get_mut("required").and_then(|required| required.as_array_mut()) {
        required.push("ticket".into());
    }
}

impl JsonSchema for Event {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let schemas: Vec<_> = schemas(generator).into_iter().map(|(_, schema)| schema).collect();
        json_schema!({ "description": "What happened, frozen as it was at that moment.", "oneOf": schemas })
    }
}

/// A reference to the schema of each type of event that is told, with its payload: what a document lists as webhooks.
///
/// ```
/// use sk_tickets_core::{CreateTicket, event_schemas, limits::SUBJECT_MAX, platform::schema::settings};
///
/// let mut generator = settings().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
/// let request = generator.subschema_for::<CreateTicket>();
/// assert_eq!(request.as_value()["$ref"], "#/components/schemas/CreateTicket");
/// let webhooks = event_schemas(&mut generator);
/// assert_eq!(webhooks[0].1.as_value()["$ref"], "#/components/schemas/TicketCreatedEvent");
///
/// let schemas = generator.take_definitions(true);
/// assert_eq!(schemas["CreateTicket"]["properties"]["subject"]["maxLength"], SUBJECT_MAX);
/// ```
#[must_use]
pub fn event_schemas(generator: &mut SchemaGenerator) -> Vec<(EventType, Schema)> {
    schemas(generator)
}
