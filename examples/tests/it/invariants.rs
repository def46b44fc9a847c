//! What holds whatever has happened, asked of the database itself.

use std::{path::Path, process::Command};

use rusqlite::{Connection, OpenFlags};
use sk_tickets_postgres::testing::Cluster;

/// Each counts what must not be there. `{}` stands for the schema, `[a, b]` for that two rows are of one realm.
const BROKEN: [(&str, &str); 12] = [
    (
        "an event that has two deliveries to one endpoint",
        "SELECT count(*) FROM (SELECT 1 FROM {}deliveries GROUP BY event_id, endpoint_id HAVING count(*) > 1) AS twice",
    ),
    (
        "a delivery whose attempts are not those that were recorded",
        "SELECT count(*) FROM {}deliveries AS d WHERE d.attempts <>
             (SELECT count(*) FROM {}delivery_attempts AS a WHERE [a, d] AND a.delivery_id = d.id)",
    ),
    (
        "attempts whose numbers have a gap",
        "SELECT count(*) FROM (SELECT 1 FROM {}delivery_attempts GROUP BY delivery_id
             HAVING count(*) <> max(number) OR min(number) <> 1) AS gaps",
    ),
    (
        "a delivered one whose last attempt did not succeed",
        "SELECT count(*) FROM {}deliveries AS d WHERE d.status = 'delivered' AND NOT EXISTS
             (SELECT 1 FROM {}delivery_attempts AS a WHERE [a, d] AND a.delivery_id = d.id AND a.number = d.attempts
                 AND a.status_code BETWEEN 200 AND 299)",
    ),
    (
        "a lease on what is not pending",
        "SELECT count(*) FROM {}deliveries WHERE status <> 'pending' AND lease_owner IS NOT NULL",
    ),
    (
        "a thread with a gap",
        "SELECT count(*) FROM (SELECT 1 FROM {}thread_entries GROUP BY ticket_id
             HAVING count(*) <> max(sequence) OR min(sequence) <> 1) AS gaps",
    ),
    (
        "a version of a ticket without an event",
        "SELECT count(*) FROM {}tickets AS t WHERE t.version <>
             (SELECT count(DISTINCT e.ticket_version) FROM {}events AS e WHERE [e, t] AND e.ticket_id = t.id)",
    ),
    (
        "a notification whose thread does not tell what came of it, or tells of one that is not there",
        "SELECT count(*) FROM {}tickets AS t CROSS JOIN (SELECT 'sent' AS outcome UNION ALL SELECT 'captured'
                                                         UNION ALL SELECT 'no_address') AS o
         WHERE (SELECT count(*) FROM {}notifications AS n
                WHERE [n, t] AND n.ticket_id = t.id AND n.outcome = o.outcome)
            <> (SELECT count(*) FROM {}thread_entries AS e WHERE [e, t] AND e.ticket_id = t.id
                AND e.detail->>'kind' = 'notification' AND e.detail->>'outcome' = o.outcome)",
    ),
    (
        "a dead notification whose thread does not tell so",
        "SELECT count(*) FROM {}tickets AS t
         WHERE (SELECT count(*) FROM {}notifications AS n WHERE [n, t] AND n.ticket_id = t.id AND n.outcome = 'dead')
             > (SELECT count(DISTINCT e.detail->>'notification_id') FROM {}thread_entries AS e
                WHERE [e, t] AND e.ticket_id = t.id AND e.detail->>'kind' = 'notification'
                  AND e.detail->>'outcome' = 'dead')",
    ),
    (
        "an outcome of a notification that is told twice",
        "SELECT count(*) FROM (SELECT 1 FROM {}thread_entries
             WHERE detail->>'kind' = 'notification' AND detail->>'outcome' <> 'dead'
             GROUP BY ticket_id, detail->>'notification_id' HAVING count(*) > 1) AS twice",
    ),
    (
        "a lease on a notification that is not pending",
        "SELECT count(*) FROM {}notifications WHERE outcome <> 'pending' AND lease_owner IS NOT NULL",
    ),
    (
        "a recorded creation without its ticket, or a ticket without one",
        "SELECT abs((SELECT count(*) FROM {}tickets) - (SELECT count(*) FROM {}claims
             WHERE status = 201 AND location LIKE '/tickets/v1/tickets/%' AND location NOT LIKE '%/thread/%'))",
    ),
];

/// Lanes whose blocks, with the moves that are in none yet, do not come to how many tickets wait.
const LANES_IN_SQLITE: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM (SELECT realm, queue, priority, waiting AS waits FROM queue_blocks
                       UNION ALL SELECT realm, queue, priority, -1 FROM tickets WHERE queued_at IS NOT NULL)
        GROUP BY realm, queue, priority HAVING sum(waits) <> 0)";
const LANES_IN_POSTGRES: &str = "
    SELECT count(*) FROM (
        SELECT FROM (SELECT tenant, environment, queue, priority, waiting AS waits FROM sk_tickets.queue_blocks
                     UNION ALL SELECT tenant, environment, queue, priority, delta FROM sk_tickets.queue_moves
                     UNION ALL SELECT tenant, environment, queue, priority, -1 FROM sk_tickets.tickets
                               WHERE queued_at IS NOT NULL) AS lane
        GROUP BY tenant, environment, queue, priority HAVING sum(waits) <> 0) AS wrong";

fn written(sql: &str, schema: &str, realm: &[&str]) -> String {
    let mut sql = sql.replace("{}", schema);
    while let Some((before, (pair, after))) =
        sql.split_once('[').and_then(|(before, rest)| Some((before, rest.split_once(']')?)))
    {
        let (one, other) = pair.split_once(", ").expect("two names");
        let same: Vec<_> = realm.iter().map(|column| format!("{one}.{column} = {other}.{column}")).collect();
        sql = format!("{before}{}{after}", same.join(" AND "));
    }
    sql
}

/// Looks at the database of a server that writes through the API alone.
pub(crate) fn hold_in_sqlite(file: &Path) {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for (what, sql) in BROKEN.into_iter().chain([("a lane that is miscounted", LANES_IN_SQLITE)]) {
        let sql = written(sql, "", &["realm"]);
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{what}");
    }
}

pub(crate) fn hold_in_postgres(url: &str) {
    for (what, sql) in BROKEN.into_iter().chain([("a lane that is miscounted", LANES_IN_POSTGRES)]) {
        let sql = written(sql, "sk_tickets.", &["tenant", "environment"]);
        let output = Command::new(Cluster::shared().program("psql")).args([url, "-XAtc", &sql]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0", "{what}");
    }
}
