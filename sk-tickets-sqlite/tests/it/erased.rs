//! What is left in the files of words that were redacted.

use std::{fs, path::Path, sync::Arc, time::Duration};

use sk_tickets_core::{
    AssignTicket, CreateTicket, Desk, Environment, IdempotencyKey, PostEntry, Realm, RedactEntry, Status, TicketId,
    Tickets, TransitionTicket, UpdateTicket, UserId,
    model::{delivery::Attempt, endpoint::CreateEndpoint},
    platform::{input::Change, webhook::TargetPolicy},
    store::{DeliveryQueue, NextStep, Settled, Settlement, Slots, WorkerId},
};
use sk_tickets_sqlite::SqliteStore;

/// In every form that the phrase has, be it escaped or a word to search by.
const MARK: &[u8] = b"xq411122223333";

fn phrase(size: usize) -> String {
    format!("\"xq411122223333\" \\ ß\n{}", "x".repeat(size))
}

/// In how many places the mark is: in the database, and in its log.
fn places(database: &Path) -> [usize; 2] {
    ["", "-wal"].map(|end| {
        let mut file = database.as_os_str().to_owned();
        file.push(end);
        let bytes = fs::read(file).unwrap();
        bytes.windows(MARK.len()).filter(|window| *window == MARK).count()
    })
}

fn key(text: impl Into<String>) -> IdempotencyKey {
    IdempotencyKey::system(&text.into())
}

/// Tickets with the phrase everywhere, in rows that grow, move and are read by receivers who echo.
async fn talk(store: &SqliteStore, desk: &Desk) -> Vec<TicketId> {
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    desk.create_endpoint(&key("e"), endpoint).await.unwrap();
    let mut tickets = Vec::new();
    for number in 0..40 {
        let size = 100 * number;
        let create = CreateTicket {
            body: Some(phrase(size).parse().unwrap()),
            owner_id: Some(UserId::from_bytes([1; 16]).into()),
            ..CreateTicket::new("Refund").unwrap()
        };
        let id = desk.create_ticket(&key(format!("c {number}")), create).await.unwrap().value.id;
        let post = PostEntry::message(phrase(size).parse().unwrap());
        desk.post_to_thread(&key(format!("p {number}")), id, post).await.unwrap();
        let resolve = TransitionTicket {
            resolution_note: Some(phrase(size).parse().unwrap()),
            ..TransitionTicket::to(Status::Resolved)
        };
        desk.transition_ticket(&key(format!("r {number}")), id, resolve).await.unwrap();
        let assign = AssignTicket::to(UserId::from_bytes([1; 16]));
        desk.assign_ticket(&key(format!("a {number}")), id, assign).await.unwrap();
        let subject = Change(Some("s".repeat(5 * number + 1).parse().unwrap()));
        desk.update_ticket(&key(format!("u {number}")), id, UpdateTicket { subject, ..UpdateTicket::nothing() })
            .await
            .unwrap();
        tickets.push(id);
    }
    let slots = Slots { first: 100, retry: 100 };
    let now = sk_tickets_core::Timestamp::MAX;
    for round in 0..40 {
        for one in store.claim_due(WorkerId(1), now, Duration::from_secs(10), slots).await.unwrap().deliveries {
            let attempt = Attempt {
                number: one.attempts_before + 1,
                at: sk_tickets_core::Timestamp::from_millis(round),
                status_code: Some(200),
                error: None,
                latency_ms: 1,
                response: Some(String::from_utf8(one.payload).unwrap()),
            };
            let settled =
                store.settle(&[Settlement { lease: one.lease, attempt, next: NextStep::Delivered }]).await.unwrap();
            assert_eq!(settled, [Settled::Recorded]);
        }
    }
    tickets
}

#[tokio::test]
async fn nothing_of_a_redacted_phrase_is_left_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let tickets = Tickets::builder(Arc::new(store.clone())).targets(TargetPolicy::LoopbackInTest).build();
    let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let talked = talk(&store, &desk).await;
    let [before, log] = places(&path);
    assert!(before + log > 400, "{before} and {log}");

    for ticket in talked {
        let thread = desk.thread(ticket, &sk_tickets_core::PageRequest::first()).await.unwrap().unwrap();
        for entry in thread.data {
            let redact = RedactEntry { reason: "privacy".parse().unwrap(), actor_id: None };
            desk.redact_entry(&key(format!("{}", entry.id)), ticket, entry.id, redact).await.unwrap();
        }
    }
    let [left, log] = places(&path);
    assert_eq!(log, 0, "the log is emptied before a redaction is answered");
    assert!(left < before / 20, "{left} of {before}: no more than what moved from page to page");
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    fs::write(folder.path().join("copy.db-wal"), []).unwrap();
    assert_eq!(places(&copy), [0, 0]);
    store.vacuum().await.unwrap();
    assert_eq!(places(&path), [0, 0]);
}

/// Who reads an old moment keeps the log from being emptied; then it is done after the next write.
#[tokio::test]
async fn a_reader_in_the_way_only_puts_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickets.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let desk = Tickets::new(Arc::new(store)).desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let create = CreateTicket { body: Some(phrase(9).parse().unwrap()), ..CreateTicket::new("Refund").unwrap() };
    let ticket = desk.create_ticket(&key("c"), create).await.unwrap().value.id;
    let entry = desk.thread(ticket, &sk_tickets_core::PageRequest::first()).await.unwrap().unwrap().data.remove(0).id;

    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM tickets").unwrap();
    let redact = RedactEntry { reason: "privacy".parse().unwrap(), actor_id: None };
    desk.redact_entry(&key("r"), ticket, entry, redact).await.unwrap();
    assert!(places(&path)[1] > 0);
    reader.execute_batch("COMMIT").unwrap();
    desk.create_ticket(&key("d"), CreateTicket::new("Another").unwrap()).await.unwrap();
    assert_eq!(places(&path), [0, 0]);
}
