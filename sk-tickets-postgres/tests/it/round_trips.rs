//! How often the database is asked.

use sk_tickets_core::{
    AssignTicket, CreateTicket, OwnerFilter, PageRequest, Priority, Status, TicketFilter, UserId, store::Directory,
};
use sqlx::PgConnection;

use crate::stage::{Stage, key, raw, run};

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
            $what.await.unwrap();
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
    assert_statements!(1, desk.deliveries(&Default::default(), &PageRequest::first()));
    assert_statements!(1, stage.store.ping());
    assert_statements!(2, desk.create_ticket(&key("made"), CreateTicket::new("Part delayed").unwrap()));
    let take = || AssignTicket::to(UserId::from_bytes([2; 16]));
    assert_statements!(2, desk.assign_ticket(&key("take"), ticket.id, take()));
    // A repetition is read, not written.
    assert_statements!(1, desk.assign_ticket(&key("take"), ticket.id, take()));
}
