//! Whether a database can be used safely.

use sk_tickets_core::store;
use sqlx::{Connection, PgConnection};

use crate::{
    connect,
    error::{Fault, Result},
    migrate::{latest, version},
};

/// What speaks against serving from the database at `url`, in words; nothing, if all is well.
///
/// It looks with the role that serving would have: given the owner's URL, the application role. A store is not opened
/// while this finds anything.
///
/// # Errors
/// If the database cannot be reached or asked.
pub async fn check(url: &str) -> store::Result<Vec<String>> {
    let look = async {
        let mut connection = connect::connect(url).await?;
        if is_owner(&mut connection).await? && version(&mut connection).await?.is_some() {
            connect::assume(&mut connection).await?;
        }
        let findings = findings(&mut connection).await?;
        // All was asked; a farewell that fails changes nothing.
        let _ = connection.close().await;
        Ok(findings)
    };
    look.await.map_err(|fault: Fault| fault.during("check the database"))
}

/// What speaks against copying the database at `url` with `pg_dump`, in words; nothing, if a dump has every row. None if the
/// login is one to serve with: the owner's, or one with the application role's rights.
///
/// # Errors
/// If the database cannot be reached or asked.
pub async fn check_backup(url: &str) -> store::Result<Option<Vec<String>>> {
    let look = async {
        let mut connection = connect::connect(url).await?;
        let serves = is_owner(&mut connection).await? || sqlx::query_scalar(SERVES).fetch_one(&mut connection).await?;
        let findings = if serves { None } else { Some(ask(&mut connection, BACKUP_QUESTIONS).await?) };
        // All was asked; a farewell that fails changes nothing.
        let _ = connection.close().await;
        Ok(findings)
    };
    look.await.map_err(|fault: Fault| fault.during("check the role for a backup"))
}

/// Whether the role owns the schema or, if there is none, may make it.
pub(crate) async fn is_owner(connection: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT coalesce((SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'sk_tickets'),
                         has_database_privilege(current_database(), 'CREATE'))",
    )
    .fetch_one(connection)
    .await?)
}

/// What speaks against serving with the role in effect.
pub(crate) async fn findings(connection: &mut PgConnection) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    match version(connection).await? {
        None => {
            findings.push("there is no schema that this role may use: migrate with the owner's URL first".to_owned());
            return Ok(findings);
        }
        Some(found) if found > latest() => {
            findings.push(format!("the schema has version {found}, newer than {}: upgrade this program", latest()));
        }
        Some(found) if found < latest() => {
            findings.push(format!("the schema has version {found}, older than {}: migrate", latest()));
        }
        Some(_) => {}
    }
    findings.extend(ask(connection, QUESTIONS).await?);
    Ok(findings)
}

async fn ask(connection: &mut PgConnection, questions: &[&'static str]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for question in questions {
        let answers: Vec<String> = sqlx::query_scalar(*question).fetch_all(&mut *connection).await?;
        findings.extend(answers);
    }
    Ok(findings)
}

/// Whether the role has the application role's rights.
const SERVES: &str =
    "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sk_tickets_app' AND pg_has_role(oid, 'USAGE'))";

/// Each answers a row for each thing that a role for backups lacks, or has too much.
const BACKUP_QUESTIONS: &[&str] = &[
    "SELECT 'there is no schema to copy' WHERE to_regnamespace('sk_tickets') IS NULL",
    "SELECT format('role %s has not the rights of sk_tickets_app, to serve, nor BYPASSRLS, to be shown every row by pg_dump',
                   current_user)
     FROM pg_roles WHERE rolname = current_user AND NOT (rolbypassrls OR rolsuper)",
    "SELECT format('role %s may not read %s tables and sequences, such as %s: GRANT pg_read_all_data to it',
                   current_user, count(*), min(relname::text))
     FROM pg_class
     WHERE relnamespace = to_regnamespace('sk_tickets')::oid AND relkind IN ('r', 'p', 'S')
       AND NOT (has_schema_privilege(relnamespace, 'USAGE')
                AND CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'SELECT')
                    ELSE has_table_privilege(oid, 'SELECT') END)
     HAVING count(*) > 0",
    "SELECT format('role %s may change %s tables, such as %s, and a backup only reads', current_user, count(*),
                   min(relname::text))
     FROM pg_class
     WHERE relnamespace = to_regnamespace('sk_tickets')::oid AND relkind IN ('r', 'p')
       AND (has_table_privilege(oid, 'DELETE, TRUNCATE') OR has_any_column_privilege(oid, 'INSERT, UPDATE'))
     HAVING count(*) > 0",
];

