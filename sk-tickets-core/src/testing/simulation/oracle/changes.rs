use std::collections::BTreeMap;

use crate::{
    model::{endpoint::Endpoint, id::TicketId, ticket::Ticket},
    platform::{id::EndpointId, realm::Realm},
    store::{Commit, CommitOutcome, Effect, EndpointChange},
};

/// Within what a store did something: from before it was asked until after it answered.
#[derive(Debug, Clone, Copy)]
pub(in crate::testing::simulation) struct Window {
    pub(in crate::testing::simulation) from: u64,
    pub(in crate::testing::simulation) to: u64,
}

/// What is known of an endpoint.
#[derive(Debug, Clone)]
pub(in crate::testing::simulation) struct EndpointFacts {
    pub(in crate::testing::simulation) endpoint: Endpoint,
    pub(in crate::testing::simulation) made: Window,
    pub(in crate::testing::simulation) deleted: Option<Window>,
}

/// What was stored, and when: seen where the store is asked.
#[derive(Debug, Default)]
pub(in crate::testing::simulation) struct Changes {
    /// Each version of each ticket.
    pub(in crate::testing::simulation) versions: BTreeMap<(Realm, TicketId, u64), Window>,
    pub(in crate::testing::simulation) endpoints: BTreeMap<(Realm, EndpointId), EndpointFacts>,
}

impl Changes {
    pub(in crate::testing::simulation) fn stored(&mut self, commit: &Commit, outcome: &CommitOutcome, window: Window) {
        let realm = commit.realm();
        match (outcome, commit.effect()) {
            (CommitOutcome::Applied, Effect::Ticket(change)) => {
                self.versions.insert((realm.clone(), change.ticket.id, change.ticket.version.0), window);
            }
            (CommitOutcome::Applied, Effect::Redact(redaction)) => {
                let ticket = &redaction.change.ticket;
                self.versions.insert((realm.clone(), ticket.id, ticket.version.0), window);
            }
            (CommitOutcome::Applied, Effect::Endpoint(change)) => match &**change {
                EndpointChange::Create(endpoint) => {
                    let facts = EndpointFacts { endpoint: endpoint.clone(), made: window, deleted: None };
                    self.endpoints.insert((realm.clone(), endpoint.id), facts);
                }
                EndpointChange::Delete(id) => {
                    if let Some(facts) = self.endpoints.get_mut(&(realm.clone(), *id)) {
                        facts.deleted = Some(window);
                    }
                }
                EndpointChange::Update { .. } | EndpointChange::Ping(..) => {}
            },
            (CommitOutcome::Claimed(response), _) => {
                if let Ok(ticket) = serde_json::from_slice::<Ticket>(&response.body) {
                    self.versions.insert((realm.clone(), ticket.id, ticket.version.0), window);
                }
            }
            _ => {}
        }
    }
}
