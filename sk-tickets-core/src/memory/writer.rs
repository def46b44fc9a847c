use async_trait::async_trait;

use super::{ClaimRow, DeliveryRow, EndpointRow, JobRow, MemoryStore, NotificationRow, PolicyRow, RealmData, World};
use crate::{
    limits::ENDPOINTS_MAX,
    model::{
        contact::Contact,
        delivery::{DeadReason, Delivery, DeliveryStatus, delivery_id},
        endpoint::{Endpoint, EndpointStatus},
        event::{Event, FeedPosition},
        id::TicketId,
        redaction::REDACTED,
        replay_job::ReplayJob,
        sla::PolicyRevision,
        ticket::{Priority, Version},
    },
    platform::{id::EndpointId, idempotency::Recorded, seal::Sealed, time::Timestamp},
    store::{
        Commit, CommitOutcome, ContactChange, DeliveryAction, DeliveryChange, Effect, EndpointChange, Expectation,
        FormChange, PolicyChange, QueueChange, RealmWriter, RedactionChange, Result, SecretChange, TicketChange,
    },
};

#[async_trait]
impl RealmWriter for MemoryStore {
    async fn commit(&self, commit: Commit) -> Result<CommitOutcome> {
        let mut world = self.world();
        let taken = world.has_form_of(&commit);
        let data = world.realms.entry(commit.realm().clone()).or_default();
        if let Some((claim, _)) = commit.claim()
            && let Some(ClaimRow { recorded, .. }) = data.claims.get(&claim.key)
        {
            return Ok(if recorded.fingerprint == claim.fingerprint {
                CommitOutcome::Replayed(recorded.response.clone())
            } else {
                CommitOutcome::KeyReused
            });
        }
        let (commit, answer) = if let Effect::QueueClaim(claim) = commit.effect() {
            let (commit, answer) = claim.settle(&commit, &data.head(claim.queue()));
            (commit, Some(answer))
        } else {
            (commit, None)
        };
        let applied = match commit.effect() {
            Effect::None => true,
            Effect::Unchanged(ticket, version) => data.version(*ticket) == Some(*version),
            Effect::Ticket(change) => data.change_ticket(change),
            Effect::Redact(change) => data.redact(change),
            Effect::Contact(change) => data.change_contact(change),
            Effect::Queue(change) => data.change_queue(change),
            Effect::Form(change) => !taken && data.change_form(change),
            Effect::Policy(change) => data.change_policy(change),
            // It was settled above.
            Effect::QueueClaim(_) => false,
            Effect::Endpoint(change) => data.change_endpoint(change),
            Effect::Delivery(change) => data.change_delivery(change, commit.at()),
            Effect::Notification(change) => data.revive_notification(change, commit.at()),
            Effect::Replay(job) => data.add_job(job),
            Effect::Secret(change) => data.change_secret(change),
            Effect::Purge(purge) => data.purge(purge),
        };
        if !applied {
            return Ok(CommitOutcome::Stale);
        }
        if let Some((claim, response)) = commit.claim() {
            let recorded = Recorded { fingerprint: claim.fingerprint, response: response.clone() };
            data.claims.insert(claim.key.clone(), ClaimRow { recorded, shows: commit.shows(), at: commit.at() });
        }
        drop(world);
        self.work.notify_one();
        self.mail.notify_one();
        if commit.effect().may_be_due() {
            self.due.notify_one();
        }
        Ok(answer.map_or(CommitOutcome::Applied, CommitOutcome::Claimed))
    }
}

impl World {
    /// Whether there is, in whatever realm, a form with the id of the one that a commit adds.
    fn has_form_of(&self, commit: &Commit) -> bool {
        let Effect::Form(change) = commit.effect() else { return false };
        match &**change {
            FormChange::Create { form, others: _ } => {
                self.realms.values().any(|data| data.forms.contains_key(&form.id))
            }
            FormChange::Update { .. } => false,
        }
    }
}

