//! Everything that can be seen of a store, as text.

use std::fmt::Debug;

use serde::Serialize;

use super::{
    Side,
    commands::{QUEUES, TAGS, TOPICS, owners},
    script::{Script, all},
    step::{api_key, response},
};
use crate::{
    desk::Desk,
    model::{
        contact::{ContactFilter, ContactHandle},
        delivery::{DeliveryFilter, DeliveryStatus},
        event::{Event, EventType},
        id::ContactId,
        notification::{NotificationFilter, Outcome},
        page::{Order, Page, PageRequest},
        stats::StatsRange,
        ticket::{OwnerFilter, Priority, Source, Status, TicketFilter},
    },
    platform::{id::EndpointId, realm::Realm, time::Timestamp},
    store::{FeedPage, Loaded, Lookup, Subject},
};

/// What is looked at, and what is seen there.
pub(super) type Seen = Vec<(String, String)>;

pub(super) async fn everything(side: &Side, script: &Script) -> Seen {
    let mut seen = Seen::new();
    for realm in super::realms() {
        let mut eye = Eye { side, realm: &realm, desk: side.desk(0, &realm), seen: &mut seen };
        eye.tickets().await;
        eye.feed().await;
        eye.endpoints(&script.endpoints).await;
        eye.deliveries(&script.endpoints).await;
        eye.contacts().await;
        eye.queues().await;
        eye.forms(script).await;
        eye.notifications().await;
        eye.policies().await;
        eye.claims(script).await;
        eye.jobs(script).await;
    }
    agenda(side, &mut seen).await;
    seen.push(("what waits".to_owned(), text(&side.store.backlog().await)));
    seen.push(("which notifications wait".to_owned(), text(&side.store.notification_backlog().await)));
    let keys = side.store.api_keys().await.expect("read");
    seen.push(("API keys".to_owned(), keys.iter().map(api_key).collect()));
    seen
}

/// What is due at tickets, now and at the end of all time, in an order that is the same for all stores.
async fn agenda(side: &Side, seen: &mut Seen) {
    for now in [side.nodes[0].now(), Timestamp::MAX] {
        let mut due = side.store.tickets_due(now, None, usize::MAX >> 1).await.expect("read");
        let ordered: Vec<_> = due.iter().map(|due| (due.wakes_at, due.ticket_id)).collect();
        assert!(ordered.is_sorted(), "the earliest come first");
        due.sort_by(|one, other| one.realm.cmp(&other.realm));
        seen.push((format!("due at {now}"), text(&due)));
        seen.push((format!("due after {now}"), text(&side.store.next_due(now).await)));
        // Page by page the same.
        let (mut pages, mut after) = (Vec::new(), None);
        while let Some(last) = {
            let page = side.store.tickets_due(now, after.as_ref(), 2).await.expect("read");
            let last = page.last().cloned();
            pages.extend(page);
            last
        } {
            after = Some(last);
        }
        pages.sort_by(|one, other| one.realm.cmp(&other.realm));
        seen.push((format!("due at {now}, by pages"), text(&pages)));
    }
    let mut changed = side.store.policies_changed().await.expect("read");
    changed.sort();
    seen.push(("changed policies".to_owned(), text(&changed)));
}

/// What is searched for: words of the texts that commands have, often, rarely and never.
const QUERIES: [&str; 8] =
    ["delayed", "PART", "delayed text", "字", "drop; table, a b c", "done", "b done delayed part tickets", "nothing"];

/// Looks at one realm.
struct Eye<'a> {
    side: &'a Side,
    realm: &'a Realm,
    desk: Desk,
    seen: &'a mut Seen,
}

/// Each with a limit that is small, so that lists have several pages, which end in different places.
const ORDERS: [(Order, usize); 2] = [(Order::Asc, 3), (Order::Desc, 7)];

