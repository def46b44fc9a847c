//! `doctor`: says what speaks against serving from the database.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use sk_tickets_core::{Tickets, store::NotificationBacklog};

use crate::{
    Failure,
    cli::{self, Location},
    secrets,
    store::{self, Database},
};

/// How far the clocks of servers may be from each other.
const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

pub(crate) async fn run(location: &Location, options: &cli::Doctor) -> Result<(), Failure> {
    let mut findings = match Database::parse(location)? {
        Database::Sqlite(path) => sk_tickets_sqlite::check(path).await?,
        Database::Postgres { url, listen_url: _ } => match sk_tickets_postgres::check_backup(&url).await? {
            Some(findings) => return report(&findings, "the role is good for a backup with pg_dump, and not to serve"),
            None => sk_tickets_postgres::check(&url).await?,
        },
    };
    // A store that is not well is not opened: that could change it.
    let mut waiting = NotificationBacklog::default();
    if findings.is_empty() {
        findings = secrets_findings(location).await?;
        waiting = store::open(location).await?.notification_backlog().await?;
    }
    if findings.is_empty() && options.invariants {
        let violations = match Database::parse(location)? {
            Database::Sqlite(path) => sk_tickets_sqlite::violations(path, CLOCK_SLACK).await?,
            Database::Postgres { url, listen_url: _ } => sk_tickets_postgres::violations(&url, CLOCK_SLACK).await?,
        };
        findings.extend(violations.iter().map(ToString::to_string));
    }
    let mut out = stdout().lock();
    // Neither speaks against serving.
    if let NotificationBacklog { pending: pending @ 1.., oldest: Some(oldest), .. } = waiting {
        writeln!(out, "{} to be sent, since {oldest}", counted(pending, "waits", "wait"))?;
    }
    if waiting.dead > 0 {
        writeln!(out, "{} be sent", counted(waiting.dead, "could not", "could not"))?;
    }
    report(&findings, "the database is well")
}

/// Says what was found and fails; if nothing was, says this.
fn report(findings: &[String], well: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    if findings.is_empty() {
        writeln!(out, "{well}")?;
        return Ok(());
    }
    for finding in findings {
        writeln!(out, "- {finding}")?;
    }
    out.flush()?;
    Err(format!("{} finding{}", findings.len(), if findings.len() == 1 { "" } else { "s" }).into())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 notification {one}") } else { format!("{count} notifications {many}") }
}

async fn secrets_findings(location: &Location) -> Result<Vec<String>, Failure> {
    let tickets = Tickets::builder(store::open(location).await?).keyring(secrets::keyring(location)?).build();
    let seen = tickets.secrets().await?;
    Ok(secrets::unreadable(&seen).into_iter().chain(secrets::outdated(&seen)).collect())
}