/// Each answers a row for each fault it finds.
const QUESTIONS: &[&str] = &[
    "SELECT 'Postgres ' || current_setting('server_version') || ' is too old: 15 or later is needed'
     WHERE current_setting('server_version_num')::int < 150000",
    "SELECT format('role %s is a superuser, whom row-level security does not bind', rolname)
     FROM pg_roles
     WHERE rolsuper
       AND (rolname = current_user OR rolname IN ('sk_tickets_worker', 'sk_tickets_directory', 'sk_tickets_redactor',
                                                        'sk_tickets_purger'))",
    "SELECT format('role %s has BYPASSRLS', rolname) FROM pg_roles
     WHERE rolbypassrls
       AND (rolname = current_user OR rolname IN ('sk_tickets_worker', 'sk_tickets_directory', 'sk_tickets_redactor',
                                                        'sk_tickets_purger'))",
    "SELECT format('role %s has not the rights of sk_tickets_app, which it takes to serve', current_user)
     WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sk_tickets_app' AND pg_has_role(oid, 'USAGE'))",
    "SELECT format('role %s owns table %s and could lift its row-level security', current_user, relname)
     FROM pg_class
     WHERE relnamespace = to_regnamespace('sk_tickets')::oid AND relkind IN ('r', 'p')
       AND pg_has_role(relowner, 'USAGE')
     ORDER BY relname",
    "SELECT format('role %s has the rights of %s, which sees all realms', current_user, rolname)
     FROM pg_roles WHERE rolname IN ('sk_tickets_worker', 'sk_tickets_directory') AND pg_has_role(oid, 'USAGE')
       AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     ORDER BY rolname",
    "SELECT format('role %s has the rights of %s, which changes what is append-only', current_user, rolname)
     FROM pg_roles WHERE rolname IN ('sk_tickets_redactor', 'sk_tickets_purger') AND pg_has_role(oid, 'USAGE')
       AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     ORDER BY rolname",
    "SELECT format('function %s belongs to %s and not to %s', proname, proowner::regrole, owner)
     FROM (VALUES ('redact', 'sk_tickets_redactor'), ('purge', 'sk_tickets_purger')) AS wanted (name, owner)
     JOIN pg_proc ON pronamespace = to_regnamespace('sk_tickets')::oid AND proname = name
     WHERE NOT (prosecdef AND proowner::regrole::text = owner)",
    "SELECT format('table %s has no trigger that keeps it append-only', relname) FROM pg_class
     WHERE relnamespace = to_regnamespace('sk_tickets')::oid AND relname IN ('thread_entries', 'events')
       AND 2 <> (SELECT count(*) FROM pg_trigger
                 WHERE tgrelid = pg_class.oid AND tgname IN ('append_only', 'no_truncate') AND tgenabled IN ('O', 'A'))
     ORDER BY relname",
    "SELECT format('table %s has no forced row-level security', relname) FROM pg_class
     WHERE relnamespace = to_regnamespace('sk_tickets')::oid AND relkind IN ('r', 'p')
       AND NOT (relrowsecurity AND relforcerowsecurity)
     ORDER BY relname",
    "SELECT format('policy %s on table %s is not ours and may show other realms', policyname, tablename)
     FROM pg_policies
     WHERE schemaname = 'sk_tickets' AND roles && '{public, sk_tickets_app, sk_tickets_redactor, sk_tickets_purger}'::name[]
       AND (policyname, tablename) <> ('version', 'schema_version') AND policyname <> 'realm'
     ORDER BY tablename, policyname",
    "SELECT format('policy realm on table %s does not compare the realm', tablename) FROM pg_policies
     WHERE schemaname = 'sk_tickets' AND policyname = 'realm'
       AND NOT (coalesce(qual, '') ~ 'sk_tickets\\.tenant.*sk_tickets\\.environment'
                AND coalesce(with_check, '') ~ 'sk_tickets\\.tenant.*sk_tickets\\.environment')
     ORDER BY tablename",
];
