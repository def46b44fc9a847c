//! `migrate`: brings the schema up to date.

use sk_tickets_sqlite::SqliteStore;

use crate::{Failure, cli::Location, store::Database};

pub(crate) async fn run(location: &Location) -> Result<(), Failure> {
    match Database::parse(location)? {
        Database::Sqlite(path) => drop(SqliteStore::open(path).await?),
        Database::Postgres { url, listen_url: _ } => sk_tickets_postgres::migrate(&url).await?,
    }
    eprintln!("the schema is up to date");
    Ok(())
}
