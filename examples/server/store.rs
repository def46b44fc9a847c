//! Opens the store that a URL names.

use std::{path::PathBuf, sync::Arc};

use sk_tickets_core::Store;
use sk_tickets_postgres::{PostgresOptions, PostgresStore};
use sk_tickets_sqlite::SqliteStore;

use crate::{Failure, cli::Location};

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres { url: String, listen_url: Option<String> },
}

/// A store that was opened, its schema up to date.
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Opened {
    pub(crate) fn into_store(self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store),
            Self::Postgres(store) => Arc::new(store),
        }
    }
}

impl Database {
    pub(crate) fn parse(location: &Location) -> Result<Self, Failure> {
        let Location { database, listen_url, master_key_file: _ } = location;
        if database.starts_with("postgres://") || database.starts_with("postgresql://") {
            return Ok(Self::Postgres { url: database.clone(), listen_url: listen_url.clone() });
        }
        let path = database.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match path.filter(|path| !path.is_empty() && !path.starts_with(':')) {
            Some(path) => Ok(Self::Sqlite(path.into())),
            // The URL may hold a password, so it is not repeated.
            None => Err("--database takes sqlite:FILE, such as sqlite:sk-tickets.db, or postgres://…".into()),
        }
    }

    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        Ok(match self {
            Self::Sqlite(path) => Opened::Sqlite(SqliteStore::open(path).await?),
            Self::Postgres { url, listen_url } => {
                let options = PostgresOptions::new(url);
                let options = match listen_url {
                    Some(listen_url) => options.listen_url(listen_url),
                    None => options,
                };
                Opened::Postgres(options.open().await?)
            }
        })
    }
}

/// Opens the store for whoever does not care which it is.
pub(crate) async fn open(location: &Location) -> Result<Arc<dyn Store>, Failure> {
    Ok(Database::parse(location)?.open().await?.into_store())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server() {
        let parse = |database: &str| {
            let database = database.to_owned();
            Database::parse(&Location { database, listen_url: None, master_key_file: None })
        };
        let file = |path: &str| Database::Sqlite(path.into());
        assert_eq!(parse("sqlite:a.db").unwrap(), file("a.db"));
        assert_eq!(parse("sqlite://a.db").unwrap(), file("a.db"));
        assert_eq!(parse("sqlite:///var/a.db").unwrap(), file("/var/a.db"));
        assert!(matches!(parse("postgres://u:p@h/d").unwrap(), Database::Postgres { .. }));
        for bad in ["", "a.db", "sqlite:", "sqlite::memory:", "mysql://root:secret@db/x"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
