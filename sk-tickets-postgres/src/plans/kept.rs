//! Which plans are kept, for whatever value is asked for, and which are made for the value at hand.

use sk_tickets_core::{
    model::{
        delivery::{DeliveryFilter, DeliveryStatus},
        id::{NotificationId, TicketId},
        notification::{NotificationFilter, Outcome},
        ticket::{OwnerFilter, Priority, Source, Status, TicketFilter},
    },
    platform::{id::DeliveryId, time::Timestamp},
    store::PageSpec,
};
use sqlx::{Connection, PgConnection, Row};

use super::{COUNT, FIRST, REALM, filled};
use crate::{
    connect, deliveries, list, load,
    migrate::migrate,
    notification, places,
    statement::{Query, Value, for_each, id, text},
    testing::Cluster,
};

fn again(query: &Query) -> Query {
    Query { sql: query.sql.clone(), values: query.values.clone() }
}

/// Whatever is planned anew each time costs more than it takes to carry it out.
#[tokio::test]
async fn what_is_asked_by_one_or_many_is_planned_once() {
    let mut connection = filled().await;
    let key = || text("key 7");
    let ticket = || id(TicketId::floor(Timestamp::from_millis(7)));
    let new_ticket = || vec![key(), text("+31"), Value::NoId, text(""), text("")];
    for (sql, one) in [
        (places::TICKET, vec![ticket()]),
        (load::TICKET, vec![key(), ticket()]),
        (load::NEW_TICKET_BY_EMAIL, new_ticket()),
        (load::NEW_TICKET_BY_PHONE, new_ticket()),
    ] {
        for many in [1, 1, 1, 1, 1, 1, 30, 1] {
            let asked = vec![one.clone(); many];
            for_each(REALM, sql, &asked).bound().fetch_all(&mut connection).await.unwrap();
        }
        let planned = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1";
        let planned = sqlx::query(planned).bind(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!((planned.get::<i64, _>(0), planned.get::<i64, _>(1)), (3, 5), "{sql}");
    }
}

#[tokio::test]
async fn a_page_of_all_tickets_is_planned_once() {
    let mut connection = filled().await;
    let middle = TicketId::floor(Timestamp::from_millis(COUNT / 2));
    for page in [FIRST, PageSpec { after: Some(middle), ..FIRST }] {
        let query = list::tickets(REALM, &TicketFilter::ALL, page);
        for _ in 0..8 {
            again(&query).bound().fetch_all(&mut connection).await.unwrap();
        }
        let planned = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1";
        let planned = sqlx::query(planned).bind(&query.sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!((planned.get::<i64, _>(0), planned.get::<i64, _>(1)), (3, 5), "{}", query.sql);
    }
}

/// Six thousand tickets of which all are alike but one, each with an event, a delivery and a notification. A sample of them
/// shows one value, so that to walk all ids seems as good as the index of any of their columns.
const ALIKE: &str = "
    INSERT INTO sk_tickets.tenants (name) VALUES ('acme');
    INSERT INTO sk_tickets.realms (tenant, environment) VALUES (1, 0);
    INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, topic, queue,
                                    owner_id, tags, metadata, reopen_count, created_at, updated_at)
    SELECT 1, 0, sk_tickets.id_floor(n), 1, 'Part delayed', CASE n WHEN 7 THEN 'new' ELSE 'open' END,
           CASE n WHEN 7 THEN 2 ELSE 1 END, CASE n WHEN 7 THEN 'voice' ELSE 'api' END, value, value,
           'usr_0000000000000000000000000' || upper(left(value, 1)), '{}', '{}', 0, n, n
    FROM generate_series(1, 6000) AS n, LATERAL (SELECT CASE n WHEN 7 THEN 'rare' ELSE 'common' END AS value) AS value;
    INSERT INTO sk_tickets.ticket_tags SELECT tenant, environment, topic, id FROM sk_tickets.tickets;
    INSERT INTO sk_tickets.endpoints (tenant, environment, id, url, events, status, created_at, secret, wanted_since)
    VALUES (1, 0, sk_tickets.id_floor(1), 'http://127.0.0.1:9000/', '{*}', 'enabled', 0, '', 0);
    INSERT INTO sk_tickets.events (tenant, environment, id, event_type, ticket_id, ticket_version, at, payload)
    SELECT tenant, environment, id, 'ticket.created', id, 1, created_at, '{}' FROM sk_tickets.tickets;
    INSERT INTO sk_tickets.feed (tenant, environment, position, event_id)
    SELECT tenant, environment, at, id FROM sk_tickets.events;
    INSERT INTO sk_tickets.deliveries (tenant, environment, id, endpoint_id, event_id, event_type, ticket_id, status,
                                       reason, created_at)
    SELECT tenant, environment, id, sk_tickets.id_floor(1), id, 'ticket.created', NULL,
           CASE topic WHEN 'rare' THEN 'dead' ELSE 'delivered' END, CASE topic WHEN 'rare' THEN 'exhausted' END, created_at
    FROM sk_tickets.tickets;
    INSERT INTO sk_tickets.notifications (tenant, environment, id, ticket_id, contact_id, outcome, subject, text, attempts,
                                          created_at)
    SELECT tenant, environment, id, id, id, CASE topic WHEN 'rare' THEN 'no_address' ELSE 'captured' END, '', '', 0, created_at
    FROM sk_tickets.tickets";

/// How many rows of tables were read for it.
async fn rows_read(connection: &mut PgConnection, query: &Query) -> i64 {
    let counted = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
                   FROM pg_stat_xact_user_tables WHERE schemaname = 'sk_tickets'";
    let mut transaction = connection.begin().await.unwrap();
    let before: i64 = sqlx::query_scalar(counted).fetch_one(&mut *transaction).await.unwrap();
    let found = again(query).bound().fetch_all(&mut *transaction).await.unwrap();
    assert!(!found.is_empty(), "none has {:?}", query.values);
    let after: i64 = sqlx::query_scalar(counted).fetch_one(&mut *transaction).await.unwrap();
    after - before
}

/// What few have is not looked for by a plan that is good for what most have.
#[tokio::test]
async fn a_rare_value_is_soon_found_after_common_ones() {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    let mut connection = connect::connect(&url).await.unwrap();
    sqlx::raw_sql(ALIKE).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    connect::assume(&mut connection).await.unwrap();

    let [common, rare] = ["common", "rare"].map(|value| Some(value.to_owned()));
    let all = TicketFilter::ALL;
    let owner = |letter| OwnerFilter::Owner(format!("usr_0000000000000000000000000{letter}").parse().unwrap());
    let tickets = [
        [Status::Open, Status::New].map(|one| TicketFilter { status: vec![one], ..all.clone() }),
        [Source::Api, Source::Voice].map(|source| TicketFilter { source: Some(source), ..all.clone() }),
        [Priority::Normal, Priority::High].map(|one| TicketFilter { priority: Some(one), ..all.clone() }),
        [&common, &rare].map(|topic| TicketFilter { topic: topic.clone(), ..all.clone() }),
        [&common, &rare].map(|queue| TicketFilter { queue: queue.clone(), ..all.clone() }),
        [&common, &rare].map(|tag| TicketFilter { tag: tag.clone(), ..all.clone() }),
        ['C', 'R'].map(|letter| TicketFilter { owner: Some(owner(letter)), ..all.clone() }),
        [&common, &rare].map(|one| TicketFilter { tag: one.clone(), topic: one.clone(), ..all.clone() }),
    ];
    let tickets = tickets.map(|pair| pair.map(|filter| list::tickets(REALM, &filter, FIRST)));
    let spec = PageSpec::<DeliveryId> { after: None, order: FIRST.order, limit: FIRST.limit };
    let deliveries = [DeliveryStatus::Delivered, DeliveryStatus::Dead].map(|status| {
        deliveries::page(REALM, &DeliveryFilter { status: Some(status), ..DeliveryFilter::default() }, spec)
    });
    let spec = PageSpec::<NotificationId> { after: None, order: FIRST.order, limit: FIRST.limit };
    let notifications = [Outcome::Captured, Outcome::NoAddress].map(|outcome| {
        notification::page(REALM, &NotificationFilter { outcome: Some(outcome), ticket_id: None }, spec)
    });

    for [common, rare] in tickets.into_iter().chain([deliveries, notifications]) {
        assert_eq!(common.sql, rare.sql);
        for _ in 0..8 {
            rows_read(&mut connection, &common).await;
        }
        let read = rows_read(&mut connection, &rare).await;
        assert!((1..100).contains(&read), "{read} rows for one that has {:?}\n{}", rare.values, rare.sql);
    }
}

/// However few events there were when the page of the feed was planned, it is read by its index when there are many.
#[tokio::test]
async fn a_page_of_the_feed_that_was_planned_while_it_was_empty_serves_when_it_is_long() {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    let mut connection = connect::connect(&url).await.unwrap();
    let pages = [("2990", true), ("3016", false)].map(|(after, ascending)| {
        let sql = format!("SELECT position FROM sk_tickets.event_page($1, $2, {after}, {ascending}, 26)");
        Query { sql, ..Query::on(REALM) }
    });
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    for page in pages.iter().cycle().take(16) {
        rows_read(&mut connection, page).await;
    }
    sqlx::raw_sql(ALIKE).execute(&mut connection).await.unwrap();
    for page in &pages {
        let read = rows_read(&mut connection, page).await;
        assert!((52..60).contains(&read), "{read} rows for {}", page.sql);
    }
}
