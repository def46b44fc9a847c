//! What is kept, as rows, and the keys they are kept under.
//!
//! Every key of a realm's row begins with the realm, so that no look-up can reach another's.

use std::{collections::BTreeSet, fmt::Display, io};

use serde::{Deserialize, Serialize};
use sk_tickets_core::{
    ApiKeyId, EndpointView, Environment, Event, EventId, Realm, Scope, TicketId, Timestamp, Version, WebhookSecret,
    model::{
        api_key::ApiKey,
        delivery::{Delivery, DeliveryStatus},
        endpoint::Endpoint,
        event::EventType,
    },
    platform::idempotency::{Fingerprint, Recorded, StoredResponse},
};

/// The key of a row.
pub(crate) fn key(realm: &Realm, table: &str, id: impl Display) -> String {
    format!("{}/{}/{table}/{id}", realm.tenant(), realm.environment())
}

/// A number as part of a key, so that numbers come in order.
pub(crate) fn number(number: u64) -> String {
    format!("{number:020}")
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
    /// The row stays, since deliveries refer to it.
    pub(crate) deleted: bool,
}

impl EndpointRow {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let secret = endpoint.secret.as_bytes().to_vec();
        Self { view: EndpointView::public(endpoint.clone()), secret, deleted: false }
    }

    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        let EndpointView {
            id,
            url,
            description,
            events,
            status,
            disabled_reason,
            failing_since,
            created_at,
            secret: _,
        } = self.view.clone();
        let secret = WebhookSecret::from_bytes(self.secret.clone()).map_err(io::Error::other)?;
        Ok(Endpoint { id, url, description, events, status, disabled_reason, failing_since, created_at, secret })
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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    fingerprint: [u8; 32],
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl ClaimRow {
    pub(crate) fn of(fingerprint: Fingerprint, response: &StoredResponse) -> Self {
        let StoredResponse { status, location, etag, content_type, body } = response.clone();
        Self { fingerprint: fingerprint.0, status, location, etag, content_type, body }
    }

    pub(crate) fn recorded(self) -> Recorded {
        let Self { fingerprint, status, location, etag, content_type, body } = self;
        let response = StoredResponse { status, location, etag, content_type, body };
        Recorded { fingerprint: Fingerprint(fingerprint), response }
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
    expires_at: Option<Timestamp>,
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

fn realm(tenant: &str, environment: Environment) -> io::Result<Realm> {
    Ok(Realm::assume(tenant.parse().map_err(io::Error::other)?, environment))
}
