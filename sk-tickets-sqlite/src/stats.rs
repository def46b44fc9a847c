//! Figures on tickets: a walk over the part of an index that has the times in question and all that is counted.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::stats::{Stats, StatsBuilder, StatsRange, TicketFacts},
    platform::realm::Realm,
    store::{self, TicketStats},
};

use crate::{columns::Columns, error::Result, realms::RealmNumber, store::SqliteStore};

const FACTS: &str = "SELECT created_at, queue, status, first_replied_at, first_resolved_at,
                            first_response_breached_at IS NOT NULL, resolution_breached_at IS NOT NULL, reopen_count > 0
                     FROM my_tickets_by_time WHERE realm = ?1 AND created_at >= ?2 AND created_at < ?3";

#[async_trait]
impl TicketStats for SqliteStore {
    async fn ticket_stats(&self, realm: &Realm, range: StatsRange) -> store::Result<Stats> {
        let gathered = self.read("gather figures", realm, move |connection, realm| gather(connection, realm, range));
        Ok(gathered.await?.finish(range))
    }
}

fn gather(connection: &Connection, realm: RealmNumber, range: StatsRange) -> Result<StatsBuilder> {
    let StatsRange { from, to } = range;
    let mut gathered = StatsBuilder::default();
    let mut statement = connection.prepare_cached(FACTS)?;
    let mut rows = statement.query(params![realm, from.as_millis(), to.as_millis()])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        let created_at = columns.time()?;
        let queue: String = columns.plain()?;
        gathered.add(&TicketFacts {
            created_at,
            queue: &queue,
            status: columns.word()?,
            first_replied_at: columns.maybe_time()?,
            first_resolved_at: columns.maybe_time()?,
            first_response_breached: columns.plain()?,
            resolution_breached: columns.plain()?,
            reopened: columns.plain()?,
        });
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;
    use crate::list::{
        Query,
        tests::{assert_walks, database, plan},
    };

    #[test]
    fn figures_are_gathered_from_an_index_alone() {
        let (_folder, connection) = database();
        let query = Query { sql: FACTS.to_owned(), values: [1, 1_000, 2_000].map(Value::Integer).into() };
        let plan = plan(&connection, &query);
        assert_walks(&plan);
        let wanted = "USING COVERING INDEX tickets_time (realm=? AND created_at>? AND created_at<?)";
        assert!(plan.contains(wanted), "{plan}");
    }
}
