//! What the planner makes of our statements, with the application role and row-level security in force.

mod kept;
mod workers;

use sk_tickets_core::{
    model::{
        delivery::{DeliveryFilter, DeliveryStatus},
        event::EventType,
        id::{ContactId, TicketId, UserId},
        page::Order,
        stats::StatsRange,
        ticket::{OwnerFilter, Priority, Source, Status, TicketFilter},
    },
    platform::{
        id::{DeliveryId, EndpointId},
        idempotency::IdempotencyKey,
        realm::Environment,
        time::Timestamp,
    },
    store::PageSpec,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgRow};

use crate::{
    connect, deliveries, list, load,
    migrate::migrate,
    places, queues,
    realms::RealmNumber,
    search,
    statement::{Query, for_each, id, text},
    stats,
    testing::Cluster,
};

const REALM: RealmNumber = RealmNumber { tenant: 1, environment: Environment::Test };
const COUNT: i64 = 6_000;

/// Two realms full of rows, among which those with what the filters below ask for are rare.
const FILL: &str = "
    INSERT INTO sk_tickets.tenants (name) SELECT 'tenant ' || n FROM generate_series(1, 1000) AS n;
    INSERT INTO sk_tickets.realms (tenant, environment) SELECT id, 0 FROM sk_tickets.tenants;
    INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, topic, queue,
                                    queued_at, owner_id, contact_id, tags, metadata, reopen_count, created_at, updated_at)
    SELECT tenant, 0, sk_tickets.id_floor(n), 1, 'Part delayed',
           CASE n % 300 WHEN 0 THEN 'new' WHEN 1 THEN 'open' ELSE 'closed' END, CASE n % 300 WHEN 0 THEN 2 ELSE 1 END,
           CASE n % 300 WHEN 0 THEN 'voice' ELSE 'api' END, 'topic ' || n % 300, 'queue ' || n % 300,
           CASE WHEN n % 300 < 10 THEN n END, CASE WHEN n % 300 >= 10 THEN 'usr_' || n % 300 END,
           sk_tickets.id_floor(n % 300), '{}', '{}', 0, n, n
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    INSERT INTO sk_tickets.ticket_tags
    SELECT tenant, 0, 'tag ' || n % 300, sk_tickets.id_floor(n)
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    INSERT INTO sk_tickets.search_blocks
    SELECT tenant, 0, sk_tickets.id_floor(n * 512), n FROM generate_series(1, 1000) AS tenant, generate_series(0, 11) AS n;
    INSERT INTO sk_tickets.ticket_terms
    SELECT tenant, 0, n / 512, term, sk_tickets.id_floor(n), 1
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n,
         unnest(ARRAY['common', 'usual' || n % 2, 'rare' || n % 300, 'once' || n]) AS term;
    INSERT INTO sk_tickets.claims (tenant, environment, key, fingerprint, status, body, secret_at, secret, created_at)
    SELECT tenant, 0, 'key ' || n, sha256(''), 201, '', CASE n % 300 WHEN 0 THEN 1 END, CASE n % 300 WHEN 0 THEN ''::bytea END,
           n
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    INSERT INTO sk_tickets.endpoints (tenant, environment, id, url, events, status, created_at, secret, wanted_since)
    SELECT tenant, 0, sk_tickets.id_floor(n), 'http://127.0.0.1:9000/', '{*}', 'enabled', 0, '', 0
    FROM generate_series(1, 2) AS tenant, generate_series(0, 49) AS n;
    INSERT INTO sk_tickets.events (tenant, environment, id, event_type, ticket_id, ticket_version, at, payload)
    SELECT tenant, environment, id, 'ticket.created', id, 1, created_at, '{}' FROM sk_tickets.tickets;
    INSERT INTO sk_tickets.feed (tenant, environment, position, event_id)
    SELECT tenant, environment, at, id FROM sk_tickets.events;
    INSERT INTO sk_tickets.deliveries (tenant, environment, id, endpoint_id, event_id, event_type, ticket_id, status,
                                       reason, next_attempt_at, claimable_at, created_at)
    SELECT tenant, 0, sk_tickets.id_floor(n), sk_tickets.id_floor(n % 50), sk_tickets.id_floor(n), 'ticket.created', NULL,
           CASE n % 300 WHEN 0 THEN 'pending' WHEN 1 THEN 'dead' ELSE 'delivered' END,
           CASE n % 300 WHEN 1 THEN 'exhausted' END, CASE n % 300 WHEN 0 THEN n END, CASE n % 300 WHEN 0 THEN n END, n
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    INSERT INTO sk_tickets.delivery_attempts (tenant, environment, delivery_id, number, at, status_code, latency_ms)
    SELECT tenant, environment, id, 1, created_at, 200, 1 FROM sk_tickets.deliveries WHERE status <> 'pending';
    INSERT INTO sk_tickets.queue_blocks (tenant, environment, queue, priority, start_at, start_id, waiting)
    SELECT tenant, 0, 'queue ' || n % 10, n % 4, n, sk_tickets.id_floor(n), 1
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
    SELECT tenant, 0, 'queue ' || n % 10, n % 4, n, sk_tickets.id_floor(n), 1
    FROM generate_series(1, 2) AS tenant, generate_series(1, 6000) AS n;
    ANALYZE";

