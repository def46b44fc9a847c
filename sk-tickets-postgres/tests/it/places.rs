//! Places in queues: whatever goes on, blocks and moves say what tickets there are.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sk_tickets_core::{
    AssignTicket, ClaimTicket, CreateTicket, Desk, PageRequest, Priority, TicketFilter, TicketId, Tickets,
    UpdateTicket, UserId, platform::input::Change,
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::PgConnection;
use tokio::task::JoinSet;

use crate::stage::{key, raw, realm, run};

/// Blocks that do not say, with the moves in them, how many wait in them; in one statement, so in one snapshot. What is in
/// no block is counted as one that says nothing.
const WRONG_BLOCKS: &str = "
    WITH lane AS (
        SELECT DISTINCT tenant, environment, queue, priority FROM sk_tickets.tickets WHERE queued_at IS NOT NULL
        UNION SELECT tenant, environment, queue, priority FROM sk_tickets.queue_moves
        UNION SELECT tenant, environment, queue, priority FROM sk_tickets.queue_blocks
    ), start AS (
        SELECT *, -9223372036854775808 AS start_at, '00000000-0000-0000-0000-000000000000'::uuid AS start_id, 0 AS waiting
        FROM lane
        UNION ALL SELECT tenant, environment, queue, priority, start_at, start_id, waiting FROM sk_tickets.queue_blocks
    ), block AS (
        SELECT tenant, environment, queue, priority, start_at, start_id, sum(waiting) AS waiting,
               lead(start_at) OVER lane AS end_at, lead(start_id) OVER lane AS end_id
        FROM start GROUP BY tenant, environment, queue, priority, start_at, start_id
        WINDOW lane AS (PARTITION BY tenant, environment, queue, priority ORDER BY start_at, start_id)
    )
    SELECT count(*) FROM block AS b
    WHERE b.waiting < 0 OR b.waiting
        + (SELECT COALESCE(sum(m.delta), 0) FROM sk_tickets.queue_moves AS m
           WHERE m.tenant = b.tenant AND m.environment = b.environment AND m.queue = b.queue AND m.priority = b.priority
             AND (m.queued_at, m.ticket_id) >= (b.start_at, b.start_id)
             AND (b.end_at IS NULL OR (m.queued_at, m.ticket_id) < (b.end_at, b.end_id)))
        <> (SELECT count(*) FROM sk_tickets.tickets AS t
            WHERE t.tenant = b.tenant AND t.environment = b.environment AND t.queue = b.queue AND t.priority = b.priority
              AND t.queued_at IS NOT NULL AND (t.queued_at, t.id) >= (b.start_at, b.start_id)
              AND (b.end_at IS NULL OR (t.queued_at, t.id) < (b.end_at, b.end_id)))";

const FOLD: &str = "SELECT sk_tickets.fold_places(tenant, environment) FROM sk_tickets.realms";

/// Three thousand who wait, many of them since the same moment; their moves are in no block yet.
const FILL: &str = "
    INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, queue, queued_at,
                                    tags, metadata, reopen_count, created_at, updated_at)
    SELECT r.tenant, r.environment, gen_random_uuid(), 1, 'wait', 'new', 1 + n % 2, 'api', 'default', n / 700, '{}', '{}',
           0, 0, 0
    FROM sk_tickets.realms AS r, generate_series(1, 3000) AS n;
    INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
    SELECT tenant, environment, queue, priority, queued_at, id, 1 FROM sk_tickets.tickets AS t
    WHERE queued_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM sk_tickets.queue_moves AS m WHERE m.tenant = t.tenant AND m.ticket_id = t.id)";

