//! SK Tickets on PostgreSQL (15 or later): the storage traits of [`sk_tickets_core`] for any number of nodes.
//!
//! - **Kept apart by the database.** Row-level security is forced on every table, and the role that serves requests owns
//!   nothing and bypasses nothing. A query of ours that forgot its realm would find nothing.
//! - **Few round trips.** A read is one, a mutation two: the realm is entered by the statement that reads or writes.
//! - **Many nodes.** Workers on every node share the outbox out among themselves; each hears of the others' work.
//! - **Behind a pooler.** Given the application role's own login, nothing relies on the state of a session.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use sk_tickets_core::{CreateTicket, Environment, IdempotencyKey, Realm, Tickets};
//! use sk_tickets_postgres::PostgresStore;
//!
//! let tickets = Tickets::new(Arc::new(PostgresStore::open("postgres://owner@localhost/tickets").await?));
//! let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Test));
//!
//! let key = IdempotencyKey::client("order-4711")?;
//! let receipt = desk.create_ticket(&key, CreateTicket::new("Part delayed")?).await?;
//! assert_eq!(receipt.value.subject, "Part delayed");
//! # Ok(())
//! # }
//! ```
//!
//! # Roles
//! - The **owner** is whoever's URL `migrate` or the first `open` is given. It makes the schema and, if they are not
//!   there, the roles below, for which it needs `CREATEROLE`.
//! - `sk_tickets_app` serves requests, one realm at a time. Given the owner's URL every connection assumes it. To run
//!   with less, give it a login of its own (`ALTER ROLE sk_tickets_app LOGIN PASSWORD '…'`) and open with that.
//! - `sk_tickets_worker` and `sk_tickets_directory` own the functions that look across realms, and have just what those
//!   need: the outbox; tenants, API keys and the cursor key. Nobody logs in as either.
//!
//! # Poolers
//! Behind a pooler that gives out a connection by the transaction, open with the application role's own login, and give
//! [`PostgresOptions::listen_url`] a way to the database itself. The pooler must follow prepared statements (`PgBouncer`:
//! 1.21 or later, `max_prepared_statements` above 0).
//!
//! # Dumps
//! A dump is made by a superuser or a role with `BYPASSRLS`: for anybody else row-level security would leave rows out,
//! and `pg_dump` refuses that (`CREATE ROLE … LOGIN BYPASSRLS IN ROLE pg_read_all_data`; [`check_backup`] tries it). In a new
//! cluster the roles are made first, by [`migrate`] on any database or out of
//! `pg_dumpall --roles-only`.
//!
//! # Features
//! - `testing`: a throw-away cluster.

mod agenda;
mod check;
mod columns;
mod commit;
mod connect;
mod contact;
mod deliveries;
mod directory;
mod effect;
mod error;
mod feed;
mod form;
mod group;
mod lanes;
mod list;
mod load;
mod mail;
mod migrate;
mod notification;
mod options;
mod places;
#[cfg(test)]
mod plans;
mod policy;
mod pool;
mod queue;
mod queues;
mod reader;
mod reads;
mod realms;
mod record;
mod redaction;
mod replay;
mod row;
mod search;
mod statement;
mod stats;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod ticket;
mod violations;
mod wakeup;

pub use check::{check, check_backup};
pub use migrate::migrate;
pub use options::PostgresOptions;
pub use store::PostgresStore;
pub use violations::violations;
