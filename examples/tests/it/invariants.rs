//! What holds whatever has happened, asked of the database itself.

use std::{path::Path, time::Duration};

use sk_tickets_core::store::invariant::Violation;
use tokio::runtime::Runtime;

/// Looks at the database of servers on this machine, which have one clock.
pub(crate) fn hold(database: &str) {
    let look = async {
        match database.strip_prefix("sqlite:") {
            Some(path) => sk_tickets_sqlite::violations(Path::new(path), Duration::ZERO).await,
            None => sk_tickets_postgres::violations(database, Duration::ZERO).await,
        }
    };
    // On a thread of its own: who asks may be within a runtime or not.
    let found = std::thread::scope(|scope| scope.spawn(|| Runtime::new().unwrap().block_on(look)).join().unwrap());
    assert_eq!(found.unwrap(), Vec::<Violation>::new());
}