/// The changes. Each first sees whether it can take place, and answers false if not, with nothing changed.
impl RealmData {
    fn change_ticket(&mut self, change: &TicketChange) -> bool {
        // Searched is what is there: see `TicketSearch`.
        let TicketChange { expect, ticket, timers, policy, contact, notification, entries, events, terms: _ } = change;
        let current = self.version(ticket.id);
        let as_expected = match expect {
            Expectation::Absent => current.is_none(),
            Expectation::Version(version) => current == Some(*version),
        };
        let in_force = |policy: &PolicyRevision| self.revision(policy.priority) == policy.revision;
        if !as_expected || !policy.as_ref().is_none_or(in_force) {
            return false;
        }
        if contact.as_ref().is_some_and(|contact| self.handle_is_taken(contact))
            || !notification.as_ref().is_none_or(|change| self.may_change_notification(change))
        {
            return false;
        }
        if let Some(change) = notification {
            self.change_notification(change);
        }
        self.contacts.extend(contact.iter().map(|contact| (contact.id, contact.clone())));
        self.tickets.insert(ticket.id, ticket.clone());
        self.timers.insert(ticket.id, *timers);
        self.threads.entry(ticket.id).or_default().extend(entries.iter().cloned());
        for event in events {
            let position = self.feed.last_key_value().map_or(self.purged.0, |(last, _)| last.0) + 1;
            self.feed.insert(FeedPosition(position), event.id);
            self.events.insert(event.id, event.clone());
            self.fan_out(event);
        }
        true
    }

    pub(super) fn version(&self, ticket: TicketId) -> Option<Version> {
        self.tickets.get(&ticket).map(|ticket| ticket.version)
    }

    fn redact(&mut self, redaction: &RedactionChange) -> bool {
        let RedactionChange { change, entry, events, answers, notifications, answers_seen } = redaction;
        let showing = self.claims.values().filter(|row| row.shows == Some(change.ticket.id));
        if showing.count() != *answers_seen || !self.change_ticket(change) {
            return false;
        }
        let thread = self.threads.get_mut(&change.ticket.id);
        for row in thread.into_iter().flatten().filter(|row| row.id == entry.id) {
            row.clone_from(entry);
        }
        for (id, payload) in events {
            if let Some(event) = self.events.get_mut(id) {
                event.payload.clone_from(payload);
            }
            for row in self.deliveries.values_mut().filter(|row| row.delivery.event_id == *id) {
                row.lease = None;
                for attempt in &mut row.delivery.attempts {
                    attempt.error = attempt.error.take().map(|_| REDACTED.to_owned());
                    attempt.response = attempt.response.take().map(|_| REDACTED.to_owned());
                }
            }
        }
        for (id, subject, text) in notifications {
            if let Some(NotificationRow { notification, .. }) = self.notifications.get_mut(id) {
                notification.subject.clone_from(subject);
                notification.text.clone_from(text);
                notification.last_error = notification.last_error.take().map(|_| REDACTED.to_owned());
            }
        }
        for (key, body) in answers {
            if let Some(row) = self.claims.get_mut(key) {
                row.recorded.response.body.clone_from(body);
            }
        }
        true
    }

    fn change_contact(&mut self, change: &ContactChange) -> bool {
        let after = match change {
            ContactChange::Create(contact) if self.contacts.contains_key(&contact.id) => return false,
            ContactChange::Update { before, after: _ } if self.contacts.get(&before.id) != Some(before) => {
                return false;
            }
            ContactChange::Create(contact) => contact,
            ContactChange::Update { before: _, after } => after,
        };
        if self.handle_is_taken(after) {
            return false;
        }
        self.contacts.insert(after.id, after.clone());
        true
    }

    /// Whether another contact has the address or, where neither has one, the phone number.
    fn handle_is_taken(&self, contact: &Contact) -> bool {
        let mut others = self.contacts.values().filter(|other| other.id != contact.id);
        others.any(|other| match (&contact.email, &other.email) {
            (Some(email), Some(taken)) => email == taken,
            (None, None) => contact.phone.is_some() && contact.phone == other.phone,
            (Some(_), None) | (None, Some(_)) => false,
        })
    }

