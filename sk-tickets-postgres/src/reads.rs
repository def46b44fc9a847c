//! Reads that wait, in one statement: to ask for one more row costs a tenth of a statement of its own.

use std::sync::Arc;

use sqlx::{Row, postgres::PgRow};
use tokio::sync::oneshot;

use crate::{
    error::{Fault, Result},
    lanes::{Lanes, Turn},
    load, places,
    pool::Pool,
    realms::RealmNumber,
    statement::{Value, for_each},
};

/// The reads that go together: those that are asked most.
pub(crate) struct Reads {
    /// A ticket with its place.
    pub(crate) ticket_view: Read,
    /// What the mutations of tickets need.
    pub(crate) ticket: Read,
    pub(crate) new_ticket_by_email: Read,
    pub(crate) new_ticket_by_phone: Read,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            ticket_view: Read::of(places::TICKET),
            ticket: Read::of(load::TICKET),
            new_ticket_by_email: Read::of(load::NEW_TICKET_BY_EMAIL),
            new_ticket_by_phone: Read::of(load::NEW_TICKET_BY_PHONE),
        }
    }
}

/// One of them.
pub(crate) struct Read {
    /// A statement [for each](crate::statement::for_each) of those that ask.
    sql: &'static str,
    lanes: Arc<Lanes<Asking>>,
}

struct Asking {
    values: Vec<Value>,
    answer: oneshot::Sender<Result<Option<PgRow>>>,
}

impl Read {
    fn of(sql: &'static str) -> Self {
        Self { sql, lanes: Arc::default() }
    }

    /// The row that the statement gives for these values, if it gives one. It is read after this was called.
    pub(crate) async fn row(&self, pool: &Arc<Pool>, realm: RealmNumber, values: Vec<Value>) -> Result<Option<PgRow>> {
        let (answer, answered) = oneshot::channel();
        if let Some(turn) = self.lanes.join(realm, Asking { values, answer })? {
            tokio::spawn(work_off(Arc::clone(pool), realm, self.sql, turn));
        }
        answered.await.unwrap_or(Err(Fault::Broken("a read was given up")))
    }
}

async fn work_off(pool: Arc<Pool>, realm: RealmNumber, sql: &'static str, mut turn: Turn<Asking>) {
    while let Some(mut group) = turn.next(|_| true) {
        // Those who asked may be gone.
        group.retain(|asking| !asking.answer.is_closed());
        read_group(&pool, realm, sql, group).await;
    }
}

async fn read_group(pool: &Pool, realm: RealmNumber, sql: &str, group: Vec<Asking>) {
    let alone = group.len() == 1;
    let (values, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|asking| (asking.values, asking.answer)).unzip();
    match rows(pool, realm, sql, &values).await {
        Ok(rows) => {
            for (answer, row) in answers.into_iter().zip(rows) {
                let _ = answer.send(Ok(row));
            }
        }
        // What one of them asks for is refused: each by itself, to tell which.
        Err(Fault::Postgres(sqlx::Error::Database(_))) if !alone => {
            for (answer, values) in answers.into_iter().zip(values) {
                let row = rows(pool, realm, sql, &[values]).await.map(|mut rows| rows.pop().flatten());
                let _ = answer.send(row);
            }
        }
        Err(fault) => {
            let told = fault.to_string();
            let mut fault = Some(fault);
            for answer in answers {
                let _ = answer.send(Err(fault.take().unwrap_or_else(|| Fault::Lost(told.clone()))));
            }
        }
    }
}

