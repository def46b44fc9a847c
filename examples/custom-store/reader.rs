//! Reads within a realm. A list is a walk over the rows of the realm.

use std::{cmp::Reverse, io};

use async_trait::async_trait;
use sk_tickets_core::{
    Contact, ContactFilter, ContactId, Delivery, DeliveryFilter, DeliveryId, EndpointId, EntryId, Event, EventId, Form,
    FormId, IdempotencyKey, JobId, Notification, NotificationFilter, NotificationId, Order, Priority, Queue, Realm,
    ReplayJob, ThreadEntry, Ticket, TicketFilter, TicketId, TicketView, Timestamp,
    model::{
        contact::ContactHandle,
        endpoint::Endpoint,
        event::FeedPosition,
        queue::{DEFAULT_QUEUE, Workload},
        sla::{KeptPolicy, PolicyRevision, PolicyWork, Timers},
    },
    platform::seal::Sealed,
    store::{FeedPage, Loaded, Lookup, PageSpec, RealmReader, Result, Subject, Traces},
};

use crate::{
    journal::Journal,
    purge::purged_position,
    rows::{ClaimRow, DeliveryRow, EndpointRow, EventRow, JobRow, NotificationRow, PolicyRow, key, number},
    store::JournalStore,
};

/// Those of the rows that a page has.
pub(crate) fn page<T, K: Ord>(
    rows: impl DoubleEndedIterator<Item = io::Result<T>>,
    page: PageSpec<K>,
    key: impl Fn(&T) -> K,
    wanted: impl Fn(&T) -> bool,
) -> io::Result<Vec<T>> {
    let PageSpec { after, order, limit } = page;
    let beyond = |row: &T| match (&after, order) {
        (None, _) => true,
        (Some(after), Order::Asc) => key(row) > *after,
        (Some(after), Order::Desc) => key(row) < *after,
    };
    let wanted = |row: &io::Result<T>| row.as_ref().map_or(true, |row| beyond(row) && wanted(row));
    match order {
        Order::Asc => rows.filter(wanted).take(limit).collect(),
        Order::Desc => rows.rev().filter(wanted).take(limit).collect(),
    }
}

#[async_trait]
impl RealmReader for JournalStore {
    async fn ticket(&self, realm: &Realm, id: TicketId) -> Result<Option<TicketView>> {
        let realm = realm.clone();
        self.with(move |journal| {
            let Some(ticket) = journal.get::<Ticket>(&key(&realm, "ticket", id))? else { return Ok(None) };
            let queue_position = queue_position(journal, &realm, &ticket)?;
            Ok(Some(TicketView { ticket, queue_position }))
        })
        .await
    }

    async fn ticket_page(&self, realm: &Realm, filter: &TicketFilter, spec: PageSpec<TicketId>) -> Result<Vec<Ticket>> {
        let (prefix, filter) = (key(realm, "ticket", ""), filter.clone());
        self.with(move |journal| {
            page(journal.scan(&prefix), spec, |ticket: &Ticket| ticket.id, |one| filter.matches(one))
        })
        .await
    }

    async fn thread_page(&self, realm: &Realm, id: TicketId, spec: PageSpec<u64>) -> Result<Option<Vec<ThreadEntry>>> {
        let (ticket, prefix) = (key(realm, "ticket", id), key(realm, "thread", format!("{id}/")));
        self.with(move |journal| {
            let exists = journal.get::<Ticket>(&ticket)?.is_some();
            let entries = page(journal.scan(&prefix), spec, |entry: &ThreadEntry| entry.sequence, |_| true)?;
            Ok(exists.then_some(entries))
        })
        .await
    }

    async fn thread_entry(&self, realm: &Realm, ticket: TicketId, id: EntryId) -> Result<Option<ThreadEntry>> {
        let prefix = key(realm, "thread", format!("{ticket}/"));
        let is_it = move |entry: &io::Result<ThreadEntry>| entry.as_ref().map_or(true, |entry| entry.id == id);
        self.with(move |journal| journal.scan(&prefix).find(is_it).transpose()).await
    }

