//! Isolation of realms, kept by the database itself.
//!
//! The guard is for a forgotten filter: with it, a query of ours that does not ask for a realm finds nothing of another,
//! and a write that does not is refused. It has three parts:
//!
//! - **Scopes.** A connection can only be used [within](Guarded::within) a [`Scope`], which ends with the work, also
//!   after a panic. The function `scope` tells the database which it is: its `'kind'`, and its `'realm'` or `'form'`;
//!   outside of any they are null, so nothing is visible and nothing can be written.
//! - **The schema.** Views show the rows of the current realm, of all that the worker needs the little that it needs, the
//!   directory, and the one form that was asked for; a CHECK refuses rows of another realm, and triggers refuse to change or delete one. A connection
//!   that lacks the function, such as that of SQLite's own shell, cannot write to a guarded table at all.
//! - **An authorizer**, asked when a statement is prepared, refuses whatever would read a table past the views, change
//!   the schema or its settings.
//!
//! It is no sandbox for foreign SQL: a common table expression that takes a view's name passes the authorizer, and a
//! subquery inside of a write can look at the table that is written. No SQL but our own is ever run, and a test sees
//! that ours does neither.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{
    Connection,
    functions::FunctionFlags,
    hooks::{AuthAction, AuthContext, Authorization},
    types::{ToSqlOutput, Value},
};

use sk_tickets_core::model::id::FormId;

use crate::{error::Result, realms::RealmNumber};

/// What a connection is used for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The rows of one realm.
    Realm(RealmNumber),
    /// The same, and the words in them can be replaced that else stay as they are.
    Redaction(RealmNumber),
    /// The same, and what is old can be dropped.
    Purge(RealmNumber),
    /// Which deliveries wait, in whatever realm, for which endpoint and until when, which notifications do, whether there
    /// is a job to go on with, and what is due at which ticket when. What is in them is seen in their realm.
    Worker,
    /// Realms, API keys and settings.
    Directory,
    /// One form, of whatever realm, and that realm's name.
    Form(FormId),
    /// Everything: migrations, checks, copies of the whole.
    Maintenance,
}

/// The views. Nothing but these and [`SCHEMA_VERSION`] can be read.
pub(crate) const VIEWS: [&str; 53] = [
    "directory_api_keys",
    "directory_realms",
    "directory_settings",
    "my_claims",
    "my_clocked_tickets",
    "my_contacts",
    "my_dead_letters",
    "my_dead_letters_by_type",
    "my_deliveries",
    "my_deliveries_by_endpoint",
    "my_deliveries_by_status",
    "my_delivery_attempts",
    "my_endpoints",
    "my_events",
    "my_forms",
    "my_kept_answers",
    "my_kept_responses",
    "my_notifications",
    "my_notifications_by_outcome",
    "my_notifications_by_ticket",
    "my_queue_blocks",
    "my_queue_topics",
    "my_queues",
    "my_realm",
    "my_recorded_secrets",
    "my_replay_jobs",
    "my_search_blocks",
    "my_sla_policies",
    "my_thread_entries",
    "my_ticket_tags",
    "my_ticket_terms",
    "my_tickets",
    "my_tickets_at_risk",
    "my_tickets_by_contact",
    "my_tickets_by_owner",
    "my_tickets_by_priority",
    "my_tickets_by_queue",
    "my_tickets_by_source",
    "my_tickets_by_status",
    "my_tickets_by_time",
    "my_tickets_by_topic",
    "my_tickets_in_hand",
    "my_tickets_waiting",
    "public_form",
    "worker_dead_letters",
    "worker_dead_notifications",
    "worker_deliveries",
    "worker_due_tickets",
    "worker_endpoints",
    "worker_leases",
    "worker_notifications",
    "worker_replay_jobs",
    "worker_sla_policies",
];
/// How the triggers that look at the row before them are named.
const TRIGGERS: [&str; 2] = ["_guard_change", "_guard_delete"];
/// Says nothing of any realm.
const SCHEMA_VERSION: &str = "schema_version";
/// What rows are referred to by, and what refers to deliveries: to write a reference is to look if it is there, and to take a
/// row away is to look if something refers to it.
const KEY_COLUMNS: [&str; 3] = ["realm", "id", "delivery_id"];

