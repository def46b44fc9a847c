//! What the guard is attacked on: a database with two realms, and SQL of any kind in any scope.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rusqlite::{Connection, params_from_iter, types::Value};
use sk_tickets_core::{
    CreateForm, CreateQueue, CreateTicket, Environment, IdempotencyKey, OwnerId, Priority, Realm, SetSlaPolicy, Status,
    Tickets, TransitionTicket, UserId,
    model::{
        contact::InlineContact, delivery::Attempt, endpoint::CreateEndpoint, id::FormId, replay_job::ReplayDeadLetters,
        sla::SlaSeconds,
    },
    platform::{text::List, time::Timestamp, webhook::TargetPolicy},
    store::{DeliveryQueue, LeasedDelivery, NextStep, Settled, Settlement, Slots, WorkerId},
};

use crate::{
    connect,
    guard::{Guarded, Scope},
    options::SqliteOptions,
    realms::RealmNumber,
    store::SqliteStore,
};

/// Every table with rows of realms, a column to change with a value for it, and the key of a row after the realm.
pub(crate) const TABLES: [(&str, &str, &str, &[&str]); 18] = [
    ("claims", "status", "299", &["key"]),
    ("contacts", "name", "'Eve'", &["id"]),
    ("queues", "name", "'stolen'", &["id"]),
    ("queue_blocks", "waiting", "99", &["queue", "priority", "start_at", "start_id"]),
    ("queue_topics", "queue_id", "zeroblob(16)", &["topic"]),
    ("forms", "name", "'stolen'", &["id"]),
    ("tickets", "subject", "'stolen'", &["id"]),
    ("sla_policies", "revision", "99", &["priority"]),
    ("ticket_tags", "tag", "'stolen'", &["tag", "ticket_id"]),
    ("search_blocks", "tickets", "99", &["first_id"]),
    ("ticket_terms", "texts", "99", &["block", "term", "ticket_id"]),
    ("thread_entries", "body", "'stolen'", &["ticket_id", "sequence"]),
    ("events", "at", "0", &["id"]),
    ("endpoints", "url", "'http://evil.example/'", &["id"]),
    ("deliveries", "attempts", "99", &["id"]),
    ("delivery_attempts", "latency_ms", "99", &["delivery_id", "number"]),
    ("replay_jobs", "total", "99", &["id"]),
    ("notifications", "text", "'stolen'", &["id"]),
];

/// A database in which two realms have a row in each table.
pub(crate) struct Stage {
    _folder: tempfile::TempDir,
    pub(crate) options: SqliteOptions,
    pub(crate) store: SqliteStore,
    pub(crate) mine: RealmNumber,
    pub(crate) foreign: RealmNumber,
}

pub(crate) fn realm(tenant: &str) -> Realm {
    Realm::assume(tenant.parse().unwrap(), Environment::Test)
}

pub(crate) async fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("tickets.db")).readers(1);
    let store = options.clone().open().await.unwrap();
    let tickets = Tickets::builder(Arc::new(store.clone())).targets(TargetPolicy::LoopbackInTest).build();
    for tenant in ["mine", "foreign"] {
        let desk = tickets.desk(realm(tenant));
        let key = |text: &str| IdempotencyKey::system(text);
        let topics = List::new(vec!["delivery".parse().unwrap()]).unwrap();
        let queue = CreateQueue { topics, ..CreateQueue::new("second".parse().unwrap()) };
        desk.create_queue(&key("queue"), queue).await.unwrap();
        desk.create_form(&key("form"), CreateForm::new("Contact us").unwrap()).await.unwrap();
        let policy = SetSlaPolicy {
            first_response_seconds: Some(SlaSeconds::new(60).unwrap()),
            resolution_seconds: None,
            warn_before_seconds: None,
        };
        desk.set_sla_policy(&key("s"), Priority::Normal, policy).await.unwrap();
        let email = Some(format!("ann@{tenant}.example").parse().unwrap());
        let create = CreateTicket {
            contact: Some(InlineContact { name: None, email, phone: None }),
            tags: List::new(vec!["vip".parse().unwrap()]).unwrap(),
            ..CreateTicket::new("Part delayed").unwrap()
        };
        let ticket = desk.create_ticket(&key("t"), create).await.unwrap().value.id;
        let resolve = TransitionTicket {
            owner_id: Some(OwnerId::User(UserId::from_bytes([1; 16]))),
            resolution_note: Some("Replaced".parse().unwrap()),
            ..TransitionTicket::to(Status::Resolved)
        };
        desk.transition_ticket(&key("n"), ticket, resolve).await.unwrap();
        // After that, so that it has just what it is sent on request.
        let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
        let endpoint = desk.create_endpoint(&key("e"), endpoint).await.unwrap().value.id;
        desk.ping_endpoint(&key("p"), endpoint).await.unwrap();
        desk.ping_endpoint(&key("q"), endpoint).await.unwrap();
    }
    fail(&store, tickets.now()).await;
    for tenant in ["mine", "foreign"] {
        let desk = tickets.desk(realm(tenant));
        let job = desk.replay_dead_letters(&IdempotencyKey::system("r"), ReplayDeadLetters::ALL).await.unwrap();
        assert_eq!(job.value.total, 1);
    }
    let mut connection = connect::writer(&options).unwrap();
    // As in live realms, where they are sent: one waits, the other one could not be sent.
    connection
        .maintain(|connection| {
            Ok(connection.execute_batch(
                "UPDATE notifications SET outcome = 'pending', next_attempt_at = 0, claimable_at = 0;
                 UPDATE notifications SET outcome = 'dead', next_attempt_at = NULL, claimable_at = NULL
                 WHERE realm = (SELECT max(realm) FROM notifications)",
            )?)
        })
        .unwrap();
    let number = |tenant: &str| {
        connection.within(Scope::Directory, |connection| {
            let sql = "SELECT id FROM directory_realms WHERE tenant = ?1";
            Ok(connection.query_row(sql, [tenant], |row| row.get(0))?)
        })
    };
    let (mine, foreign) = (number("mine").unwrap(), number("foreign").unwrap());
    Stage { _folder: folder, options, store, mine, foreign }
}

