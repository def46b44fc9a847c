//! `backup`: copies the database, beside a running server too.

use std::path::Path;

use crate::{Failure, store};

pub(crate) async fn run(database: &str, file: &Path) -> Result<(), Failure> {
    store::open(database).await?.backup(file).await?;
    eprintln!("the database was copied to {}", file.display());
    Ok(())
}
