//! The store for many nodes, durable (`synchronous_commit`, `fsync`). Floor: pgbench with prepared statements, which writes the
//! same rows into the same tables, one INSERT after the other in a transaction of their own, as the superuser, whom
//! row-level security does not concern. Its tickets have the words of 512 tickets in turn, and are in blocks of as many.

#[path = "shared/cluster.rs"]
mod cluster;
#[path = "shared/settled.rs"]
mod settled;

use std::{
    cell::Cell,
    fmt::Write as _,
    io::Write as _,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use settled::settle;
use sk_tickets_benches::{
    Parts, Work, compare,
    creates::{brief, create_many, request},
    head, timed,
};
use sk_tickets_core::{CreateTicket, Environment, Realm, Tickets};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

/// The tables that making a ticket writes to, in an order that keeps references whole; but for its words.
const TABLES: [&str; 6] = ["claims", "tickets", "queue_moves", "thread_entries", "events", "feed_pending"];

/// The words of 512 tickets, and the number of the next ticket of the floor.
const WORDS: &str = "CREATE SEQUENCE public.floor_tickets;
                     CREATE TABLE public.floor_words AS
                         SELECT * FROM (SELECT dense_rank() OVER (ORDER BY ticket_id) AS number, tenant, environment, term, texts
                                        FROM sk_tickets.ticket_terms) AS words
                         WHERE number <= 512;
                     CREATE INDEX floor_words_number ON public.floor_words (number, term);
                     ANALYZE public.floor_words";

/// Writes those of one of them.
const INSERT_WORDS: &str = "INSERT INTO sk_tickets.ticket_terms (tenant, environment, block, term, ticket_id, texts)
    SELECT tenant, environment, (SELECT 1000000 + nextval('public.floor_tickets') / 512), term,
           lpad(to_hex(:a::bigint), 32, '0')::uuid, texts
    FROM public.floor_words WHERE number = :a::bigint % 512 + 1 ORDER BY term";

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    head();
    let mut parts = Parts::default();
    let mut run = |of: &str, callers, clients, target, ticket: Ticket| {
        let name = format!("Postgres create{of}, {callers} caller{}", if callers == 1 { "" } else { "s" });
        parts.run(&name, || create(&runtime, &name, (callers, clients), target, ticket));
    };
    run("", 64, 32, 3.0, request);
    run("", 1, 1, 1.5, request);
    run(" of few words", 64, 32, 3.0, brief);
    run(" of few words", 1, 1, 1.5, brief);
    parts.end()
}

/// The ticket to make with a number.
type Ticket = fn(u64) -> CreateTicket;

fn create(runtime: &Runtime, name: &str, (callers, clients): (u32, u32), target: f64, ticket: Ticket) {
    let (desk, floor) = runtime.block_on(async {
        let url = cluster::durable().await;
        let store = PostgresStore::open(&url).await.expect("it opens");
        let realm = Realm::assume("bench".parse().expect("lawful"), Environment::Live);
        let desk = Tickets::new(Arc::new(store)).desk(realm);
        create_many(&desk, 1, 0, 1, ticket).await;
        let floor = Floor::new(url, clients).await;
        // As a database is that is older than a minute: the planner knows what there is.
        create_many(&desk, 16, u32::MAX >> 8, 1_600, ticket).await;
        floor.take_words().await;
        settle(&floor.url).await;
        (desk, floor)
    });
    let round = Cell::new(0);
    let ours = |count| {
        round.set(round.get() + 1);
        timed(|| runtime.block_on(create_many(&desk, callers, round.get(), count, ticket)))
    };
    // So many that each client of the floor, which plans its statements at first, does that rarely.
    let work = Work { most: 6_400, batch: clients * 50 };
    compare(name, work, target, ours, |count| floor.insert_many(count));
}

/// Copies the rows of one real ticket, with fresh keys, and the words of several.
struct Floor {
    url: String,
    clients: u32,
    script: NamedTempFile,
}

impl Floor {
    async fn new(url: String, clients: u32) -> Self {
        let mut connection = PgConnection::connect(&url).await.expect("it opens");
        let mut script = "\\set a random(1, 281474976710655)\nBEGIN;\n".to_owned();
        for table in TABLES {
            for sql in inserts(&mut connection, table).await {
                writeln!(script, "{sql};").expect("written");
            }
        }
        writeln!(script, "{};\nCOMMIT;", INSERT_WORDS.replace('\n', " ")).expect("written");
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(script.as_bytes()).expect("written");
        Self { url, clients, script: file }
    }

    /// From the tickets that there are.
    async fn take_words(&self) {
        let mut connection = PgConnection::connect(&self.url).await.expect("it opens");
        sqlx::raw_sql(WORDS).execute(&mut connection).await.expect("taken");
    }

    fn insert_many(&self, count: u32) -> Duration {
        let clients = self.clients;
        let ran = Command::new(Cluster::shared().program("pgbench"))
            .args(["-n", "-M", "prepared", "-c", &clients.to_string(), "-j", &clients.min(2).to_string()])
            .args(["-t", &(count / clients).to_string(), "-f"])
            .arg(self.script.path())
            .arg(&self.url)
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&ran.stdout);
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        let rate = rate.unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&ran.stderr)));
        Duration::from_secs_f64(f64::from(count) / rate)
    }
}

/// The statements that insert the rows of a table once more, one for each row.
async fn inserts(connection: &mut PgConnection, table: &str) -> Vec<String> {
    let columns = sqlx::query(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = ('sk_tickets.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''",
    );
    let columns = columns.bind(table).fetch_all(&mut *connection).await.expect("read");
    let columns: Vec<(String, String)> = columns.iter().map(|row| (row.get(0), row.get(1))).collect();
    let names = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let texts = columns.iter().map(|(name, _)| format!("{name}::text")).collect::<Vec<_>>().join(", ");
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT {texts} FROM sk_tickets.{table}")));
    let rows = rows.fetch_all(connection).await.expect("read");
    let row = |row: &sqlx::postgres::PgRow| {
        let values = columns.iter().enumerate().map(|(index, (name, of_type))| match name.as_str() {
            "id" | "ticket_id" | "event_id" => "lpad(to_hex(:a::bigint), 32, '0')::uuid".to_owned(),
            "key" => "'floor-' || :a::bigint".to_owned(),
            _ => row.get::<Option<String>, _>(index).map_or("NULL".to_owned(), |text| literal(&text, of_type)),
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    rows.iter().map(|each| format!("INSERT INTO sk_tickets.{table} ({names}) VALUES {}", row(each))).collect()
}

/// With no colon, which pgbench would take for the beginning of a variable.
fn literal(text: &str, of_type: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "''").replace(':', "\\072").replace('\n', "\\n");
    format!("E'{text}'::{of_type}")
}
