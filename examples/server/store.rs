//! Opens the store that a URL names.

use std::path::{Path, PathBuf};

use sk_tickets_sqlite::SqliteStore;

use crate::Failure;

/// Opens the database at `url`, and brings its schema up to date.
pub(crate) async fn open(url: &str) -> Result<SqliteStore, Failure> {
    let path = sqlite_path(url)?;
    Ok(SqliteStore::open(path).await?)
}

fn sqlite_path(url: &str) -> Result<PathBuf, Failure> {
    let path = url
        .strip_prefix("sqlite:")
        .map(|rest| rest.strip_prefix("//").unwrap_or(rest))
        .filter(|path| !path.is_empty() && !path.starts_with(':'))
        .ok_or_else(|| {
            // The URL may hold a password, so it is not repeated.
            Failure::from("--database takes a file: sqlite:FILE, such as sqlite:sk-tickets.db")
        })?;
    Ok(Path::new(path).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        assert_eq!(sqlite_path("sqlite:a.db").unwrap(), Path::new("a.db"));
        assert_eq!(sqlite_path("sqlite://a.db").unwrap(), Path::new("a.db"));
        assert_eq!(sqlite_path("sqlite:///var/a.db").unwrap(), Path::new("/var/a.db"));
        for bad in ["", "a.db", "sqlite:", "sqlite::memory:", "mysql://root:secret@db/x"] {
            let error = sqlite_path(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
