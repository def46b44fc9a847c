//! `doctor`: says what speaks against serving from the database.

use std::io::{Write, stdout};

use crate::{Failure, cli::Location, store::Database};

pub(crate) async fn run(location: &Location) -> Result<(), Failure> {
    let findings = match Database::parse(location)? {
        Database::Sqlite(path) => sk_tickets_sqlite::check(path).await?,
        Database::Postgres { url, listen_url: _ } => sk_tickets_postgres::check(&url).await?,
    };
    let mut out = stdout().lock();
    for finding in &findings {
        writeln!(out, "- {finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "the database is well")?;
        return Ok(());
    }
    out.flush()?;
    Err(format!("{} finding{}", findings.len(), if findings.len() == 1 { "" } else { "s" }).into())
}
