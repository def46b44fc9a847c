//! Webhook endpoints: who is told what.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{event::EventType, page::Order};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{
        ENDPOINT_DESCRIPTION_MAX, ENDPOINT_EVENTS_MAX, ENDPOINT_URL_MAX, SECRET_OVERLAP_DEFAULT_SECS,
        SECRET_OVERLAP_MAX_SECS,
    },
    platform::{
        id::EndpointId,
        input::{Change, Faults, Input, Patch, Pointer, read_parsed},
        json::Json,
        number::Whole,
        realm::Environment,
        seal::Sealed,
        text::{List, Text},
        time::Timestamp,
        webhook::TargetPolicy,
    },
    request, words,
};

words! {
    /// Whether events are delivered to an endpoint.
    pub enum EndpointStatus {
        /// Events are delivered to it.
        Enabled = "enabled",
        /// Events for it wait in dead letters.
        Disabled = "disabled",
    }
}

words! {
    /// Why an endpoint is disabled.
    pub enum DisabledReason {
        /// Its owner said so.
        Manual = "manual",
        /// It answered 410 Gone.
        Gone = "gone",
    }
}

words! {
    /// How deliveries to an endpoint fare.
    pub enum EndpointHealth {
        /// The last attempt succeeded, or none was made yet.
        Healthy = "healthy",
        /// Every attempt has failed since `failing_since`.
        Failing = "failing",
        /// None is made, for the reason that `disabled_reason` has.
        Disabled = "disabled",
    }
}

/// A secret that was replaced and goes on signing for a while, so that its receiver has time to change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct OldSecret {
    /// The secret.
    pub secret: Sealed,
    /// Until when it signs.
    pub until: Timestamp,
}

/// A webhook endpoint as a store keeps it, with its secret; it is never written to an answer as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where deliveries are posted to.
    pub url: String,
    /// What its owner calls it.
    pub description: Option<String>,
    /// What it is told.
    pub events: Vec<EventFilter>,
    /// Whether events are delivered to it.
    pub status: EndpointStatus,
    /// Why it is disabled; none while it is enabled.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when every attempt has failed; none while the last one succeeded.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What its deliveries are signed with. Told once, in the answer that makes the endpoint or the secret.
    pub secret: Sealed,
    /// What they are signed with besides, the newest first.
    pub old_secrets: Vec<OldSecret>,
}

impl Endpoint {
    /// Whether the endpoint wants events of this type.
    #[must_use]
    pub fn wants(&self, event_type: EventType) -> bool {
        self.events.iter().any(|filter| filter.matches(event_type))
    }

    /// How deliveries to it fare.
    #[must_use]
    pub const fn health(&self) -> EndpointHealth {
        match (self.status, self.failing_since) {
            (EndpointStatus::Disabled, _) => EndpointHealth::Disabled,
            (EndpointStatus::Enabled, Some(_)) => EndpointHealth::Failing,
            (EndpointStatus::Enabled, None) => EndpointHealth::Healthy,
        }
    }
}

/// A webhook endpoint as an answer shows it: with the secret, where the answer is the one that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WebhookEndpoint", transform = Object("webhook_endpoint")))]
#[serde(tag = "object", rename = "webhook_endpoint")]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct EndpointView {
    /// Its id.
    pub id: EndpointId,
    /// Where deliveries are posted to.
    pub url: String,
    /// What its owner calls it.
    pub description: Option<String>,
    /// What it is told.
    pub events: Vec<EventFilter>,
    /// Whether events are delivered to it.
    pub status: EndpointStatus,
    /// How deliveries to it fare.
    pub health: EndpointHealth,
    /// Why it is disabled.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What waits in dead letters and can be replayed. Only in the answer that enables the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "ReplayOffer"))]
    pub replay: Option<ReplayOffer>,
    /// The secret: `whsec_…`. Only in the answer that made it.
    // The last field, since answers are recorded without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Secret"))]
    pub secret: Option<Secret>,
}

/// What waits in dead letters for an endpoint, and the request that replays it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct ReplayOffer {
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// The method of the request.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its body.
    pub body: ReplayOfferBody,
}

/// The body of the request that replays what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct ReplayOfferBody {
    /// The endpoint.
    pub endpoint_id: EndpointId,
}

/// The text of a secret on its way to its owner; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Where the secret is put when an answer is given.
    pub(crate) const fn slot() -> Self {
        Self(String::new())
    }

    /// The secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl EndpointView {
    /// The endpoint without its secret.
    #[must_use]
    pub fn public(endpoint: Endpoint) -> Self {
        let health = endpoint.health();
        let Endpoint {
            id,
            url,
            description,
            events,
            status,
            disabled_reason,
            failing_since,
            created_at,
            secret: _,
            old_secrets: _,
        } = endpoint;
        Self {
            id,
            url,
            description,
            events,
            status,
            health,
            disabled_reason,
            failing_since,
            created_at,
            replay: None,
            secret: None,
        }
    }
}

/// Which events an endpoint wants: `*`, or one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum EventFilter {
    /// Every event.
    All,
    /// Events of this type.
    Type(EventType),
}

impl EventFilter {
    /// Whether events of this type are let through.
    #[must_use]
    pub fn matches(self, event_type: EventType) -> bool {
        match self {
            Self::All => true,
            Self::Type(wanted) => wanted == event_type,
        }
    }
}