    async fn event(&self, realm: &Realm, id: EventId) -> Result<Option<Event>> {
        let key = key(realm, "event", id);
        self.with(move |journal| {
            let event = journal.get::<EventRow>(&key)?.map(EventRow::event);
            // A ping is about no ticket, and not in the feed.
            Ok(event.filter(|event| event.ticket_id.is_some()))
        })
        .await
    }

    async fn event_page(&self, realm: &Realm, spec: PageSpec<FeedPosition>) -> Result<FeedPage> {
        let (prefix, realm) = (key(realm, "feed", ""), realm.clone());
        self.with(move |journal| {
            let feed = journal.scan::<(u64, EventId)>(&prefix);
            let places = page(feed, spec, |(position, _)| FeedPosition(*position), |_| true)?;
            let found = places.into_iter().filter_map(|(position, id)| {
                let row = journal.get::<EventRow>(&key(&realm, "event", id)).transpose()?;
                Some(row.map(|row| (FeedPosition(position), row.event())))
            });
            let purged = FeedPosition(purged_position(journal, &realm)?);
            Ok(FeedPage { events: found.collect::<io::Result<_>>()?, purged })
        })
        .await
    }

    async fn contact(&self, realm: &Realm, id: ContactId) -> Result<Option<Contact>> {
        let key = key(realm, "contact", id);
        self.with(move |journal| journal.get(&key)).await
    }

    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        spec: PageSpec<ContactId>,
    ) -> Result<Vec<Contact>> {
        let (prefix, filter) = (key(realm, "contact", ""), filter.clone());
        self.with(move |journal| {
            page(journal.scan(&prefix), spec, |contact: &Contact| contact.id, |contact| filter.matches(contact))
        })
        .await
    }

    async fn queues(&self, realm: &Realm) -> Result<Vec<Queue>> {
        let realm = realm.clone();
        self.with(move |journal| queues(journal, &realm)).await
    }

    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> Result<Workload> {
        let (realm, queue) = (realm.clone(), queue.to_owned());
        self.with(move |journal| {
            let mut counts = Workload::default();
            for ticket in journal.scan::<Ticket>(&key(&realm, "ticket", "")) {
                let ticket = ticket?;
                if ticket.queue != queue {
                    continue;
                }
                counts.by_status.add(ticket.status, 1);
                counts.waiting += u64::from(ticket.queued_at.is_some());
                counts.oldest_queued_at = counts.oldest_queued_at.into_iter().chain(ticket.queued_at).min();
                let timers: Timers = journal.get(&key(&realm, "timers", ticket.id))?.unwrap_or_default();
                counts.at_risk += u64::from(timers.at_risk_at.is_some_and(|at| at <= now));
            }
            Ok(counts)
        })
        .await
    }

    async fn policies(&self, realm: &Realm) -> Result<Vec<KeptPolicy>> {
        let realm = realm.clone();
        self.with(move |journal| policies(journal, &realm)).await
    }

    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> Result<Option<PolicyWork>> {
        let realm = realm.clone();
        self.with(move |journal| {
            let row = journal.get::<PolicyRow>(&key(&realm, "policy", priority))?;
            let Some(PolicyRow { kept, changed: true, cursor: after }) = row else { return Ok(None) };
            let mut tickets = Vec::new();
            for ticket in journal.scan::<Ticket>(&key(&realm, "ticket", "")) {
                let Ticket { id, priority: of, .. } = ticket?;
                let timers = journal.get::<Timers>(&key(&realm, "timers", id))?;
                if of == priority && Some(id) > after && timers.is_some_and(|timers| timers.clocked) {
                    tickets.push(id);
                }
            }
            tickets.truncate(limit);
            Ok(Some(PolicyWork { policy: PolicyRevision { priority, revision: kept.revision }, after, tickets }))
        })
        .await
    }

    async fn form(&self, realm: &Realm, id: FormId) -> Result<Option<Form>> {
        let key = key(realm, "form", id);
        self.with(move |journal| journal.get(&key)).await
    }

    async fn form_page(&self, realm: &Realm, spec: PageSpec<FormId>) -> Result<Vec<Form>> {
        let prefix = key(realm, "form", "");
        self.with(move |journal| page(journal.scan(&prefix), spec, |form: &Form| form.id, |_| true)).await
    }

    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> Result<Option<Endpoint>> {
        let realm = realm.clone();
        self.with(move |journal| endpoint(journal, &realm, id)).await
    }

    async fn endpoint_page(&self, realm: &Realm, spec: PageSpec<EndpointId>) -> Result<Vec<Endpoint>> {
        let realm = realm.clone();
        self.with(move |journal| {
            let present = endpoints(journal, &realm)?;
            page(present.into_iter().map(Ok), spec, |endpoint| endpoint.id, |_| true)
        })
        .await
    }

    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> Result<Option<Delivery>> {
        let key = key(realm, "delivery", id);
        self.with(move |journal| Ok(journal.get::<DeliveryRow>(&key)?.map(|row| row.delivery))).await
    }

    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        spec: PageSpec<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        let prefix = key(realm, "delivery", "");
        let filter = filter.clone();
        self.with(move |journal| {
            let rows = journal.scan::<DeliveryRow>(&prefix).map(|row| Ok(row?.delivery));
            page(rows, spec, |delivery| delivery.id, |delivery| filter.matches(delivery))
        })
        .await
    }

    async fn notification(&self, realm: &Realm, id: NotificationId) -> Result<Option<Notification>> {
        let key = key(realm, "notification", id);
        self.with(move |journal| Ok(journal.get::<NotificationRow>(&key)?.map(|row| row.notification))).await
    }

    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        spec: PageSpec<NotificationId>,
    ) -> Result<Vec<Notification>> {
        let (prefix, filter) = (key(realm, "notification", ""), *filter);
        self.with(move |journal| {
            let rows = journal.scan::<NotificationRow>(&prefix).map(|row| Ok(row?.notification));
            page(rows, spec, |notification| notification.id, |notification| filter.matches(notification))
        })
        .await
    }

    async fn replay_job(&self, realm: &Realm, id: JobId) -> Result<Option<ReplayJob>> {
        let key = key(realm, "job", id);
        self.with(move |journal| Ok(journal.get::<JobRow>(&key)?.map(|row| row.job))).await
    }

    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> Result<Vec<(IdempotencyKey, Sealed)>> {
        let (prefix, after) = (key(realm, "claim", ""), after.cloned());
        self.with(move |journal| {
            let mut found = Vec::new();
            for row in journal.scan::<ClaimRow>(&prefix) {
                let row = row?;
                let key = row.key();
                if after.as_ref().is_none_or(|after| key > *after) {
                    found.extend(row.secret().map(|(_, secret)| (key, secret)));
                }
            }
            found.truncate(limit);
            Ok(found)
        })
        .await
    }

    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> Result<Loaded> {
        let (realm, claim) = (realm.clone(), lookup.key.map(|name| key(realm, "claim", name.as_str())));
        let of_ticket = |id: TicketId| (Some(id), None, None, None, false);
        let (ticket, handle, endpoint_id, delivery, count) = match lookup.subject {
            Subject::NewTicket { contact, follow_up_of, .. } => (follow_up_of, contact.cloned(), None, None, false),
            Subject::Ticket(id) | Subject::TicketAndQueue(id, _) | Subject::Redaction(id) => of_ticket(id),
            Subject::Queue(_) | Subject::Queues => (None, None, None, None, false),
            Subject::NewEndpoint => (None, None, None, None, true),
            Subject::Policies | Subject::NewForm | Subject::Form(_) => (None, None, None, None, false),
            Subject::Endpoint(id) => (None, None, Some(id), None, false),
            Subject::Delivery(id) => (None, None, None, Some(id), false),
            Subject::DeadLetters { endpoint_id, .. } => (None, None, endpoint_id, None, false),
            Subject::Contact { .. } | Subject::Notification(_) => (None, None, None, None, false),
        };
        let person = match lookup.subject {
            Subject::Contact { id, email, phone } => Some((id, email.map(str::to_owned), phone.map(str::to_owned))),
            _ => None,
        };
        let letters = match lookup.subject {
            Subject::DeadLetters { endpoint_id, types, from, to } => {
                let types = types.to_vec();
                Some(DeliveryFilter { status: None, endpoint_id, types, from, to, dead_letters: true })
            }
            _ => None,
        };
        let is_change = matches!(
            lookup.subject,
            Subject::Ticket(_) | Subject::TicketAndQueue(..) | Subject::Notification(_) | Subject::Redaction(_)
        );
        let names_contact = matches!(lookup.subject, Subject::Ticket(_) | Subject::Redaction(_));
        let is_redaction = matches!(lookup.subject, Subject::Redaction(_));
        let wants_queues = matches!(lookup.subject, Subject::Queues);
        let place = match lookup.subject {
            Subject::NewTicket { queue, topic, .. } => Some((queue.map(str::to_owned), topic.map(str::to_owned))),
            Subject::TicketAndQueue(_, queue) | Subject::Queue(queue) => Some((Some(queue.to_owned()), None)),
            _ => None,
        };
        let notification = match lookup.subject {
            Subject::Notification(id) => Some(key(&realm, "notification", id)),
            _ => None,
        };
        let form = match lookup.subject {
            Subject::Form(id) => Some(id),
            _ => None,
        };
        let counts_forms = matches!(lookup.subject, Subject::NewForm);
        let is_about_policies = matches!(
            lookup.subject,
            Subject::NewTicket { .. } | Subject::Ticket(_) | Subject::TicketAndQueue(..) | Subject::Policies
        );
        self.with(move |journal| {
            let recorded = match claim {
                Some(claim) => journal.get::<ClaimRow>(&claim)?.map(ClaimRow::recorded),
                None => None,
            };
            let mut loaded = Loaded { recorded, ..Loaded::default() };
            if is_about_policies {
                loaded.policies = policies(journal, &realm)?;
            }
            let mut contact_id = None;
            if let Some(at) = notification
                && let Some(row) = journal.get::<NotificationRow>(&at)?
            {
                loaded.notification_lease = row.lease.map(|_| row.token);
                contact_id = Some(row.notification.contact_id);
                loaded.notification = Some(row.notification);
            }
            if let Some(id) = ticket.or(loaded.notification.as_ref().map(|notification| notification.ticket_id)) {
                if is_change {
                    load_ticket(journal, &realm, id, &mut loaded)?;
                } else {
                    loaded.ticket = journal.get(&key(&realm, "ticket", id))?;
                }
                if names_contact {
                    contact_id = loaded.ticket.as_ref().and_then(|ticket| ticket.contact_id);
                }
                if is_redaction {
                    loaded.traces = traces(journal, &realm, id)?;
                }
            }
            if let Some((queue, topic)) = place {
                loaded.queue = queue_of(journal, &realm, queue.as_deref(), topic.as_deref())?;
            }
            if wants_queues {
                loaded.queues = queues(journal, &realm)?;
            }
            if let Some(id) = contact_id {
                loaded.contact = journal.get(&key(&realm, "contact", id))?;
            }
            if let Some(handle) = handle {
                loaded.contact = contact(journal, &realm, &handle)?;
            }
            if let Some(id) = delivery {
                loaded.delivery = journal.get::<DeliveryRow>(&key(&realm, "delivery", id))?.map(|row| row.delivery);
                if let Some(id) = loaded.delivery.as_ref().and_then(|delivery| delivery.ticket_id) {
                    loaded.ticket = journal.get(&key(&realm, "ticket", id))?;
                }
            }
            if let Some(id) = endpoint_id.or(loaded.delivery.as_ref().map(|delivery| delivery.endpoint_id)) {
                loaded.endpoint = endpoint(journal, &realm, id)?;
            }
            if let Some((id, email, phone)) = person {
                let contacts = journal.scan::<Contact>(&key(&realm, "contact", "")).collect::<io::Result<Vec<_>>>()?;
                loaded.contact = contacts.iter().find(|contact| Some(contact.id) == id).cloned();
                let phone = phone.or(loaded.contact.as_ref().and_then(|contact| contact.phone.clone()));
                let holder = |of: &dyn Fn(&Contact) -> bool| {
                    contacts.iter().find(|contact| of(contact)).map(|contact| contact.id)
                };
                loaded.email_holder = holder(&|contact| email.is_some() && contact.email == email);
                loaded.phone_holder =
                    holder(&|contact| phone.is_some() && contact.email.is_none() && contact.phone == phone);
            }
            if let Some(filter) = letters {
                let all = journal.scan::<DeliveryRow>(&key(&realm, "delivery", "")).collect::<io::Result<Vec<_>>>()?;
                loaded.dead_letters = all.iter().filter(|row| filter.matches(&row.delivery)).count() as u64;
            }
            if let Some(id) = form {
                loaded.form = journal.get(&key(&realm, "form", id))?;
            }
            if counts_forms {
                loaded.form_count = form_count(journal, &realm);
            }
            if count {
                loaded.endpoint_count = endpoints(journal, &realm)?.len();
            }
            Ok(loaded)
        })
        .await
    }
}

