use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    model::{
        contact::{Contact, ContactFilter},
        delivery::{Delivery, DeliveryFilter},
        endpoint::Endpoint,
        event::{Event, FeedPosition},
        form::Form,
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::{Notification, NotificationFilter},
        queue::{Queue, Workload},
        replay_job::ReplayJob,
        sla::{KeptPolicy, PolicyWork},
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
    store::{FeedPage, Loaded, Lookup, PageSpec, RealmReader, Result},
};

#[async_trait]
impl RealmReader for FaultyStore {
    async fn ticket(&self, realm: &Realm, id: TicketId) -> Result<Option<TicketView>> {
        self.read("ticket", self.inner.ticket(realm, id)).await
    }

    async fn ticket_page(&self, realm: &Realm, filter: &TicketFilter, page: PageSpec<TicketId>) -> Result<Vec<Ticket>> {
        self.read("ticket_page", self.inner.ticket_page(realm, filter, page)).await
    }

    async fn thread_page(
        &self,
        realm: &Realm,
        ticket: TicketId,
        page: PageSpec<u64>,
    ) -> Result<Option<Vec<ThreadEntry>>> {
        self.read("thread_page", self.inner.thread_page(realm, ticket, page)).await
    }

    async fn thread_entry(&self, realm: &Realm, ticket: TicketId, entry: EntryId) -> Result<Option<ThreadEntry>> {
        self.read("thread_entry", self.inner.thread_entry(realm, ticket, entry)).await
    }

    async fn event(&self, realm: &Realm, id: EventId) -> Result<Option<Event>> {
        self.read("event", self.inner.event(realm, id)).await
    }

    async fn event_page(&self, realm: &Realm, page: PageSpec<FeedPosition>) -> Result<FeedPage> {
        self.read("event_page", self.inner.event_page(realm, page)).await
    }

    async fn contact(&self, realm: &Realm, id: ContactId) -> Result<Option<Contact>> {
        self.read("contact", self.inner.contact(realm, id)).await
    }

    async fn contact_page(
        &self,
        realm: &Realm,
        filter: &ContactFilter,
        page: PageSpec<ContactId>,
    ) -> Result<Vec<Contact>> {
        self.read("contact_page", self.inner.contact_page(realm, filter, page)).await
    }

    async fn queues(&self, realm: &Realm) -> Result<Vec<Queue>> {
        self.read("queues", self.inner.queues(realm)).await
    }

    async fn queue_workload(&self, realm: &Realm, queue: &str, now: Timestamp) -> Result<Workload> {
        self.read("queue_workload", self.inner.queue_workload(realm, queue, now)).await
    }

    async fn policies(&self, realm: &Realm) -> Result<Vec<KeptPolicy>> {
        self.read("policies", self.inner.policies(realm)).await
    }

    async fn policy_work(&self, realm: &Realm, priority: Priority, limit: usize) -> Result<Option<PolicyWork>> {
        self.read("policy_work", self.inner.policy_work(realm, priority, limit)).await
    }

    async fn form(&self, realm: &Realm, id: FormId) -> Result<Option<Form>> {
        self.read("form", self.inner.form(realm, id)).await
    }

    async fn form_page(&self, realm: &Realm, page: PageSpec<FormId>) -> Result<Vec<Form>> {
        self.read("form_page", self.inner.form_page(realm, page)).await
    }

    async fn endpoint(&self, realm: &Realm, id: EndpointId) -> Result<Option<Endpoint>> {
        self.read("endpoint", self.inner.endpoint(realm, id)).await
    }

    async fn endpoint_page(&self, realm: &Realm, page: PageSpec<EndpointId>) -> Result<Vec<Endpoint>> {
        self.read("endpoint_page", self.inner.endpoint_page(realm, page)).await
    }

    async fn delivery(&self, realm: &Realm, id: DeliveryId) -> Result<Option<Delivery>> {
        self.read("delivery", self.inner.delivery(realm, id)).await
    }

    async fn delivery_page(
        &self,
        realm: &Realm,
        filter: &DeliveryFilter,
        page: PageSpec<DeliveryId>,
    ) -> Result<Vec<Delivery>> {
        self.read("delivery_page", self.inner.delivery_page(realm, filter, page)).await
    }

    async fn notification(&self, realm: &Realm, id: NotificationId) -> Result<Option<Notification>> {
        self.read("notification", self.inner.notification(realm, id)).await
    }

    async fn notification_page(
        &self,
        realm: &Realm,
        filter: &NotificationFilter,
        page: PageSpec<NotificationId>,
    ) -> Result<Vec<Notification>> {
        self.read("notification_page", self.inner.notification_page(realm, filter, page)).await
    }

    async fn replay_job(&self, realm: &Realm, id: JobId) -> Result<Option<ReplayJob>> {
        self.read("replay_job", self.inner.replay_job(realm, id)).await
    }

    async fn recorded_secrets(
        &self,
        realm: &Realm,
        after: Option<&IdempotencyKey>,
        limit: usize,
    ) -> Result<Vec<(IdempotencyKey, Sealed)>> {
        self.read("recorded_secrets", self.inner.recorded_secrets(realm, after, limit)).await
    }

    async fn load(&self, realm: &Realm, lookup: Lookup<'_>) -> Result<Loaded> {
        let what = format!("load {} {:?}", short(realm), lookup.key);
        self.call(&what, self.inner.load(realm, lookup), |loaded, _| {
            let version = loaded.ticket.as_ref().map(|ticket| ticket.version.0);
            format!("ticket {version:?}, recorded: {}", loaded.recorded.is_some())
        })
        .await
    }
}

/// A realm, as the trace names it.
pub(super) fn short(realm: &Realm) -> String {
    format!("{}/{}", realm.tenant().as_str(), realm.environment().as_str())
}
