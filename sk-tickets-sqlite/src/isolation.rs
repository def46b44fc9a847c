//! Hostile tests of the guard. They are in here, not in `tests`, because from outside nobody can run SQL on a connection
//! of ours: that is the first line of defence.

use std::{collections::BTreeSet, fs, path::Path};

use rusqlite::{Connection, types::Value};
use sk_tickets_core::{
    model::{id::FormId, ticket::TicketFilter},
    store::{PageSpec, RealmReader},
};

use crate::{
    guard::{Guarded, Scope, VIEWS},
    pool::Readers,
    realms::RealmNumber,
    stage::{Came, Stage, TABLES, read, realm, stage, write},
};

/// All that reads in one realm and could tell of another. Each statement finds something only if it does.
fn reads(mine: RealmNumber, foreign: RealmNumber) -> Vec<(&'static str, String)> {
    let mut attempts = Vec::new();
    for (table, ..) in TABLES {
        attempts.extend([
            ("read", format!("SELECT * FROM {table} WHERE realm = {foreign}")),
            ("count", format!("SELECT 1 WHERE (SELECT count(*) FROM {table}) > 0")),
            ("filter", format!("SELECT * FROM my_{table} WHERE realm = {foreign}")),
            ("forgotten filter", format!("SELECT * FROM my_{table} WHERE realm <> {mine}")),
            (
                "subquery",
                format!("SELECT 1 FROM my_tickets WHERE EXISTS (SELECT 1 FROM {table} WHERE realm = {foreign})"),
            ),
            ("scalar", format!("SELECT 1 WHERE (SELECT max(realm) FROM my_{table} WHERE realm <> {mine}) NOT NULL")),
            (
                "join",
                format!("SELECT other.* FROM my_{table} AS own JOIN {table} AS other ON other.realm <> own.realm"),
            ),
            ("self-join", format!("SELECT 1 FROM my_{table} AS a JOIN my_{table} AS b ON b.realm <> {mine}")),
            ("union", format!("SELECT realm FROM my_{table} WHERE 0 UNION ALL SELECT realm FROM {table}")),
            ("common table", format!("WITH x AS (SELECT * FROM {table}) SELECT * FROM x")),
            ("materialized", format!("WITH x AS MATERIALIZED (SELECT * FROM {table}) SELECT * FROM x")),
        ]);
    }
    attempts
}

/// All that writes in one realm and would reach another.
fn writes(stage: &Stage) -> Vec<(&'static str, String, Vec<Value>)> {
    let (mine, foreign) = (stage.mine, stage.foreign);
    let mut attempts = Vec::new();
    for (table, column, value, key) in TABLES {
        let (insert, columns, row) = stage.foreign_row(table);
        let fresh = columns.iter().zip(&row).map(|(column, value)| match value {
            Value::Text(_) if key.contains(&column.as_str()) || matches!(column.as_str(), "email" | "key") => {
                Value::Text("fresh".to_owned())
            }
            Value::Blob(_) if key.contains(&column.as_str()) || column == "id" => Value::Blob(vec![9; 16]),
            Value::Integer(_) if key.contains(&column.as_str()) || column == "position" => Value::Integer(99),
            other => other.clone(),
        });
        attempts.extend([
            ("insert", format!("INSERT {insert}"), fresh.collect()),
            ("replace", format!("INSERT OR REPLACE {insert}"), row),
            ("update", format!("UPDATE {table} SET {column} = {value} WHERE realm = {foreign}"), vec![]),
            ("update without a filter", format!("UPDATE {table} SET {column} = {value} WHERE realm <> {mine}"), vec![]),
            ("take", format!("UPDATE OR REPLACE {table} SET realm = {mine} WHERE realm = {foreign}"), vec![]),
            ("give away", format!("UPDATE OR REPLACE {table} SET realm = {foreign} WHERE realm = {mine}"), vec![]),
            ("delete", format!("DELETE FROM {table} WHERE realm = {foreign}"), vec![]),
            ("truncate", format!("DELETE FROM {table}"), vec![]),
        ]);
    }
    attempts
}

