//! The reads.

use super::{
    Desk, Error,
    paging::{List, page_of},
};
use crate::{
    model::{
        contact::{CONTACT_ORDER, Contact, ContactFilter},
        delivery::{DELIVERY_ORDER, Delivery, DeliveryFilter},
        endpoint::{ENDPOINT_ORDER, EndpointView},
        event::{Event, FEED_ORDER, FeedPosition},
        form::{FORM_ORDER, Form},
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::{NOTIFICATION_ORDER, Notification, NotificationFilter},
        page::{Order, Page, PageRequest},
        queue::{DEFAULT_QUEUE, QUEUE_ORDER, Queue, QueueOverview, QueueSlug, Workload},
        replay_job::ReplayJob,
        search::SearchQuery,
        sla::{SLA_POLICY_ORDER, SlaPolicy},
        stats::{Stats, StatsRange},
        thread::{THREAD_ORDER, ThreadEntry},
        ticket::{TICKET_ORDER, Ticket, TicketFilter, TicketView},
    },
    platform::{
        id::{DeliveryId, EndpointId, EventId, JobId},
        input::{Faults, Pointer},
        problem::{self, Problem},
        time::Timestamp,
    },
    store::{FeedPage, PageSpec},
};

impl Desk {
    /// A ticket, with its place in its queue.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn ticket(&self, id: TicketId) -> Result<Option<TicketView>, Error> {
        Ok(self.inner.store.ticket(&self.realm, id).await?)
    }

    /// Tickets that match, newest first unless asked otherwise.
    ///
    /// A ticket that matches for as long as the pages are read is given exactly once; one that is made or changed
    /// meanwhile at most once.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn tickets(&self, filter: &TicketFilter, page: &PageRequest) -> Result<Page<Ticket>, Error> {
        let list = List { name: "tickets".to_owned(), filter, order: TICKET_ORDER, key: |ticket: &Ticket| ticket.id };
        self.page(list, page, |spec| async move { Ok(self.inner.store.ticket_page(&self.realm, filter, spec).await?) })
            .await
    }

    /// Tickets in which every word of a query occurs and that match, newest first unless asked otherwise. Looked at are
    /// the subject and the texts of the thread, internal ones too: see [`search`](crate::model::search).
    ///
    /// A ticket that is found for as long as the pages are read is given exactly once; one that is made or changed
    /// meanwhile at most once.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn search_tickets(
        &self,
        query: &SearchQuery,
        filter: &TicketFilter,
        page: &PageRequest,
    ) -> Result<Page<Ticket>, Error> {
        let list = List {
            name: "tickets".to_owned(),
            filter: &(filter, query),
            order: TICKET_ORDER,
            key: |ticket: &Ticket| ticket.id,
        };
        self.page(list, page, |spec| async move {
            Ok(self.inner.store.ticket_search(&self.realm, query, filter, spec).await?)
        })
        .await
    }

    /// Figures on the tickets that were made within a time, as they stand now: by default, in the 30 days up to now.
    ///
    /// # Errors
    /// `validation_failed` if `from` is not before `to`, or more than 366 days before it; and faults of the store.
    pub async fn stats(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Stats, Error> {
        let range = StatsRange::new(from, to, self.inner.clock.now());
        let range = range.map_err(|error| {
            let mut faults = Faults::default();
            faults.push(Pointer::ROOT.name("from"), "invalid_range", error.to_string());
            Problem::validation(faults.into_vec())
        })?;
        Ok(self.inner.store.ticket_stats(&self.realm, range).await?)
    }

    /// The thread of a ticket, oldest entry first unless asked otherwise; none if there is no such ticket.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn thread(&self, id: TicketId, page: &PageRequest) -> Result<Option<Page<ThreadEntry>>, Error> {
        let mut found = true;
        let list = List {
            name: format!("thread {id}"),
            filter: &(),
            order: THREAD_ORDER,
            key: |entry: &ThreadEntry| entry.sequence,
        };
        let seen = &mut found;
        let page = self
            .page(list, page, |spec| async move {
                let entries = self.inner.store.thread_page(&self.realm, id, spec).await?;
                *seen = entries.is_some();
                Ok(entries.unwrap_or_default())
            })
            .await?;
        Ok(found.then_some(page))
    }

    /// One entry of a ticket's thread.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn thread_entry(&self, ticket: TicketId, entry: EntryId) -> Result<Option<ThreadEntry>, Error> {
        Ok(self.inner.store.thread_entry(&self.realm, ticket, entry).await?)
    }

    /// The feed of events in the order of commits, newest first unless asked otherwise.
    ///
    /// In ascending order there always is a `next_cursor`: who goes on from it misses nothing and sees nothing twice.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, `cursor_expired` if what comes next is no longer kept, and faults of the
    /// store.
    pub async fn events(&self, page: &PageRequest) -> Result<Page<Event>, Error> {
        const NAME: &str = "events";
        let list = List {
            name: NAME.to_owned(),
            filter: &(),
            order: FEED_ORDER,
            key: |(position, _): &(FeedPosition, Event)| *position,
        };
        let order = page.order.unwrap_or(FEED_ORDER);
        let mut begins_after = FeedPosition(0);
        let noted = &mut begins_after;
        let fetch = move |spec: PageSpec<FeedPosition>| {
            async move {
                let FeedPage { events, purged } = self.inner.store.event_page(&self.realm, spec).await?;
                let is_expired = spec.after.is_some_and(|after| match order {
                    Order::Asc => after < purged,
                    // What it stands at was the last one to be kept, or is purged itself: what comes next is.
                    Order::Desc => after <= purged,
                });
                if is_expired {
                    let detail = "events that come next are no longer kept; begin anew without a cursor";
                    return Err(Problem::new(problem::CURSOR_EXPIRED, detail).into());
                }
                *noted = purged;
                Ok(events)
            }
        };
        let Page { data, has_more, mut next_cursor } = self.page(list, page, fetch).await?;
        if order == Order::Asc && next_cursor.is_none() {
            next_cursor = match (data.last(), &page.cursor) {
                (None, Some(cursor)) => Some(cursor.clone()),
                (last, _) => {
                    let position = last.map_or(begins_after, |(position, _)| *position);
                    Some(self.follow(NAME, &(), order, position).await?)
                }
            };
        }
        Ok(Page { data: data.into_iter().map(|(_, event)| event).collect(), has_more, next_cursor })
    }

    /// One event of the feed.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn event(&self, id: EventId) -> Result<Option<Event>, Error> {
        Ok(self.inner.store.event(&self.realm, id).await?)
    }

    /// Contacts that match, newest first unless asked otherwise.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn contacts(&self, filter: &ContactFilter, page: &PageRequest) -> Result<Page<Contact>, Error> {
        let list =
            List { name: "contacts".to_owned(), filter, order: CONTACT_ORDER, key: |contact: &Contact| contact.id };
        self.page(list, page, |spec| async move { Ok(self.inner.store.contact_page(&self.realm, filter, spec).await?) })
            .await
    }

    /// A contact.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>, Error> {
        Ok(self.inner.store.contact(&self.realm, id).await?)
    }

    /// The queues, newest first unless asked otherwise; `default`, which is in every realm, counts as the oldest.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn queues(&self, page: &PageRequest) -> Result<Page<Queue>, Error> {
        let list = List { name: "queues".to_owned(), filter: &(), order: QUEUE_ORDER, key: |queue: &Queue| queue.id };
        self.page(list, page, |spec| async move { Ok(page_of(self.every_queue().await?, &spec, |queue| queue.id)) })
            .await
    }

    /// The SLA policies that were set, newest first unless asked otherwise.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn sla_policies(&self, page: &PageRequest) -> Result<Page<SlaPolicy>, Error> {
        let list = List {
            name: "sla_policies".to_owned(),
            filter: &(),
            order: SLA_POLICY_ORDER,
            key: |policy: &SlaPolicy| policy.id,
        };
        self.page(list, page, |spec| async move {
            let kept = self.inner.store.policies(&self.realm).await?;
            // As many as there are priorities.
            let policies = kept.into_iter().map(|kept| kept.policy).collect();
            Ok(page_of(policies, &spec, |policy| policy.id))
        })
        .await
    }

    /// A queue.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn queue(&self, key: &QueueSlug) -> Result<Option<Queue>, Error> {
        Ok(self.every_queue().await?.into_iter().find(|queue| queue.key == key.as_str()))
    }

    /// What there is to do in a queue; none if there is no such queue.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn queue_overview(&self, key: &QueueSlug) -> Result<Option<QueueOverview>, Error> {
        let Some(Queue { key, .. }) = self.queue(key).await? else { return Ok(None) };
        let counts = self.inner.store.queue_workload(&self.realm, &key, self.inner.clock.now()).await?;
        let Workload { waiting, by_status, oldest_queued_at, at_risk } = counts;
        Ok(Some(QueueOverview { queue: key, waiting, by_status, oldest_queued_at, at_risk }))
    }

    /// The queues that the store keeps, and `default` if it is not one of them.
    async fn every_queue(&self) -> Result<Vec<Queue>, Error> {
        let mut queues = self.inner.store.queues(&self.realm).await?;
        if !queues.iter().any(|queue| queue.key == DEFAULT_QUEUE) {
            queues.push(Queue::default_of(&self.realm));
        }
        Ok(queues)
    }

    /// The forms, newest first unless asked otherwise.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn forms(&self, page: &PageRequest) -> Result<Page<Form>, Error> {
        let list = List { name: "forms".to_owned(), filter: &(), order: FORM_ORDER, key: |form: &Form| form.id };
        self.page(list, page, |spec| async move { Ok(self.inner.store.form_page(&self.realm, spec).await?) }).await
    }

    /// A form.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn form(&self, id: FormId) -> Result<Option<Form>, Error> {
        Ok(self.inner.store.form(&self.realm, id).await?)
    }

    /// The webhook endpoints, newest first unless asked otherwise; without their secrets.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn endpoints(&self, page: &PageRequest) -> Result<Page<EndpointView>, Error> {
        let list = List {
            name: "webhook_endpoints".to_owned(),
            filter: &(),
            order: ENDPOINT_ORDER,
            key: |endpoint: &EndpointView| endpoint.id,
        };
        self.page(list, page, |spec| async move {
            let endpoints = self.inner.store.endpoint_page(&self.realm, spec).await?;
            Ok(endpoints.into_iter().map(EndpointView::public).collect())
        })
        .await
    }

    /// A webhook endpoint, without its secret.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<EndpointView>, Error> {
        Ok(self.inner.store.endpoint(&self.realm, id).await?.map(EndpointView::public))
    }

    /// Deliveries that match, newest first unless asked otherwise, each with all its attempts.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn deliveries(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<Delivery>, Error> {
        let list = List {
            // Two lists, whose cursors are not each other's.
            name: if filter.dead_letters { "dead_letters" } else { "deliveries" }.to_owned(),
            filter,
            order: DELIVERY_ORDER,
            key: |delivery: &Delivery| delivery.id,
        };
        self.page(
            list,
            page,
            |spec| async move { Ok(self.inner.store.delivery_page(&self.realm, filter, spec).await?) },
        )
        .await
    }

    /// A delivery with all its attempts.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Error> {
        Ok(self.inner.store.delivery(&self.realm, id).await?)
    }

    /// Notifications that match, newest first unless asked otherwise.
    ///
    /// # Errors
    /// `invalid_cursor`, `cursor_filter_mismatch`, and faults of the store.
    pub async fn notifications(
        &self,
        filter: &NotificationFilter,
        page: &PageRequest,
    ) -> Result<Page<Notification>, Error> {
        let list = List {
            name: "notifications".to_owned(),
            filter,
            order: NOTIFICATION_ORDER,
            key: |notification: &Notification| notification.id,
        };
        self.page(
            list,
            page,
            |spec| async move { Ok(self.inner.store.notification_page(&self.realm, filter, spec).await?) },
        )
        .await
    }

    /// A notification.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn notification(&self, id: NotificationId) -> Result<Option<Notification>, Error> {
        Ok(self.inner.store.notification(&self.realm, id).await?)
    }

    /// A job that replays dead letters.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn replay_job(&self, id: JobId) -> Result<Option<ReplayJob>, Error> {
        Ok(self.inner.store.replay_job(&self.realm, id).await?)
    }
}
