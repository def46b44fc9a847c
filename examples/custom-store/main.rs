//! A store of one's own: an append-only journal file under the engine, and the suite that proves it.
//!
//! ```sh
//! cargo run --example custom-store
//! cargo test --example custom-store
//! ```

#![expect(clippy::print_stdout, reason = "a program for people")]

mod agenda;
mod journal;
mod notifications;
mod purge;
mod queue;
mod reader;
mod rows;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::{error::Error, sync::Arc};

use sk_tickets_core::{CreateTicket, Environment, IdempotencyKey, Realm, Tickets};
use store::JournalStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tickets.journal");
    let key = IdempotencyKey::client("order-4711")?;
    // The second time as after a restart: the journal is read again, and the key still knows its answer.
    for round in 1..=2 {
        let tickets = Tickets::new(Arc::new(JournalStore::open(&path)?));
        let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Live));
        let receipt = desk.create_ticket(&key, CreateTicket::new("Part delayed")?).await?;
        println!("round {round}: {} (replayed: {})", receipt.value.id, receipt.replayed);
    }
    Ok(())
}
