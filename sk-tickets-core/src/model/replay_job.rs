//! Many dead letters replayed at once: a job that workers do bit by bit.

use serde::{Deserialize, Serialize};

use super::{delivery::DeliveryFilter, event::EventType};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::EVENT_TYPES_MAX,
    platform::{
        id::{EndpointId, JobId},
        text::List,
        time::Timestamp,
    },
    request, words,
};

words! {
    /// How a job stands.
    pub enum JobStatus {
        /// No worker has begun with it.
        Pending = "pending",
        /// Some of it is done.
        Running = "running",
        /// All of it is done.
        Completed = "completed",
    }
}

/// A job that replays the dead letters that match, the oldest first.
///
/// It looks at each letter once: one that fails again after its replay is for another job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReplayJob", transform = Object("replay_job")))]
#[serde(tag = "object", rename = "replay_job")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct ReplayJob {
    /// Its id.
    pub id: JobId,
    /// How it stands.
    pub status: JobStatus,
    /// Only letters for this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Only letters of these types; of any, if there is none.
    pub types: Vec<EventType>,
    /// Only letters of events since then.
    pub from: Option<Timestamp>,
    /// Only letters of events before then.
    pub to: Option<Timestamp>,
    /// How many letters there are to look at: those that matched when it was made, more if others came in that instant.
    pub total: u64,
    /// How many were replayed.
    pub done: u64,
    /// How many were not: their endpoint was not enabled, or they were replayed or discarded meanwhile.
    pub failed: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was completed.
    pub finished_at: Option<Timestamp>,
}

impl ReplayJob {
    /// Which letters it is about.
    #[must_use]
    pub fn filter(&self) -> DeliveryFilter {
        let Self { endpoint_id, types, from, to, .. } = self;
        DeliveryFilter {
            status: None,
            endpoint_id: *endpoint_id,
            types: types.clone(),
            from: *from,
            to: *to,
            dead_letters: true,
        }
    }

    /// Notes what came of the letters that were looked at; `at_end` if there were no more.
    pub fn advance(&mut self, done: u64, failed: u64, at_end: bool, now: Timestamp) {
        self.done += done;
        self.failed += failed;
        if at_end {
            // Those that were nowhere to be found are no dead letters any more.
            self.failed = self.failed.max(self.total.saturating_sub(self.done));
            self.status = JobStatus::Completed;
            self.finished_at = Some(now);
        } else {
            self.status = JobStatus::Running;
        }
        self.total = self.total.max(self.done + self.failed);
    }
}

/// The types of events that a job is about.
pub type EventTypes = List<EventType, EVENT_TYPES_MAX>;

request! {
    /// Replays every dead letter that matches.
    pub struct ReplayDeadLetters {
        /// Only those for this endpoint.
        pub endpoint_id: Option<EndpointId>,
        /// Only those of these types; of any, if there is none.
        pub types: Option<EventTypes>,
        /// Only those of events since then.
        pub from: Option<Timestamp>,
        /// Only those of events before then.
        pub to: Option<Timestamp>,
    }
    example = { "endpoint_id": "whe_01J9X2M3N4P5Q6R7S8T9VAWBXC", "from": "2026-11-24T06:00:00Z" };
}

impl ReplayDeadLetters {
    /// Every dead letter of the realm.
    pub const ALL: Self = Self { endpoint_id: None, types: None, from: None, to: None };
}
