//! What is kept, as rows, and the keys they are kept under.
//!
//! Every key of a realm's row begins with the realm, so that no look-up can reach another's.

use std::{collections::BTreeSet, fmt::Display, io};

use serde::{Deserialize, Serialize};
use sk_tickets_core::{
    ApiKeyId, DeliveryId, EndpointView, Environment, Event, EventId, Notification, Outcome, Realm, ReplayJob, Scope,
    TicketId, Timestamp, Version,
    model::{
        api_key::ApiKey,
        delivery::{Delivery, DeliveryStatus},
        endpoint::{Endpoint, OldSecret},
        event::EventType,
        sla::KeptPolicy,
    },
    platform::{
        idempotency::{Claim, EXPIRED, Fingerprint, IdempotencyKey, Recorded, SecretSlot, StoredResponse},
        seal::Sealed,
    },
};

/// The key of a row.
pub(crate) fn key(realm: &Realm, table: &str, id: impl Display) -> String {
    format!("{}/{}/{table}/{id}", realm.tenant(), realm.environment())
}

/// A number as part of a key, so that numbers come in order.
pub(crate) fn number(number: u64) -> String {
    format!("{number:020}")
}

/// A policy, and what there is to do about its last change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PolicyRow {
    pub(crate) kept: KeptPolicy,
    pub(crate) changed: bool,
    /// The last ticket that was seen to.
    pub(crate) cursor: Option<TicketId>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventRow {
    id: EventId,
    event_type: EventType,
    ticket_id: Option<TicketId>,
    ticket_version: Option<Version>,
    at: Timestamp,
    payload: String,
}

impl EventRow {
    pub(crate) fn of(event: &Event) -> io::Result<Self> {
        let Event { id, event_type, ticket_id, ticket_version, at, payload } = event.clone();
        let payload = String::from_utf8(payload).map_err(io::Error::other)?;
        Ok(Self { id, event_type, ticket_id, ticket_version, at, payload })
    }

