//! SK Tickets on SQLite: the storage traits of [`sk_tickets_core`] in one file, without a server.
//!
//! - **Durable.** A commit is on the disk before it is answered ([`Synchronous::Full`]).
//! - **Grouped.** One thread writes. It takes whatever commits wait into one transaction, so that many callers share
//!   one fsync; each after the first has a savepoint of its own, so that a bad one harms no other.
//! - **Unhindered.** Reads have connections of their own, which see a snapshot and neither wait for the writer nor
//!   keep it waiting.
//! - **Apart.** The database itself keeps realms from each other: reads go through views of one realm, writes to rows of
//!   another are refused, and an authorizer refuses what would go around that. It guards against a forgotten filter in
//!   this crate; it is no sandbox for foreign SQL, and none is ever run.
//! - **Bounded.** When too many writes wait, the next one is told to try again, with nothing half done.
//!
//! # With other tools
//! SQLite's own shell can read every table and dump the database. It cannot write to guarded tables, since it lacks the
//! functions that their constraints ask for the realm. For a check of the file, and to read a dump back, leave those
//! constraints out first: `PRAGMA ignore_check_constraints = ON`. [`SqliteStore::backup`] copies a database beside a
//! running server. Migrations run in a scope of their own, which sees and may change everything.
//!
//! # Example
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sk_tickets_core::{CreateTicket, Environment, IdempotencyKey, Realm, Tickets};
//! use sk_tickets_sqlite::SqliteStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tickets.db");
//! let tickets = Tickets::new(Arc::new(SqliteStore::open(path).await?));
//! let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Test));
//!
//! let key = IdempotencyKey::client("order-4711")?;
//! let receipt = desk.create_ticket(&key, CreateTicket::new("Part delayed")?).await?;
//! assert_eq!(receipt.value.subject, "Part delayed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agenda;
mod backup;
mod check;
mod claim;
mod columns;
mod commit;
mod connect;
mod contact;
mod deliveries;
mod directory;
mod endpoint;
mod error;
mod feed;
mod form;
mod guard;
#[cfg(test)]
mod isolation;
mod lease;
mod list;
mod load;
mod mail;
mod migrate;
mod notification;
mod options;
mod outbox;
mod places;
mod policy;
mod pool;
mod purge;
mod queue;
mod queues;
mod reader;
mod realms;
mod redaction;
mod replay;
mod row;
mod search;
#[cfg(test)]
mod stage;
mod stats;
mod store;
mod ticket;
mod vacuum;
mod violations;
mod wakeup;
mod words;
mod writer;

pub use check::check;
pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;
pub use violations::violations;

/// The code in the project's README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