/// The attempts that come through.
fn leaks(stage: &Stage, reader: &Guarded, writer: &Guarded) -> BTreeSet<String> {
    let scope = Some(Scope::Realm(stage.mine));
    let reads = reads(stage.mine, stage.foreign).into_iter().filter_map(|(kind, sql)| {
        let through = matches!(read(reader, scope, &sql), Came::Through(1..));
        through.then(|| format!("{kind}: {sql}"))
    });
    let writes = writes(stage).into_iter().filter_map(|(kind, sql, values)| {
        let through = matches!(write(writer, scope, &sql, &values), Came::Through(1..));
        through.then(|| format!("{kind}: {sql}"))
    });
    reads.chain(writes).collect()
}

#[tokio::test]
async fn no_realm_reaches_another() {
    let stage = stage().await;
    assert_eq!(leaks(&stage, &stage.reader(), &stage.writer()), BTreeSet::new());
    // A connection that writes sees no more than one that reads.
    assert_eq!(leaks(&stage, &stage.writer(), &stage.writer()), BTreeSet::new());
}

/// The attempts are real ones: without the guard every one of them comes through.
#[tokio::test]
async fn without_the_guard_every_attempt_comes_through() {
    let stage = stage().await;
    let attempts: BTreeSet<_> = (reads(stage.mine, stage.foreign).into_iter())
        .map(|(kind, sql)| format!("{kind}: {sql}"))
        .chain(writes(&stage).into_iter().map(|(kind, sql, _)| format!("{kind}: {sql}")))
        .collect();
    assert_eq!(attempts.len(), TABLES.len() * 19);
    let disarmed = stage.disarmed();
    let leaks = leaks(&stage, &disarmed, &disarmed);
    let tight: Vec<_> = attempts.difference(&leaks).collect();
    assert!(tight.is_empty(), "{tight:?}");
}

#[tokio::test]
async fn a_table_cannot_be_read_past_its_view() {
    let stage = stage().await;
    for connection in [stage.reader(), stage.writer()] {
        for (table, ..) in TABLES {
            for scope in [Scope::Realm(stage.mine), Scope::Worker, Scope::Directory, stage.form_of(stage.foreign).1]
                .map(Some)
                .into_iter()
                .chain([None])
            {
                let came = read(&connection, scope, &format!("SELECT * FROM {table}"));
                assert!(matches!(&came, Came::Refused(why) if why.contains("prohibited")), "{table}: {came:?}");
            }
            let seen = read(&connection, Some(Scope::Realm(stage.mine)), &format!("SELECT * FROM my_{table}"));
            assert!(matches!(seen, Came::Through(1..)), "{table}: {seen:?}");
        }
        for table in ["realms", "api_keys", "settings", "sqlite_schema"] {
            let came = read(&connection, Some(Scope::Directory), &format!("SELECT * FROM {table}"));
            assert!(matches!(came, Came::Refused(_)), "{table}: {came:?}");
        }
    }
}

/// Whether a key is taken elsewhere cannot be found out by trying to take it.
#[tokio::test]
async fn a_foreign_key_that_exists_is_refused_like_one_that_does_not() {
    let stage = stage().await;
    let writer = stage.writer();
    let scope = Some(Scope::Realm(stage.mine));
    for (table, _, _, key) in TABLES {
        let (insert, columns, taken) = stage.foreign_row(table);
        let mut free = taken.clone();
        for (column, value) in columns.iter().zip(&mut free) {
            if key.contains(&column.as_str()) {
                *value = match value {
                    Value::Blob(_) => Value::Blob(vec![9; 16]),
                    Value::Integer(_) => Value::Integer(99),
                    _ => Value::Text("free".to_owned()),
                };
            }
        }
        for verb in ["INSERT", "INSERT OR IGNORE", "INSERT OR ABORT", "REPLACE"] {
            let sql = format!("{verb} {insert}");
            let answers = [&taken, &free].map(|row| write(&writer, scope, &sql, row));
            assert_eq!(answers[0], answers[1], "{sql}");
            assert!(matches!(answers[0], Came::Refused(_) | Came::Through(0)), "{sql}: {answers:?}");
        }
        let sql = format!("INSERT {insert} ON CONFLICT DO NOTHING");
        assert_eq!(write(&writer, scope, &sql, &taken), write(&writer, scope, &sql, &free), "{sql}");
    }
}

