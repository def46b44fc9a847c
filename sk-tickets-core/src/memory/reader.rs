use std::{cmp::Reverse, collections::BTreeMap, ops::Bound};

use async_trait::async_trait;

use super::{MemoryStore, RealmData};
use crate::{
    model::{
        contact::{Contact, ContactFilter, ContactHandle},
        delivery::{Delivery, DeliveryFilter},
        endpoint::Endpoint,
        event::{Event, FeedPosition},
        form::Form,
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::{Notification, NotificationFilter},
        page::Order,
        queue::{DEFAULT_QUEUE, Queue, Workload},
        replay_job::ReplayJob,
        sla::{KeptPolicy, PolicyRevision, PolicyWork},
        thread::ThreadEntry,
        ticket::{Priority, Ticket, TicketFilter, TicketView},
    },
    platform::{
        id::{DeliveryId, EndpointId, EventId, JobId},
        idempotency::IdempotencyKey,
        realm::Realm,
        seal::Sealed,
        time::Timestamp,
    },
    store::{FeedPage, Loaded, Lookup, PageSpec, RealmReader, Result, Subject, Traces},
};

#[async_trait]
impl RealmReader for MemoryStore {
    async fn ticket(&self, realm: &Realm, id: TicketId) -> Result<Option<TicketView>> {
        Ok(self.in_realm(realm, |data| {
            let ticket = data.tickets.get(&id)?.clone();
            let queue_position = data.queue_position(&ticket);
            Some(TicketView { ticket, queue_position })
        }))
    }

    async fn ticket_page(&self, realm: &Realm, filter: &TicketFilter, page: PageSpec<TicketId>) -> Result<Vec<Ticket>> {
        Ok(self
            .in_realm(realm, |data| rows(&data.tickets, page, |ticket| filter.matches(ticket).then(|| ticket.clone()))))
    }

    async fn thread_page(
        &self,
        realm: &Realm,
        ticket: TicketId,
        page: PageSpec<u64>,
    ) -> Result<Option<Vec<ThreadEntry>>> {
        Ok(self.in_realm(realm, |data| {
            let by_sequence = data.threads.get(&ticket)?.iter().map(|entry| (entry.sequence, entry)).collect();
            Some(rows(&by_sequence, page, |entry| Some((*entry).clone())))
        }))
    }

    async fn thread_entry(&self, realm: &Realm, ticket: TicketId, entry: EntryId) -> Result<Option<ThreadEntry>> {
        Ok(self.in_realm(realm, |data| data.threads.get(&ticket)?.iter().find(|row| row.id == entry).cloned()))
    }

    async fn event(&self, realm: &Realm, id: EventId) -> Result<Option<Event>> {
        Ok(self.in_realm(realm, |data| data.events.get(&id).filter(|event| event.ticket_id.is_some()).cloned()))
    }

    async fn event_page(&self, realm: &Realm, page: PageSpec<FeedPosition>) -> Result<FeedPage> {
        Ok(self.in_realm(realm, |data| {
            let feed = data.feed.iter().map(|(position, id)| (*position, (*position, *id))).collect();
            let events = rows(&feed, page, |(position, id)| Some((*position, data.events.get(id)?.clone())));
            FeedPage { events, purged: data.purged }
        }))
    }

