//! Queues: where tickets without an owner wait, and how tickets get there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    id::{ActorId, OwnerId, QueueId},
    page::Order,
    ticket::{Priority, Status, Topic},
};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{QUEUE_KEY_MAX, QUEUE_NAME_MAX, QUEUE_TOPICS_MAX},
    platform::{
        input::{Change, Faults, Input, Patch, Pointer, read_parsed},
        json::Json,
        realm::Realm,
        text::{List, Text},
        time::Timestamp,
    },
    request,
};

/// What a request names a queue by that a ticket is to be put in. See [`QueueSlug`] for what keys are.
pub type QueueKey = Text<1, QUEUE_KEY_MAX>;

/// What a queue is called.
pub type QueueName = Text<1, QUEUE_NAME_MAX>;

/// The queue that is in every realm.
pub const DEFAULT_QUEUE: &str = "default";

/// A queue: the tickets of some topics, with who gets them and how much they press unless a request says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Queue", transform = Object("queue")))]
#[serde(tag = "object", rename = "queue")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// What tickets name it by. Never changes.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// The topics whose tickets come here. Each belongs to one queue at most.
    pub topics: Vec<String>,
    /// Who gets its tickets unless a request names somebody.
    pub default_owner_id: Option<OwnerId>,
    /// How much its tickets press unless a request says so.
    pub default_priority: Option<Priority>,
    /// When it was made; none for `default`, which is in every realm from the start.
    pub created_at: Option<Timestamp>,
}

impl Queue {
    /// The queue `default` as it is in a realm where nobody has changed it. Its id follows from the realm.
    #[must_use]
    pub fn default_of(realm: &Realm) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"default queue\0");
        hasher.update(realm.tenant().as_str());
        hasher.update([0]);
        hasher.update(realm.environment().as_str());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut tail = [0; 10];
        tail.copy_from_slice(&digest[..10]);
        Self {
            // With the earliest time there is: it comes before all that are made.
            id: QueueId::from_parts(Timestamp::from_millis(0), tail),
            key: DEFAULT_QUEUE.to_owned(),
            name: "Default".to_owned(),
            topics: Vec::new(),
            default_owner_id: None,
            default_priority: None,
            created_at: None,
        }
    }
}

/// What there is to do in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "QueueOverview", transform = Object("queue_overview"))
)]
#[serde(tag = "object", rename = "queue_overview")]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct QueueOverview {
    /// The key of the queue.
    pub queue: String,
    /// How many tickets wait in it without an owner.
    pub waiting: u64,
    /// How many of its tickets are in each status. Those that are closed are not counted: there are ever more of them.
    pub by_status: InHand,
    /// Since when the one has waited that waits longest; none if none waits.
    pub oldest_queued_at: Option<Timestamp>,
    /// How many have a clock that is past its warning, or past its time.
    pub at_risk: u64,
}

/// How many tickets there are, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct InHand {
    /// Nobody has taken them.
    pub new: u64,
    /// Somebody works on them.
    pub open: u64,
    /// They wait on the customer.
    pub pending: u64,
    /// They wait on a third party.
    pub on_hold: u64,
    /// They are done, unless the customer says otherwise.
    pub resolved: u64,
}

impl InHand {
    /// Adds so many tickets in this status. Those that are closed are not counted.
    pub const fn add(&mut self, status: Status, count: u64) {
        match status {
            Status::New => self.new += count,
            Status::Open => self.open += count,
            Status::Pending => self.pending += count,
            Status::OnHold => self.on_hold += count,
            Status::Resolved => self.resolved += count,
            Status::Closed => {}
        }
    }
}

/// What a store counts in a queue: see [`QueueOverview`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a store must fill every field")]
pub struct Workload {
    /// How many tickets wait in it.
    pub waiting: u64,
    /// How many are in each status.
    pub by_status: InHand,
    /// Since when the one has waited that waits longest.
    pub oldest_queued_at: Option<Timestamp>,
    /// How many are at risk at the time that was asked for.
    pub at_risk: u64,
}

request! {
    /// Makes a queue.
    pub struct CreateQueue {
        /// What tickets are to name it by. Never changes.
        pub key: QueueSlug,
        /// What it is called; its key unless named.
        pub name: Option<QueueName>,
        /// The topics whose tickets come here.
        pub topics: List<Topic, QUEUE_TOPICS_MAX>,
        /// Who gets its tickets unless a request names somebody.
        pub default_owner_id: Option<OwnerId>,
        /// How much its tickets press unless a request says so.
        pub default_priority: Option<Priority>,
    }
    example = {
        "key": "billing",
        "name": "Billing",
        "topics": ["invoice", "refund"],
        "default_owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC",
        "default_priority": "high",
    };
}