#[tokio::test]
async fn without_a_scope_nothing_is_seen_or_written() {
    let stage = stage().await;
    let writer = stage.writer();
    let none = [Scope::Worker, Scope::Directory, stage.form_of(stage.mine).1, Scope::Realm(0), Scope::Realm(-3)];
    for scope in none.map(Some).into_iter().chain([None]) {
        for (table, column, value, _) in TABLES {
            assert_eq!(read(&writer, scope, &format!("SELECT * FROM my_{table}")), Came::Through(0), "{table}");
            let (insert, _, row) = stage.foreign_row(table);
            for (sql, row) in [
                (format!("INSERT OR REPLACE {insert}"), row),
                (format!("UPDATE {table} SET {column} = {value}"), vec![]),
                (format!("DELETE FROM {table}"), vec![]),
            ] {
                let came = write(&writer, scope, &sql, &row);
                assert!(matches!(came, Came::Refused(_)), "{scope:?}: {sql}: {came:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_door_shows_what_it_is_for() {
    let stage = stage().await;
    let reader = stage.reader();
    for (view, allowed) in [
        ("worker_deliveries", Scope::Worker),
        ("worker_leases", Scope::Worker),
        ("worker_endpoints", Scope::Worker),
        ("worker_dead_letters", Scope::Worker),
        ("worker_replay_jobs", Scope::Worker),
        ("worker_notifications", Scope::Worker),
        ("worker_dead_notifications", Scope::Worker),
        ("worker_due_tickets", Scope::Worker),
        ("worker_sla_policies", Scope::Worker),
        ("directory_realms", Scope::Directory),
        ("my_realm", Scope::Realm(stage.mine)),
    ] {
        for scope in [Scope::Worker, Scope::Directory, Scope::Realm(stage.mine)] {
            let seen = read(&reader, Some(scope), &format!("SELECT * FROM {view}"));
            assert_eq!(matches!(seen, Came::Through(1..)), scope == allowed, "{view} in {scope:?}: {seen:?}");
        }
    }
    let writer = stage.writer();
    let elsewhere = [Some(Scope::Realm(stage.mine)), Some(Scope::Worker), None];
    for (sql, at_home) in [
        ("INSERT INTO realms (tenant, environment) VALUES ('new', 'test')", Some(Scope::Directory)),
        ("INSERT INTO settings (name, value) VALUES ('new', x'00')", Some(Scope::Directory)),
        (
            "INSERT INTO api_keys (id, hash, realm, scopes, created_at) VALUES (x'00', zeroblob(32), 1, '[]', 0)",
            Some(Scope::Directory),
        ),
    ] {
        assert_eq!(write(&writer, at_home, sql, &[]), Came::Through(1), "{sql}");
        for scope in elsewhere {
            assert!(matches!(write(&writer, scope, sql, &[]), Came::Refused(_)), "{sql} in {scope:?}");
        }
    }
    let widen = |realm| format!("UPDATE realms SET id_ahead_ms = 5 WHERE id = {realm}");
    assert_eq!(write(&writer, Some(Scope::Realm(stage.mine)), &widen(stage.mine), &[]), Came::Through(1));
    for scope in [Some(Scope::Realm(stage.mine)), Some(Scope::Worker), Some(Scope::Directory), None] {
        assert!(matches!(write(&writer, scope, &widen(stage.foreign), &[]), Came::Refused(_)), "{scope:?}");
    }
}

/// Who has no key gets the one form whose whole id they have, and cannot look for others.
#[tokio::test]
async fn the_door_to_forms_opens_one_at_a_time() {
    let stage = stage().await;
    let (mine, door) = stage.form_of(stage.mine);
    let (theirs, _) = stage.form_of(stage.foreign);
    for connection in [stage.reader(), stage.writer()] {
        assert_eq!(read(&connection, Some(door), "SELECT * FROM public_form"), Came::Through(1));
        for sql in [
            format!("SELECT * FROM public_form WHERE id <> {mine}"),
            format!("SELECT * FROM public_form WHERE id = {theirs}"),
            format!("SELECT * FROM public_form WHERE realm = {}", stage.foreign),
            "SELECT * FROM my_forms".to_owned(),
            "SELECT * FROM my_tickets".to_owned(),
            "SELECT * FROM directory_realms".to_owned(),
            "SELECT * FROM directory_api_keys".to_owned(),
        ] {
            assert_eq!(read(&connection, Some(door), &sql), Came::Through(0), "{sql}");
        }
        let nobodys = Scope::Form(FormId::from_bytes([9; 16]));
        for scope in
            [Scope::Realm(stage.mine), Scope::Worker, Scope::Directory, nobodys].map(Some).into_iter().chain([None])
        {
            assert_eq!(read(&connection, scope, "SELECT * FROM public_form"), Came::Through(0), "{scope:?}");
        }
    }
    // It is a door for looking.
    let writer = stage.writer();
    for sql in [
        format!("UPDATE forms SET name = 'stolen' WHERE id = {mine}"),
        format!("DELETE FROM forms WHERE id = {mine}"),
        "INSERT INTO public_form SELECT * FROM public_form".to_owned(),
    ] {
        assert!(matches!(write(&writer, Some(door), &sql, &[]), Came::Refused(_)), "{sql}");
    }
}

/// The id of a form is unique beyond its realm, but takes no other realm's form away.
#[tokio::test]
async fn the_id_of_a_foreign_form_replaces_nothing() {
    let stage = stage().await;
    let (theirs, _) = stage.form_of(stage.foreign);
    let writer = stage.writer();
    let row = format!("INTO forms VALUES ({}, {theirs}, 'twin', '[]', '[]', 'en', '{{}}', 0)", stage.mine);
    for verb in ["INSERT", "REPLACE", "INSERT OR REPLACE"] {
        let came = write(&writer, Some(Scope::Realm(stage.mine)), &format!("{verb} {row}"), &[]);
        assert!(matches!(came, Came::Refused(_)), "{verb}: {came:?}");
    }
    let ignored = format!("INSERT {row} ON CONFLICT DO NOTHING");
    assert_eq!(write(&writer, Some(Scope::Realm(stage.mine)), &ignored, &[]), Came::Through(0));
    let moved = format!("UPDATE OR REPLACE forms SET id = {theirs} WHERE realm = {}", stage.mine);
    assert!(matches!(write(&writer, Some(Scope::Realm(stage.mine)), &moved, &[]), Came::Refused(_)));
}

#[tokio::test]
async fn every_view_of_a_realm_shows_it_alone() {
    let stage = stage().await;
    let reader = stage.reader();
    for view in VIEWS.iter().filter(|view| view.starts_with("my_") && **view != "my_realm") {
        let sql = format!("SELECT 1 FROM {view} WHERE realm <> {}", stage.mine);
        let seen = read(&reader, Some(Scope::Realm(stage.mine)), &sql);
        assert!(!matches!(seen, Came::Through(1..)), "{view}");
    }
}

/// What workers see across realms is where and when there is something to do, and nothing of what it is.
#[tokio::test]
async fn workers_see_no_more_than_they_need() {
    let stage = stage().await;
    let seen = stage.reader().within(Scope::Worker, |connection| {
        let workers = VIEWS.iter().filter(|view| view.starts_with("worker_"));
        let columns = workers.map(|view| {
            let statement = connection.prepare(&format!("SELECT * FROM {view}"))?;
            Ok(statement.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>())
        });
        Ok(columns.collect::<rusqlite::Result<Vec<_>>>()?.concat())
    });
    let lawful = BTreeSet::from([
        "claimable_at",
        "created_at",
        "endpoint_id",
        "failing",
        "id",
        "lease_owner",
        "next_attempt_at",
        "priority",
        "realm",
        "retrying",
        "wakes_at",
    ]);
    assert_eq!(seen.unwrap().iter().map(String::as_str).collect::<BTreeSet<_>>(), lawful);
}

/// Neither its own realm nor a migration changes what was answered.
#[tokio::test]
async fn of_a_recorded_answer_nothing_but_the_secret_changes() {
    let stage = stage().await;
    let writer = stage.writer();
    let mine = stage.mine;
    let columns = writer.within(Scope::Maintenance, |connection| {
        let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info('claims')")?;
        let columns = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        Ok(columns.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    let columns = columns.unwrap();
    for scope in [Some(Scope::Realm(mine)), Some(Scope::Maintenance)] {
        let write = |sql: &str| write(&writer, scope, sql, &[]);
        for (column, kind) in &columns {
            let value = match kind.as_str() {
                "INTEGER" => "7",
                "TEXT" => "'seven'",
                _ => "x'07'",
            };
            let came =
                write(&format!("UPDATE claims SET {column} = {value} WHERE realm = {mine} AND secret IS NOT NULL"));
            if column == "secret" {
                assert_eq!(came, Came::Through(1));
            } else {
                assert!(matches!(&came, Came::Refused(why) if why.contains("stay as they are")), "{column}: {came:?}");
            }
        }
        for sql in [
            format!("UPDATE claims SET secret = x'00' WHERE realm = {mine} AND secret IS NULL"),
            format!("UPDATE claims SET secret = NULL WHERE realm = {mine} AND secret IS NOT NULL"),
            format!("UPDATE claims SET secret = x'00', body = x'00' WHERE realm = {mine}"),
            format!("DELETE FROM claims WHERE realm = {mine}"),
            "REPLACE INTO claims SELECT * FROM claims".to_owned(),
        ] {
            let came = write(&sql);
            assert!(matches!(came, Came::Refused(_)), "{scope:?}: {sql}: {came:?}");
        }
    }
}

/// What is only added to changes in a redaction of its own realm, and there in its words alone.
#[tokio::test]
async fn words_change_in_a_redaction_and_nothing_else_does() {
    const WORDS: [(&str, &[&str]); 5] = [
        ("claims", &["body"]),
        ("delivery_attempts", &["error", "response"]),
        ("events", &["payload"]),
        ("notifications", &["subject", "text"]),
        ("thread_entries", &["body", "detail", "evidence"]),
    ];
    let stage = stage().await;
    let writer = stage.writer();
    for (table, words) in WORDS {
        let columns = writer.within(Scope::Maintenance, |connection| {
            let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
            let columns =
                statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            Ok(columns.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        for (column, kind) in columns.unwrap() {
            let value = match kind.as_str() {
                "INTEGER" => "7",
                "TEXT" => "'seven'",
                _ => "x'07'",
            };
            let update = |realm| format!("UPDATE {table} SET {column} = {value} WHERE realm = {realm}");
            let is_words = words.contains(&column.as_str());
            let own = write(&writer, Some(Scope::Redaction(stage.mine)), &update(stage.mine), &[]);
            // What comes of a notification changes without a redaction too.
            if is_words || table != "notifications" {
                assert_eq!(matches!(own, Came::Through(1..)), is_words, "{table}.{column}: {own:?}");
            }
            let other = write(&writer, Some(Scope::Redaction(stage.mine)), &update(stage.foreign), &[]);
            assert!(matches!(other, Came::Refused(_)), "{table}.{column}: {other:?}");
            let elsewhere =
                [Scope::Realm(stage.mine), Scope::Maintenance, Scope::Worker, Scope::Directory].map(Some).into_iter();
            for scope in elsewhere.chain([None]).filter(|_| is_words) {
                let came = write(&writer, scope, &update(stage.mine), &[]);
                assert!(matches!(came, Came::Refused(_)), "{table}.{column} in {scope:?}: {came:?}");
            }
        }
        for realm in [stage.mine, stage.foreign] {
            let sql = format!("DELETE FROM {table} WHERE realm = {realm}");
            let came = write(&writer, Some(Scope::Redaction(stage.mine)), &sql, &[]);
            assert!(matches!(came, Came::Refused(_)), "{table}: {came:?}");
        }
    }
}

#[tokio::test]
async fn the_guard_cannot_be_taken_down_from_within() {
    let stage = stage().await;
    let writer = stage.writer();
    for sql in [
        "CREATE VIEW my_own AS SELECT * FROM tickets",
        "CREATE TEMP VIEW my_tickets AS SELECT * FROM tickets",
        "CREATE TEMP TRIGGER x_guard_change AFTER INSERT ON tickets BEGIN SELECT 1; END",
        "CREATE TABLE x AS SELECT * FROM tickets",
        "CREATE INDEX x ON tickets (subject)",
        "DROP TRIGGER tickets_guard_change",
        "DROP VIEW my_tickets",
        "ALTER TABLE tickets RENAME TO x",
        "ATTACH ':memory:' AS x",
        "PRAGMA ignore_check_constraints = ON",
        "PRAGMA writable_schema = ON",
        "PRAGMA foreign_keys = OFF",
        "ANALYZE",
        "REINDEX",
        "SELECT load_extension('x')",
        "VACUUM",
    ] {
        let refused = writer.within(Scope::Realm(stage.mine), |connection| Ok(connection.execute_batch(sql)?));
        assert!(refused.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_view_is_searched_by_the_primary_key() {
    let stage = stage().await;
    let reader = stage.reader();
    let plan = |sql: &str| {
        let plan = reader.within(Scope::Realm(stage.mine), |connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let steps = statement.query_map([], |row| row.get::<_, String>(3))?;
            Ok(steps.collect::<rusqlite::Result<Vec<_>>>()?.join("\n"))
        });
        plan.unwrap()
    };
    for (table, _, _, key) in TABLES {
        let condition = key.iter().map(|column| format!("{column} = 1")).collect::<Vec<_>>().join(" AND ");
        let columns = key.iter().map(|column| format!(" AND {column}=?")).collect::<String>();
        let plan = plan(&format!("SELECT * FROM my_{table} WHERE {condition}"));
        let lawful = [
            format!("SEARCH {table} USING PRIMARY KEY (realm=?{columns})"),
            format!("SEARCH {table} USING INDEX sqlite_autoindex_{table}_1 (realm=?{columns})"),
            format!("SEARCH {table} USING COVERING INDEX sqlite_autoindex_{table}_1 (realm=?{columns})"),
        ];
        assert!(lawful.contains(&plan), "{plan}");
    }
    assert_eq!(plan("SELECT * FROM my_realm"), "SEARCH realms USING INTEGER PRIMARY KEY (rowid=?)");
    let door = plan("SELECT * FROM public_form");
    assert!(door.contains("SEARCH forms USING INDEX sqlite_autoindex_forms_") && door.contains("(id=?)"), "{door}");
}

#[tokio::test]
async fn a_scope_ends_with_the_work() {
    let stage = stage().await;
    let reader = stage.reader();
    let count = |connection: &Connection| -> crate::error::Result<i64> {
        Ok(connection.prepare_cached("SELECT count(*) FROM my_tickets")?.query_row([], |row| row.get(0))?)
    };
    // The same prepared statement follows the scope.
    assert_eq!(reader.within(Scope::Realm(stage.foreign), count).unwrap(), 1);
    assert_eq!((reader.scope(), count(reader.bare()).unwrap()), (None, 0));
    assert_eq!(reader.within(Scope::Realm(99), count).unwrap(), 0);

    let readers = Readers::new(vec![reader]);
    let foreign = stage.foreign;
    let panicked = readers.read("panic", move |guarded| -> crate::error::Result<()> {
        guarded.within(Scope::Realm(foreign), |_| panic!("on purpose"))
    });
    assert!(panicked.await.is_err());
    let left = readers.read("look", move |guarded| Ok((guarded.scope(), count(guarded.bare())?))).await.unwrap();
    assert_eq!(left, (None, 0));
}

#[tokio::test]
async fn the_writer_leaves_no_scope_behind_for_the_next_job() {
    let stage = stage().await;
    let foreign = stage.foreign;
    let panicked = stage.store.write("panic", move |guarded| -> crate::error::Result<_> {
        guarded.within(Scope::Realm(foreign), |_| -> crate::error::Result<crate::writer::Verdict<()>> {
            panic!("on purpose")
        })
    });
    assert!(panicked.await.is_err());
    let left = stage.store.write("look", |guarded| Ok(crate::writer::Verdict::Keep(guarded.scope()))).await;
    assert_eq!(left.unwrap(), None);
}

/// One connection serves both realms in turn; neither sees the other.
#[tokio::test]
async fn a_pooled_connection_shows_each_realm_its_own() {
    let stage = stage().await;
    for _ in 0..3 {
        for tenant in ["mine", "foreign", "nobody"] {
            let page = PageSpec { after: None, order: sk_tickets_core::model::page::Order::Asc, limit: 10 };
            let tickets = stage.store.ticket_page(&realm(tenant), &TicketFilter::ALL, page).await.unwrap();
            assert_eq!(tickets.len(), usize::from(tenant != "nobody"), "{tenant}");
        }
    }
}

#[tokio::test]
async fn checks_and_dumps_work_in_maintenance_and_for_others() {
    let stage = stage().await;
    let mut writer = stage.writer();
    let check = |connection: &Connection, name: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(&format!("PRAGMA {name}"))?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        lines.collect()
    };
    let found = writer
        .maintain(|connection| Ok((check(connection, "integrity_check")?, check(connection, "foreign_key_check")?)));
    assert_eq!(found.unwrap(), (vec!["ok".to_owned()], vec![]));

    // Others lack the function: they can read, and check if they leave the guard's constraints out.
    let raw = Connection::open(&stage.options.path).unwrap();
    for (table, column, value, _) in TABLES {
        let rows: i64 = raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows > 1);
        assert!(raw.execute(&format!("UPDATE {table} SET {column} = {value}"), []).is_err(), "{table}");
        assert!(raw.execute(&format!("DELETE FROM {table}"), []).is_err(), "{table}");
    }
    raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
    assert_eq!(check(&raw, "integrity_check").unwrap(), ["ok"]);
}

#[tokio::test]
async fn the_views_are_those_of_the_schema() {
    let stage = stage().await;
    let views = stage.writer().within(Scope::Maintenance, |connection| {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(names.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    assert_eq!(views.unwrap(), VIEWS);
    let tables = stage.writer().within(Scope::Maintenance, |connection| {
        let sql = "SELECT m.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                   WHERE m.type = 'table' AND c.name = 'realm' ORDER BY m.name";
        let mut statement = connection.prepare(sql)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(names.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    // API keys name a realm and belong to the directory.
    let mut guarded: Vec<_> = TABLES.iter().map(|(table, ..)| (*table).to_owned()).chain(["api_keys".into()]).collect();
    guarded.sort();
    assert_eq!(tables.unwrap(), guarded);
}

/// What the authorizer cannot see, our own SQL does not do.
#[test]
fn no_statement_of_ours_goes_around_the_authorizer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut views_used = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if ["guard.rs", "isolation.rs", "stage.rs"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let words: Vec<_> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(')
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            if VIEWS.contains(&pair[1].trim_end_matches('(')) {
                views_used += 1;
                let before = pair[0].to_ascii_uppercase();
                assert!(!["AS", "WITH", "RECURSIVE"].contains(&before.as_str()), "{path:?}: {pair:?}");
            }
        }
        for literal in text.split('"') {
            assert!(!literal.trim_start().starts_with("WITH "), "{path:?}: {literal}");
            let writes = ["INSERT ", "UPDATE ", "DELETE ", "REPLACE "].iter().any(|verb| literal.starts_with(verb));
            assert!(!(writes && literal.contains("SELECT")), "a subquery in a write: {path:?}: {literal}");
        }
    }
    assert!(views_used > 20, "{views_used}");
}

/// What the test above is for: such a statement passes the authorizer.
#[tokio::test]
async fn a_common_table_that_takes_a_views_name_is_not_seen_by_the_authorizer() {
    let stage = stage().await;
    let sql = "WITH my_tickets AS (SELECT * FROM tickets) SELECT * FROM my_tickets";
    assert_eq!(read(&stage.reader(), Some(Scope::Realm(stage.mine)), sql), Came::Through(2));
}