/// The policies that were set, by priority.
fn policies(journal: &Journal, realm: &Realm) -> io::Result<Vec<KeptPolicy>> {
    let rows = journal.scan::<PolicyRow>(&key(realm, "policy", "")).collect::<io::Result<Vec<_>>>()?;
    let mut policies: Vec<_> = rows.into_iter().map(|row| row.kept).collect();
    policies.sort_by_key(|kept| kept.policy.priority);
    Ok(policies)
}

/// An endpoint that was not deleted.
pub(crate) fn endpoint(journal: &Journal, realm: &Realm, id: EndpointId) -> io::Result<Option<Endpoint>> {
    let row = journal.get::<EndpointRow>(&key(realm, "endpoint", id))?;
    Ok(row.filter(|row| !row.deleted).map(|row| row.endpoint()))
}

/// The endpoints that were not deleted, by id.
pub(crate) fn endpoints(journal: &Journal, realm: &Realm) -> io::Result<Vec<Endpoint>> {
    let rows = journal.scan::<EndpointRow>(&key(realm, "endpoint", "")).collect::<io::Result<Vec<_>>>()?;
    Ok(rows.iter().filter(|row| !row.deleted).map(EndpointRow::endpoint).collect())
}

/// Every queue, by id.
pub(crate) fn queues(journal: &Journal, realm: &Realm) -> io::Result<Vec<Queue>> {
    journal.scan(&key(realm, "queue", "")).collect()
}