    async fn contact(&self, realm: &Realm, id: ContactId) -> Result<Option<Contact>> {
        Ok(self.in_realm(realm, |data| data.contacts.get(&id).cloned()))
    }

    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        page: PageSpec<ContactId>,
    ) -> Result<Vec<Contact>> {
        Ok(self.in_realm(realm, |data| {
            rows(&data.contacts, page, |contact| filter.matches(contact).then(|| contact.clone()))
        }))
    }

    async fn queues(&self, realm: &Realm) -> Result<Vec<Queue>> {
        Ok(self.in_realm(realm, RealmData::queues_by_id))
    }

    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> Result<Workload> {
        Ok(self.in_realm(realm, |data| {
            let mut counts = Workload::default();
            for ticket in data.tickets.values().filter(|ticket| ticket.queue == queue) {
                counts.by_status.add(ticket.status, 1);
                if let Some(at) = ticket.queued_at {
                    counts.waiting += 1;
                    counts.oldest_queued_at = Some(counts.oldest_queued_at.map_or(at, |oldest| oldest.min(at)));
                }
                let at_risk_at = data.timers.get(&ticket.id).and_then(|timers| timers.at_risk_at);
                counts.at_risk += u64::from(at_risk_at.is_some_and(|at| at <= now));
            }
            counts
        }))
    }

    async fn policies(&self, realm: &Realm) -> Result<Vec<KeptPolicy>> {
        Ok(self.in_realm(realm, RealmData::policies))
    }

    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> Result<Option<PolicyWork>> {
        Ok(self.in_realm(realm, |data| {
            let row = data.policies.get(&priority)?;
            let after = row.work?;
            let beyond = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
            let tickets = data.tickets.range(beyond).filter(|(id, ticket)| {
                ticket.priority == priority && data.timers.get(*id).is_some_and(|timers| timers.clocked)
            });
            let policy = PolicyRevision { priority, revision: row.kept.revision };
            Some(PolicyWork { policy, after, tickets: tickets.map(|(id, _)| *id).take(limit).collect() })
        }))
    }

    async fn form(&self, realm: &Realm, id: FormId) -> Result<Option<Form>> {
        Ok(self.in_realm(realm, |data| data.forms.get(&id).cloned()))
    }

    async fn form_page(&self, realm: &Realm, page: PageSpec<FormId>) -> Result<Vec<Form>> {
        Ok(self.in_realm(realm, |data| rows(&data.forms, page, |form| Some(form.clone()))))
    }

    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> Result<Option<Endpoint>> {
        Ok(self.in_realm(realm, |data| data.endpoint(id).cloned()))
    }

    async fn endpoint_page(&self, realm: &Realm, page: PageSpec<EndpointId>) -> Result<Vec<Endpoint>> {
        Ok(self.in_realm(realm, |data| rows(&data.endpoints, page, |row| (!row.deleted).then(|| row.endpoint.clone()))))
    }

    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> Result<Option<Delivery>> {
        Ok(self.in_realm(realm, |data| data.deliveries.get(&id).map(|row| row.delivery.clone())))
    }

    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        page: PageSpec<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        Ok(self.in_realm(realm, |data| {
            rows(&data.deliveries, page, |row| filter.matches(&row.delivery).then(|| row.delivery.clone()))
        }))
    }

    async fn notification(&self, realm: &Realm, id: NotificationId) -> Result<Option<Notification>> {
        Ok(self.in_realm(realm, |data| data.notifications.get(&id).map(|row| row.notification.clone())))
    }

    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        page: PageSpec<NotificationId>,
    ) -> Result<Vec<Notification>> {
        Ok(self.in_realm(realm, |data| {
            rows(&data.notifications, page, |row| filter.matches(&row.notification).then(|| row.notification.clone()))
        }))
    }

    async fn replay_job(&self, realm: &Realm, id: JobId) -> Result<Option<ReplayJob>> {
        Ok(self.in_realm(realm, |data| data.jobs.get(&id).map(|row| row.job.clone())))
    }

    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> Result<Vec<(IdempotencyKey, Sealed)>> {
        let beyond = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.in_realm(realm, |data| {
            data.claims
                .range::<IdempotencyKey, _>((beyond, Bound::Unbounded))
                .filter_map(|(key, row)| Some((key.clone(), row.recorded.response.secret.as_ref()?.secret.clone())))
                .take(limit)
                .collect()
        }))
    }

    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> Result<Loaded> {
        Ok(self.in_realm(realm, |data| {
            let recorded = lookup.key.and_then(|key| data.claims.get(key)).map(|row| row.recorded.clone());
            let mut loaded = Loaded { recorded, ..Loaded::default() };
            match lookup.subject {
                Subject::NewTicket { contact, follow_up_of, queue, topic } => {
                    let by_topic = || {
                        let topic = topic?;
                        data.queues.values().find(|queue| queue.topics.iter().any(|one| one == topic))
                    };
                    loaded.queue = match queue {
                        Some(key) => data.queues.get(key),
                        None => by_topic().or_else(|| data.queues.get(DEFAULT_QUEUE)),
                    }
                    .cloned();
                    loaded.policies = data.policies();
                    loaded.contact = contact.and_then(|handle| data.contact(handle)).cloned();
                    loaded.ticket = follow_up_of.and_then(|id| data.tickets.get(&id)).cloned();
                }
                Subject::Ticket(id) => data.load_ticket_and_contact(id, &mut loaded),
                Subject::TicketAndQueue(id, queue) => {
                    data.load_ticket(id, &mut loaded);
                    loaded.queue = data.queues.get(queue).cloned();
                    loaded.policies = data.policies();
                }
                Subject::Queue(queue) => loaded.queue = data.queues.get(queue).cloned(),
                Subject::Notification(id) => {
                    if let Some(row) = data.notifications.get(&id) {
                        let Notification { ticket_id, contact_id, .. } = row.notification;
                        data.load_ticket(ticket_id, &mut loaded);
                        loaded.contact = data.contacts.get(&contact_id).cloned();
                        loaded.notification = Some(row.notification.clone());
                        loaded.notification_lease = row.lease.map(|_| row.token);
                    }
                }
                Subject::Queues => loaded.queues = data.queues_by_id(),
                Subject::Redaction(id) => {
                    loaded.ticket = data.tickets.get(&id).cloned();
                    loaded.timers = data.timers.get(&id).copied().unwrap_or_default();
                    let contact_id = loaded.ticket.as_ref().and_then(|ticket| ticket.contact_id);
                    loaded.contact = contact_id.and_then(|id| data.contacts.get(&id)).cloned();
                    loaded.traces = data.traces(id);
                    loaded.thread_length = loaded.traces.thread.len() as u64;
                }
                Subject::Contact { id, email, phone } => {
                    loaded.contact = id.and_then(|id| data.contacts.get(&id)).cloned();
                    let phone = phone.or(loaded.contact.as_ref().and_then(|contact| contact.phone.as_deref()));
                    let holder = |of: &dyn Fn(&Contact) -> bool| {
                        data.contacts.values().find(|contact| of(contact)).map(|contact| contact.id)
                    };
                    loaded.email_holder =
                        email.and_then(|email| holder(&|contact| contact.email.as_deref() == Some(email)));
                    loaded.phone_holder = phone.and_then(|phone| {
                        holder(&|contact| contact.email.is_none() && contact.phone.as_deref() == Some(phone))
                    });
                }
                Subject::Policies => loaded.policies = data.policies(),
                Subject::NewForm => loaded.form_count = data.forms.len(),
                Subject::Form(id) => loaded.form = data.forms.get(&id).cloned(),
                Subject::NewEndpoint => loaded.endpoint_count = data.endpoint_count(),
                Subject::Endpoint(id) => loaded.endpoint = data.endpoint(id).cloned(),
                Subject::Delivery(id) => {
                    loaded.delivery = data.deliveries.get(&id).map(|row| row.delivery.clone());
                    let endpoint_id = loaded.delivery.as_ref().map(|delivery| delivery.endpoint_id);
                    loaded.endpoint = endpoint_id.and_then(|id| data.endpoint(id)).cloned();
                    let ticket_id = loaded.delivery.as_ref().and_then(|delivery| delivery.ticket_id);
                    loaded.ticket = ticket_id.and_then(|id| data.tickets.get(&id)).cloned();
                }
                Subject::DeadLetters { endpoint_id, types, from, to } => {
                    let types = types.to_vec();
                    let filter = DeliveryFilter { status: None, endpoint_id, types, from, to, dead_letters: true };
                    loaded.endpoint = endpoint_id.and_then(|id| data.endpoint(id)).cloned();
                    loaded.dead_letters =
                        data.deliveries.values().filter(|row| filter.matches(&row.delivery)).count() as u64;
                }
            }
            loaded
        }))
    }
}