    fn change_queue(&mut self, change: &QueueChange) -> bool {
        let after = match change {
            QueueChange::Create { queue, others: _ }
                if self.queues.values().any(|other| other.id == queue.id || other.key == queue.key) =>
            {
                return false;
            }
            QueueChange::Create { queue: _, others } if self.queues.len() != *others => return false,
            QueueChange::Update { before, after: _ } if self.queues.get(&before.key) != Some(before) => return false,
            QueueChange::Create { queue, others: _ } => queue,
            QueueChange::Update { before: _, after } => after,
        };
        let mut others = self.queues.values().filter(|other| other.key != after.key);
        if others.any(|other| other.topics.iter().any(|topic| after.topics.contains(topic))) {
            return false;
        }
        self.queues.insert(after.key.clone(), after.clone());
        true
    }

    fn change_form(&mut self, change: &FormChange) -> bool {
        let after = match change {
            FormChange::Create { form: _, others } if self.forms.len() != *others => return false,
            FormChange::Update { before, after: _ } if self.forms.get(&before.id) != Some(before) => return false,
            FormChange::Create { form, others: _ } => form,
            FormChange::Update { before: _, after } => after,
        };
        self.forms.insert(after.id, after.clone());
        true
    }

    /// The revision of the policy of a priority; 0 if there is none.
    fn revision(&self, priority: Priority) -> u64 {
        self.policies.get(&priority).map_or(0, |row| row.kept.revision)
    }

    fn change_policy(&mut self, change: &PolicyChange) -> bool {
        let priority = change.priority();
        match change {
            PolicyChange::Set { expect, after } => {
                if self.revision(priority) != *expect {
                    return false;
                }
                self.policies.insert(priority, PolicyRow { kept: after.clone(), work: Some(None) });
            }
            PolicyChange::Progress { policy, from, to } => {
                let Some(row) = self.policies.get_mut(&priority) else { return false };
                if row.kept.revision != policy.revision || row.work != Some(*from) {
                    return false;
                }
                row.work = to.map(Some);
            }
        }
        true
    }

    fn fan_out(&mut self, event: &Event) {
        let wanting = self.endpoints.values().filter(|row| !row.deleted && row.endpoint.wants(event.event_type));
        for row in wanting {
            let delivery = new_delivery(event, &row.endpoint);
            self.deliveries.insert(delivery.id, DeliveryRow { delivery, failures: 0, token: 0, lease: None });
        }
    }

    fn change_endpoint(&mut self, change: &EndpointChange) -> bool {
        match change {
            EndpointChange::Create(endpoint) => {
                if self.endpoint_count() >= ENDPOINTS_MAX || self.endpoints.contains_key(&endpoint.id) {
                    return false;
                }
                let row = EndpointRow { endpoint: endpoint.clone(), deleted: false };
                self.endpoints.insert(endpoint.id, row);
            }
            EndpointChange::Update { before, after } => {
                let Some(row) = self.endpoints.get_mut(&before.id).filter(|row| !row.deleted) else { return false };
                let failing_since = row.endpoint.failing_since;
                if (Endpoint { failing_since, ..before.clone() }) != row.endpoint {
                    return false;
                }
                let enabled = before.status == EndpointStatus::Disabled && after.status == EndpointStatus::Enabled;
                let failing_since = if enabled { None } else { failing_since };
                row.endpoint = Endpoint { failing_since, ..after.clone() };
                if before.url != after.url {
                    let rows = self.deliveries.values_mut();
                    rows.filter(|row| row.delivery.endpoint_id == after.id).for_each(|row| row.lease = None);
                }
                if after.status == EndpointStatus::Disabled {
                    self.bury_pending(after.id, DeadReason::EndpointDisabled);
                }
            }
            EndpointChange::Delete(id) => {
                let Some(row) = self.endpoints.get_mut(id).filter(|row| !row.deleted) else { return false };
                row.deleted = true;
                row.endpoint.secret = Sealed::default();
                row.endpoint.old_secrets.clear();
                self.bury_pending(*id, DeadReason::EndpointDeleted);
                let letters = self.deliveries.values_mut().map(|row| &mut row.delivery);
                for letter in letters.filter(|delivery| delivery.endpoint_id == *id && delivery.is_dead_letter()) {
                    letter.reason = Some(DeadReason::EndpointDeleted);
                }
            }
            EndpointChange::Ping(id, event) => {
                let Some(endpoint) = self.endpoint(*id).cloned() else { return false };
                self.events.insert(event.id, event.clone());
                let delivery = new_delivery(event, &endpoint);
                self.deliveries.insert(delivery.id, DeliveryRow { delivery, failures: 0, token: 0, lease: None });
            }
        }
        true
    }