/// How many forms there are.
pub(crate) fn form_count(journal: &Journal, realm: &Realm) -> usize {
    journal.scan::<Form>(&key(realm, "form", "")).count()
}

/// The queue that a new ticket is to be put in.
fn queue_of(journal: &Journal, realm: &Realm, queue: Option<&str>, topic: Option<&str>) -> io::Result<Option<Queue>> {
    let queues = queues(journal, realm)?;
    let by_key = |key: &str| queues.iter().find(|queue| queue.key == key);
    let by_topic = |topic: &str| queues.iter().find(|queue| queue.topics.iter().any(|one| one == topic));
    let found = match queue {
        Some(key) => by_key(key),
        None => topic.and_then(by_topic).or_else(|| by_key(DEFAULT_QUEUE)),
    };
    Ok(found.cloned())
}

/// The last place in the feed that is taken.
pub(crate) fn last_position(journal: &Journal, realm: &Realm) -> io::Result<u64> {
    let last = journal.scan::<(u64, EventId)>(&key(realm, "feed", "")).next_back().transpose()?;
    match last {
        Some((position, _)) => Ok(position),
        None => purged_position(journal, realm),
    }
}

/// The recorded answers with words of a ticket.
pub(crate) fn answers_showing(
    journal: &Journal,
    realm: &Realm,
    ticket: TicketId,
) -> io::Result<Vec<(IdempotencyKey, Vec<u8>)>> {
    let mut answers = Vec::new();
    for row in journal.scan::<ClaimRow>(&key(realm, "claim", "")) {
        let row = row?;
        if row.shows == Some(ticket) {
            answers.push((row.key(), row.recorded().response.body));
        }
    }
    Ok(answers)
}