async fn number(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

async fn node(url: &str) -> Desk {
    let store = PostgresStore::open(url).await.unwrap();
    Tickets::new(Arc::new(store)).desk(realm("mine"))
}

async fn waiting(desk: &Desk) -> Vec<TicketId> {
    let page = PageRequest::first().limit(100);
    let tickets = desk.tickets(&TicketFilter::ALL, &page).await.unwrap().data;
    tickets.into_iter().filter(|ticket| ticket.queued_at.is_some()).map(|ticket| ticket.id).collect()
}

/// Makes, claims, gives back and moves tickets.
async fn work(desk: Desk, worker: u8) {
    let name = |what: &str, round: usize| key(&format!("{what}-{worker}-{round}"));
    let mine = UserId::from_bytes([worker; 16]);
    for round in 0..40 {
        let priority = Some(Priority::ALL[round % 4]);
        let create = CreateTicket { priority, ..CreateTicket::new("new").unwrap() };
        let made = desk.create_ticket(&name("make", round), create).await.unwrap().value;
        let (queue, claim) = ("default".parse().unwrap(), ClaimTicket::by(mine));
        let claimed = desk.claim_next(&name("claim", round), queue, claim).await.unwrap().value.unwrap();
        let change = UpdateTicket { priority: Change(Some(Priority::ALL[round * 3 % 4])), ..UpdateTicket::nothing() };
        desk.update_ticket(&name("change", round), made.id, change).await.unwrap();
        if round % 2 == 0 {
            desk.assign_ticket(&name("back", round), claimed.id, AssignTicket::to_nobody()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_exact_while_writers_write_and_others_fold() {
    let url = Cluster::shared().database().await;
    let nodes = [node(&url).await, node(&url).await];
    nodes[0].create_ticket(&key("first"), CreateTicket::new("first").unwrap()).await.unwrap();
    run(&url, FILL).await;
    let mut connection = raw(&url).await;
    assert_eq!(number(&mut connection, WRONG_BLOCKS).await, 0, "before any fold");
    sqlx::query(FOLD).execute(&mut connection).await.unwrap();
    assert_eq!(number(&mut connection, WRONG_BLOCKS).await, 0);
    assert_eq!(number(&mut connection, "SELECT count(*) FROM sk_tickets.queue_moves").await, 0);
    let blocks = number(&mut connection, "SELECT count(*) FROM sk_tickets.queue_blocks WHERE waiting <= 256").await;
    assert!((24..=48).contains(&blocks), "{blocks} blocks");

    let done = Arc::new(AtomicBool::new(false));
    let mut others = JoinSet::new();
    for sql in [FOLD, FOLD, WRONG_BLOCKS] {
        let (url, done) = (url.clone(), Arc::clone(&done));
        others.spawn(async move {
            let mut connection = raw(&url).await;
            while !done.load(Ordering::Relaxed) {
                if sql == FOLD {
                    sqlx::query(FOLD).execute(&mut connection).await.unwrap();
                } else {
                    assert_eq!(number(&mut connection, WRONG_BLOCKS).await, 0, "in the middle of it");
                }
            }
        });
    }
    let mut workers = JoinSet::new();
    for worker in 0..8 {
        workers.spawn(work(nodes[usize::from(worker) % 2].clone(), worker));
    }
    workers.join_all().await;
    done.store(true, Ordering::Relaxed);
    others.join_all().await;

    for _ in 0..2 {
        assert_eq!(number(&mut connection, WRONG_BLOCKS).await, 0);
        for id in waiting(&nodes[0]).await {
            let counted: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM sk_tickets.tickets AS other JOIN sk_tickets.tickets AS t
                     ON t.id = $1 AND other.tenant = t.tenant AND other.environment = t.environment
                        AND other.queue = t.queue AND other.queued_at IS NOT NULL
                 WHERE other.priority > t.priority
                    OR (other.priority = t.priority AND (other.queued_at, other.id) <= (t.queued_at, t.id))",
            )
            .bind(uuid::Uuid::from_bytes(id.to_bytes()))
            .fetch_one(&mut connection)
            .await
            .unwrap();
            let read = nodes[1].ticket(id).await.unwrap().unwrap().queue_position;
            assert_eq!(read, Some(counted.cast_unsigned()));
        }
        sqlx::query(FOLD).execute(&mut connection).await.unwrap();
    }

    // As good as all leave: there are not many more blocks than it takes.
    run(
        &url,
        "WITH gone AS (UPDATE sk_tickets.tickets SET queued_at = NULL FROM sk_tickets.tickets AS before
                       WHERE before.id = tickets.id AND before.queued_at IS NOT NULL AND before.subject = 'wait'
                       RETURNING before.*)
         INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
         SELECT tenant, environment, queue, priority, queued_at, id, -1 FROM gone",
    )
    .await;
    sqlx::query(FOLD).execute(&mut connection).await.unwrap();
    assert_eq!(number(&mut connection, WRONG_BLOCKS).await, 0);
    let blocks = number(&mut connection, "SELECT count(*) FROM sk_tickets.queue_blocks").await;
    assert!(blocks <= 16, "{blocks} blocks");
}
