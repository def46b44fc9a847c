//! The storage contract: what a backend must do, and nothing about how.
//!
//! A backend stores a [`Commit`] atomically and answers reads. It has no rules of its own: those are decided before it
//! is called. Each method says under *To ensure correctness* what must hold; the conformance suite (feature `testing`)
//! has a case for each line.
//!
//! The traits are split by who needs them: [`RealmReader`] and [`RealmWriter`] serve one realm at a time and every
//! method names it, as do [`TicketSearch`] and [`TicketStats`]; [`DeliveryQueue`], [`NotificationQueue`] and [`Agenda`] serve workers across
//! realms; [`Directory`] knows tenants and their keys.
//! [`Store`] is all of them.

mod agenda;
mod claim;
mod commit;
mod directory;
mod directory_change;
mod error;
mod fairness;
pub mod invariant;
mod notifications;
mod queue;
mod reader;
mod search;
mod stats;
mod writer;

use std::fmt::Debug;

pub use agenda::Agenda;
pub use claim::QueueClaim;
pub use commit::{
    Commit, CommitOutcome, Effect, Expectation, NotificationChange, Purge, Purged, RedactionChange,
    RevivedNotification, SecretChange, SettledNotification, TicketChange,
};
pub use directory::Directory;
pub use directory_change::{
    ContactChange, DeliveryAction, DeliveryChange, EndpointChange, FormChange, PolicyChange, QueueChange,
};
pub use error::{Result, StoreError};
pub use fairness::{DueQueue, Lane, Slots, choose};
pub use notifications::{
    ClaimedNotifications, LeasedNotification, NotificationBacklog, NotificationLease, NotificationQueue,
};
pub use queue::{Backlog, Claimed, DeliveryQueue, Lease, LeasedDelivery, NextStep, Settled, Settlement, WorkerId};
pub use reader::{FeedPage, Loaded, Lookup, PageSpec, RealmReader, Subject, Traces};
pub use search::TicketSearch;
pub use stats::TicketStats;
pub use writer::RealmWriter;

/// Everything the engine needs of a backend.
pub trait Store:
    RealmReader
    + RealmWriter
    + TicketSearch
    + TicketStats
    + DeliveryQueue
    + NotificationQueue
    + Agenda
    + Directory
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<T> Store for T where
    T: RealmReader
        + RealmWriter
        + TicketSearch
        + TicketStats
        + DeliveryQueue
        + NotificationQueue
        + Agenda
        + Directory
        + Debug
        + Send
        + Sync
        + 'static
{
}