fn traces(journal: &Journal, realm: &Realm, ticket: TicketId) -> io::Result<Traces> {
    let thread = journal.scan(&key(realm, "thread", format!("{ticket}/"))).collect::<io::Result<_>>()?;
    let events = journal.scan::<EventRow>(&key(realm, "event", "")).collect::<io::Result<Vec<_>>>()?;
    let mut events: Vec<_> = events.into_iter().map(EventRow::event).collect();
    events.retain(|event| event.ticket_id == Some(ticket));
    events.sort_by_key(|event| (event.ticket_version, event.id));
    let rows = journal.scan::<NotificationRow>(&key(realm, "notification", "")).collect::<io::Result<Vec<_>>>()?;
    let mut notifications: Vec<_> = rows.into_iter().map(|row| row.notification).collect();
    notifications.retain(|one| one.ticket_id == ticket);
    Ok(Traces { thread, events, notifications, answers: answers_showing(journal, realm, ticket)? })
}

pub(crate) fn feed_key(realm: &Realm, position: u64) -> String {
    key(realm, "feed", number(position))
}

/// The contact with an address or, by phone, the first one with this number that has no address, else any.
fn contact(journal: &Journal, realm: &Realm, handle: &ContactHandle) -> io::Result<Option<Contact>> {
    let contacts = journal.scan::<Contact>(&key(realm, "contact", "")).collect::<io::Result<Vec<_>>>()?;
    let mut contacts = contacts.into_iter();
    Ok(match handle {
        ContactHandle::Email(email) => contacts.find(|contact| contact.email.as_ref() == Some(email)),
        ContactHandle::Phone(phone) => contacts
            .filter(|contact| contact.phone.as_ref() == Some(phone))
            .min_by_key(|contact| (contact.email.is_some(), contact.id)),
    })
}