/// Makes one delivery of each realm a dead letter, and leaves the other one leased for its second attempt.
async fn fail(store: &SqliteStore, now: Timestamp) {
    let slots = Slots { first: 10, retry: 10 };
    let claim = async || store.claim_due(WorkerId(1), now, Duration::from_secs(10), slots).await.unwrap().deliveries;
    let mut with_a_letter = BTreeSet::new();
    for LeasedDelivery { lease, .. } in claim().await {
        let next =
            if with_a_letter.insert(lease.realm.clone()) { NextStep::DeadLetter } else { NextStep::RetryAt(now) };
        let attempt =
            Attempt { number: 1, at: now, status_code: Some(500), error: None, latency_ms: 1, response: None };
        assert_eq!(store.settle(&[Settlement { lease, attempt, next }]).await.unwrap(), [Settled::Recorded]);
    }
    assert_eq!(claim().await.len(), 2);
}

impl Stage {
    pub(crate) fn writer(&self) -> Guarded {
        connect::writer(&self.options).unwrap()
    }

    pub(crate) fn reader(&self) -> Guarded {
        connect::reader(&self.options).unwrap()
    }

    /// The id of a realm's form as SQL has it, and the scope in which it is shown.
    pub(crate) fn form_of(&self, realm: RealmNumber) -> (String, Scope) {
        let id = self.writer().within(Scope::Realm(realm), |connection| {
            Ok(connection.query_row("SELECT id FROM my_forms", [], |row| row.get::<_, [u8; 16]>(0))?)
        });
        let id = FormId::from_bytes(id.unwrap());
        let digits: String = id.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        (format!("x'{digits}'"), Scope::Form(id))
    }

    /// The same database with every safeguard gone: no authorizer, no triggers, no checks, views that show everything.
    pub(crate) fn disarmed(&self) -> Guarded {
        let raw = Connection::open(&self.options.path).unwrap();
        raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
        raw.pragma_update(None, "foreign_keys", false).unwrap();
        let names = |kind: &str| -> Vec<String> {
            let mut statement = raw.prepare("SELECT name FROM sqlite_schema WHERE type = ?1").unwrap();
            statement.query_map([kind], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for name in names("trigger") {
            raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        for (table, ..) in TABLES {
            raw.execute_batch(&format!("DROP VIEW my_{table}; CREATE VIEW my_{table} AS SELECT * FROM {table}"))
                .unwrap();
        }
        Guarded::disarmed(raw).unwrap()
    }

    /// A row of another realm, as a statement that writes it anew.
    pub(crate) fn foreign_row(&self, table: &str) -> (String, Vec<String>, Vec<Value>) {
        let connection = self.writer();
        let row = connection.within(Scope::Maintenance, |connection| {
            let columns = columns(connection, table)?;
            let sql = format!("SELECT {} FROM {table} WHERE realm = ?1", columns.join(", "));
            let mut statement = connection.prepare(&sql)?;
            let values: Vec<Value> =
                statement.query_row([self.foreign], |row| (0..columns.len()).map(|index| row.get(index)).collect())?;
            Ok((columns, values))
        });
        let (columns, values) = row.unwrap();
        let marks = vec!["?"; columns.len()].join(", ");
        (format!("INTO {table} ({}) VALUES ({marks})", columns.join(", ")), columns, values)
    }
}

/// The columns of a table that can be written.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// What an attempt came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    /// So many rows were seen or written.
    Through(usize),
    Refused(String),
}

pub(crate) fn read(guarded: &Guarded, scope: Option<Scope>, sql: &str) -> Came {
    let count = |connection: &Connection| {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    };
    let counted = match scope {
        Some(scope) => guarded.within(scope, count),
        None => count(guarded.bare()),
    };
    counted.map_or_else(|fault| Came::Refused(fault.to_string()), Came::Through)
}

/// Writes, and takes it back.
pub(crate) fn write(guarded: &Guarded, scope: Option<Scope>, sql: &str, values: &[Value]) -> Came {
    guarded.bare().execute_batch("BEGIN IMMEDIATE").unwrap();
    let execute = |connection: &Connection| Ok(connection.execute(sql, params_from_iter(values))?);
    let written = match scope {
        Some(scope) => guarded.within(scope, execute),
        None => execute(guarded.bare()),
    };
    if !guarded.bare().is_autocommit() {
        guarded.bare().execute_batch("ROLLBACK").unwrap();
    }
    written.map_or_else(|fault| Came::Refused(fault.to_string()), Came::Through)
}
