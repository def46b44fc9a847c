//! Whoever has the application role and writes SQL of their own still sees one realm, and none if they name none.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::stage::{Stage, app_url, raw, run};

/// What became of a statement.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// How many rows it saw or wrote.
    Rows(i64),
    /// It was refused: the SQLSTATE.
    Refused(String),
}

/// `insufficient_privilege`: no grant, or a row that no policy lets in.
fn denied() -> Outcome {
    Outcome::Refused("42501".to_owned())
}

/// What the settings say while a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// Nothing was ever set in the session.
    Absent,
    /// An earlier transaction of the session had a realm: what is left of it is empty, not null.
    LeftOver,
    /// The attacker's own realm.
    Own(i64),
}

struct Attacker {
    fresh: PgConnection,
    used: PgConnection,
}

impl Attacker {
    async fn on(stage: &Stage) -> Self {
        let url = app_url(&stage.url).await;
        let mut attacker = Self { fresh: raw(&url).await, used: raw(&url).await };
        let theirs = Setting::Own(stage.tenant(&stage.theirs).await);
        // A transaction that had the victim's realm, on the connection that is used again.
        let seen = attacker.try_out(theirs, "SELECT count(*) FROM sk_tickets.tickets").await;
        assert!(matches!(seen, Outcome::Rows(1..)), "{seen:?}");
        attacker
    }

