//! Connections, and the role that they have.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::error::Result;

/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that was idle for so long is tried before it is used: it may have been cut meanwhile.
const IDLE: Duration = Duration::from_secs(15);
/// How many prepared statements a connection keeps: all shapes that are common, each planned once.
const STATEMENTS: usize = 256;

/// How long anything may take, and the role of a connection that was made with the owner's URL. Whoever logs in as the
/// role itself has all of that from the role, since a pooler may not keep what a session sets.
const ASSUME: &str = "SET ROLE sk_tickets_app; SET statement_timeout = '30s'; SET lock_timeout = '5s'; \
                      SET idle_in_transaction_session_timeout = '10s'";

pub(crate) fn parse(url: &str) -> Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("sk-tickets")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging())
}

/// A connection of its own, with the role that its URL names.
pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    Ok(PgConnection::connect_with(&parse(url)?).await?)
}

/// Gives up the owner's rights, until the connection ends.
pub(crate) async fn assume(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(ASSUME).execute(connection).await?;
    Ok(())
}

/// The connections that serve. With `assumes` they were made with the owner's URL and give up its rights.
pub(crate) fn pool(url: &str, connections: u32, assumes: bool) -> Result<PgPool> {
    let options = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < IDLE || connection.ping().await.is_ok()) })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move { if assumes { assume(connection).await } else { Ok(()) } })
        });
    Ok(options.connect_lazy_with(parse(url)?))
}
