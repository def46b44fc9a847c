//! The embedded store, durable (WAL, `synchronous=FULL`). Floor: the same rows into the same tables and indexes by rusqlite on
//! one connection, in batches as large as the number of callers; for reads, the bare SELECT of the same row.

use std::{cell::Cell, collections::BTreeMap, path::Path, process::ExitCode, rc::Rc, sync::Arc, time::Duration};

use rusqlite::{Connection, ToSql, params, types::Value};
use sk_tickets_benches::{
    Parts, Work, compare,
    creates::{create_many, request},
    head,
    record::{Record, tell},
    timed,
};
use sk_tickets_core::{CreateTicket, Desk, Environment, IdempotencyKey, OwnerId, Realm, TicketId, Tickets, UserId};
use sk_tickets_sqlite::SqliteStore;
use tokio::runtime::Runtime;

/// The tables that making a ticket writes rows to, in an order that keeps references whole; and one to `claims`.
const TABLES: [&str; 4] = ["tickets", "ticket_terms", "thread_entries", "events"];
/// How many tickets the floor copies in turn, each with words of its own; as many as share a block of words.
const COPIED: u32 = 512;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    tell(&Record::Version("SQLite".to_owned(), rusqlite::version().to_owned()));
    head();
    let mut parts = Parts::default();
    parts.run("SQLite durable create, 64 callers", || create(&runtime, 64, 0.7));
    parts.run("SQLite durable create, 1 caller", || create(&runtime, 1, 0.8));
    parts.run("SQLite read by id", || read(&runtime));
    parts.end()
}

fn create(runtime: &Runtime, callers: u32, target: f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let desk = runtime.block_on(open(&folder.path().join("ours.db")));
    let floor = Floor::open(&folder.path().join("floor.db"), runtime);
    let serial = Cell::new(0);
    let ours = |count| {
        serial.set(serial.get() + 1);
        timed(|| runtime.block_on(create_many(&desk, callers, serial.get(), count, request)))
    };
    let name = format!("SQLite durable create, {callers} caller{}", if callers == 1 { "" } else { "s" });
    compare(&name, Work { most: 6_400, batch: callers }, target, ours, |count| floor.insert_many(callers, count));
}

async fn open(path: &Path) -> Desk {
    let store = SqliteStore::open(path).await.expect("it opens");
    let realm = Realm::assume("bench".parse().expect("lawful"), Environment::Live);
    Tickets::new(Arc::new(store)).desk(realm)
}

/// Copies the rows of real tickets, one after the other, with fresh keys.
struct Floor {
    connection: Connection,
    tickets: Vec<Vec<Row>>,
    serial: Cell<u64>,
}

/// A row to copy.
struct Row {
    insert: Rc<str>,
    /// By column.
    values: Vec<(String, Value)>,
}

impl Floor {
    fn open(path: &Path, runtime: &Runtime) -> Self {
        let desk = runtime.block_on(open(path));
        runtime.block_on(create_many(&desk, 64, 0, COPIED, request));
        let connection = Connection::open(path).expect("it opens");
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
            ("wal_autocheckpoint", "4000"),
            // The floor has no guard.
            ("ignore_check_constraints", "ON"),
        ] {
            connection.pragma_update(None, name, value).expect("it is set");
        }
        let mut by_ticket = BTreeMap::<_, Vec<_>>::new();
        for table in TABLES {
            for row in rows(&connection, table) {
                by_ticket.entry(row.ticket()).or_default().push(row);
            }
        }
        let mut tickets: Vec<_> = by_ticket.into_values().collect();
        let claims = rows(&connection, "claims");
        assert_eq!([tickets.len(), claims.len()], [COPIED as usize; 2], "each ticket has one claim");
        tickets.iter_mut().zip(claims).for_each(|(ticket, claim)| ticket.insert(0, claim));
        Self { connection, tickets, serial: Cell::new(COPIED.into()) }
    }

    fn insert_many(&self, batch: u32, count: u32) -> Duration {
        timed(|| {
            for _ in 0..count / batch {
                self.connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
                for _ in 0..batch {
                    self.insert();
                }
                self.connection.execute_batch("COMMIT").expect("committed");
            }
        })
    }

    fn insert(&self) {
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        // After those that are copied.
        let mut id = [2; 16];
        id[8..].copy_from_slice(&serial.to_be_bytes());
        let (id, key, position) = (id.to_vec(), format!("system:floor-{serial}"), serial.cast_signed());
        let block = 1 + position / i64::from(COPIED);
        for Row { insert, values } in &self.tickets[(serial % u64::from(COPIED)) as usize] {
            let values = values.iter().map(|(column, value)| -> &dyn ToSql {
                match column.as_str() {
                    "id" | "ticket_id" => &id,
                    "key" => &key,
                    "position" => &position,
                    "block" => &block,
                    _ => value,
                }
            });
            let mut statement = self.connection.prepare_cached(insert).expect("lawful");
            statement.execute(rusqlite::params_from_iter(values)).expect("inserted");
        }
    }
}

impl Row {
    /// Of which ticket it is, or which it is.
    fn ticket(&self) -> Vec<u8> {
        let of = |name: &str| self.values.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone());
        match of("ticket_id").or_else(|| of("id")) {
            Some(Value::Blob(id)) => id,
            other => panic!("a ticket's id, not {other:?}"),
        }
    }
}

fn rows(connection: &Connection, table: &str) -> Vec<Row> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).expect("lawful");
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let insert: Rc<str> = format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", ")).into();
    let read = statement
        .query_map([], |row| (0..columns.len()).map(|index| row.get(index)).collect::<rusqlite::Result<Vec<Value>>>())
        .expect("lawful");
    let row = |row: rusqlite::Result<Vec<Value>>| Row {
        insert: Rc::clone(&insert),
        values: columns.iter().cloned().zip(row.expect("read")).collect(),
    };
    read.map(row).collect()
}

fn read(runtime: &Runtime) {
    const TICKETS: u32 = 1_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("read.db");
    let desk = runtime.block_on(open(&path));
    let ids: Vec<TicketId> = runtime.block_on(async {
        let mut ids = Vec::new();
        for number in 0..TICKETS {
            let key = IdempotencyKey::system(&number.to_string());
            // Somebody's, so that it has no place in a queue: what that costs is measured by itself.
            let owner = OwnerId::User(UserId::from_bytes([1; 16]));
            let create = CreateTicket { owner_id: Some(owner), ..request(u64::from(number)) };
            ids.push(desk.create_ticket(&key, create).await.expect("made").value.id);
        }
        ids
    });
    let connection = Connection::open(&path).expect("it opens");
    let at = |number: u32| ids[(number % TICKETS) as usize];
    let ours = |count| {
        timed(|| {
            runtime.block_on(async {
                for number in 0..count {
                    desk.ticket(at(number)).await.expect("read").expect("there");
                }
            });
        })
    };
    let floor = |count| {
        timed(|| {
            for number in 0..count {
                let mut statement =
                    connection.prepare_cached("SELECT * FROM tickets WHERE realm = 1 AND id = ?1").expect("lawful");
                let columns = statement.column_count();
                let read = statement.query_row(params![at(number).to_bytes()], |row| {
                    (0..columns).map(|index| row.get(index)).collect::<rusqlite::Result<Vec<Value>>>()
                });
                assert_eq!(read.expect("there").len(), columns);
            }
        })
    };
    compare("SQLite read by id, 1 caller", Work { most: 100_000, batch: 1 }, 0.7, ours, floor);
}
