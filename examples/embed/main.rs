//! Ticketing inside an app: no server, no broker, one file.
//!
//! ```sh
//! cargo run --example embed
//! ```

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{error::Error, sync::Arc};

use sk_tickets_core::{
    AssignTicket, CreateTicket, Environment, IdempotencyKey, Order, PageRequest, Realm, Status, Tickets,
    TransitionTicket, UserId,
};
use sk_tickets_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("tickets.db")).await?;
    let desk = Tickets::new(Arc::new(store)).desk(Realm::assume("acme".parse()?, Environment::Live));

    // A key of the app's own, such as the order's number: done again after a crash, it is done once.
    let key = |text: &str| IdempotencyKey::client(text);
    let ticket = desk.create_ticket(&key("order-4711")?, CreateTicket::new("Part delayed")?).await?.value;
    let again = desk.create_ticket(&key("order-4711")?, CreateTicket::new("Part delayed")?).await?;
    assert!(again.replayed && again.value == ticket);
    println!("{} is {}", ticket.id, ticket.status);

    let ann: UserId = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse()?;
    let ticket = desk.assign_ticket(&key("order-4711-to-ann")?, ticket.id, AssignTicket::to(ann)).await?.value;
    println!("{} is {}", ticket.id, ticket.status);

    let resolve = TransitionTicket {
        resolution_note: Some("Sent by express".parse()?),
        ..TransitionTicket::to(Status::Resolved)
    };
    let ticket = desk.transition_ticket(&key("order-4711-done")?, ticket.id, resolve).await?.value;
    println!("{} is {}", ticket.id, ticket.status);

    for event in desk.events(&PageRequest::first().order(Order::Asc)).await?.data {
        println!("  {} {}", event.at, event.event_type);
    }
    Ok(())
}