async fn filled() -> PgConnection {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    let mut connection = connect::connect(&url).await.unwrap();
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    connect::assume(&mut connection).await.unwrap();
    connection
}

/// The plan as it was carried out, and how many blocks that took.
async fn plan(connection: &mut PgConnection, mut query: Query) -> (String, i64) {
    query.sql = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {}", query.sql);
    let lines = query.bound().fetch_all(connection).await.unwrap();
    let lines: Vec<String> = lines.iter().map(|row: &PgRow| row.get(0)).collect();
    let blocks = lines.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared hit="));
    let blocks = blocks.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    (lines.join("\n"), blocks.unwrap_or(0))
}

/// It uses this index, and reads no table as a whole.
fn assert_uses(plan: &str, index: &str) {
    assert!(!plan.contains("Seq Scan"), "{plan}");
    let used = [format!("using {index} on"), format!("Bitmap Index Scan on {index}")];
    assert!(used.iter().any(|used| plan.contains(used)), "{index} is not in\n{plan}");
}

const FIRST: PageSpec<TicketId> = PageSpec { after: None, order: Order::Desc, limit: 26 };

#[tokio::test]
async fn each_filter_of_tickets_has_its_index() {
    let mut connection = filled().await;
    let all = TicketFilter::ALL;
    let owner = UserId::from_bytes([1; 16]).into();
    let contact = ContactId::floor(Timestamp::from_millis(7));
    let cases: [(TicketFilter, &str); 13] = [
        (all.clone(), "tickets_key"),
        (TicketFilter { status: vec![Status::New], ..all.clone() }, "tickets_status"),
        (TicketFilter { status: vec![Status::New, Status::Open], ..all.clone() }, "tickets_status"),
        (TicketFilter { queue: Some("queue 7".to_owned()), ..all.clone() }, "tickets_queue"),
        (TicketFilter { owner: Some(OwnerFilter::Owner(owner)), ..all.clone() }, "tickets_owner"),
        (TicketFilter { owner: Some(OwnerFilter::Nobody), ..all.clone() }, "tickets_"),
        (TicketFilter { contact_id: Some(contact), ..all.clone() }, "tickets_contact"),
        (TicketFilter { topic: Some("topic 7".to_owned()), ..all.clone() }, "tickets_topic"),
        (TicketFilter { priority: Some(Priority::High), ..all.clone() }, "tickets_priority"),
        (TicketFilter { tag: Some("tag 7".to_owned()), ..all.clone() }, "ticket_tags_key"),
        (TicketFilter { source: Some(Source::Voice), ..all.clone() }, "tickets_source"),
        (TicketFilter { created_after: Some(Timestamp::from_millis(5_900)), ..all.clone() }, "tickets_key"),
        (TicketFilter { created_before: Some(Timestamp::from_millis(100)), ..all }, "tickets_key"),
    ];
    let middle = TicketId::floor(Timestamp::from_millis(COUNT / 2));
    for (filter, index) in cases {
        for page in [
            FIRST,
            PageSpec { after: Some(middle), ..FIRST },
            PageSpec { after: Some(middle), order: Order::Asc, ..FIRST },
        ] {
            let (plan, _) = plan(&mut connection, list::tickets(REALM, &filter, page)).await;
            if index == "tickets_" {
                // So many have no owner that to walk the ids may be as good.
                assert!(plan.contains("using tickets_owner on") || plan.contains("using tickets_key on"), "{plan}");
                assert!(!plan.contains("Seq Scan"), "{plan}");
            } else {
                assert_uses(&plan, index);
            }
        }
    }
}

