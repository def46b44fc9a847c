//! What is old, as it is dropped.

use std::io;

use sk_tickets_core::{
    DeliveryId, DeliveryStatus, Event, EventId, Realm, Timestamp,
    store::{Purge, Purged},
};

use crate::{
    journal::{Batch, Journal},
    reader::feed_key,
    rows::{ClaimRow, DeliveryRow, EventRow, key},
};

/// The last position of the feed that is purged; zero if none is.
pub(crate) fn purged_position(journal: &Journal, realm: &Realm) -> io::Result<u64> {
    Ok(journal.get(&key(realm, "purged", ""))?.unwrap_or_default())
}

/// Drops what is old; false if there is nothing.
pub(crate) fn purge(journal: &Journal, batch: &mut Batch, realm: &Realm, purge: &Purge) -> io::Result<bool> {
    let Purge { what, before, limit } = *purge;
    let dropped = match what {
        Purged::Answers => purge_answers(journal, batch, realm, before, limit)?,
        Purged::Events => purge_events(journal, batch, realm, before, limit)?,
        Purged::Deliveries => purge_deliveries(journal, batch, realm, before, limit)?,
        Purged::Responses => purge_responses(journal, batch, realm, before, limit)?,
    };
    Ok(dropped > 0)
}

fn purge_answers(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    before: Timestamp,
    limit: usize,
) -> io::Result<usize> {
    let rows = journal.scan::<ClaimRow>(&key(realm, "claim", "")).collect::<io::Result<Vec<_>>>()?;
    let mut old: Vec<_> = rows.into_iter().filter(|row| row.at < before && !row.is_expired()).collect();
    old.sort_by_key(|row| row.at);
    old.truncate(limit);
    for row in &old {
        batch.put(key(realm, "claim", row.key().as_str()), &row.expired())?;
    }
    Ok(old.len())
}

fn purge_events(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    before: Timestamp,
    limit: usize,
) -> io::Result<usize> {
    let mut last = purged_position(journal, realm)?;
    let deliveries = deliveries(journal, realm)?;
    let is_needed = |event: &Event| {
        let mut deliveries = deliveries.iter().map(|row| &row.delivery).filter(|one| one.event_id == event.id);
        deliveries.any(|one| one.status == DeliveryStatus::Pending || one.is_dead_letter())
    };
    let mut dropped = 0;
    for place in journal.scan::<(u64, EventId)>(&key(realm, "feed", "")).take(limit) {
        let (position, id) = place?;
        let at = key(realm, "event", id);
        let event = journal.get::<EventRow>(&at)?.map(EventRow::event);
        if event.is_some_and(|event| event.at >= before || is_needed(&event)) {
            break;
        }
        batch.remove(at);
        batch.remove(feed_key(realm, position));
        last = position;
        dropped += 1;
    }
    batch.put(key(realm, "purged", ""), &last)?;
    Ok(dropped)
}

fn purge_deliveries(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    before: Timestamp,
    limit: usize,
) -> io::Result<usize> {
    let is_old = |row: &DeliveryRow| {
        row.delivery.status != DeliveryStatus::Pending
            && row.delivery.created_at < before
            && row.delivery.attempts.iter().all(|attempt| attempt.at < before)
    };
    let rows = deliveries(journal, realm)?;
    let old: Vec<DeliveryId> = rows.into_iter().filter(is_old).take(limit).map(|row| row.delivery.id).collect();
    for id in &old {
        batch.remove(key(realm, "delivery", id));
    }
    Ok(old.len())
}

fn purge_responses(
    journal: &Journal,
    batch: &mut Batch,
    realm: &Realm,
    before: Timestamp,
    limit: usize,
) -> io::Result<usize> {
    let mut dropped = 0;
    for mut row in deliveries(journal, realm)? {
        let attempts = row.delivery.attempts.iter_mut();
        let old = attempts.filter(|attempt| attempt.at < before && attempt.response.is_some()).take(limit - dropped);
        let here = old.map(|attempt| attempt.response = None).count();
        if here > 0 {
            batch.put(key(realm, "delivery", row.delivery.id), &row)?;
            dropped += here;
        }
    }
    Ok(dropped)
}

fn deliveries(journal: &Journal, realm: &Realm) -> io::Result<Vec<DeliveryRow>> {
    journal.scan(&key(realm, "delivery", "")).collect()
}
