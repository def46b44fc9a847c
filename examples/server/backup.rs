//! `backup`: copies the database, beside a running server too.

use std::path::Path;

use crate::{
    Failure,
    cli::Location,
    store::{Database, Opened},
};

pub(crate) async fn run(location: &Location, file: &Path) -> Result<(), Failure> {
    let database = Database::parse(location)?;
    // To open it would make it.
    if let Database::Sqlite(source) = &database
        && !source.try_exists()?
    {
        return Err(format!("there is no database {} to copy", source.display()).into());
    }
    match database.open().await? {
        Opened::Sqlite(store) => store.backup(file).await?,
        Opened::Postgres(_) => return Err("a Postgres database is copied with pg_dump; see the README".into()),
    }
    eprintln!("the database was copied to {}", file.display());
    Ok(())
}