    /// Runs a statement in a transaction that leaves nothing behind.
    async fn try_out(&mut self, setting: Setting, sql: &str) -> Outcome {
        let connection = match setting {
            Setting::Absent => &mut self.fresh,
            Setting::LeftOver | Setting::Own(_) => &mut self.used,
        };
        execute(connection, "BEGIN").await;
        if let Setting::Own(tenant) = setting {
            let enter = format!(
                "SELECT set_config('sk_tickets.tenant', '{tenant}', true),
                                        set_config('sk_tickets.environment', '0', true)"
            );
            execute(connection, &enter).await;
        }
        let outcome = if sql.starts_with("SELECT count") {
            sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut *connection).await.map(|row| row.get(0))
        } else {
            let written = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *connection).await;
            written.map(|written| i64::try_from(written.rows_affected()).unwrap())
        };
        execute(connection, "ROLLBACK").await;
        match outcome {
            Ok(rows) => Outcome::Rows(rows),
            Err(error) => {
                let error = error.into_database_error().unwrap();
                Outcome::Refused(error.code().unwrap().into_owned())
            }
        }
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// Every table of the schema, with its columns but for those that follow from others.
async fn tables(stage: &Stage) -> Vec<(String, Vec<String>)> {
    let rows = sqlx::query(
        "SELECT relname::text, array_agg(attname::text ORDER BY attnum) FROM pg_class
         JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
                               AND attgenerated = ''
         WHERE relnamespace = 'sk_tickets'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
         GROUP BY relname ORDER BY relname",
    );
    let rows = rows.fetch_all(&mut raw(&stage.url).await).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Tries everything on every table; answers what the attacker got or learned.
async fn attack(stage: &Stage) -> BTreeSet<String> {
    let mut attacker = Attacker::on(stage).await;
    let (mine, theirs) = (stage.tenant(&stage.mine).await, stage.tenant(&stage.theirs).await);
    let mut leaks = BTreeSet::new();
    execute(
        &mut attacker.used,
        &format!(
            "CREATE FUNCTION pg_temp.peek(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
                  'BEGIN IF $1 = {theirs} THEN RAISE ''seen'' USING ERRCODE = ''SKT99''; END IF; RETURN true; END'"
        ),
    )
    .await;

    for (table, columns) in tables(stage).await {
        let name = format!("sk_tickets.{table}");
        let has_realm = columns.iter().any(|column| column == "tenant");
        let victims = if has_realm { format!("WHERE tenant = {theirs}") } else { String::new() };
        let mut leak = |what: &str, outcome: &Outcome| leaks.insert(format!("{table}: {what}: {outcome:?}"));

        for setting in [Setting::Absent, Setting::LeftOver, Setting::Own(mine)] {
            let mut statements = vec![
                format!("SELECT count(*) FROM {name} {victims}"),
                format!("DELETE FROM {name} {victims}"),
                format!("SELECT count(*) FROM {name} AS a JOIN sk_tickets.tickets AS b ON b.tenant = {theirs}"),
            ];
            statements.extend(columns.iter().map(|column| format!("UPDATE {name} SET {column} = {column} {victims}")));
            if has_realm {
                statements.push(format!("SELECT count(*) FROM {name} WHERE environment = 1 OR tenant <> {mine}"));
            }
            for sql in statements {
                let outcome = attacker.try_out(setting, &sql).await;
                // Which version the schema has is no secret, and an identity column is nobody's to write (428C9).
                let public = table == "schema_version" && sql.starts_with("SELECT");
                let identity = outcome == Outcome::Refused("428C9".to_owned());
                if outcome != Outcome::Rows(0) && outcome != denied() && !identity && !public {
                    leak(&format!("{setting:?}: {sql}"), &outcome);
                }
            }
        }
        if !has_realm {
            continue;
        }

        // With a realm of one's own: what is there to lose or to take over.
        let own = Setting::Own(mine);
        let seen = attacker.try_out(own, &format!("SELECT count(*) FROM {name} WHERE pg_temp.peek(tenant)")).await;
        match &seen {
            Outcome::Rows(0) => leak("there is nothing to try with", &seen),
            Outcome::Rows(_) => false,
            refused if *refused == denied() => false,
            refused => leak("a cheap function sees rows before the policy does", refused),
        };
        let moved = attacker.try_out(own, &format!("UPDATE {name} SET tenant = {theirs}")).await;
        if moved != denied() {
            leak("a row was moved into another realm", &moved);
        }
        // A copy of a row under the other's realm, and one that cannot be there: the answers must not differ.
        for change in [format!("{{\"tenant\": {theirs}}}"), format!("{{\"tenant\": {theirs}, \"created_at\": 1}}")] {
            let columns = columns.join(", ");
            let sql = format!(
                "INSERT INTO {name} ({columns}) SELECT {columns}
                 FROM (SELECT (jsonb_populate_record(r, '{change}')).* FROM {name} AS r) AS copy"
            );
            let inserted = attacker.try_out(own, &sql).await;
            if inserted != denied() {
                leak("a row was inserted into another realm", &inserted);
            }
        }
    }
    leaks
}

#[tokio::test]
async fn no_table_gives_anything_away() {
    let stage = Stage::set().await;
    assert_eq!(attack(&stage).await, BTreeSet::new());
}

/// The attack is no sham: where a table's guard is taken away, it succeeds there.
#[tokio::test]
async fn without_its_policies_a_table_is_seen_to_leak() {
    let stage = Stage::set().await;
    let guarded: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_policies WHERE policyname = 'realm' ORDER BY tablename")
            .fetch_all(&mut raw(&stage.url).await)
            .await
            .unwrap();
    assert_eq!(guarded.len(), 22);
    for table in &guarded {
        run(&stage.url, &format!("ALTER TABLE sk_tickets.{table} DISABLE ROW LEVEL SECURITY")).await;
        run(&stage.url, &format!("DROP POLICY realm ON sk_tickets.{table}")).await;
    }
    let url = app_url(&stage.url).await;
    let leaks = attack(&stage).await;
    for table in &guarded {
        assert!(leaks.iter().any(|leak| leak.starts_with(&format!("{table}: "))), "{table}: {leaks:#?}");
    }
    // Nor would a store be opened.
    let findings = sk_tickets_postgres::check(&url).await.unwrap();
    assert_eq!(
        findings.iter().filter(|finding| finding.contains("no forced row-level security")).count(),
        guarded.len()
    );
}

/// A key that another realm has used is free in one's own, and nothing tells that it was used there.
#[tokio::test]
async fn unique_keys_do_not_tell_what_exists_elsewhere() {
    let stage = Stage::set().await;
    let mut attacker = Attacker::on(&stage).await;
    let (mine, theirs) = (stage.tenant(&stage.mine).await, stage.tenant(&stage.theirs).await);
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM sk_tickets.tickets WHERE tenant = $1 LIMIT 1")
        .bind(theirs)
        .fetch_one(&mut raw(&stage.url).await)
        .await
        .unwrap();
    let copy = |tenant: i64, id: &str| {
        format!(
            "INSERT INTO sk_tickets.tickets
             SELECT (jsonb_populate_record(t, '{{\"tenant\": {tenant}, \"id\": \"{id}\"}}')).*
             FROM sk_tickets.tickets AS t LIMIT 1"
        )
    };
    let own = Setting::Own(mine);
    assert_eq!(attacker.try_out(own, &copy(mine, &id.to_string())).await, Outcome::Rows(1));
    let unused = "00000000-0000-0000-0000-000000000001";
    for id in [id.to_string().as_str(), unused] {
        assert_eq!(attacker.try_out(own, &copy(theirs, id)).await, denied());
    }
}

/// There is no way around it for the application role.
#[tokio::test]
async fn the_guard_cannot_be_lifted() {
    let stage = Stage::set().await;
    let mut attacker = Attacker::on(&stage).await;
    let own = Setting::Own(stage.tenant(&stage.mine).await);
    for (table, _) in tables(&stage).await {
        let name = format!("sk_tickets.{table}");
        for sql in [
            format!("TRUNCATE {name}"),
            format!("TRUNCATE {name} CASCADE"),
            format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
            format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"),
            format!("CREATE POLICY all_of_it ON {name} USING (true)"),
            format!("ALTER TABLE {name} OWNER TO sk_tickets_app"),
            format!("DROP TABLE {name}"),
            format!("COPY {name} TO '/tmp/sk_tickets_stolen'"),
            format!("COPY {name} TO PROGRAM 'cat'"),
            format!(
                "CREATE TRIGGER spy BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
        ] {
            assert_eq!(attacker.try_out(own, &sql).await, denied(), "{sql}");
        }
        let read = attacker.try_out(own, &format!("COPY {name} FROM STDIN")).await;
        assert!(matches!(&read, Outcome::Refused(code) if code == "42501" || code == "0A000"), "{table}: {read:?}");
    }
    for sql in [
        "SET ROLE postgres",
        "SET ROLE sk_tickets_worker",
        "SET ROLE sk_tickets_directory",
        "SET ROLE sk_tickets_redactor",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        "CREATE FUNCTION sk_tickets.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE sk_tickets.mine (x int)",
    ] {
        assert_eq!(attacker.try_out(own, sql).await, denied(), "{sql}");
    }
    // To turn it off makes a query fail, not see more.
    execute(&mut attacker.used, "SET row_security = off").await;
    assert_eq!(attacker.try_out(own, "SELECT count(*) FROM sk_tickets.tickets").await, denied());
}

/// Roles that look across realms see what they need for it.
#[tokio::test]
async fn workers_and_the_directory_see_no_more_than_they_need() {
    let stage = Stage::set().await;
    let visible = async |role: &str| {
        let mut connection = raw(&stage.url).await;
        execute(&mut connection, &format!("SET ROLE {role}")).await;
        let mut seen = Vec::new();
        for (table, columns) in tables(&stage).await {
            for column in columns {
                let sql = format!("SELECT count({column}) FROM sk_tickets.{table}");
                if sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut connection).await.is_ok() {
                    seen.push(format!("{table}.{column}"));
                }
            }
            for sql in [format!("DELETE FROM sk_tickets.{table}"), format!("TRUNCATE sk_tickets.{table}")] {
                assert!(sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.is_err(), "{role} {table}");
            }
        }
        seen
    };
    let of = |seen: &[String], table: &str| -> Vec<String> {
        let columns = seen.iter().filter_map(|seen| seen.strip_prefix(&format!("{table}.")));
        columns.map(str::to_owned).collect()
    };
    let tables = |seen: &[String]| -> BTreeSet<String> {
        seen.iter().map(|seen| seen.split_once('.').unwrap().0.to_owned()).collect()
    };

    let worker = visible("sk_tickets_worker").await;
    assert_eq!(
        tables(&worker),
        ["deliveries", "endpoints", "events", "notifications", "replay_jobs", "sla_policies", "tenants", "tickets"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(of(&worker, "tickets"), ["tenant", "environment", "id", "wakes_at"]);
    assert_eq!(of(&worker, "sla_policies"), ["tenant", "environment", "priority", "changed"]);
    assert_eq!(of(&worker, "events"), ["tenant", "environment", "id", "payload"]);
    let endpoints = "tenant environment id url status failing_since secret old_secrets old_secrets_until deleted_at";
    assert_eq!(of(&worker, "endpoints"), endpoints.split(' ').collect::<Vec<_>>());
    let notifications = "tenant environment id ticket_id outcome recipient subject text attempts next_attempt_at created_at \
                         claimable_at failures lease_owner lease_token";
    assert_eq!(of(&worker, "notifications"), notifications.split(' ').collect::<Vec<_>>());
    // Nor do they change what is not theirs.
    let mut connection = raw(&stage.url).await;
    execute(&mut connection, "SET ROLE sk_tickets_worker").await;
    for sql in [
        "UPDATE sk_tickets.endpoints SET url = url",
        "UPDATE sk_tickets.endpoints SET secret = secret, old_secrets = old_secrets",
        "UPDATE sk_tickets.deliveries SET endpoint_id = endpoint_id",
        "UPDATE sk_tickets.replay_jobs SET types = types",
        "UPDATE sk_tickets.notifications SET outcome = outcome",
        "UPDATE sk_tickets.notifications SET recipient = recipient, text = text",
        "INSERT INTO sk_tickets.replay_jobs SELECT * FROM sk_tickets.replay_jobs",
        "SELECT secret FROM sk_tickets.claims",
        "UPDATE sk_tickets.tickets SET wakes_at = NULL",
        "UPDATE sk_tickets.sla_policies SET changed = false",
    ] {
        let refused = sqlx::query(sql).execute(&mut connection).await.unwrap_err();
        assert_eq!(refused.into_database_error().unwrap().code().unwrap(), "42501", "{sql}");
    }
    let directory = visible("sk_tickets_directory").await;
    assert_eq!(tables(&directory), ["api_keys", "forms", "realms", "settings", "tenants"].map(str::to_owned).into());
}

/// Who has no key gets the one form whose whole id they have; nobody gets a list, nor a form of another realm past the door.
#[tokio::test]
async fn the_door_to_forms_opens_one_at_a_time() {
    let stage = Stage::set().await;
    let mut attacker = Attacker::on(&stage).await;
    let (mine, theirs) = (stage.tenant(&stage.mine).await, stage.tenant(&stage.theirs).await);
    let mut superuser = raw(&stage.url).await;
    let mut id_of = async |tenant: i64| -> uuid::Uuid {
        let query = sqlx::query_scalar("SELECT id FROM sk_tickets.forms WHERE tenant = $1").bind(tenant);
        query.fetch_one(&mut superuser).await.unwrap()
    };
    let (my_form, their_form) = (id_of(mine).await, id_of(theirs).await);
    for setting in [Setting::Absent, Setting::LeftOver, Setting::Own(mine)] {
        let mut count = async |sql: String| attacker.try_out(setting, &format!("SELECT count(*) {sql}")).await;
        for id in [my_form, their_form] {
            assert_eq!(count(format!("FROM sk_tickets.public_form('{id}') WHERE id = '{id}'")).await, Outcome::Rows(1));
        }
        let own = i64::from(matches!(setting, Setting::Own(_)));
        for (sql, rows) in [
            ("FROM sk_tickets.public_form(NULL)".to_owned(), 0),
            ("FROM sk_tickets.public_form('00000000-0000-0000-0000-000000000000')".to_owned(), 0),
            (format!("FROM sk_tickets.public_form('{my_form}') WHERE tenant = {theirs}"), 0),
            (format!("FROM sk_tickets.public_form('{their_form}') WHERE tenant = {mine}"), 0),
            // What there is to ask with is one's own.
            ("FROM sk_tickets.forms AS f CROSS JOIN LATERAL sk_tickets.public_form(f.id)".to_owned(), own),
            // What the door is told is of no use beside it.
            (
                format!(
                    "FROM (SELECT set_config('sk_tickets.form', '{their_form}', true) OFFSET 0) AS told, sk_tickets.forms"
                ),
                own,
            ),
            (
                format!("FROM sk_tickets.public_form('{their_form}'), sk_tickets.forms AS f WHERE f.tenant = {theirs}"),
                0,
            ),
        ] {
            assert_eq!(count(sql.clone()).await, Outcome::Rows(rows), "{setting:?}: {sql}");
        }
        let update = format!("UPDATE sk_tickets.forms SET name = 'stolen' WHERE id = '{their_form}'");
        assert_eq!(attacker.try_out(setting, &update).await, Outcome::Rows(0));
    }
    // An id that is taken elsewhere takes nothing away from there.
    let own = Setting::Own(mine);
    let twin = |conflict: &str| {
        format!(
            "INSERT INTO sk_tickets.forms SELECT (jsonb_populate_record(f, '{{\"id\": \"{their_form}\"}}')).*
             FROM sk_tickets.forms AS f {conflict}"
        )
    };
    assert_eq!(attacker.try_out(own, &twin("ON CONFLICT DO NOTHING")).await, Outcome::Rows(0));
    assert_eq!(attacker.try_out(own, &twin("ON CONFLICT (id) DO UPDATE SET name = 'stolen'")).await, denied());

    // The role behind the door sees no more than the door shows.
    execute(&mut superuser, "SET ROLE sk_tickets_directory").await;
    let count = "SELECT count(*) FROM sk_tickets.forms";
    let all: i64 = sqlx::query_scalar(count).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(all, 0);
    execute(&mut superuser, &format!("SELECT set_config('sk_tickets.form', '{their_form}', false)")).await;
    let one: i64 = sqlx::query_scalar(count).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(one, 1);
}

/// Of a recorded answer the application role can replace the secret, and nothing else; nor put one where there is none.
#[tokio::test]
async fn a_recorded_answer_stays_but_for_how_its_secret_is_sealed() {
    let stage = Stage::set().await;
    let mut attacker = Attacker::on(&stage).await;
    let own = Setting::Own(stage.tenant(&stage.mine).await);
    let tables = tables(&stage).await;
    let (_, columns) = tables.iter().find(|(table, _)| table == "claims").unwrap();
    for column in columns.iter().filter(|column| *column != "secret") {
        let update = format!("UPDATE sk_tickets.claims SET {column} = {column}");
        assert_eq!(attacker.try_out(own, &update).await, denied(), "{column}");
    }
    let told = "UPDATE sk_tickets.claims SET secret = 'anew' WHERE key = 'client:endpoint'";
    assert_eq!(attacker.try_out(own, told).await, Outcome::Rows(1));
    let broken = Outcome::Refused("23514".to_owned());
    for sql in [
        "UPDATE sk_tickets.claims SET secret = 'one' WHERE secret IS NULL",
        "UPDATE sk_tickets.claims SET secret = NULL WHERE secret IS NOT NULL",
    ] {
        assert_eq!(attacker.try_out(own, sql).await, broken, "{sql}");
    }
    assert_eq!(attacker.try_out(own, "DELETE FROM sk_tickets.claims").await, denied());
}

/// Threads and events stay as they are, whoever asks.
#[tokio::test]
async fn what_is_append_only_stays() {
    let stage = Stage::set().await;
    let mut superuser = raw(&stage.url).await;
    for table in ["thread_entries", "events"] {
        for sql in [
            format!("UPDATE sk_tickets.{table} SET id = id"),
            format!("DELETE FROM sk_tickets.{table}"),
            format!("TRUNCATE sk_tickets.{table} CASCADE"),
        ] {
            let refused =
                sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut superuser).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{sql}: {refused}");
        }
    }
}
