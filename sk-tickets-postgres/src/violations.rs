//! Whether everything in a database holds together.

use std::time::Duration;

use sk_tickets_core::store::{
    self,
    invariant::{Dialect, INVARIANTS, Violation},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    check::is_owner,
    columns::{Columns, number_of},
    connect,
    error::{Fault, Result},
    row,
};

/// Which [`INVARIANTS`] do not hold in the database at `url`, and where. It only reads, in one snapshot, and works beside
/// running servers; it reads whole tables, one realm after the other, with the role that serving would have.
///
/// `slack` is how far the clocks of those who wrote may have been from each other.
///
/// # Errors
/// If the database cannot be reached or asked.
pub async fn violations(url: &str, slack: Duration) -> store::Result<Vec<Violation>> {
    let look = async {
        let mut connection = connect::connect(url).await?;
        if is_owner(&mut connection).await? {
            connect::assume(&mut connection).await?;
        }
        let violations = look(&mut connection, slack).await?;
        // All was asked; a farewell that fails changes nothing.
        let _ = connection.close().await;
        Ok(violations)
    };
    look.await.map_err(|fault: Fault| fault.during("ask for what always holds"))
}

async fn look(connection: &mut PgConnection, slack: Duration) -> Result<Vec<Violation>> {
    let slack_ms = u64::try_from(slack.as_millis()).unwrap_or(u64::MAX);
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    // To read everything takes what it takes.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0").execute(&mut *snapshot).await?;
    let realms = sqlx::query("SELECT tenant, tenant_name, environment FROM sk_tickets.realms()");
    let realms = realms.fetch_all(&mut *snapshot).await?;
    let mut violations = Vec::new();
    for found in &realms {
        let (tenant, realm) = row::realm(&mut Columns::of(found))?;
        let enter = sqlx::query("SELECT sk_tickets.enter($1, $2)").bind(tenant).bind(number_of(realm.environment()));
        enter.execute(&mut *snapshot).await?;
        for invariant in INVARIANTS {
            let Some(broken) = invariant.sql(Dialect::Postgres, slack_ms) else { continue };
            let sql = format!("SELECT count(*), coalesce(min(b.what), '') FROM ({broken}) AS b");
            // Of constants alone.
            let answer = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *snapshot).await?;
            let mut columns = Columns::of(&answer);
            let (count, example) = (columns.number()?, columns.plain()?);
            if count > 0 {
                violations.push(Violation { holds: invariant.holds, realm: realm.clone(), count, example });
            }
        }
    }
    Ok(violations)
}
