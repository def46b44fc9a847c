//! How often the database is asked.

use std::time::Duration;

use sk_tickets_core::{
    AssignTicket, ClaimTicket, CreateTicket, DeliveryFilter, EventType, OwnerFilter, PageRequest, Priority,
    ReplayDeadLetters, RotateSecret, Status, TicketFilter, Timestamp, UpdateForm, UserId,
    model::{delivery::Attempt, form::Locale},
    platform::input::Change,
    store::{DeliveryQueue, Directory, NextStep, RealmReader, Settlement, WorkerId},
};
use sqlx::PgConnection;

use crate::stage::{SLOTS, Stage, engine, key, raw, run};

/// How many statements were run in this database since this was last asked, but for the news that other nodes are told.
async fn statements(superuser: &mut PgConnection) -> i64 {
    let count = sqlx::query_scalar(
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND query !~ 'pg_stat_statements|pg_notify'",
    )
    .fetch_one(&mut *superuser)
    .await
    .unwrap();
    sqlx::query(
        "SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)",
    )
    .execute(superuser)
    .await
    .unwrap();
    count
}

#[tokio::test]
async fn a_read_is_one_statement_and_a_mutation_two() {
    let stage = Stage::set().await;
    run(&stage.url, "CREATE EXTENSION pg_stat_statements").await;
    let mut superuser = raw(&stage.url).await;
    let desk = &stage.mine;
    let ticket = desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.unwrap().data.remove(0);
    statements(&mut superuser).await;

    macro_rules! assert_statements {
        ($count:literal, $what:expr) => {
            let _ = $what.await.unwrap();
            assert_eq!(statements(&mut superuser).await, $count, "{}", stringify!($what));
        };
    }
    let filter = TicketFilter {
        status: vec![Status::New, Status::Open],
        owner: Some(OwnerFilter::Nobody),
        priority: Some(Priority::Normal),
        tag: Some("vip".to_owned()),
        ..TicketFilter::ALL
    };
    assert_statements!(1, desk.ticket(ticket.id));
    assert_statements!(1, desk.tickets(&filter, &PageRequest::first()));
    assert_statements!(1, desk.thread(ticket.id, &PageRequest::first()));
    assert_statements!(1, desk.events(&PageRequest::first()));
    assert_statements!(1, desk.endpoints(&PageRequest::first()));
    let letters = DeliveryFilter {
        types: vec![EventType::TicketCreated],
        from: Some(Timestamp::from_millis(1)),
        dead_letters: true,
        ..DeliveryFilter::default()
    };
    assert_statements!(1, desk.deliveries(&letters, &PageRequest::first()));
    assert_statements!(1, stage.store.recorded_secrets(desk.realm(), None, 100));
    assert_statements!(1, stage.store.realms());
    assert_statements!(1, stage.store.ping());
    assert_statements!(2, desk.create_ticket(&key("made"), CreateTicket::new("Part delayed").unwrap()));
    let take = || AssignTicket::to(UserId::from_bytes([2; 16]));
    assert_statements!(2, desk.assign_ticket(&key("take"), ticket.id, take()));
    // A repetition is read, not written.
    assert_statements!(1, desk.assign_ticket(&key("take"), ticket.id, take()));
    // What is known, and the transaction: it begins, the head, what is known of that, the commit, it ends.
    let claim = || ClaimTicket::by(UserId::from_bytes([2; 16]));
    assert_statements!(6, desk.claim_next(&key("claim"), "default".parse().unwrap(), claim()));
    assert_statements!(1, desk.claim_next(&key("claim"), "default".parse().unwrap(), claim()));
    assert_statements!(1, desk.queues(&PageRequest::first()));
    let form = stage.mine.forms(&PageRequest::first()).await.unwrap().data.remove(0).id;
    statements(&mut superuser).await;
    assert_statements!(1, desk.forms(&PageRequest::first()));
    assert_statements!(1, desk.form(form));
    assert_statements!(1, stage.store.public_form(form));
    assert_statements!(
        2,
        desk.update_form(
            &key("form-again"),
            form,
            UpdateForm { locale: Change(Some(Locale::De)), ..UpdateForm::nothing() }
        )
    );
    // Whether there is such a queue, and what there is to do in it.
    assert_statements!(2, desk.queue_overview(&"default".parse().unwrap()));
    let endpoint = desk.endpoints(&PageRequest::first()).await.unwrap().data.remove(0).id;
    statements(&mut superuser).await;
    assert_statements!(2, desk.rotate_secret(&key("rotate"), endpoint, RotateSecret { overlap_seconds: None }));
    assert_statements!(2, desk.replay_dead_letters(&key("all"), ReplayDeadLetters::ALL));

    // Workers.
    let (store, now, lease) = (&stage.store, engine(&stage.store).now(), Duration::from_secs(10));
    let due = store.claim_due(WorkerId(1), now, lease, SLOTS).await.unwrap().deliveries.remove(0);
    statements(&mut superuser).await;
    assert_statements!(1, store.claim_due(WorkerId(2), now, lease, SLOTS));
    assert_statements!(1, store.renew(&due.lease, now + lease));
    let attempt = Attempt { number: 1, at: now, status_code: Some(200), error: None, latency_ms: 1, response: None };
    assert_statements!(1, store.settle(&[Settlement { lease: due.lease, attempt, next: NextStep::Delivered }]));
    assert_statements!(1, store.replay_some(now, 100));
    assert_statements!(1, store.backlog());
}