/// What can be written, and how. The schema says on which rows.
const INSERTED: [&str; 21] = [
    "api_keys",
    "claims",
    "contacts",
    "deliveries",
    "delivery_attempts",
    "endpoints",
    "events",
    "forms",
    "notifications",
    "queue_blocks",
    "queue_topics",
    "queues",
    "realms",
    "replay_jobs",
    "search_blocks",
    "settings",
    "sla_policies",
    "thread_entries",
    "ticket_tags",
    "ticket_terms",
    "tickets",
];
const UPDATED: [&str; 15] = [
    "api_keys",
    "claims",
    "contacts",
    "deliveries",
    "endpoints",
    "forms",
    "notifications",
    "queue_blocks",
    "queues",
    "realms",
    "replay_jobs",
    "search_blocks",
    "sla_policies",
    "ticket_terms",
    "tickets",
];
const DELETED: [&str; 6] =
    ["deliveries", "delivery_attempts", "queue_blocks", "queue_topics", "ticket_tags", "ticket_terms"];
/// The columns that are changed in a redaction or dropped when old, of tables that else are only added to.
const REDACTED: [(&str, &str); 6] = [
    ("delivery_attempts", "error"),
    ("delivery_attempts", "response"),
    ("events", "payload"),
    ("thread_entries", "body"),
    ("thread_entries", "detail"),
    ("thread_entries", "evidence"),
];

/// A connection under guard.
pub(crate) struct Guarded {
    connection: Connection,
    current: Arc<Current>,
}

impl Guarded {
    /// Puts a connection under guard.
    pub(crate) fn new(mut connection: Connection) -> Result<Self> {
        let current = Arc::new(Current::default());
        define(&connection, &current)?;
        authorize(&mut connection, &current)?;
        Ok(Self { connection, current })
    }

    /// Uses the connection for what a scope allows.
    pub(crate) fn within<T>(&self, scope: Scope, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let _leave = self.current.enter(scope);
        work(&self.connection)
    }

    /// The connection with no scope: good for the bounds of transactions and no more.
    pub(crate) fn bare(&self) -> &Connection {
        &self.connection
    }

    /// Uses the connection for what is done before it is shared, such as migrations.
    pub(crate) fn maintain<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let _leave = self.current.enter(Scope::Maintenance);
        let done = work(&mut self.connection);
        // What was prepared without the authorizer is not to be found by anybody else.
        self.connection.flush_prepared_statement_cache();
        done
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("scope", &self.current.scope()).finish_non_exhaustive()
    }
}

/// The scope of a connection, which the function and the authorizer see.
#[derive(Debug, Default)]
struct Current(Mutex<Option<Scope>>);

impl Current {
    fn enter(&self, scope: Scope) -> Leave<'_> {
        *self.lock() = match scope {
            // Numbers of realms begin with 1.
            Scope::Realm(realm) | Scope::Redaction(realm) | Scope::Purge(realm) if realm < 1 => None,
            lawful => Some(lawful),
        };
        Leave(self)
    }

    fn scope(&self) -> Option<Scope> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Scope>> {
        // Whoever held it had nothing to do but to copy.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a scope.
struct Leave<'a>(&'a Current);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

/// Tells the database of the scope. It does not change while a statement runs, hence deterministic; that it tells nothing
/// and does nothing lets it stand in views, though the schema is not trusted.
///
/// One function with an argument, not three without: the planner may ask one that is deterministic, and rusqlite before
/// 0.40 then makes a slice of no arguments out of a null pointer.
fn define(connection: &Connection, current: &Arc<Current>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    let current = Arc::clone(current);
    connection.create_scalar_function("scope", 1, flags, move |context| {
        let scope = current.scope();
        Ok(match context.get_raw(0).as_str()? {
            "kind" => scope.map(|scope| kind(scope).into()),
            "realm" => scope.and_then(realm).map(ToSqlOutput::from),
            "form" => scope.and_then(form).map(|form| ToSqlOutput::Owned(Value::Blob(form.to_bytes().into()))),
            _ => None,
        })
    })?;
    Ok(())
}

