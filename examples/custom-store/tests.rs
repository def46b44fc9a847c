//! The suite for every store, the comparison with the reference, and what is this store's own.

use std::{fs, sync::Arc};

use sk_tickets_core::{
    CreateTicket, Desk, Environment, IdempotencyKey, PageRequest, Realm, TicketFilter, Tickets,
    testing::{conformance::Harness, differential},
};

use crate::store::JournalStore;

async fn fresh() -> Harness {
    let folder = tempfile::tempdir().expect("a folder");
    let store = JournalStore::open(&folder.path().join("tickets.journal")).expect("it opens");
    Harness::with_guard(Arc::new(store), folder)
}

sk_tickets_core::conformance!(fresh);

#[tokio::test]
async fn it_cannot_be_told_from_the_reference() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let store = JournalStore::open(&folder.path().join("tickets.journal")).expect("it opens");
        differential::run(seed, 80, Arc::new(store)).await;
    }
}

#[tokio::test]
async fn a_line_cut_off_by_a_crash_never_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tickets.journal");
    let open = || -> Desk {
        let store = JournalStore::open(&path).expect("it opens");
        Tickets::new(Arc::new(store)).desk(Realm::assume("acme".parse().expect("lawful"), Environment::Test))
    };
    for subject in ["one", "two"] {
        let key = IdempotencyKey::client(subject).expect("lawful");
        open().create_ticket(&key, CreateTicket::new(subject).expect("lawful")).await.expect("made");
    }
    let whole = fs::read(&path).expect("read");
    fs::write(&path, &whole[..whole.len() - 10]).expect("cut off");
    let page = open().tickets(&TicketFilter::ALL, &PageRequest::first()).await.expect("read");
    let subjects: Vec<_> = page.data.into_iter().map(|ticket| ticket.subject).collect();
    assert_eq!(subjects, ["one"]);
    // What was lost was never acknowledged: done again with its key, it is there once.
    let key = IdempotencyKey::client("two").expect("lawful");
    let again = open().create_ticket(&key, CreateTicket::new("two").expect("lawful")).await.expect("made");
    assert!(!again.replayed);
}