/// Whatever the words and filters, tables are read by their indexes, in the order of pages.
#[tokio::test]
async fn a_search_walks_the_index_of_words() {
    let mut connection = filled().await;
    let all = TicketFilter::ALL;
    let filters = [
        (all.clone(), "ticket_terms_key"),
        (TicketFilter { status: vec![Status::Closed], ..all.clone() }, "ticket_terms_key"),
        (TicketFilter { priority: Some(Priority::Normal), ..all.clone() }, "ticket_terms_key"),
        (TicketFilter { created_after: Some(Timestamp::from_millis(5_900)), ..all.clone() }, "ticket_terms_key"),
        (TicketFilter { status: vec![Status::New, Status::Open], ..all.clone() }, "tickets_status"),
        (TicketFilter { topic: Some("topic 0".to_owned()), ..all.clone() }, "tickets_topic"),
        (TicketFilter { tag: Some("tag 0".to_owned()), ..all }, "ticket_tags_key"),
    ];
    let middle = TicketId::floor(Timestamp::from_millis(COUNT / 2));
    for (filter, index) in filters {
        for words in ["common", "rare0", "common usual0", "common rare0 usual0", "common once300", "common nowhere"] {
            for page in [
                FIRST,
                PageSpec { after: Some(middle), ..FIRST },
                PageSpec { after: Some(middle), order: Order::Asc, ..FIRST },
            ] {
                let query = search::tickets(REALM, &words.parse().unwrap(), &filter, page);
                let (plan, blocks) = plan(&mut connection, query).await;
                assert_uses(&plan, "ticket_terms_key");
                assert_uses(&plan, index);
                assert!(plan.contains("Index Cond: ((tenant = ") && !plan.contains("Hash"), "{plan}");
                assert!(blocks < 3_500, "{words} {filter:?}: {blocks} blocks\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_a_search_costs_the_same_at_any_depth() {
    let mut connection = filled().await;
    let all = TicketFilter::ALL;
    for words in ["common", "common usual0"] {
        let words = words.parse().unwrap();
        let (_, first) = plan(&mut connection, search::tickets(REALM, &words, &all, FIRST)).await;
        let after = Some(TicketId::floor(Timestamp::from_millis(200)));
        let deep = search::tickets(REALM, &words, &all, PageSpec { after, ..FIRST });
        let (deep_plan, deep) = plan(&mut connection, deep).await;
        // Those of the blocks of words that the page is in, and of no others.
        assert!((1..400).contains(&first) && deep <= first + first / 8, "{first} blocks, then {deep}:\n{deep_plan}");
    }
}

/// However many there are: the first ones of a page's order, and the newest, in which words are counted.
#[tokio::test]
async fn a_search_looks_at_no_more_blocks_of_words_than_its_page_needs() {
    let mut connection = filled().await;
    let more = "RESET ROLE;
                INSERT INTO sk_tickets.search_blocks
                SELECT 1, 0, sk_tickets.id_floor(n * 512), n FROM generate_series(12, 4000) AS n;
                ANALYZE sk_tickets.search_blocks; SET ROLE sk_tickets_app";
    sqlx::raw_sql(more).execute(&mut connection).await.unwrap();
    let oldest = PageSpec { order: Order::Asc, ..FIRST };
    for words in ["common", "common usual0"] {
        let query = search::tickets(REALM, &words.parse().unwrap(), &TicketFilter::ALL, oldest);
        let (plan, _) = plan(&mut connection, query).await;
        let looks = plan.lines().filter(|line| line.contains("search_blocks")).filter_map(|line| {
            let rows: String = line.split("rows=").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
            rows.parse::<i64>().ok()
        });
        let looks: Vec<_> = looks.collect();
        assert!(!looks.is_empty() && looks.iter().all(|rows| *rows <= 16), "{looks:?}\n{plan}");
    }
}

/// They are gathered from the part of the index that has the time, and from nothing else.
#[tokio::test]
async fn figures_are_gathered_from_an_index_alone() {
    let mut connection = filled().await;
    let range = StatsRange { from: Timestamp::from_millis(5_800), to: Timestamp::from_millis(5_900) };
    let (plan, _) = plan(&mut connection, stats::query(REALM, range)).await;
    assert!(plan.contains("Index Only Scan using tickets_time"), "{plan}");
    assert!(plan.contains("(created_at >= '5800'::bigint) AND (created_at < '5900'::bigint)"), "{plan}");
    assert_eq!(plan.matches("Scan using").count(), 1, "{plan}");
    assert!(!plan.contains("Seq Scan") && plan.contains("rows=100"), "{plan}");
}

#[tokio::test]
async fn a_page_at_depth_costs_as_the_first() {
    let mut connection = filled().await;
    for filter in [TicketFilter::ALL, TicketFilter { status: vec![Status::Closed], ..TicketFilter::ALL }] {
        let (_, first) = plan(&mut connection, list::tickets(REALM, &filter, FIRST)).await;
        let after = Some(TicketId::floor(Timestamp::from_millis(200)));
        let (deep_plan, deep) = plan(&mut connection, list::tickets(REALM, &filter, PageSpec { after, ..FIRST })).await;
        assert!(first > 0 && deep <= first + 8, "{first} blocks, then {deep}:\n{deep_plan}");
    }
}

#[tokio::test]
async fn each_filter_of_deliveries_has_its_index() {
    let mut connection = filled().await;
    let endpoint = Some(EndpointId::floor(Timestamp::from_millis(7)));
    let dead = Some(DeliveryStatus::Dead);
    for (status, endpoint_id, dead_letters, index) in [
        (None, None, false, "deliveries_pkey"),
        (dead, None, false, "deliveries_"),
        (None, endpoint, false, "deliveries_endpoint"),
        (dead, endpoint, false, "deliveries_endpoint"),
        (Some(DeliveryStatus::Pending), None, false, "deliveries_"),
        (Some(DeliveryStatus::Delivered), None, false, "deliveries_"),
        (Some(DeliveryStatus::Pending), endpoint, false, "deliveries_"),
        (None, None, true, "deliveries_dead_letters"),
        (None, endpoint, true, "deliveries_"),
    ] {
        let filter = DeliveryFilter { status, endpoint_id, dead_letters, ..DeliveryFilter::default() };
        let after = Some(DeliveryId::floor(Timestamp::from_millis(COUNT / 2)));
        let spec = PageSpec { after, order: Order::Desc, limit: 26 };
        let (plan, _) = plan(&mut connection, deliveries::page(REALM, &filter, spec)).await;
        assert!(!plan.contains("Seq Scan"), "{plan}");
        assert!(plan.contains(&format!("using {index}")), "{index} is not in\n{plan}");
    }
}

#[tokio::test]
async fn dead_letters_by_type_and_time_have_their_index() {
    let mut connection = filled().await;
    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let created = vec![EventType::TicketCreated];
    let (old, new) = (Some(Timestamp::from_millis(200)), Some(Timestamp::from_millis(COUNT - 200)));
    for (filter, index) in [
        (DeliveryFilter { types: created.clone(), ..letters.clone() }, "deliveries_dead_letters"),
        (DeliveryFilter { types: vec![EventType::Ping], ..letters.clone() }, "deliveries_dead_letters_type"),
        (DeliveryFilter { to: old, ..letters.clone() }, "deliveries_dead_letters"),
        (DeliveryFilter { from: new, ..letters.clone() }, "deliveries_dead_letters"),
        (DeliveryFilter { types: created, from: new, to: new, ..letters }, "deliveries_dead_letters"),
    ] {
        let spec = PageSpec { after: None, order: Order::Desc, limit: 26 };
        let (plan, _) = plan(&mut connection, deliveries::page(REALM, &filter, spec)).await;
        assert!(!plan.contains("Seq Scan"), "{plan}");
        assert!(plan.contains(&format!("using {index}")), "{index} is not in\n{plan}");
    }
}

#[tokio::test]
async fn a_bound_of_time_is_a_range_of_ids() {
    let mut connection = filled().await;
    let newest = DeliveryFilter { from: Some(Timestamp::from_millis(COUNT - 10)), ..DeliveryFilter::default() };
    let spec = PageSpec { after: None, order: Order::Asc, limit: 26 };
    let (plan, _) = plan(&mut connection, deliveries::page(REALM, &newest, spec)).await;
    assert_uses(&plan, "deliveries_pkey");
    assert!(plan.contains("id >= "), "{plan}");
    assert!(!plan.contains("Rows Removed by Filter"), "{plan}");
}

#[tokio::test]
async fn recorded_secrets_have_their_index() {
    let mut connection = filled().await;
    let after = IdempotencyKey::from_kept("key 3000".to_owned());
    let (plan, _) = plan(&mut connection, list::recorded_secrets(REALM, Some(&after), 100)).await;
    assert_uses(&plan, "claims_secrets");
}

/// The statements inside of the function that reads it, in both orders.
#[tokio::test]
async fn a_page_of_the_feed_reads_no_more_than_its_rows() {
    let mut connection = filled().await;
    let source: String = sqlx::query_scalar("SELECT prosrc FROM pg_proc WHERE proname = 'event_page'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let statements: Vec<_> = source.split("RETURN QUERY").skip(1).filter_map(|rest| rest.split(';').next()).collect();
    // The third says up to where the feed is purged.
    let [ascending, descending, _] = statements[..] else { panic!("{source}") };
    for statement in [ascending, descending] {
        let statement = statement
            .replace("p_tenant", "1")
            .replace("p_environment", "0::smallint")
            .replace("p_after", "3000")
            .replace("v_purged", "1000")
            .replace("p_limit", "26");
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("SELECT sk_tickets.enter(1, 0::smallint)").execute(&mut *transaction).await.unwrap();
        let sql = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}");
        let lines = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.unwrap();
        let plan: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("rows=26"), "{plan}");
        assert_uses(&plan, "feed_pkey");
        assert_uses(&plan, "events_pkey");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}

#[tokio::test]
async fn the_place_in_a_queue_is_counted_in_an_index() {
    let mut connection = filled().await;
    let asked = [3_007, 3_008].map(|at| vec![id(TicketId::floor(Timestamp::from_millis(at)))]);
    let query = for_each(REALM, places::TICKET, &asked);
    let (plan, _) = plan(&mut connection, query).await;
    for index in ["tickets_key", "tickets_waiting", "queue_blocks_key", "queue_moves_pkey"] {
        assert_uses(&plan, index);
    }
    // Not from the head of the lane on: both ends of what is counted are looked up.
    let within = |line: &&str| line.contains("ROW(queued_at, id) >=") && line.contains("ROW(queued_at, id) <");
    assert!(plan.lines().filter(|line| line.contains("Index Cond")).any(|line| within(&line)), "{plan}");
}

#[tokio::test]
async fn what_there_is_to_do_in_a_queue_is_counted_in_indexes() {
    let mut connection = filled().await;
    let (plan, _) = plan(&mut connection, queues::counts(REALM, "queue 7", Timestamp::from_millis(3_000))).await;
    for index in ["tickets_in_hand", "tickets_waiting", "tickets_at_risk"] {
        assert_uses(&plan, index);
    }
}

/// The realm is entered before a table is read, whatever joins the planner is told to avoid: were it the other way round,
/// row-level security would find the realm of before, or none.
#[tokio::test]
async fn no_plan_reads_before_the_realm_is_entered() {
    let mut connection = filled().await;
    let filter = TicketFilter { created_after: Some(Timestamp::from_millis(10)), ..TicketFilter::ALL };
    for avoid in ["nestloop", "hashjoin", "mergejoin", "indexscan", "bitmapscan", "material", "memoize", "seqscan"] {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let set = format!("SET enable_nestloop = on; SET enable_{avoid} = off; SET plan_cache_mode = {mode}");
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut connection).await.unwrap();
            for tenant in [1, 2, 3] {
                let realm = RealmNumber { tenant, ..REALM };
                let found = search::tickets(realm, &"rare0".parse().unwrap(), &filter, FIRST);
                let found = found.bound().fetch_all(&mut connection).await.unwrap();
                assert_eq!(found.len(), if tenant == 3 { 0 } else { 20 }, "{avoid}, {mode}, {tenant}");
                let rows = list::tickets(realm, &filter, FIRST).bound().fetch_all(&mut connection).await.unwrap();
                let expected = if tenant == 3 { 0 } else { FIRST.limit };
                assert_eq!(rows.len(), expected, "without {avoid}, {mode}, tenant {tenant}");
                let known = [7, 8].map(|number| id(TicketId::floor(Timestamp::from_millis(number))));
                let asked = [text("key 7"), text("key 8")].into_iter().zip(known.clone());
                let asked: Vec<_> = asked.map(|(key, ticket)| vec![key, ticket]).collect();
                let rows = for_each(realm, load::TICKET, &asked).bound().fetch_all(&mut connection).await.unwrap();
                // Each has a row; where nothing is found, it is of nulls.
                let is_recorded = |row: &PgRow| row.get::<Option<Vec<u8>>, _>(0).is_some();
                let found: Vec<_> = rows.iter().map(is_recorded).collect();
                assert_eq!(found, [tenant != 3; 2], "without {avoid}, {mode}, tenant {tenant}");
                let views = for_each(realm, places::TICKET, &known.map(|ticket| vec![ticket]));
                let views = views.bound().fetch_all(&mut connection).await.unwrap().len();
                assert_eq!(views, if tenant == 3 { 0 } else { 2 }, "without {avoid}, {mode}, tenant {tenant}");
            }
        }
    }
}

/// Before anything is known of a table, and for as long as a plan that was made then is kept: what is looked for by its id, by
/// us or to check a reference, is found in the index of ids.
#[tokio::test]
async fn an_id_is_looked_up_in_its_index_before_tables_were_ever_analyzed() {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    let mut connection = connect::connect(&url).await.unwrap();
    for role in ["sk_tickets_app", "postgres"] {
        for (table, index) in [
            ("tickets", "tickets_key"),
            ("claims", "claims_key"),
            ("events", "events_pkey"),
            ("endpoints", "endpoints_key"),
            ("deliveries", "deliveries_pkey"),
            ("notifications", "notifications_key"),
        ] {
            let id = if table == "claims" { "key = $1::text" } else { "id = $1::uuid" };
            let lock = if role == "postgres" { "FOR KEY SHARE" } else { "" };
            let sql = format!(
                "SET ROLE {role}; SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL;
                 PREPARE look AS SELECT 1 FROM ONLY sk_tickets.{table}
                                 WHERE tenant = 1 AND environment = 1::smallint AND {id} {lock};"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            let lines =
                sqlx::raw_sql("EXPLAIN (COSTS OFF) EXECUTE look(NULL)").fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            let used = [format!("using {index} on"), format!("Bitmap Index Scan on {index}")];
            assert!(used.iter().any(|used| plan.contains(used)), "as {role}: {index} is not in\n{plan}");
        }
    }
}

/// A delivery has the same id here as in the core.
#[tokio::test]
async fn delivery_ids_are_those_of_the_core() {
    let mut connection = filled().await;
    let event = sk_tickets_core::platform::id::EventId::from_bytes(*b"\x01\x9a\xbc\xde\xf0\x12events rul");
    let endpoint = EndpointId::from_bytes(*b"\x01\x9a\xbc\xde\xf0\x34endpoints.");
    let made: uuid::Uuid = sqlx::query_scalar("SELECT sk_tickets.delivery_id($1, $2)")
        .bind(crate::statement::uuid(event))
        .bind(crate::statement::uuid(endpoint))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(made.into_bytes(), sk_tickets_core::model::delivery::delivery_id(event, endpoint).to_bytes());
}
