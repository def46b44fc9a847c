//! `migrate`: brings the schema up to date.

use crate::{Failure, store};

pub(crate) async fn run(database: &str) -> Result<(), Failure> {
    store::open(database).await?;
    eprintln!("the schema is up to date");
    Ok(())
}
