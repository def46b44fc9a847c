//! Who does something.

use serde::{Deserialize, Serialize};

use super::id::{ActorId, AgentId, ContactId, UserId};
use crate::platform::id::ApiKeyId;

/// Who did something: `{"type":"user","id":"usr_…"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Wire", into = "Wire")]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Actor {
    /// A person who works on tickets.
    User(UserId),
    /// An AI agent; one that acts through an API key without a name of its own is known by the key.
    Agent(AgentRef),
    /// The customer.
    Contact(ContactId),
    /// Whoever holds the key.
    ApiKey(ApiKeyId),
    /// The system itself: sweepers, routing, an embedding app that names nobody.
    System,
}

/// What an agent is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum AgentRef {
    /// Its own id.
    Agent(AgentId),
    /// The API key it uses.
    Key(ApiKeyId),
}

impl From<ActorId> for Actor {
    fn from(id: ActorId) -> Self {
        match id {
            ActorId::User(id) => Self::User(id),
            ActorId::Agent(id) => Self::Agent(AgentRef::Agent(id)),
            ActorId::Contact(id) => Self::Contact(id),
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire {
    User { id: UserId },
    Agent { id: AgentRef },
    Contact { id: ContactId },
    ApiKey { id: ApiKeyId },
    System { id: Option<()> },
}

impl From<Wire> for Actor {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::User { id } => Self::User(id),
            Wire::Agent { id } => Self::Agent(id),
            Wire::Contact { id } => Self::Contact(id),
            Wire::ApiKey { id } => Self::ApiKey(id),
            Wire::System { id: _ } => Self::System,
        }
    }
}

impl From<Actor> for Wire {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => Self::User { id },
            Actor::Agent(id) => Self::Agent { id },
            Actor::Contact(id) => Self::Contact { id },
            Actor::ApiKey(id) => Self::ApiKey { id },
            Actor::System => Self::System { id: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_on_the_wire() {
        let key = ApiKeyId::from_bytes([0; 16]);
        let check = |actor: Actor, json: &str| {
            assert_eq!(serde_json::to_string(&actor).unwrap(), json);
            assert_eq!(serde_json::from_str::<Actor>(json).unwrap(), actor);
        };
        check(Actor::System, r#"{"type":"system","id":null}"#);
        check(Actor::ApiKey(key), r#"{"type":"api_key","id":"key_00000000000000000000000000"}"#);
        check(Actor::Agent(AgentRef::Key(key)), r#"{"type":"agent","id":"key_00000000000000000000000000"}"#);
    }
}
