//! Commits that wait, in one transaction.
//!
//! What a commit costs is mostly its round trip and its fsync. So while a few are under way, those that come meanwhile wait
//! and go together: an outcome for each, and one that is stale harms no other. Alone, a commit waits for nobody.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sk_tickets_core::store::{Commit, Effect};
use tokio::sync::oneshot;

use crate::{
    commit::{Applied, Prepared, store, store_group},
    error::{Fault, Result},
    pool::Pool,
    realms::RealmNumber,
};

/// The most commits of one transaction. Each is a subtransaction, of which Postgres keeps 64 at hand.
const GROUP_MAX: usize = 64;
/// How many commits may wait; one more is told to try again, so that memory stays bounded.
const WAITING_MAX: usize = 1_024;
/// How many transactions are under way at a time: while one waits for the disk, the other one works.
const UNDER_WAY_MAX: usize = 2;

/// The commits that wait.
#[derive(Default)]
pub(crate) struct Groups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    under_way: usize,
}

struct Waiting {
    realm: RealmNumber,
    commit: Prepared,
    answer: oneshot::Sender<Result<Applied>>,
}

impl Groups {
    /// Whether a commit may wait for others: those of tickets. What changes more than that, or waits for others to be done,
    /// goes by itself.
    pub(crate) const fn take(commit: &Commit) -> bool {
        matches!(commit.effect(), Effect::None | Effect::Unchanged(..) | Effect::Ticket(_))
    }

    /// Stores a commit, with others if some wait. Goes on though nobody waits for the answer.
    pub(crate) async fn apply(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        realm: RealmNumber,
        commit: Commit,
    ) -> Result<Applied> {
        let commit = Prepared::new(realm, commit)?;
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut state = self.state();
            if state.waiting.len() >= WAITING_MAX {
                return Err(Fault::Saturated);
            }
            state.waiting.push_back(Waiting { realm, commit, answer });
            let begins = state.under_way < UNDER_WAY_MAX;
            state.under_way += usize::from(begins);
            begins
        };
        if begins {
            let (groups, pool) = (Arc::clone(self), Arc::clone(pool));
            tokio::spawn(async move { groups.work_off(&pool).await });
        }
        answered.await.unwrap_or(Err(Fault::Broken("a commit was given up")))
    }

    async fn work_off(&self, pool: &Pool) {
        let mut turn = Turn { groups: self, ended: false };
        while let Some(group) = turn.next() {
            apply_group(pool, group).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can fail while it is held, so it is whole even if a thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work off what waits. There are no more of them than transactions may be under way.
struct Turn<'a> {
    groups: &'a Groups,
    ended: bool,
}

impl Turn<'_> {
    /// Those that wait for one realm, in the order in which they came. If there are none this has ended, in the same
    /// moment: who comes later begins another.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut state = self.groups.state();
        let Some(first) = state.waiting.front() else {
            state.under_way -= 1;
            self.ended = true;
            return None;
        };
        let realm = first.realm;
        let mut left = GROUP_MAX;
        let (group, others): (VecDeque<_>, _) = state.waiting.drain(..).partition(|waiting| {
            let goes = waiting.realm == realm && left > 0;
            left -= usize::from(goes);
            goes
        });
        state.waiting = others;
        Some(group.into())
    }
}

impl Drop for Turn<'_> {
    /// Given up in the middle, as when the runtime ends.
    fn drop(&mut self) {
        if !self.ended {
            self.groups.state().under_way -= 1;
        }
    }
}

async fn apply_group(pool: &Pool, mut group: Vec<Waiting>) {
    // In the order in which every group locks its tickets, or two of them would wait for each other.
    group.sort_by_key(|waiting| waiting.commit.ticket());
    let (Some(first), true) = (group.first(), group.len() > 1) else {
        return one_by_one(pool, group).await;
    };
    let realm = first.realm;
    let commits: Vec<_> = group.iter().map(|waiting| &waiting.commit).collect();
    match store_group(pool, realm, &commits).await {
        Ok(outcomes) => {
            for (waiting, outcome) in group.into_iter().zip(outcomes) {
                // Whoever asked may be gone; what was asked for is done all the same.
                let _ = waiting.answer.send(Ok(outcome));
            }
        }
        // What one of them has run into has undone all of them: each by itself, to tell which.
        Err(Fault::Postgres(sqlx::Error::Database(_))) => one_by_one(pool, group).await,
        // The answer is lost, and nobody knows whether they are stored. Who tries again finds out.
        Err(fault) => {
            for waiting in group {
                let _ = waiting.answer.send(Err(Fault::Lost(fault.to_string())));
            }
        }
    }
}

