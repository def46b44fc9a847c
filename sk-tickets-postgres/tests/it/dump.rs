//! A dump brings back a database that serves.

use std::process::Command;

use sk_tickets_core::{CreateTicket, PageRequest, TicketFilter};
use sk_tickets_postgres::{PostgresStore, check, testing::Cluster};

use crate::stage::{Stage, app_url, engine, key};

fn run(program: &str, arguments: &[&str]) {
    let ran = Command::new(Cluster::shared().program(program)).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn a_dump_and_restore_brings_back_a_store_that_serves() {
    let stage = Stage::set().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let file = file.to_str().unwrap();
    run("pg_dump", &["--format=custom", "--file", file, "--dbname", &stage.url]);
    let restored = Cluster::shared().database().await;
    run("pg_restore", &["--exit-on-error", "--dbname", &restored, file]);

    assert_eq!(check(&restored).await.unwrap(), [""; 0]);
    let first = PostgresStore::open(&restored).await.unwrap();
    // The owner has put back the time-outs, which belong to the role and are not in a dump.
    let store = PostgresStore::open(app_url(&restored).await).await.unwrap();
    let desk = engine(&store).desk(stage.mine.realm().clone());
    let tickets = desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.unwrap().data;
    assert_eq!(tickets, stage.mine.tickets(&TicketFilter::ALL, &PageRequest::first()).await.unwrap().data);
    let forms = desk.forms(&PageRequest::first()).await.unwrap().data;
    assert_eq!(forms, stage.mine.forms(&PageRequest::first()).await.unwrap().data);
    assert!(engine(&store).form(forms[0].id).await.unwrap().is_some(), "the door is there too");
    let create = || CreateTicket::new("after").unwrap();
    let made = desk.create_ticket(&key("after"), create()).await.unwrap();
    assert!(engine(&first).desk(desk.realm().clone()).create_ticket(&key("after"), create()).await.unwrap().replayed);
    let events = desk.events(&PageRequest::first()).await.unwrap().data;
    assert_eq!(events[0].ticket_id, Some(made.value.id), "the feed goes on where it ended");
}

/// Row-level security would leave rows out, and that is refused rather than done in silence.
#[tokio::test]
async fn a_dump_by_the_application_role_is_refused() {
    let stage = Stage::set().await;
    let url = app_url(&stage.url).await;
    let ran =
        Command::new(Cluster::shared().program("pg_dump")).args(["--schema=sk_tickets", "--dbname", &url]).output();
    assert!(!ran.unwrap().status.success());
}
