//! A Postgres as one is that is older than some minutes.

use sqlx::{Connection, PgConnection};

/// Cleans a database up and lets the planner know what there is.
pub(crate) async fn settle(url: &str) {
    let mut connection = PgConnection::connect(url).await.expect("it opens");
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.expect("cleaned up");
}
