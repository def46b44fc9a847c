use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use sk_tickets_core::{Actor, AgentRef, ApiKey, Desk, RequestId, Scope, Tickets};

/// Names a session in every request of it but the first.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Who calls, who has passed the gate.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(super) tickets: Tickets,
    pub(super) key: Arc<ApiKey>,
    /// What the calls of one conversation have in common; empty where the protocol knows no sessions.
    pub(super) session: String,
    pub(super) request_id: RequestId,
}

impl Caller {
    /// Who sent an HTTP request with these headers. Nothing is kept of a session: it is a name that a key's own calls are
    /// told apart by, so it need not be true.
    pub(crate) fn of_request(tickets: Tickets, key: Arc<ApiKey>, headers: &HeaderMap, request_id: RequestId) -> Self {
        let session = headers.get(SESSION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self { tickets, key, session: session.unwrap_or_default(), request_id }
    }

    /// The desk that answers. What no request says who does is done by the key, as an agent.
    pub(super) fn desk(&self) -> Desk {
        let actor = Actor::Agent(AgentRef::Key(self.key.id));
        self.tickets.desk(self.key.realm.clone()).acting_as(actor).for_request(self.request_id)
    }

    pub(super) fn may(&self, scope: Scope) -> bool {
        self.key.allows(scope)
    }
}