/// The row for each of those that ask, where there is one.
async fn rows(pool: &Pool, realm: RealmNumber, sql: &str, asked: &[Vec<Value>]) -> Result<Vec<Option<PgRow>>> {
    let mut rows: Vec<_> = asked.iter().map(|_| None).collect();
    if asked.is_empty() {
        return Ok(rows);
    }
    for row in pool.rows(for_each(realm, sql, asked).bound()).await? {
        // The last column says whose it is.
        let number: i64 = row.try_get(row.len() - 1)?;
        let place = usize::try_from(number - 1)?;
        *rows.get_mut(place).ok_or(Fault::Broken("an answer to nobody"))? = Some(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use sk_tickets_core::{CreateTicket, Environment, IdempotencyKey, Realm, Tickets, model::id::TicketId};
    use sqlx::{Connection, PgConnection};
    use tokio::task::JoinHandle;
    use uuid::Uuid;

    use super::*;
    use crate::{
        group::tests::{patient, until},
        row::RECORDED_WIDTH,
        statement::{id, text, uuid},
        store::PostgresStore,
        testing::Cluster,
    };

    /// Asks; it is known then how many turns are under way and how many wait.
    async fn ask(
        store: &PostgresStore,
        realm: RealmNumber,
        key: &'static str,
        ticket: TicketId,
        then: (usize, usize),
    ) -> JoinHandle<Result<Option<PgRow>>> {
        let inner = Arc::clone(&store.inner);
        let asked =
            tokio::spawn(async move { inner.reads.ticket.row(&inner.pool, realm, vec![text(key), id(ticket)]).await });
        let lanes = &store.inner.reads.ticket.lanes;
        until(|| (lanes.under_way(), lanes.waiting()) == then).await;
        asked
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_those_that_read_together_each_gets_what_it_asked_for() {
        let url = Cluster::shared().database().await;
        drop(PostgresStore::open(&url).await.unwrap());
        let store = PostgresStore::open(patient(&url).await).await.unwrap();
        let (mut realms, mut tickets) = (Vec::new(), Vec::new());
        for name in ["mine", "theirs"] {
            let realm = Realm::assume(name.parse().unwrap(), Environment::Test);
            let desk = Tickets::new(Arc::new(store.clone())).desk(realm.clone());
            for number in 0..3 {
                let key = IdempotencyKey::system(&format!("{number}"));
                tickets.push(desk.create_ticket(&key, CreateTicket::new("One").unwrap()).await.unwrap().value.id);
            }
            realms.push(store.inner.realms.find(&store.inner.pool, &realm).await.unwrap().unwrap());
        }
        let (mine, theirs) = (realms[0], realms[1]);
        let nobody = TicketId::from_bytes([9; 16]);

        // Whoever reads now does not get on.
        let hold = async || {
            let mut holder = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql("BEGIN; LOCK TABLE sk_tickets.tickets").execute(&mut holder).await.unwrap();
            holder
        };
        let holder = hold().await;
        let lanes = Arc::clone(&store.inner.reads.ticket.lanes);
        let ask = |realm, key, ticket, then| ask(&store, realm, key, ticket, then);
        let mut asked = Vec::new();
        for (realm, ticket, then, expected) in [
            (mine, tickets[0], (1, 0), Some(tickets[0])),
            (mine, tickets[1], (2, 0), Some(tickets[1])),
            (mine, tickets[1], (2, 1), Some(tickets[1])),
            (mine, nobody, (2, 2), None),
            (mine, tickets[2], (2, 3), Some(tickets[2])),
            (mine, tickets[1], (2, 4), Some(tickets[1])),
            (mine, tickets[3], (2, 5), None),
            // Another realm does not wait for this one.
            (theirs, tickets[3], (3, 5), Some(tickets[3])),
        ] {
            asked.push((ask(realm, "", ticket, then).await, expected));
        }
        let gone = ask(mine, "", tickets[0], (3, 6)).await;
        gone.abort();
        holder.close().await.unwrap();
        let found = |row: &PgRow| row.get::<Option<Uuid>, _>(RECORDED_WIDTH);
        for (answered, expected) in asked {
            let row = answered.await.unwrap().unwrap().expect("there is one for each");
            assert_eq!(found(&row), expected.map(uuid));
        }
        until(|| lanes.under_way() == 0).await;

        // What one of them asks for is refused, and harms no other.
        let holder = hold().await;
        let under_way = [ask(mine, "", tickets[0], (1, 0)).await, ask(mine, "", tickets[0], (2, 0)).await];
        let one = ask(mine, "", tickets[1], (2, 1)).await;
        let refused = ask(mine, "no\0text", tickets[0], (2, 2)).await;
        let other = ask(mine, "", tickets[2], (2, 3)).await;
        holder.close().await.unwrap();
        for answered in under_way {
            answered.await.unwrap().unwrap();
        }
        let refused = refused.await.unwrap();
        assert!(matches!(refused, Err(Fault::Postgres(sqlx::Error::Database(_)))), "{refused:?}");
        for (answered, expected) in [(one, tickets[1]), (other, tickets[2])] {
            assert_eq!(found(&answered.await.unwrap().unwrap().unwrap()), Some(uuid(expected)));
        }
        until(|| lanes.under_way() == 0).await;
    }
}
