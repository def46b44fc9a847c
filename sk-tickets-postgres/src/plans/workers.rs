//! What workers ask costs by what they get, not by what there is.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{connect, migrate::migrate, testing::Cluster};

/// A database with one realm, filled by a statement of which the planner has been told nothing.
async fn filled(sql: String) -> PgConnection {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    let mut connection = connect::connect(&url).await.unwrap();
    let realm = "INSERT INTO sk_tickets.tenants (name) VALUES ('acme');
                 INSERT INTO sk_tickets.realms (tenant, environment) VALUES (1, 0)";
    sqlx::raw_sql(realm).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection
}

/// How many blocks a call takes that answers so many rows, once the session has its plans.
async fn blocks(connection: &mut PgConnection, call: &str, rows: usize) -> i64 {
    let mut blocks = 0;
    for _ in 0..8 {
        let mut transaction = connection.begin().await.unwrap();
        let sql =
            format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM sk_tickets.{call}");
        let lines = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.unwrap();
        transaction.rollback().await.unwrap();
        let lines: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
        assert!(lines[0].contains(&format!("rows={rows} ")), "{rows} expected: {lines:?}");
        blocks = lines[1].split(['=', ' ']).filter_map(|word| word.parse::<i64>().ok()).sum();
    }
    blocks
}

/// But for one level more of each index, and rows that begin in one block and end in the next.
fn assert_same(few: i64, many: i64) {
    assert!(few > 0 && many <= few + few / 4 + 8, "{few} blocks, then {many}");
}

/// So many deliveries of one endpoint.
async fn outbox(pending: i64, delivered: i64) -> PgConnection {
    filled(format!(
        "INSERT INTO sk_tickets.endpoints (tenant, environment, id, url, events, status, created_at, secret,
                                           wanted_since)
         VALUES (1, 0, sk_tickets.id_floor(0), 'http://127.0.0.1:9000/', '{{*}}', 'enabled', 0, '', 0);
         INSERT INTO sk_tickets.events (tenant, environment, id, event_type, at, payload)
         SELECT 1, 0, sk_tickets.id_floor(n), 'ping', n, '{{}}' FROM generate_series(1, {pending} + {delivered}) AS n;
         INSERT INTO sk_tickets.deliveries (tenant, environment, id, endpoint_id, event_id, event_type, status,
                                            next_attempt_at, claimable_at, created_at)
         SELECT 1, 0, sk_tickets.id_floor(n), sk_tickets.id_floor(0), sk_tickets.id_floor(n), 'ping',
                CASE WHEN n > {delivered} THEN 'pending' ELSE 'delivered' END, CASE WHEN n > {delivered} THEN n END,
                CASE WHEN n > {delivered} THEN n END, n
         FROM generate_series(1, {pending} + {delivered}) AS n"
    ))
    .await
}

/// Eight, and a row for what else there is to know.
async fn of_a_claim(connection: &mut PgConnection) -> i64 {
    blocks(connection, "claim_due(1, 1000000, 1010000, 16, 8, 8, 2, 1)", 9).await
}

#[tokio::test]
async fn a_claim_costs_the_same_however_many_wait_or_were_delivered() {
    let few = of_a_claim(&mut outbox(100, 10_000).await).await;
    assert_same(few, of_a_claim(&mut outbox(25_000, 10_000).await).await);
    assert_same(few, of_a_claim(&mut outbox(100, 35_000).await).await);
}

/// So many tickets, of which the last ones are due by a million, each with a notification that was sent or, of the last
/// ones, waits.
async fn desk(due: i64, others: i64) -> PgConnection {
    filled(format!(
        "INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, queue, tags,
                                         metadata, reopen_count, created_at, updated_at, wakes_at)
         SELECT 1, 0, sk_tickets.id_floor(n), 1, 'Part delayed', 'pending', 1, 'api', 'default', '{{}}', '{{}}', 0, n, n,
                CASE WHEN n > {others} THEN n ELSE 1000000 + n END
         FROM generate_series(1, {due} + {others}) AS n;
         INSERT INTO sk_tickets.notifications (tenant, environment, id, ticket_id, contact_id, outcome, subject, text,
                                               attempts, next_attempt_at, claimable_at, sent_at, created_at)
         SELECT 1, 0, sk_tickets.id_floor(n), sk_tickets.id_floor(n), sk_tickets.id_floor(n),
                CASE WHEN n > {others} THEN 'pending' ELSE 'sent' END, 'Resolved', 'It is resolved.', 0,
                CASE WHEN n > {others} THEN n END, CASE WHEN n > {others} THEN n END,
                CASE WHEN n > {others} THEN NULL ELSE n END, n
         FROM generate_series(1, {due} + {others}) AS n"
    ))
    .await
}

/// However many are due, were sent, or are due later.
#[tokio::test]
async fn what_is_due_at_tickets_and_to_customers_costs_the_same_however_much_there_is() {
    let calls = [
        ("claim_notifications(1, 1000000, 1010000, 8)", 9),
        ("tickets_due(1000000, 0, sk_tickets.id_floor(0), 0, 0::smallint, 8)", 8),
        ("next_ticket_due(1000000)", 1),
    ];
    let (mut small, mut much_due, mut much_else) =
        (desk(1_000, 1_000).await, desk(8_000, 1_000).await, desk(1_000, 8_000).await);
    for (call, rows) in calls {
        let few = blocks(&mut small, call, rows).await;
        assert_same(few, blocks(&mut much_due, call, rows).await);
        assert_same(few, blocks(&mut much_else, call, rows).await);
    }
}
