//! A ticket with its place in its queue, when 1,000 and when 100,000 wait in one lane, on both stores. Floor: the plain count
//! of those who are ahead, over the index in their order, on a connection of its own without any guard.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use rusqlite::{Connection, params};
use sk_tickets_benches::{Parts, Work, compare, head, timed};
use sk_tickets_core::{CreateTicket, Desk, Environment, IdempotencyKey, Realm, TicketId, Tickets};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sk_tickets_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    head();
    let mut parts = Parts::default();
    for waiting in [1_000, 100_000] {
        parts.run("SQLite read with its place", || sqlite(&runtime, waiting));
        parts.run("Postgres read with its place", || postgres(&runtime, waiting));
    }
    parts.end()
}

const READS: Work = Work { most: 10_000, batch: 1 };

/// With few who wait a count is nothing beside reading the ticket; with many it is all.
fn target(waiting: u32) -> f64 {
    if waiting > 10_000 { 10.0 } else { 0.2 }
}

/// The ticket of this read: all over the queue.
fn ticket(number: u32, waiting: u32) -> TicketId {
    id(1 + number.wrapping_mul(2_654_435_761) % waiting)
}

/// The id that the makers below give to the ticket with this number.
fn id(number: u32) -> TicketId {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    TicketId::from_bytes(id)
}

/// A realm in which one ticket waits, elsewhere than those that are measured.
async fn open(tickets: Tickets) -> Desk {
    let desk = tickets.desk(Realm::assume("bench".parse().expect("lawful"), Environment::Live));
    desk.create_ticket(&IdempotencyKey::system("first"), CreateTicket::new("first").expect("lawful"))
        .await
        .expect("made");
    desk
}

fn read(runtime: &Runtime, desk: &Desk, waiting: u32, count: u32) -> Duration {
    timed(|| {
        runtime.block_on(async {
            for number in 0..count {
                let view = desk.ticket(ticket(number, waiting)).await.expect("read").expect("there");
                assert!(view.queue_position.is_some());
            }
        });
    })
}

fn sqlite(runtime: &Runtime, waiting: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let desk = runtime.block_on(async {
        let store = SqliteStore::open(&path).await.expect("it opens");
        open(Tickets::new(Arc::new(store))).await
    });
    let connection = fill_sqlite(&path, waiting);
    let floor = |count| {
        timed(|| {
            for number in 0..count {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT (SELECT count(*) FROM tickets
                                 WHERE realm = t.realm AND queue = t.queue AND priority > t.priority
                                   AND queued_at IS NOT NULL)
                              + (SELECT count(*) FROM tickets
                                 WHERE realm = t.realm AND queue = t.queue AND priority = t.priority
                                   AND queued_at IS NOT NULL AND (queued_at, id) < (t.queued_at, t.id))
                         FROM tickets AS t WHERE realm = 1 AND id = ?1",
                    )
                    .expect("lawful");
                let ahead: u32 =
                    statement.query_row(params![ticket(number, waiting).to_bytes()], |row| row.get(0)).expect("there");
                assert!(ahead < waiting);
            }
        })
    };
    let name = format!("SQLite read with its place, {waiting} wait");
    compare(&name, READS, target(waiting), |count| read(runtime, &desk, waiting, count), floor);
}

/// Puts so many tickets into one lane, and the lane into blocks of 96.
fn fill_sqlite(path: &Path, waiting: u32) -> Connection {
    let connection = Connection::open(path).expect("it opens");
    // The guard's function is not there.
    connection.pragma_update(None, "ignore_check_constraints", "ON").expect("it is set");
    let fill = format!(
        "BEGIN;
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {waiting})
         INSERT INTO tickets (realm, id, version, subject, status, priority, source, queue, queued_at, tags, metadata,
                              reopen_count, created_at, updated_at)
         SELECT 1, unhex(printf('%032x', n)), 1, 'wait', 'new', 2, 'api', 'default', n / 3, '[]', '{{}}', 0, 0, 0
         FROM numbers;
         INSERT INTO queue_blocks (realm, queue, priority, start_at, start_id, waiting)
         SELECT 1, 'default', 2, CASE number / 96 WHEN 0 THEN -9223372036854775808 ELSE queued_at END,
                CASE number / 96 WHEN 0 THEN x'' ELSE id END, (SELECT min(96, {waiting} - number))
         FROM (SELECT queued_at, id, row_number() OVER (ORDER BY queued_at, id) - 1 AS number
               FROM tickets WHERE subject = 'wait')
         WHERE number % 96 = 0;
         COMMIT;
         ANALYZE"
    );
    connection.execute_batch(&fill).expect("filled");
    connection
}

fn postgres(runtime: &Runtime, waiting: u32) {
    let (desk, connection) = runtime.block_on(async {
        let url = Cluster::shared().database().await;
        let store = PostgresStore::open(&url).await.expect("it opens");
        let desk = open(Tickets::new(Arc::new(store))).await;
        let mut connection = PgConnection::connect(&url).await.expect("it opens");
        sqlx::raw_sql(AssertSqlSafe(fill_postgres(waiting))).execute(&mut connection).await.expect("filled");
        // What was folded at once leaves more behind than 256 commits do.
        sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.expect("cleaned up");
        (desk, connection)
    });
    let mut connection = connection;
    let floor = |count| {
        timed(|| {
            runtime.block_on(async {
                for number in 0..count {
                    let ahead: i64 = sqlx::query_scalar(
                        "SELECT (SELECT count(*) FROM sk_tickets.tickets AS o
                                 WHERE o.tenant = t.tenant AND o.environment = t.environment AND o.queue = t.queue
                                   AND o.priority > t.priority AND o.queued_at IS NOT NULL)
                              + (SELECT count(*) FROM sk_tickets.tickets AS o
                                 WHERE o.tenant = t.tenant AND o.environment = t.environment AND o.queue = t.queue
                                   AND o.priority = t.priority AND o.queued_at IS NOT NULL
                                   AND (o.queued_at, o.id) < (t.queued_at, t.id))
                         FROM sk_tickets.tickets AS t WHERE t.id = $1",
                    )
                    .bind(uuid::Uuid::from_bytes(ticket(number, waiting).to_bytes()))
                    .fetch_one(&mut connection)
                    .await
                    .expect("there");
                    assert!(ahead < i64::from(waiting));
                }
            });
        })
    };
    let name = format!("Postgres read with its place, {waiting} wait");
    compare(&name, READS, target(waiting), |count| read(runtime, &desk, waiting, count), floor);
}

/// Puts so many tickets into one lane; the last 256 of them are in no block yet, as many as there usually are.
fn fill_postgres(waiting: u32) -> String {
    let fill = |from: u32, to: u32| {
        format!(
            "INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, queue,
                                             queued_at, tags, metadata, reopen_count, created_at, updated_at)
             SELECT tenant, environment, lpad(to_hex(n), 32, '0')::uuid, 1, 'wait', 'new', 2, 'api', 'default', n / 3, '{{}}',
                    '{{}}', 0, 0, 0
             FROM sk_tickets.realms, generate_series({from}, {to}) AS n WHERE environment = 1;
             INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
             SELECT tenant, environment, 'default', 2, n / 3, lpad(to_hex(n), 32, '0')::uuid, 1
             FROM sk_tickets.realms, generate_series({from}, {to}) AS n WHERE environment = 1;"
        )
    };
    let folded = waiting - 256;
    format!(
        "{} SELECT sk_tickets.fold_places(tenant, environment) FROM sk_tickets.realms; {}",
        fill(1, folded),
        fill(folded + 1, waiting)
    )
}
