use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Audit, Books};
use crate::{
    model::{
        delivery::{DeadReason, DeliveryStatus},
        endpoint::EventFilter,
        event::Event,
    },
    platform::{id::EndpointId, realm::Realm},
    testing::simulation::{
        deed::Deed,
        oracle::{Arrival, EndpointFacts, Told, Window},
        property::Property,
    },
};

impl Audit<'_> {
    /// Each event has its deliveries, and each of them an end.
    pub(super) fn outbox(&self, books: &Books) {
        let oracle = self.world.oracle();
        let endpoints: BTreeMap<EndpointId, EndpointFacts> = oracle
            .changes
            .endpoints
            .iter()
            .filter(|((realm, _), _)| *realm == books.realm)
            .map(|((_, id), facts)| (*id, facts.clone()))
            .collect();
        let versions = oracle.changes.versions.clone();
        let taken: BTreeSet<_> = oracle
            .inbox
            .webhooks
            .iter()
            .filter(|arrival| arrival.taken)
            .map(|arrival| (arrival.url.clone(), arrival.id.clone()))
            .collect();
        drop(oracle);

        let mut found: BTreeMap<_, usize> = BTreeMap::new();
        for delivery in &books.deliveries {
            *found.entry((delivery.event_id, delivery.endpoint_id)).or_default() += 1;
        }
        for (_, event) in &books.feed {
            let (Some(ticket), Some(version)) = (event.ticket_id, event.ticket_version) else { continue };
            let stored = versions.get(&(books.realm.clone(), ticket, version.0));
            for (id, facts) in &endpoints {
                let times = found.get(&(event.id, *id)).copied().unwrap_or_default();
                let Some(expected) = expected(event, facts, stored) else { continue };
                self.world.check(Property::OneDeliveryForEachEndpoint, times == expected, || {
                    format!("{} {} has {times} deliveries to {id}", event.event_type, event.id)
                });
            }
        }
        for delivery in &books.deliveries {
            let lawful = match (delivery.status, delivery.reason) {
                (DeliveryStatus::Delivered, None) => true,
                (DeliveryStatus::Dead, Some(DeadReason::EndpointDeleted | DeadReason::Discarded)) => true,
                (DeliveryStatus::Pending | DeliveryStatus::Delivered | DeliveryStatus::Dead, _) => false,
            };
            self.world.check(Property::OutboxIsEmptied, lawful, || format!("{delivery:?}"));
            if delivery.status == DeliveryStatus::Delivered {
                let url = endpoints.get(&delivery.endpoint_id).map(|facts| facts.endpoint.url.clone());
                let got = url.is_some_and(|url| taken.contains(&(url, delivery.event_id.to_string())));
                self.world.check(Property::DeliveredWasReceived, got, || format!("{delivery:?}"));
            }
            let settled = self.world.oracle().deliveries.settlements(&books.realm, &delivery.id.to_string());
            let attempts = delivery.attempts.len();
            let numbered = (1..).zip(&delivery.attempts).all(|(number, attempt)| attempt.number == number);
            let once = if self.world.exact { attempts == settled } else { attempts >= settled };
            self.world.check(Property::AttemptIsRecordedOnce, once && numbered, || {
                format!("{} was settled {settled} times: {:?}", delivery.id, delivery.attempts)
            });
        }
    }

    /// What receivers got, against what is in the feeds.
    pub(super) fn receivers(&self, all: &[Books]) {
        let oracle = self.world.oracle();
        let secrets = secrets(&oracle.answers.by_key);
        let (arrivals, answers) = (oracle.inbox.webhooks.clone(), &oracle.answers);
        let urls: BTreeMap<_, _> = oracle
            .changes
            .endpoints
            .iter()
            .map(|((realm, id), facts)| (facts.endpoint.url.clone(), (realm.clone(), *id)))
            .collect();
        let bodies: Vec<_> = arrivals
            .iter()
            .map(|arrival| {
                let realm = urls.get(&arrival.url).map(|(realm, _)| realm);
                let body = String::from_utf8_lossy(&arrival.body);
                realm.map(|realm| answers.without_words(realm, &body))
            })
            .collect();
        drop(oracle);

        let mut first: BTreeMap<&str, &String> = BTreeMap::new();
        for (arrival, body) in arrivals.iter().zip(&bodies) {
            let Some((body, (realm, endpoint))) = body.as_ref().zip(urls.get(&arrival.url)) else { continue };
            let secret = secrets.get(&endpoint.to_string());
            let valid = secret.is_some_and(|secret| is_signed(arrival, secret));
            self.world.check(Property::SignatureIsValid, valid, || {
                format!("{} to {} at {}", arrival.id, arrival.url, arrival.at)
            });
            let expected = first.entry(&arrival.id).or_insert(body);
            self.world.check(Property::AttemptsAreAlike, *expected == body, || {
                format!("{} to {}:\n  {expected}\n  {body}", arrival.id, arrival.url)
            });
            let is_ping = body.contains("\"type\":\"ping\"");
            let ours = all.iter().filter(|books| books.realm == *realm).flat_map(|books| &books.feed);
            let known = is_ping || ours.map(|(_, event)| event.id.to_string()).any(|id| id == arrival.id);
            self.world.check(Property::RealmsAreApart, known, || {
                format!("{} came to {}, and is not in the feed of {realm:?}", arrival.id, arrival.url)
            });
        }
    }
}

/// How many deliveries of an event there should be to an endpoint; none where it cannot be said, since one was made or
/// deleted while the other was stored.
fn expected(event: &Event, facts: &EndpointFacts, stored: Option<&Window>) -> Option<usize> {
    let filter = &facts.endpoint.events;
    let wants = filter.iter().any(|filter| match filter {
        EventFilter::All => true,
        EventFilter::Type(wanted) => *wanted == event.event_type,
    });
    if !wants {
        return Some(0);
    }
    let stored = stored?;
    if stored.to < facts.made.from {
        return Some(0);
    }
    if stored.from <= facts.made.to {
        return None;
    }
    match facts.deleted {
        Some(deleted) if deleted.to < stored.from => Some(0),
        Some(deleted) if deleted.from <= stored.to => None,
        Some(_) | None => Some(1),
    }
}

/// The first secret of each endpoint, as its owner was told it. Those that replace it sign beside it for a day.
fn secrets(answers: &BTreeMap<(Realm, String), (Deed, Told)>) -> BTreeMap<String, Vec<u8>> {
    let mut secrets = BTreeMap::new();
    for (_, told) in answers.values().filter(|(_, told)| told.status == 201) {
        if let (Some(id), Some(secret)) = (told.text("/id"), told.text("/secret")) {
            let bytes = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
            secrets.insert(id, bytes);
        }
    }
    secrets
}

/// Whether a receiver that knows this secret would believe it: by the specification, and with none of our code.
fn is_signed(arrival: &Arrival, secret: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(format!("{}.{}.", arrival.id, arrival.timestamp).as_bytes());
    mac.update(&arrival.body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let fresh = arrival.timestamp.parse().is_ok_and(|sent: i64| (arrival.at.as_secs() - sent).abs() <= 300);
    fresh && arrival.signature.split(' ').any(|one| one == signature)
}
