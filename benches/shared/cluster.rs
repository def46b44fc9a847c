//! A Postgres as one is in earnest.

use sk_tickets_benches::record::{Record, tell};
use sk_tickets_postgres::testing::Cluster;
use sqlx::{Connection, PgConnection};

/// The URL of an empty database on a cluster that keeps what it has answered.
pub(crate) async fn durable() -> String {
    let url = Cluster::shared().database().await;
    let mut connection = PgConnection::connect(&url).await.expect("it opens");
    for sql in [
        "ALTER SYSTEM SET fsync = on",
        "ALTER SYSTEM SET full_page_writes = on",
        "ALTER SYSTEM SET synchronous_commit = on",
        "SELECT pg_reload_conf()",
    ] {
        sqlx::query(sql).execute(&mut connection).await.expect("it is set");
    }
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await.expect("told");
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    tell(&Record::Version("PostgreSQL".to_owned(), version));
    url
}