impl CreateQueue {
    /// A queue with a key and nothing else.
    #[must_use]
    pub fn new(key: QueueSlug) -> Self {
        Self { key, name: None, topics: List::default(), default_owner_id: None, default_priority: None }
    }
}

request! {
    /// Changes a queue.
    pub struct UpdateQueue {
        /// What it is called.
        pub name: Change<QueueName>,
        /// The topics whose tickets come here, instead of those it has.
        pub topics: Patch<List<Topic, QUEUE_TOPICS_MAX>>,
        /// Who gets its tickets unless a request names somebody.
        pub default_owner_id: Patch<OwnerId>,
        /// How much its tickets press unless a request says so.
        pub default_priority: Patch<Priority>,
    }
    example = { "topics": ["invoice", "refund", "receipt"], "default_owner_id": null };
}

impl UpdateQueue {
    /// A change of nothing, to build on.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { name: Change(None), topics: Patch::Keep, default_owner_id: Patch::Keep, default_priority: Patch::Keep }
    }
}

request! {
    /// Gives the head of a queue to somebody.
    pub struct ClaimTicket {
        /// Who is to work on it.
        pub owner_id: OwnerId,
        /// Who does this; the API key unless named.
        pub actor_id: Option<ActorId>,
    }
    example = { "owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC" };
}

impl ClaimTicket {
    /// For this owner.
    #[must_use]
    pub fn by(owner: impl Into<OwnerId>) -> Self {
        Self { owner_id: owner.into(), actor_id: None }
    }
}

/// The order in which queues are listed unless another is asked for.
pub const QUEUE_ORDER: Order = Order::Desc;

/// The key of a queue: lower-case letters, digits, `-` and `_`, a letter or a digit at both ends, so
/// that it goes into a path as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueSlug(String);

/// Not a key that a queue can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {QUEUE_KEY_MAX} of a-z, 0-9, `-` and `_`, with a letter or a digit at both ends")]
#[non_exhaustive]
pub struct QueueSlugError;

impl FromStr for QueueSlug {
    type Err = QueueSlugError;

    fn from_str(text: &str) -> Result<Self, QueueSlugError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let [first, .., last] = text.as_bytes() else {
            let lawful = text.len() == 1 && text.bytes().all(plain);
            return if lawful { Ok(Self(text.to_owned())) } else { Err(QueueSlugError) };
        };
        let lawful = text.len() <= QUEUE_KEY_MAX
            && plain(*first)
            && plain(*last)
            && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_'));
        if lawful { Ok(Self(text.to_owned())) } else { Err(QueueSlugError) }
    }
}

impl QueueSlug {
    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] QueueSlug, |_| schemars::json_schema!({
    "type": "string",
    "pattern": format!("^[a-z0-9]([a-z0-9_-]{{0,{}}}[a-z0-9])?$", QUEUE_KEY_MAX - 2),
}));

impl Input for QueueSlug {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_key", at, faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::realm::Environment;

    #[test]
    fn keys_go_into_a_path_as_they_are() {
        let longest = "x".repeat(QUEUE_KEY_MAX);
        for good in ["a", "7", "billing", "second-line", "a_b", "2nd", longest.as_str()] {
            assert_eq!(good.parse::<QueueSlug>().unwrap().as_str(), good);
        }
        let long = "x".repeat(QUEUE_KEY_MAX + 1);
        for bad in ["", "-", "A", "a ", "a/b", "-a", "a-", "_a", "ä", "a.b", "a\n", long.as_str()] {
            assert!(bad.parse::<QueueSlug>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_default_queue_has_one_id_in_a_realm_and_another_elsewhere() {
        let realm = |tenant: &str, environment| Realm::assume(tenant.parse().unwrap(), environment);
        let id = |realm: Realm| Queue::default_of(&realm).id;
        assert_eq!(id(realm("acme", Environment::Test)), id(realm("acme", Environment::Test)));
        assert_eq!(id(realm("acme", Environment::Test)).to_string(), "que_0000000000JPJ5KCAZH74Z1JCG");
        assert_ne!(id(realm("acme", Environment::Test)), id(realm("acme", Environment::Live)));
        assert_ne!(id(realm("acme", Environment::Test)), id(realm("other", Environment::Test)));
    }
}
