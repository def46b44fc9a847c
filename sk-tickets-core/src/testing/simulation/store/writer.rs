use async_trait::async_trait;

use super::{FaultyStore, reader::short};
use crate::{
    store::{Commit, CommitOutcome, Effect, EndpointChange, NotificationChange, RealmWriter, Result, TicketChange},
    testing::simulation::{
        oracle::{Lapse, Window},
        property::Property,
    },
};

#[async_trait]
impl RealmWriter for FaultyStore {
    async fn commit(&self, commit: Commit) -> Result<CommitOutcome> {
        let key = commit.claim().map(|(claim, _)| claim.key.as_str().to_owned()).unwrap_or_default();
        let what = format!("commit {} {key} {}", short(commit.realm()), about(commit.effect()));
        let seen = commit.clone();
        self.call(&what, self.inner.commit(commit), |outcome, window| {
            self.stored(&seen, outcome, window);
            match outcome {
                CommitOutcome::Claimed(response) => format!("Claimed {}", response.status),
                CommitOutcome::Replayed(response) => format!("Replayed {}", response.status),
                other @ (CommitOutcome::Applied | CommitOutcome::KeyReused | CommitOutcome::Stale) => {
                    format!("{other:?}")
                }
            }
        })
        .await
    }
}

impl FaultyStore {
    /// Tells those who watch.
    fn stored(&self, commit: &Commit, outcome: &CommitOutcome, window: Window) {
        let mut oracle = self.world.oracle();
        oracle.changes.stored(commit, outcome, window);
        if *outcome != CommitOutcome::Applied {
            return;
        }
        let realm = commit.realm();
        let mut settled = None;
        match commit.effect() {
            Effect::Ticket(change) => {
                if let TicketChange { notification: Some(NotificationChange::Settle(settlement)), .. } = &**change {
                    let lease = (realm, settlement.id.to_string(), settlement.token);
                    settled = Some(oracle.notifications.settled(lease, window));
                }
            }
            Effect::Redact(_) | Effect::Notification(_) => {
                oracle.deliveries.void(realm);
                oracle.notifications.void(realm);
            }
            Effect::Endpoint(change) => match **change {
                EndpointChange::Update { .. } | EndpointChange::Delete(_) => oracle.deliveries.void(realm),
                EndpointChange::Create(_) | EndpointChange::Ping(..) => {}
            },
            Effect::Delivery(_) => oracle.deliveries.void(realm),
            _ => {}
        }
        drop(oracle);
        if let Some(settled) = settled {
            self.check_lease(&settled);
        }
    }

    /// Notes whether a lease held that something was settled with.
    pub(super) fn check_lease(&self, held: &std::result::Result<(), Lapse>) {
        let detail = held.as_ref().err().map(|Lapse(why)| why.clone()).unwrap_or_default();
        self.world.check(Property::LostLeaseSettlesNothing, held.is_ok(), || detail);
    }
}

/// What a commit changes, as the trace names it.
fn about(effect: &Effect) -> String {
    let ticket = |change: &TicketChange| {
        let events: Vec<_> = change.events.iter().map(|event| event.event_type.as_str()).collect();
        format!("{} v{} {events:?}", change.ticket.id, change.ticket.version.0)
    };
    match effect {
        Effect::None => "nothing".to_owned(),
        Effect::Unchanged(id, version) => format!("{id} v{} as it is", version.0),
        Effect::Ticket(change) => ticket(change),
        Effect::Redact(redaction) => format!("redacts {} of {}", redaction.entry.id, ticket(&redaction.change)),
        Effect::QueueClaim(claim) => format!("claims the head of {}", claim.queue()),
        Effect::Endpoint(change) => match &**change {
            EndpointChange::Create(endpoint) => format!("makes {}", endpoint.id),
            EndpointChange::Update { after, .. } => format!("{} is to be {:?}", after.id, after.status),
            EndpointChange::Delete(id) => format!("deletes {id}"),
            EndpointChange::Ping(..) => "pings".to_owned(),
        },
        Effect::Contact(_) => "a contact".to_owned(),
        Effect::Queue(_) => "a queue".to_owned(),
        Effect::Form(_) => "a form".to_owned(),
        Effect::Policy(_) => "a policy".to_owned(),
        Effect::Delivery(_) => "a dead letter".to_owned(),
        Effect::Notification(change) => format!("revives {}", change.id),
        Effect::Replay(job) => format!("replays by {}", job.id),
        Effect::Secret(_) => "a secret".to_owned(),
        Effect::Purge(purge) => format!("{:?} before {}", purge.what, purge.before),
    }
}