    pub(crate) fn event(self) -> Event {
        let Self { id, event_type, ticket_id, ticket_version, at, payload } = self;
        Event { id, event_type, ticket_id, ticket_version, at, payload: payload.into_bytes() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointRow {
    view: EndpointView,
    secret: Vec<u8>,
    old_secrets: Vec<(Vec<u8>, Timestamp)>,
    /// The row stays, since deliveries refer to it.
    pub(crate) deleted: bool,
}

impl EndpointRow {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let secret = endpoint.secret.as_bytes().to_vec();
        let old_secrets = endpoint.old_secrets.iter().map(|old| (old.secret.as_bytes().to_vec(), old.until)).collect();
        Self { view: EndpointView::public(endpoint.clone()), secret, old_secrets, deleted: false }
    }

    /// The row of one that was deleted: without its secrets.
    pub(crate) fn deleted(endpoint: &Endpoint) -> Self {
        Self { secret: Vec::new(), old_secrets: Vec::new(), deleted: true, ..Self::of(endpoint) }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let Self { view, secret, old_secrets, .. } = self;
        let EndpointView { id, url, description, events, status, disabled_reason, failing_since, created_at, .. } =
            view.clone();
        let secret = Sealed::from_bytes(secret.clone());
        let old_secrets = old_secrets
            .iter()
            .map(|(secret, until)| OldSecret { secret: Sealed::from_bytes(secret.clone()), until: *until })
            .collect();
        Endpoint {
            id,
            url,
            description,
            events,
            status,
            disabled_reason,
            failing_since,
            created_at,
            secret,
            old_secrets,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeliveryRow {
    pub(crate) delivery: Delivery,
    /// Failed attempts since the schedule began.
    pub(crate) failures: u32,
    /// Grows with each lease.
    pub(crate) token: u64,
    /// Who holds it, and until when.
    pub(crate) lease: Option<(u64, Timestamp)>,
    tenant: String,
    environment: Environment,
}

impl DeliveryRow {
    pub(crate) fn of(realm: &Realm, delivery: Delivery) -> Self {
        let (tenant, environment) = (realm.tenant().to_string(), realm.environment());
        Self { delivery, failures: 0, token: 0, lease: None, tenant, environment }
    }

    /// Workers come upon it without knowing the realm.
    pub(crate) fn realm(&self) -> io::Result<Realm> {
        realm(&self.tenant, self.environment)
    }

    /// When a worker may take it; none if it is not pending.
    pub(crate) fn claimable_at(&self) -> Option<Timestamp> {
        let pending = self.delivery.status == DeliveryStatus::Pending;
        self.lease.map(|(_, end)| end).or(self.delivery.next_attempt_at).filter(|_| pending)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NotificationRow {
    pub(crate) notification: Notification,
    /// Failed attempts since the schedule began.
    pub(crate) failures: u32,
    /// Grows with each lease.
    pub(crate) token: u64,
    /// Who holds it, and until when.
    pub(crate) lease: Option<(u64, Timestamp)>,
    tenant: String,
    environment: Environment,
}

impl NotificationRow {
    pub(crate) fn of(realm: &Realm, notification: Notification) -> Self {
        let (tenant, environment) = (realm.tenant().to_string(), realm.environment());
        Self { notification, failures: 0, token: 0, lease: None, tenant, environment }
    }

    /// Workers come upon it without knowing the realm.
    pub(crate) fn realm(&self) -> io::Result<Realm> {
        realm(&self.tenant, self.environment)
    }

    /// When a worker may take it; none if it is not pending.
    pub(crate) fn claimable_at(&self) -> Option<Timestamp> {
        let pending = self.notification.outcome == Outcome::Pending;
        self.lease.map(|(_, end)| end).or(self.notification.next_attempt_at).filter(|_| pending)
    }

    pub(crate) fn is_held_by(&self, token: u64) -> bool {
        self.lease.is_some() && self.token == token
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    key: String,
    fingerprint: [u8; 32],
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
    secret: Option<(usize, Vec<u8>)>,
    /// The ticket whose words are in the body.
    pub(crate) shows: Option<TicketId>,
    pub(crate) at: Timestamp,
}

impl ClaimRow {
    pub(crate) fn of(claim: &Claim, response: &StoredResponse, shows: Option<TicketId>, at: Timestamp) -> Self {
        let (key, fingerprint) = (claim.key.as_str().to_owned(), claim.fingerprint.0);
        let StoredResponse { status, location, etag, content_type, body, secret } = response.clone();
        let secret = secret.map(|SecretSlot { at, secret }| (at, secret.as_bytes().to_vec()));
        Self { key, fingerprint, status, location, etag, content_type, body, secret, shows, at }
    }

    pub(crate) fn recorded(self) -> Recorded {
        let secret = self.secret().map(|(at, secret)| SecretSlot { at, secret });
        let Self { fingerprint, status, location, etag, content_type, body, .. } = self;
        let response = StoredResponse { status, location, etag, content_type, body, secret };
        Recorded { fingerprint: Fingerprint(fingerprint), response }
    }

    pub(crate) fn key(&self) -> IdempotencyKey {
        IdempotencyKey::from_kept(self.key.clone())
    }

    /// The secret of the answer, and its place in the body.
    pub(crate) fn secret(&self) -> Option<(usize, Sealed)> {
        self.secret.as_ref().map(|(at, secret)| (*at, Sealed::from_bytes(secret.clone())))
    }

    pub(crate) fn with_secret(self, at: usize, secret: &Sealed) -> Self {
        Self { secret: Some((at, secret.as_bytes().to_vec())), ..self }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.fingerprint == EXPIRED.0
    }

    /// The row once the answer is no longer kept.
    pub(crate) fn expired(&self) -> Self {
        Self {
            key: self.key.clone(),
            fingerprint: EXPIRED.0,
            status: self.status,
            location: self.location.clone(),
            etag: None,
            content_type: None,
            body: Vec::new(),
            secret: None,
            shows: None,
            at: self.at,
        }
    }

    pub(crate) fn with_body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub(crate) job: ReplayJob,
    /// The last letter that was looked at.
    pub(crate) cursor: Option<DeliveryId>,
    tenant: String,
    environment: Environment,
}

impl JobRow {
    pub(crate) fn of(realm: &Realm, job: ReplayJob) -> Self {
        let (tenant, environment) = (realm.tenant().to_string(), realm.environment());
        Self { job, cursor: None, tenant, environment }
    }

    /// Workers come upon it without knowing the realm.
    pub(crate) fn realm(&self) -> io::Result<Realm> {
        realm(&self.tenant, self.environment)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ApiKeyRow {
    pub(crate) hash: [u8; 32],
    pub(crate) id: ApiKeyId,
    tenant: String,
    environment: Environment,
    name: Option<String>,
    scopes: BTreeSet<Scope>,
    created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl ApiKeyRow {
    pub(crate) fn of(key: &ApiKey, hash: [u8; 32]) -> Self {
        let ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at } = key.clone();
        let (tenant, environment) = (realm.tenant().to_string(), realm.environment());
        Self { hash, id, tenant, environment, name, scopes, created_at, expires_at, revoked_at, last_used_at }
    }

    pub(crate) fn api_key(self) -> io::Result<ApiKey> {
        let realm = realm(&self.tenant, self.environment)?;
        let Self { id, name, scopes, created_at, expires_at, revoked_at, last_used_at, .. } = self;
        Ok(ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at })
    }
}

pub(crate) fn realm(tenant: &str, environment: Environment) -> io::Result<Realm> {
    Ok(Realm::assume(tenant.parse().map_err(io::Error::other)?, environment))
}