/// What a ticket comes by while it waits in its queue.
fn rank(ticket: &Ticket) -> Option<(Reverse<Priority>, Timestamp, TicketId)> {
    Some((Reverse(ticket.priority), ticket.queued_at?, ticket.id))
}

/// What is known of a ticket that is to be changed.
fn load_ticket(journal: &Journal, realm: &Realm, id: TicketId, loaded: &mut Loaded) -> io::Result<()> {
    loaded.ticket = journal.get(&key(realm, "ticket", id))?;
    loaded.timers = journal.get(&key(realm, "timers", id))?.unwrap_or_default();
    loaded.thread_length = journal.scan::<ThreadEntry>(&key(realm, "thread", format!("{id}/"))).count() as u64;
    Ok(())
}

/// What is known of the ticket that waits in a queue and comes before all others.
pub(crate) fn head(journal: &Journal, realm: &Realm, queue: &str) -> io::Result<Loaded> {
    let mut first: Option<Ticket> = None;
    for ticket in journal.scan::<Ticket>(&key(realm, "ticket", "")) {
        let ticket = ticket?;
        let comes_first = first.as_ref().is_none_or(|first| rank(&ticket) < rank(first));
        if ticket.queue == queue && ticket.queued_at.is_some() && comes_first {
            first = Some(ticket);
        }
    }
    let mut loaded = Loaded::default();
    if let Some(ticket) = first {
        load_ticket(journal, realm, ticket.id, &mut loaded)?;
    }
    Ok(loaded)
}

fn queue_position(journal: &Journal, realm: &Realm, ticket: &Ticket) -> io::Result<Option<u64>> {
    let Some(own) = rank(ticket) else { return Ok(None) };
    let mut position = 1;
    for other in journal.scan::<Ticket>(&key(realm, "ticket", "")) {
        let other = other?;
        position += u64::from(other.queue == ticket.queue && rank(&other).is_some_and(|rank| rank < own));
    }
    Ok(Some(position))
}
