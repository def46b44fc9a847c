//! Brings the schema up to date.

use std::time::Duration;

use sk_tickets_core::store::{self, StoreError};
use sqlx::{Connection, PgConnection};

use crate::{
    check, connect,
    error::{Fault, Result},
};

/// Every migration in order; the first one makes version 1. A migration that was released is never changed.
///
/// One that changes rows lifts FORCE from the table for its own transaction, since the owner is bound by the policies
/// too, counts what it changed, and puts FORCE back.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_tables.sql"),
    include_str!("../migrations/0002_policies.sql"),
    include_str!("../migrations/0003_functions.sql"),
    include_str!("../migrations/0004_outbox.sql"),
    include_str!("../migrations/0005_directory.sql"),
];

/// The version that this crate is written for.
pub(crate) fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

const VERSIONS: &str = "CREATE SCHEMA IF NOT EXISTS sk_tickets;
                        CREATE TABLE IF NOT EXISTS sk_tickets.schema_version (version bigint PRIMARY KEY)";

/// Any number will do, as long as all nodes take the same.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7308893204417164149)";

/// Makes the schema and the roles in the database at `url`, or brings them up to date. The URL is that of the owner; for
/// another login there is nothing to do where all is up to date.
///
/// Any number of nodes may do this at once: whoever comes second waits and finds it done.
///
/// # Errors
/// If the database cannot be reached, if the role may not do this, or if a newer version of this crate has written the
/// schema.
pub async fn migrate(url: &str) -> store::Result<()> {
    const CONTEXT: &str = "bring the schema up to date";
    let during = |fault: Fault| -> StoreError { fault.during(CONTEXT) };
    let mut connection = connect::connect(url).await.map_err(during)?;
    let owner = check::is_owner(&mut connection).await.map_err(during)?;
    let done = if owner { apply(&mut connection).await } else { is_applied(&mut connection).await };
    done.map_err(during)?;
    // The work is done; a farewell that fails changes nothing.
    let _ = connection.close().await;
    Ok(())
}

/// Applies what is missing, all in one transaction.
pub(crate) async fn apply(connection: &mut PgConnection) -> Result<()> {
    make_roles(connection).await?;
    let mut transaction = connection.begin().await?;
    // With the transaction, not the session: it works behind a pooler, and ends whatever happens.
    sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
    let mut applied = version(&mut transaction).await?.unwrap_or(0);
    if applied > latest() {
        return Err(NEWER);
    }
    if applied == 0 {
        sqlx::raw_sql(VERSIONS).execute(&mut *transaction).await?;
    }
    let missing = usize::try_from(applied).ok().and_then(|applied| MIGRATIONS.get(applied..));
    for migration in missing.unwrap_or_default() {
        applied += 1;
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO sk_tickets.schema_version (version) VALUES ($1)")
            .bind(applied)
            .execute(&mut *transaction)
            .await?;
        tracing::info!(version = applied, "the schema of the database was brought up to date");
    }
    transaction.commit().await?;
    Ok(())
}

/// Fails unless nothing is missing.
async fn is_applied(connection: &mut PgConnection) -> Result<()> {
    match version(connection).await? {
        Some(found) if found == latest() => Ok(()),
        Some(found) if found > latest() => Err(NEWER),
        Some(_) | None => Err(NOT_THE_OWNER),
    }
}

const NOT_THE_OWNER: Fault =
    Fault::Broken("this role may not bring the schema up to date: migrate with the owner's URL first");

const NEWER: Fault = Fault::Broken("a newer version of this crate has written the database; upgrade to open it");

/// Which version the schema has; none if there is no schema, or none that this role may read.
pub(crate) async fn version(connection: &mut PgConnection) -> Result<Option<i64>> {
    let exists: bool = sqlx::query_scalar(
        "SELECT coalesce(has_schema_privilege(to_regnamespace('sk_tickets')::oid, 'USAGE'), false)
            AND EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('sk_tickets')::oid
                                               AND relname = 'schema_version')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("SELECT max(version) FROM sk_tickets.schema_version").fetch_one(connection).await?)
}

/// How often the roles are tried to be made, and how long to wait in between.
const ROLE_ATTEMPTS: u32 = 50;
const ROLE_PAUSE: Duration = Duration::from_millis(20);

/// Makes the roles that are missing.
///
/// Roles belong to the whole cluster, and no lock does: another database may make the same ones right now. Then one of
/// the two fails, in one of several ways, and finds them made when it tries again.
async fn make_roles(connection: &mut PgConnection) -> Result<()> {
    let mut attempt = 1;
    loop {
        match sqlx::raw_sql(ROLES).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt < ROLE_ATTEMPTS && is_made_by_another(&error) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(ROLE_PAUSE).await;
    }
}

/// `duplicate_object`, a duplicate in a catalogue of roles, or `tuple concurrently updated`, which has no code but the
/// one of all internal errors.
fn is_made_by_another(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.code().is_some_and(|code| code == "42710")
        || error.constraint().is_some_and(|constraint| constraint.starts_with("pg_"))
        || error.message().starts_with("tuple concurrently")
}

/// The owner becomes a member of each, to give functions to them and to assume the first.
const ROLES: &str = "
DO $$
DECLARE
    name text;
    setting text;
    -- Since 16 whoever made a role is a member that may not assume it.
    needed constant text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH name IN ARRAY ARRAY['sk_tickets_app', 'sk_tickets_worker', 'sk_tickets_directory', 'sk_tickets_redactor',
                                'sk_tickets_purger'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', name);
        END IF;
        IF NOT pg_has_role(current_user, name, needed) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', name);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_db_role_setting
                   WHERE setrole = 'sk_tickets_app'::regrole
                     AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
        FOREACH setting IN ARRAY ARRAY['statement_timeout = ''30s''', 'lock_timeout = ''5s''',
                                       'idle_in_transaction_session_timeout = ''10s''', 'jit = off'] LOOP
            EXECUTE format('ALTER ROLE sk_tickets_app IN DATABASE %I SET %s', current_database(), setting);
        END LOOP;
    END IF;
END $$";