async fn one_by_one(pool: &Pool, group: Vec<Waiting>) {
    for Waiting { realm, commit, answer } in group {
        let _ = answer.send(store(realm, &commit, async |query| pool.rows(query).await).await);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sk_tickets_core::{
        AssignTicket, CreateTicket, Desk, Environment, Error, IdempotencyKey, Realm, Receipt, Ticket, Tickets, UserId,
    };
    use sqlx::{Connection, PgConnection};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{store::PostgresStore, testing::Cluster};

    /// A store whose transactions are both under way and do not get on, so that what comes now waits.
    struct Stage {
        url: String,
        store: PostgresStore,
        desk: Desk,
        holder: PgConnection,
        under_way: Vec<JoinHandle<Result<Receipt<Ticket>, Error>>>,
    }

    impl Stage {
        async fn set() -> Self {
            let url = Cluster::shared().database().await;
            let store = PostgresStore::open(&url).await.unwrap();
            let realm = Realm::assume("mine".parse().unwrap(), Environment::Test);
            let desk = Tickets::new(Arc::new(store.clone())).desk(realm);
            let mut held = Vec::new();
            for number in 0..UNDER_WAY_MAX {
                let key = IdempotencyKey::system(&format!("held-{number}"));
                held.push(desk.create_ticket(&key, CreateTicket::new("Held").unwrap()).await.unwrap().value.id);
            }
            let mut holder = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql("BEGIN; SELECT FROM sk_tickets.tickets FOR UPDATE").execute(&mut holder).await.unwrap();
            let mut under_way = Vec::new();
            for (number, ticket) in held.into_iter().enumerate() {
                let desk = desk.clone();
                under_way.push(tokio::spawn(async move {
                    let key = IdempotencyKey::system(&format!("assign-{number}"));
                    desk.assign_ticket(&key, ticket, AssignTicket::to(UserId::from_bytes([1; 16]))).await
                }));
                let mine = &store.inner.groups;
                until(|| mine.state().under_way == number + 1 && mine.state().waiting.is_empty()).await;
            }
            Self { url, store, desk, holder, under_way }
        }

        /// Begins to make a ticket; it is there when it waits.
        async fn create(&self, key: &str, subject: &str) -> JoinHandle<Result<Receipt<Ticket>, Error>> {
            let waiting = || self.store.inner.groups.state().waiting.len();
            let before = waiting();
            let (desk, key) = (self.desk.clone(), IdempotencyKey::system(key));
            let create = CreateTicket::new(subject).unwrap();
            let made = tokio::spawn(async move { desk.create_ticket(&key, create).await });
            until(|| waiting() == before + 1).await;
            made
        }

        async fn go_on(self) {
            self.holder.close().await.unwrap();
            for done in self.under_way {
                done.await.unwrap().unwrap();
            }
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("it does not come to that");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_those_that_go_together_each_has_an_outcome_of_its_own() {
        let stage = Stage::set().await;
        let one = stage.create("one", "One").await;
        let twin = stage.create("one", "One").await;
        let reused = stage.create("one", "Another").await;
        let other = stage.create("other", "Other").await;
        stage.go_on().await;
        let (one, twin) = (one.await.unwrap().unwrap(), twin.await.unwrap().unwrap());
        // Which of the two is first is decided by their ids.
        assert_eq!(one.value, twin.value);
        assert!(one.replayed != twin.replayed);
        assert_eq!(reused.await.unwrap().unwrap_err().problem().code(), "idempotency_key_reused");
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_wait_than_there_is_room_for() {
        let stage = Stage::set().await;
        let many = |from: usize, to: usize| {
            let begin = |number| {
                let desk = stage.desk.clone();
                let key = IdempotencyKey::system(&format!("many-{number}"));
                tokio::spawn(async move { desk.create_ticket(&key, CreateTicket::new("Many").unwrap()).await })
            };
            (from..to).map(begin).collect::<Vec<_>>()
        };
        let taken = many(0, WAITING_MAX);
        until(|| stage.store.inner.groups.state().waiting.len() == WAITING_MAX).await;
        let refused = many(WAITING_MAX, WAITING_MAX + 1).remove(0).await.unwrap().unwrap_err();
        assert_eq!((refused.problem().status(), refused.retry_after()), (503, Some(Duration::from_secs(1))));
        stage.go_on().await;
        for made in taken {
            made.await.unwrap().unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_one_of_them_runs_into_harms_no_other() {
        let stage = Stage::set().await;
        let poison = "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
                          BEGIN RAISE EXCEPTION 'poison'; END $$;
                      CREATE TRIGGER poison BEFORE INSERT ON sk_tickets.thread_entries FOR EACH ROW
                          WHEN (NEW.body = 'poison') EXECUTE FUNCTION poison()";
        let mut superuser = PgConnection::connect(&stage.url).await.unwrap();
        let one = stage.create("one", "One").await;
        let bad = {
            let (desk, key) = (stage.desk.clone(), IdempotencyKey::system("bad"));
            let create = CreateTicket { body: Some("poison".parse().unwrap()), ..CreateTicket::new("Bad").unwrap() };
            tokio::spawn(async move { desk.create_ticket(&key, create).await })
        };
        until(|| stage.store.inner.groups.state().waiting.len() == 2).await;
        let other = stage.create("other", "Other").await;
        sqlx::raw_sql(poison).execute(&mut superuser).await.unwrap();
        stage.go_on().await;
        assert_eq!(one.await.unwrap().unwrap().value.subject, "One");
        assert_eq!(bad.await.unwrap().unwrap_err().problem().status(), 500);
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
    }
}