const fn kind(scope: Scope) -> &'static str {
    match scope {
        Scope::Realm(_) => "realm",
        Scope::Redaction(_) => "redaction",
        Scope::Purge(_) => "purge",
        Scope::Worker => "worker",
        Scope::Directory => "directory",
        Scope::Form(_) => "form",
        Scope::Maintenance => "maintenance",
    }
}

const fn realm(scope: Scope) -> Option<RealmNumber> {
    match scope {
        Scope::Realm(realm) | Scope::Redaction(realm) | Scope::Purge(realm) => Some(realm),
        Scope::Worker | Scope::Directory | Scope::Form(_) | Scope::Maintenance => None,
    }
}

const fn form(scope: Scope) -> Option<FormId> {
    match scope {
        Scope::Form(form) => Some(form),
        Scope::Realm(_)
        | Scope::Redaction(_)
        | Scope::Purge(_)
        | Scope::Worker
        | Scope::Directory
        | Scope::Maintenance => None,
    }
}

fn authorize(connection: &mut Connection, current: &Arc<Current>) -> Result<()> {
    let current = Arc::clone(current);
    let mut rules = Rules::default();
    connection.authorizer(Some(move |asked: AuthContext<'_>| {
        if current.scope() == Some(Scope::Maintenance) || rules.allow(&asked) {
            Authorization::Allow
        } else {
            Authorization::Deny
        }
    }))?;
    Ok(())
}

/// What statements may do. The scope is none of it: a statement that was prepared in one is used in another.
#[derive(Debug, Default)]
struct Rules {
    /// The table that the statement writes, whose columns its conditions may read: the triggers see to the rows.
    written: Option<String>,
}

impl Rules {
    fn allow(&mut self, asked: &AuthContext<'_>) -> bool {
        match asked.action {
            AuthAction::Read { table_name, column_name } => match asked.accessor {
                Some(accessor) if VIEWS.contains(&accessor) || TRIGGERS.iter().any(|end| accessor.ends_with(end)) => {
                    true
                }
                _ => self.may_read(table_name, column_name),
            },
            AuthAction::Insert { table_name } => self.may_write(table_name, INSERTED.contains(&table_name)),
            AuthAction::Update { table_name, column_name } => {
                let lawful = UPDATED.contains(&table_name) || REDACTED.contains(&(table_name, column_name));
                self.may_write(table_name, lawful)
            }
            AuthAction::Delete { table_name } => self.may_write(table_name, DELETED.contains(&table_name)),
            AuthAction::Select | AuthAction::Recursive => {
                // In a trigger it is part of a write.
                if asked.accessor.is_none() {
                    self.written = None;
                }
                true
            }
            AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => true,
            _ => false,
        }
    }

    fn may_read(&self, table: &str, column: &str) -> bool {
        let is_open = VIEWS.contains(&table) || table == SCHEMA_VERSION;
        is_open
            || self
                .written
                .as_ref()
                .is_some_and(|written| written == table || (KEY_COLUMNS.contains(&column) && INSERTED.contains(&table)))
    }

    fn may_write(&mut self, table: &str, lawful: bool) -> bool {
        self.written = lawful.then(|| table.to_owned());
        lawful
    }
}

#[cfg(test)]
impl Guarded {
    /// A connection that has the function and nothing else: the guard is off.
    pub(crate) fn disarmed(connection: Connection) -> Result<Self> {
        let current = Arc::new(Current::default());
        define(&connection, &current)?;
        Ok(Self { connection, current })
    }

    /// The scope at the moment.
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.current.scope()
    }
}