/// Neither `*` nor an event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `*` or an event type such as `ticket.created`")]
#[non_exhaustive]
pub struct EventFilterError;

impl FromStr for EventFilter {
    type Err = EventFilterError;

    fn from_str(text: &str) -> Result<Self, EventFilterError> {
        match text.parse() {
            _ if text == "*" => Ok(Self::All),
            Ok(EventType::Ping) | Err(_) => Err(EventFilterError),
            Ok(event_type) => Ok(Self::Type(event_type)),
        }
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Type(event_type) => fmt::Display::fmt(event_type, f),
        }
    }
}

impl Serialize for EventFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] EventFilter, |_| {
    let types = EventType::ALL.iter().map(|event_type| event_type.as_str());
    let words: Vec<_> = std::iter::once("*").chain(types).filter(|word| word.parse::<Self>().is_ok()).collect();
    schemars::json_schema!({ "description": "`*` for every event, or a type of event.", "type": "string", "enum": words })
});

impl Input for EventFilter {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_value", at, faults)
    }
}

/// The URL of an endpoint, not yet judged by the policy of an engine.
pub type EndpointUrl = Text<1, ENDPOINT_URL_MAX>;
/// The description of an endpoint.
pub type EndpointDescription = Text<0, ENDPOINT_DESCRIPTION_MAX>;
/// The events an endpoint wants.
pub type EventFilters = List<EventFilter, ENDPOINT_EVENTS_MAX>;

request! {
    /// Makes a webhook endpoint.
    pub struct CreateEndpoint {
        /// Where deliveries are to be posted to.
        pub url: EndpointUrl,
        /// What it is to be told; everything unless named.
        pub events: Option<EventFilters>,
        /// What its owner calls it.
        pub description: Option<EndpointDescription>,
    }
    check(url) = CreateEndpoint::has_a_url;
    check(events) = CreateEndpoint::wants_something;
    rule = { "properties": { "events": { "minItems": 1 } } };
    example = { "url": "https://example.com/hooks", "events": ["ticket.created", "ticket.resolved"] };
}

impl CreateEndpoint {
    /// An endpoint at this URL that is told everything.
    #[must_use]
    pub const fn new(url: EndpointUrl) -> Self {
        Self { url, events: None, description: None }
    }

    fn has_a_url(url: Option<&EndpointUrl>, at: Pointer<'_>, faults: &mut Faults) {
        check_url(url, at.name("url"), faults);
    }

    fn wants_something(events: Option<&Option<EventFilters>>, at: Pointer<'_>, faults: &mut Faults) {
        check_events(events.and_then(Option::as_ref), at.name("events"), faults);
    }
}

request! {
    /// Changes a webhook endpoint.
    pub struct UpdateEndpoint {
        /// Where deliveries are to be posted to.
        pub url: Change<EndpointUrl>,
        /// What it is to be told.
        pub events: Change<EventFilters>,
        /// What its owner calls it.
        pub description: Patch<EndpointDescription>,
    }
    check(url) = UpdateEndpoint::has_a_url;
    check(events) = UpdateEndpoint::wants_something;
    rule = { "properties": { "events": { "minItems": 1 } } };
    example = { "events": ["*"], "description": null };
}

impl UpdateEndpoint {
    fn has_a_url(url: Option<&Change<EndpointUrl>>, at: Pointer<'_>, faults: &mut Faults) {
        check_url(url.and_then(|url| url.0.as_ref()), at.name("url"), faults);
    }

    fn wants_something(events: Option<&Change<EventFilters>>, at: Pointer<'_>, faults: &mut Faults) {
        check_events(events.and_then(|events| events.0.as_ref()), at.name("events"), faults);
    }
}

/// Notes what is wrong with the URL whatever the policy: what the widest one refuses, which knows no environments.
fn check_url(url: Option<&EndpointUrl>, at: Pointer<'_>, faults: &mut Faults) {
    let judged = url.map(|url| TargetPolicy::Anything.judge(url.as_str(), Environment::Live));
    if let Some(Err(error)) = judged {
        faults.push(at, error.code(), error.to_string());
    }
}

fn check_events(events: Option<&EventFilters>, at: Pointer<'_>, faults: &mut Faults) {
    if events.is_some_and(|events| events.is_empty()) {
        faults.push(at, "too_few", "must have at least 1 item");
    }
}

/// How long a replaced secret goes on signing, in seconds.
pub type OverlapSeconds = Whole<0, SECRET_OVERLAP_MAX_SECS>;

request! {
    /// Replaces the secret of a webhook endpoint.
    pub struct RotateSecret {
        /// How long the old one goes on signing beside the new one, in seconds; a day unless told otherwise.
        pub overlap_seconds: Option<OverlapSeconds>,
    }
    example = { "overlap_seconds": 3600 };
}

impl RotateSecret {
    /// How long the old secret goes on signing.
    #[must_use]
    pub fn overlap(&self) -> Duration {
        Duration::from_secs(self.overlap_seconds.map_or(SECRET_OVERLAP_DEFAULT_SECS, Whole::get))
    }
}

/// The order in which endpoints are listed unless another is asked for.
pub const ENDPOINT_ORDER: Order = Order::Desc;
