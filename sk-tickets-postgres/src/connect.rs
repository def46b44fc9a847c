//! Connections, and the role that they have.

use std::str::FromStr;

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

use crate::error::Result;

/// How many prepared statements a connection keeps: all shapes that are common, each planned once.
const STATEMENTS: usize = 256;

/// The role of a connection that was made with the owner's URL, how long anything may take, and that nothing is compiled, since
/// all of it is short. Whoever logs in as the role itself has all of that from the role, since a pooler may not keep what a
/// session sets.
const ASSUME: &str = "SET ROLE sk_tickets_app; SET statement_timeout = '30s'; SET lock_timeout = '5s'; \
                      SET idle_in_transaction_session_timeout = '10s'; SET jit = off";

pub(crate) fn parse(url: &str) -> Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("sk-tickets")
        // Poolers refuse what they do not know, and nothing here is a fraction.
        .extra_float_digits(None)
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
