//! A ticketing engine as a library.
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::sync::Arc;
//! use sk_tickets_core::{
//!     AssignTicket, CreateTicket, Environment, IdempotencyKey, MemoryStore, Realm, Status, Tickets, TransitionTicket,
//!     UserId,
//! };
//!
//! let tickets = Tickets::new(Arc::new(MemoryStore::new()));
//! let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Test));
//!
//! // Every mutation takes a key: done again with the same key, it is done once.
//! let create = CreateTicket::new("Part delayed")?;
//! let ticket = desk.create_ticket(&IdempotencyKey::client("order-4711")?, create.clone()).await?.value;
//! assert!(desk.create_ticket(&IdempotencyKey::client("order-4711")?, create).await?.replayed);
//!
//! // Transitions are guarded: what is not lawful is refused, with what would be.
//! let refused = desk
//!     .transition_ticket(&IdempotencyKey::client("k2")?, ticket.id, TransitionTicket::to(Status::Resolved))
//!     .await
//!     .unwrap_err();
//! assert_eq!(refused.code(), "owner_required");
//!
//! // Assigning a new ticket opens it, in the same commit.
//! let ann: UserId = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse()?;
//! let assigned = desk.assign_ticket(&IdempotencyKey::client("k3")?, ticket.id, AssignTicket::to(ann)).await?;
//! assert_eq!(assigned.value.status, Status::Open);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # The map
//! - [`platform`]: what every product of the suite shares. Knows nothing of tickets.
//! - [`model`]: tickets, threads, events, endpoints, deliveries: plain data. [`limits`] has every limit.
//! - [`transition`]: what may happen to a ticket, one total match. [`decide`]: what a command does, as data.
//! - [`store`]: the contract of a backend. [`MemoryStore`] is its executable specification;
//!   the `testing` feature has the suite that proves a backend.
//! - [`Tickets`] and [`Desk`]: what users call. [`dispatch`]: the worker that delivers webhooks. [`notify`]: the worker
//!   that tells customers. [`form`]: what customers send without an account. [`sweep`]: the worker that does what is due at tickets.
//!   [`retention`]: the worker that drops what is old.
//! - [`guide`](mod@guide): the README, the reasons for the design, the guide to webhooks, the rules of transitions.
//!
//! Nothing in here does I/O or asks the machine for time or chance but through a [`Clock`] and an [`Entropy`].
//!
//! # Features
//! - `schema`: a JSON Schema of every request, answer and event, made from the types themselves (`platform::schema`,
//!   `event_schemas`).
//! - `crash-points`: points at which a process dies if its environment says so; for tests alone.
//! - `testing`: the conformance suite, a clock that is set by hand, a sender that answers by script.

pub mod decide;
mod desk;
pub mod dispatch;
pub mod form;
pub mod limits;
mod memory;
pub mod model;
pub mod notify;
pub mod platform;
pub mod retention;
pub mod store;
pub mod sweep;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transition;

#[cfg(feature = "schema")]
pub use decide::event_schemas;
pub use decide::{
    Command, ContactCommand, DeadLetterCommand, EndpointCommand, FormCommand, NotificationCommand, QueueCommand,
    TicketCommand,
};
pub use desk::{Answer, BASE_PATH, Desk, Error, Receipt, Request, Secrets, Tickets, TicketsBuilder};
pub use dispatch::{Dispatcher, SendError, WebhookReply, WebhookRequest, WebhookSender};
pub use form::{PublicForm, Submission, Submitted};
pub use memory::MemoryStore;
pub use model::{
    actor::{Actor, AgentRef},
    api_key::{ApiKey, Scope},
    contact::{Contact, ContactFilter, CreateContact, Email, InlineContact, Phone, UpdateContact},
    delivery::{Delivery, DeliveryFilter, DeliveryStatus, DiscardDeadLetter},
    endpoint::{CreateEndpoint, EndpointView, EventFilter, RotateSecret, UpdateEndpoint},
    event::{Event, EventType},
    evidence::{Evidence, EvidenceKind},
    form::{CreateForm, Form, UpdateForm},
    id::{
        ActorId, AgentId, CallId, ContactId, EntryId, FormId, NotificationId, OwnerId, QueueId, SlaPolicyId, TicketId,
        UserId,
    },
    notification::{Channel, Notification, NotificationFilter, Outcome},
    page::{Order, Page, PageRequest},
    queue::{ClaimTicket, CreateQueue, InHand, Queue, QueueKey, QueueOverview, QueueSlug, UpdateQueue},
    redaction::RedactEntry,
    replay_job::{ReplayDeadLetters, ReplayJob},
    search::{SearchQuery, SearchQueryError},
    sla::{SetSlaPolicy, SlaClock, SlaMetric, SlaPolicy, SlaState, TicketSla},
    stats::Stats,
    thread::{PostEntry, PostKind, ThreadEntry, Visibility},
    ticket::{
        AssignTicket, CreateTicket, OwnerFilter, Priority, Source, Status, Ticket, TicketFilter, TicketView,
        TransitionTicket, UpdateTicket, Version,
    },
};
pub use notify::{Mail, MailTemplate, Mailer, Notifier, NotifyError};
#[cfg(feature = "schema")]
pub use platform::schema::schemars;
pub use platform::{
    Retention, RetentionError,
    api_key::ApiKeySecret,
    id::{ApiKeyId, DeliveryId, EndpointId, EventId, JobId, RequestId},
    idempotency::IdempotencyKey,
    realm::{Environment, Realm, Tenant},
    seal::{Keyring, KeyringError},
    system::{Entropy, SystemClock, SystemEntropy},
    time::{Clock, Timestamp},
    webhook::{Schedule, SignatureHeaders, TargetPolicy, VerifyError, WebhookSecret, verify},
};
pub use retention::Purger;
pub use store::{Store, StoreError};
pub use sweep::{Sweeper, Swept};

/// The texts of the project, to be read beside the types.
#[cfg(all(doc, not(doctest)))]
#[allow(rustdoc::broken_intra_doc_links, reason = "some links lead to folders of the repository")]
pub mod guide {
    #![doc = include_str!("../README.md")]

    /// Why it is as it is.
    pub mod design {
        #![doc = include_str!("../DESIGN.md")]
    }

    /// What a receiver of webhooks needs to know.
    pub mod webhooks {
        #![doc = include_str!("../docs/webhooks.md")]
    }

    /// What may happen to a ticket.
    pub mod transitions {
        #![doc = include_str!("../docs/transitions.md")]
    }
}

/// The code in the guide to webhooks is compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/webhooks.md")]
struct WebhookGuide;
