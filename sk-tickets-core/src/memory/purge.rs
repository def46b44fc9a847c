use super::RealmData;
use crate::{
    model::delivery::DeliveryStatus,
    platform::{
        idempotency::{EXPIRED, StoredResponse},
        time::Timestamp,
    },
    store::{Purge, Purged},
};

impl RealmData {
    /// Drops what is old; false if there is nothing.
    pub(super) fn purge(&mut self, purge: &Purge) -> bool {
        let Purge { what, before, limit } = *purge;
        let dropped = match what {
            Purged::Answers => self.purge_answers(before, limit),
            Purged::Events => self.purge_events(before, limit),
            Purged::Deliveries => self.purge_deliveries(before, limit),
            Purged::Responses => self.purge_responses(before, limit),
        };
        dropped > 0
    }

    fn purge_answers(&mut self, before: Timestamp, limit: usize) -> usize {
        let mut old: Vec<_> =
            self.claims.values_mut().filter(|row| row.at < before && !row.recorded.is_expired()).collect();
        old.sort_by_key(|row| row.at);
        old.truncate(limit);
        for row in &mut old {
            row.recorded.fingerprint = EXPIRED;
            let response = &mut row.recorded.response;
            let StoredResponse { status, location, .. } = response;
            *response = StoredResponse {
                status: *status,
                location: location.take(),
                etag: None,
                content_type: None,
                body: Vec::new(),
                secret: None,
            };
            row.shows = None;
        }
        old.len()
    }

    fn purge_events(&mut self, before: Timestamp, limit: usize) -> usize {
        let Self { feed, events, deliveries, .. } = self;
        let is_needed = |id| {
            let mut deliveries = deliveries.values().map(|row| &row.delivery).filter(|row| row.event_id == id);
            deliveries.any(|delivery| delivery.status == DeliveryStatus::Pending || delivery.is_dead_letter())
        };
        let mut dropped = 0;
        while dropped < limit
            && let Some(first) = feed.first_entry()
            && events.get(first.get()).is_none_or(|event| event.at < before)
            && !is_needed(*first.get())
        {
            self.purged = *first.key();
            events.remove(&first.remove());
            dropped += 1;
        }
        dropped
    }

    fn purge_deliveries(&mut self, before: Timestamp, limit: usize) -> usize {
        let is_old = |at: Timestamp| at < before;
        let rows = self.deliveries.iter().map(|(id, row)| (id, &row.delivery));
        let old: Vec<_> = rows
            .filter(|(_, delivery)| {
                delivery.status != DeliveryStatus::Pending
                    && is_old(delivery.created_at)
                    && delivery.attempts.iter().all(|attempt| is_old(attempt.at))
            })
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        for id in &old {
            self.deliveries.remove(id);
        }
        old.len()
    }

    fn purge_responses(&mut self, before: Timestamp, limit: usize) -> usize {
        let attempts = self.deliveries.values_mut().flat_map(|row| &mut row.delivery.attempts);
        let mut old: Vec<_> = attempts.filter(|attempt| attempt.at < before && attempt.response.is_some()).collect();
        old.sort_by_key(|attempt| attempt.at);
        old.truncate(limit);
        for attempt in &mut old {
            attempt.response = None;
        }
        old.len()
    }
}