impl Eye<'_> {
    fn note(&mut self, what: impl Debug, text: String) {
        self.seen.push((format!("{:?}: {what:?}", self.realm), text));
    }

    /// All pages of a list, in both orders, cursors included.
    async fn list<T: Serialize>(&mut self, what: &str, read: impl AsyncFn(&Desk, PageRequest) -> Option<Page<T>>) {
        for (order, limit) in ORDERS {
            let mut text = String::new();
            let mut page = PageRequest::first().limit(limit).order(order);
            while let Some(Page { data, has_more, next_cursor }) = read(&self.desk, page).await {
                text += &serde_json::to_string(&data).expect("JSON");
                text += &format!(" more: {has_more}, {next_cursor:?}; ");
                let Some(cursor) = next_cursor.filter(|_| has_more) else { break };
                page = PageRequest::first().limit(limit).order(order).after(cursor);
            }
            self.note((what, order), text);
        }
    }

    async fn tickets(&mut self) {
        let tickets = self.side.store.ticket_page(self.realm, &TicketFilter::ALL, all()).await.expect("read");
        let times: Vec<_> = tickets.iter().map(|ticket| ticket.created_at).collect();
        for filter in filters(&times) {
            let name = format!("tickets {filter:?}");
            self.list(&name, async |desk, page| desk.tickets(&filter, &page).await.ok()).await;
        }
        let filters = filters(&times);
        let by_none_or_some = filters.first().into_iter().chain(filters.iter().rev().take(3));
        for query in QUERIES {
            let search = query.parse().expect("lawful");
            for filter in by_none_or_some.clone() {
                let name = format!("search {query} {filter:?}");
                self.list(&name, async |desk, page| desk.search_tickets(&search, filter, &page).await.ok()).await;
            }
        }
        self.stats(&times).await;
        for ticket in tickets {
            let id = ticket.id;
            self.note(id, text(&self.desk.ticket(id).await.expect("read")));
            let name = format!("thread of {id}");
            self.list(&name, async |desk, page| desk.thread(id, &page).await.expect("read")).await;
            let entries = self.side.store.thread_page(self.realm, id, all()).await.expect("read").unwrap_or_default();
            for entry in entries {
                self.note(entry.id, text(&self.desk.thread_entry(id, entry.id).await.expect("read")));
            }
            self.load(Subject::Ticket(id)).await;
            self.load(Subject::Redaction(id)).await;
            self.load(Subject::NewTicket { contact: None, follow_up_of: Some(id), queue: None, topic: None }).await;
            self.load(Subject::TicketAndQueue(id, QUEUES[1])).await;
        }
    }

    async fn stats(&mut self, times: &[Timestamp]) {
        let middle = times.get(times.len() / 2).copied().unwrap_or(Timestamp::MAX);
        let beginning = Timestamp::from_millis(0);
        for (from, to) in [(beginning, Timestamp::MAX), (beginning, middle), (middle, Timestamp::MAX), (middle, middle)]
        {
            let range = StatsRange { from, to };
            self.note(range, text(&self.side.store.ticket_stats(self.realm, range).await.expect("read")));
        }
    }

    async fn feed(&mut self) {
        self.list("events", async |desk, page| desk.events(&page).await.ok()).await;
        let FeedPage { events: page, purged } = self.side.store.event_page(self.realm, all()).await.expect("read");
        self.note("the last event that was purged", text(&purged));
        self.note(
            "the feed",
            page.iter().map(|(position, event)| format!("{position:?} {}; ", telling(event))).collect(),
        );
        for (_, event) in page {
            self.note(
                event.id,
                self.desk.event(event.id).await.expect("read").as_ref().map_or_else(String::new, telling),
            );
        }
    }

    async fn endpoints(&mut self, ever: &[EndpointId]) {
        self.list("endpoints", async |desk, page| desk.endpoints(&page).await.ok()).await;
        for id in ever {
            let endpoint = self.side.store.endpoint(self.realm, *id).await.expect("read");
            let secrets = endpoint.as_ref().map(|endpoint| {
                let old: Vec<_> = endpoint.old_secrets.iter().map(|old| old.secret.as_bytes()).collect();
                (endpoint.secret.as_bytes(), old)
            });
            self.note(id, format!("{endpoint:?} {secrets:?}"));
            self.load(Subject::Endpoint(*id)).await;
        }
        self.load(Subject::NewEndpoint).await;
    }

    async fn deliveries(&mut self, ever: &[EndpointId]) {
        let statuses = std::iter::once(None).chain(DeliveryStatus::ALL.iter().copied().map(Some));
        for status in statuses {
            for endpoint_id in std::iter::once(None).chain(ever.iter().copied().map(Some)) {
                for dead_letters in [false, true] {
                    let filter = DeliveryFilter { status, endpoint_id, dead_letters, ..DeliveryFilter::default() };
                    let name = format!("deliveries {filter:?}");
                    self.list(&name, async |desk, page| desk.deliveries(&filter, &page).await.ok()).await;
                }
            }
        }
        self.letters(ever).await;
        for delivery in
            self.side.store.delivery_page(self.realm, &DeliveryFilter::default(), all()).await.expect("read")
        {
            self.note(delivery.id, text(&self.desk.delivery(delivery.id).await.expect("read")));
            let pings = self.desk.event(delivery.event_id).await.expect("read");
            self.note(delivery.event_id, pings.as_ref().map_or_else(String::new, telling));
            self.load(Subject::Delivery(delivery.id)).await;
        }
    }

    /// Dead letters by type and time, and how many there are.
    async fn letters(&mut self, ever: &[EndpointId]) {
        let filter = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
        let letters = self.side.store.delivery_page(self.realm, &filter, all()).await.expect("read");
        let middle = letters.get(letters.len() / 2).map(|letter| letter.created_at);
        let some = [EventType::TicketCreated, EventType::TicketResolved, EventType::Ping];
        let endpoint_id = ever.first().copied();
        for (types, from, to) in [
            (&[][..], None, None),
            (&some[..1], None, None),
            (&some, middle, None),
            (&[], None, middle),
            (&some[1..], middle, middle),
            (&[], middle, Some(Timestamp::MAX)),
        ] {
            for endpoint_id in [None, endpoint_id] {
                let filter = DeliveryFilter { status: None, endpoint_id, types: types.to_vec(), from, to, ..filter };
                let name = format!("dead letters {filter:?}");
                self.list(&name, async |desk, page| desk.deliveries(&filter, &page).await.ok()).await;
                let filter = DeliveryFilter { dead_letters: false, ..filter };
                let name = format!("deliveries {filter:?}");
                self.list(&name, async |desk, page| desk.deliveries(&filter, &page).await.ok()).await;
                self.load(Subject::DeadLetters { endpoint_id, types, from, to }).await;
            }
        }
    }

    async fn jobs(&mut self, script: &Script) {
        for id in script.jobs() {
            self.note(id, text(&self.desk.replay_job(id).await.expect("read")));
        }
        let secrets = self.side.store.recorded_secrets(self.realm, None, 1_000).await.expect("read");
        let secrets: Vec<_> = secrets.iter().map(|(key, secret)| (key, secret.as_bytes())).collect();
        self.note("recorded secrets", text(&secrets));
    }

    async fn contacts(&mut self) {
        for handle in [
            ContactHandle::Email("ann@example.com".to_owned()),
            ContactHandle::Email("bob@example.com".to_owned()),
            ContactHandle::Email("eve@example.org".to_owned()),
            ContactHandle::Phone("+4930123456".to_owned()),
            ContactHandle::Phone("+4930654321".to_owned()),
        ] {
            let contact = Some(&handle);
            self.load(Subject::NewTicket { contact, follow_up_of: None, queue: None, topic: None }).await;
            let (email, phone) = match &handle {
                ContactHandle::Email(email) => (Some(email.as_str()), None),
                ContactHandle::Phone(phone) => (None, Some(phone.as_str())),
            };
            self.load(Subject::Contact { id: None, email, phone }).await;
            let filter = ContactFilter { email: email.map(str::to_owned), phone: phone.map(str::to_owned) };
            let name = format!("contacts {filter:?}");
            self.list(&name, async |desk, page| desk.contacts(&filter, &page).await.ok()).await;
        }
        let filter = ContactFilter::default();
        self.list("contacts", async |desk, page| desk.contacts(&filter, &page).await.ok()).await;
        for contact in self.side.store.contact_page(self.realm, &filter, all()).await.expect("read") {
            let id = contact.id;
            self.note(id, text(&self.desk.contact(id).await.expect("read")));
            self.load(Subject::Contact { id: Some(id), email: None, phone: None }).await;
        }
    }

    async fn queues(&mut self) {
        self.list("queues", async |desk, page| desk.queues(&page).await.ok()).await;
        self.note("queues as kept", text(&self.side.store.queues(self.realm).await));
        self.load(Subject::Queues).await;
        for queue in QUEUES {
            self.load(Subject::Queue(queue)).await;
            let now = self.side.nodes[0].now();
            let counts = self.side.store.queue_workload(self.realm, queue, now).await.expect("read");
            self.note(format!("what there is to do in {queue}"), text(&counts));
        }
        for queue in QUEUES.into_iter().map(Some).chain([None, Some("unknown")]) {
            for topic in TOPICS.into_iter().map(Some).chain([None, Some("unknown")]) {
                self.load(Subject::NewTicket { contact: None, follow_up_of: None, queue, topic }).await;
            }
        }
    }

    async fn forms(&mut self, script: &Script) {
        self.list("forms", async |desk, page| desk.forms(&page).await.ok()).await;
        self.load(Subject::NewForm).await;
        for id in &script.forms {
            self.note(id, text(&self.desk.form(*id).await.expect("read")));
            self.load(Subject::Form(*id)).await;
            self.note(("for who has no key", id), text(&self.side.store.public_form(*id).await.expect("read")));
        }
    }

    async fn notifications(&mut self) {
        let all_of_them = NotificationFilter::default();
        let made = self.side.store.notification_page(self.realm, &all_of_them, all()).await.expect("read");
        let tickets = [None, made.first().map(|one| one.ticket_id), made.last().map(|one| one.ticket_id)];
        for ticket_id in tickets {
            for outcome in std::iter::once(None).chain(Outcome::ALL.iter().copied().map(Some)) {
                let filter = NotificationFilter { ticket_id, outcome };
                let name = format!("notifications {filter:?}");
                self.list(&name, async |desk, page| desk.notifications(&filter, &page).await.ok()).await;
            }
        }
        for notification in made {
            let id = notification.id;
            self.note(id, text(&self.desk.notification(id).await.expect("read")));
            self.load(Subject::Notification(id)).await;
        }
    }

    async fn policies(&mut self) {
        self.list("policies", async |desk, page| desk.sla_policies(&page).await.ok()).await;
        self.load(Subject::Policies).await;
        self.note("kept policies", text(&self.side.store.policies(self.realm).await));
        for priority in Priority::ALL {
            let work = self.side.store.policy_work(self.realm, *priority, 3).await;
            self.note(("work", priority), text(&work));
        }
    }

    async fn load(&mut self, subject: Subject<'_>) {
        let loaded = self.side.store.load(self.realm, Lookup { key: None, subject }).await.expect("read");
        self.note(format!("load {subject:?}"), text(&loaded));
    }

    /// What is recorded with every key that was ever used, here or elsewhere.
    async fn claims(&mut self, script: &Script) {
        for key in script.keys() {
            let lookup = Lookup { key: Some(key), subject: Subject::NewEndpoint };
            let Loaded { recorded, .. } = self.side.store.load(self.realm, lookup).await.expect("read");
            let recorded =
                recorded.map(|recorded| format!("{:?} {}", recorded.fingerprint, response(&recorded.response)));
            self.note(key, text(&recorded));
        }
    }
}

fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn telling(event: &Event) -> String {
    format!("{} {}", text(event), String::from_utf8_lossy(&event.payload))
}

/// Every filter by itself, and some together.
fn filters(times: &[Timestamp]) -> Vec<TicketFilter> {
    let all = || TicketFilter::ALL;
    let mut filters = vec![all()];
    filters.extend(Status::ALL.iter().map(|status| TicketFilter { status: vec![*status], ..all() }));
    filters.push(TicketFilter { status: vec![Status::New, Status::Open, Status::New], ..all() });
    filters.push(TicketFilter { status: vec![Status::Closed, Status::Resolved, Status::Pending], ..all() });
    filters.extend(QUEUES.map(|queue| TicketFilter { queue: Some(queue.to_owned()), ..all() }));
    filters.push(TicketFilter { owner: Some(OwnerFilter::Nobody), ..all() });
    filters.extend(owners().map(|owner| TicketFilter { owner: Some(OwnerFilter::Owner(owner)), ..all() }));
    filters.push(TicketFilter { contact_id: Some(ContactId::from_bytes([4; 16])), ..all() });
    filters.extend(TOPICS.map(|topic| TicketFilter { topic: Some(topic.to_owned()), ..all() }));
    filters.extend(Priority::ALL.iter().map(|priority| TicketFilter { priority: Some(*priority), ..all() }));
    filters.extend(TAGS.map(|tag| TicketFilter { tag: Some(tag.to_owned()), ..all() }));
    filters.extend(Source::ALL.iter().map(|source| TicketFilter { source: Some(*source), ..all() }));
    let middle = times.get(times.len() / 2).copied();
    filters.push(TicketFilter { created_after: middle, ..all() });
    filters.push(TicketFilter { created_before: middle, ..all() });
    filters.push(TicketFilter { created_after: times.first().copied(), created_before: middle, ..all() });
    filters.push(TicketFilter {
        status: vec![Status::Open, Status::Resolved],
        tag: Some(TAGS[0].to_owned()),
        created_after: middle,
        ..all()
    });
    filters.push(TicketFilter {
        queue: Some(QUEUES[0].to_owned()),
        owner: Some(OwnerFilter::Nobody),
        priority: Some(Priority::Normal),
        source: Some(Source::Api),
        ..all()
    });
    filters
}