impl MemoryStore {
    /// What `read` finds in a realm; the default of it where nobody has written to the realm.
    pub(super) fn in_realm<T: Default>(&self, realm: &Realm, read: impl FnOnce(&RealmData) -> T) -> T {
        self.world().realms.get(realm).map(read).unwrap_or_default()
    }
}

impl RealmData {
    /// An endpoint that was not deleted.
    pub(super) fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(&id).filter(|row| !row.deleted).map(|row| &row.endpoint)
    }

    fn policies(&self) -> Vec<KeptPolicy> {
        self.policies.values().map(|row| row.kept.clone()).collect()
    }

    pub(super) fn endpoint_count(&self) -> usize {
        self.endpoints.values().filter(|row| !row.deleted).count()
    }

    fn traces(&self, ticket: TicketId) -> Traces {
        let mut events: Vec<_> =
            self.events.values().filter(|event| event.ticket_id == Some(ticket)).cloned().collect();
        events.sort_by_key(|event| (event.ticket_version, event.id));
        let showing = self.claims.iter().filter(|(_, row)| row.shows == Some(ticket));
        Traces {
            thread: self.threads.get(&ticket).cloned().unwrap_or_default(),
            events,
            notifications: self
                .notifications
                .values()
                .map(|row| &row.notification)
                .filter(|one| one.ticket_id == ticket)
                .cloned()
                .collect(),
            answers: showing.map(|(key, row)| (key.clone(), row.recorded.response.body.clone())).collect(),
        }
    }

    /// The contact with this address or, by phone, the first one with this number that has no address, else any.
    pub(super) fn contact(&self, handle: &ContactHandle) -> Option<&Contact> {
        match handle {
            ContactHandle::Email(email) => {
                self.contacts.values().find(|contact| contact.email.as_deref() == Some(email.as_str()))
            }
            ContactHandle::Phone(phone) => self
                .contacts
                .values()
                .filter(|contact| contact.phone.as_deref() == Some(phone.as_str()))
                .min_by_key(|contact| (contact.email.is_some(), contact.id)),
        }
    }

    fn queues_by_id(&self) -> Vec<Queue> {
        let mut queues: Vec<_> = self.queues.values().cloned().collect();
        queues.sort_by_key(|queue| queue.id);
        queues
    }

    fn load_ticket(&self, id: TicketId, loaded: &mut Loaded) {
        loaded.ticket = self.tickets.get(&id).cloned();
        loaded.timers = self.timers.get(&id).copied().unwrap_or_default();
        loaded.thread_length = self.threads.get(&id).map_or(0, |thread| thread.len() as u64);
    }

    /// As for [`Subject::Ticket`].
    fn load_ticket_and_contact(&self, id: TicketId, loaded: &mut Loaded) {
        self.load_ticket(id, loaded);
        let contact_id = loaded.ticket.as_ref().and_then(|ticket| ticket.contact_id);
        loaded.contact = contact_id.and_then(|id| self.contacts.get(&id)).cloned();
        loaded.policies = self.policies();
    }

    /// What is known of the ticket that waits in a queue and comes before all others.
    pub(super) fn head(&self, queue: &str) -> Loaded {
        let waiting = self.tickets.values().filter(|ticket| ticket.queue == queue && ticket.queued_at.is_some());
        let head = waiting.min_by_key(|ticket| rank(ticket)).map(|ticket| ticket.id);
        let mut loaded = Loaded::default();
        if let Some(id) = head {
            self.load_ticket_and_contact(id, &mut loaded);
        }
        loaded
    }

    fn queue_position(&self, ticket: &Ticket) -> Option<u64> {
        let own = rank(ticket)?;
        let ahead = self.tickets.values().filter(|other| other.queue == ticket.queue);
        Some(1 + ahead.filter_map(rank).filter(|other| *other < own).count() as u64)
    }
}

/// What a ticket comes by while it waits in its queue.
fn rank(ticket: &Ticket) -> Option<(Reverse<Priority>, Timestamp, TicketId)> {
    Some((Reverse(ticket.priority), ticket.queued_at?, ticket.id))
}

/// A page of a map's rows that `pick` takes.
pub(super) fn rows<K: Ord + Copy, V, T>(
    map: &BTreeMap<K, V>,
    page: PageSpec<K>,
    pick: impl Fn(&V) -> Option<T>,
) -> Vec<T> {
    let PageSpec { after, order, limit } = page;
    let beyond = after.map_or(Bound::Unbounded, Bound::Excluded);
    let pick = |(_, row)| pick(row);
    match order {
        Order::Asc => map.range((beyond, Bound::Unbounded)).filter_map(pick).take(limit).collect(),
        Order::Desc => map.range((Bound::Unbounded, beyond)).rev().filter_map(pick).take(limit).collect(),
    }
}