    /// Makes the pending deliveries of an endpoint dead.
    pub(super) fn bury_pending(&mut self, endpoint: EndpointId, reason: DeadReason) {
        let rows = self.deliveries.values_mut();
        for row in rows.filter(|row| row.delivery.endpoint_id == endpoint && is_pending(&row.delivery)) {
            row.bury(reason);
        }
    }

    fn add_job(&mut self, job: &ReplayJob) -> bool {
        if self.jobs.contains_key(&job.id) {
            return false;
        }
        self.jobs.insert(job.id, JobRow { job: job.clone(), cursor: None });
        true
    }

    fn change_secret(&mut self, change: &SecretChange) -> bool {
        let SecretChange { key, before, after } = change;
        let slot = self.claims.get_mut(key).and_then(|row| row.recorded.response.secret.as_mut());
        let Some(slot) = slot.filter(|slot| slot.secret == *before) else { return false };
        slot.secret = after.clone();
        true
    }

    fn change_delivery(&mut self, change: &DeliveryChange, at: Timestamp) -> bool {
        let DeliveryChange { id, ticket, action } = change;
        if ticket.is_some_and(|(id, version)| self.version(id) != Some(version)) {
            return false;
        }
        let Some(row) = self.deliveries.get_mut(id).filter(|row| row.delivery.is_dead_letter()) else { return false };
        match action {
            DeliveryAction::Replay => {
                let told = self.endpoints.get(&row.delivery.endpoint_id);
                if !told.is_some_and(EndpointRow::is_told) {
                    return false;
                }
                row.revive(at);
            }
            DeliveryAction::Discard(reason) => {
                row.delivery.reason = Some(DeadReason::Discarded);
                row.delivery.discard_reason = Some(reason.clone());
            }
        }
        true
    }
}

impl EndpointRow {
    /// Whether it is told what happens.
    pub(super) fn is_told(&self) -> bool {
        !self.deleted && self.endpoint.status == EndpointStatus::Enabled
    }
}

impl DeliveryRow {
    /// Makes a dead letter pending, with the schedule from its start.
    pub(super) fn revive(&mut self, at: Timestamp) {
        self.delivery.status = DeliveryStatus::Pending;
        self.delivery.reason = None;
        self.delivery.next_attempt_at = Some(at);
        self.failures = 0;
    }

    /// Makes the delivery dead, and any lease on it void.
    pub(super) fn bury(&mut self, reason: DeadReason) {
        self.delivery.status = DeliveryStatus::Dead;
        self.delivery.reason = Some(reason);
        self.delivery.next_attempt_at = None;
        self.lease = None;
    }
}

fn is_pending(delivery: &Delivery) -> bool {
    delivery.status == DeliveryStatus::Pending
}

/// The delivery of an event to an endpoint: pending if the endpoint is enabled, else a dead letter at once.
fn new_delivery(event: &Event, endpoint: &Endpoint) -> Delivery {
    let (status, reason, next_attempt_at) = match endpoint.status {
        EndpointStatus::Enabled => (DeliveryStatus::Pending, None, Some(event.at)),
        EndpointStatus::Disabled => (DeliveryStatus::Dead, Some(DeadReason::EndpointDisabled), None),
    };
    Delivery {
        id: delivery_id(event.id, endpoint.id),
        endpoint_id: endpoint.id,
        event_id: event.id,
        event_type: event.event_type,
        ticket_id: event.ticket_id,
        status,
        reason,
        discard_reason: None,
        next_attempt_at,
        attempts: Vec::new(),
        created_at: event.at,
    }
}
