//! Commits that wait, in one transaction: an outcome for each, and one that is stale harms no other.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::oneshot;

use crate::{
    commit::{Applied, run_alone, store_ticket},
    error::{Fault, Result},
    lanes::{Lanes, Turn},
    pool::Pool,
    realms::RealmNumber,
    ticket::{TicketCommit, store_tickets},
};

/// The commits that wait, a lane for each realm.
#[derive(Default)]
pub(crate) struct Groups {
    lanes: Arc<Lanes<Waiting>>,
}

struct Waiting {
    commit: TicketCommit,
    answer: oneshot::Sender<Result<Applied>>,
}

impl Groups {
    /// Stores a commit that need not go alone, with others if some wait. Goes on though nobody waits for the answer.
    pub(crate) async fn apply(&self, pool: &Arc<Pool>, realm: RealmNumber, commit: TicketCommit) -> Result<Applied> {
        let (answer, answered) = oneshot::channel();
        if let Some(turn) = self.lanes.join(realm, Waiting { commit, answer })? {
            tokio::spawn(work_off(Arc::clone(pool), realm, turn));
        }
        answered.await.unwrap_or(Err(Fault::Broken("a commit was given up")))
    }
}

async fn work_off(pool: Arc<Pool>, realm: RealmNumber, mut turn: Turn<Waiting>) {
    while let Some(group) = next(&mut turn) {
        apply_group(&pool, realm, group).await;
    }
}

/// Those that wait; of those with the same key or the same ticket the first.
fn next(turn: &mut Turn<Waiting>) -> Option<Vec<Waiting>> {
    let (mut keys, mut tickets) = (HashSet::new(), HashSet::new());
    turn.next(|waiting| {
        let is_first =
            !waiting.commit.key().is_some_and(|key| keys.contains(key)) && !tickets.contains(&waiting.commit.id());
        if is_first {
            keys.extend(waiting.commit.key().cloned());
            tickets.insert(waiting.commit.id());
        }
        is_first
    })
}

/// Until each has its outcome: those that one of them has held up go once more, without it.
async fn apply_group(pool: &Pool, realm: RealmNumber, mut group: Vec<Waiting>) {
    // In the order in which every group locks its tickets, or two of them would wait for each other.
    group.sort_by_key(|waiting| waiting.commit.id());
    while group.len() > 1 {
        let commits: Vec<_> = group.iter().map(|waiting| &waiting.commit).collect();
        match store_tickets(realm, &commits, async |query| run_alone(pool, query).await).await {
            Ok(outcomes) => {
                let mut left = Vec::new();
                for (waiting, outcome) in group.into_iter().zip(outcomes) {
                    match outcome {
                        // Whoever asked may be gone; what was asked for is done all the same.
                        Some(outcome) => _ = waiting.answer.send(Ok(outcome)),
                        None => left.push(waiting),
                    }
                }
                group = left;
            }
            // What one of them has run into has undone all of them: each by itself, to tell which.
            Err(Fault::Postgres(sqlx::Error::Database(_))) => break,
            // The answer is lost, and nobody knows whether they are stored. Who tries again finds out.
            Err(fault) => {
                for waiting in group {
                    let _ = waiting.answer.send(Err(Fault::Lost(fault.to_string())));
                }
                return;
            }
        }
    }
    for Waiting { commit, answer } in group {
        let _ = answer.send(store_ticket(realm, &commit, async |query| run_alone(pool, query).await).await);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use sk_tickets_core::{
        AssignTicket, CreateTicket, Desk, Environment, Error, IdempotencyKey, PageRequest, Priority, Realm, Receipt,
        SetSlaPolicy, Ticket, TicketFilter, Tickets, UserId,
    };
    use sqlx::{Connection, PgConnection};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{
        lanes::{UNDER_WAY_MAX, WAITING_MAX},
        store::PostgresStore,
        testing::Cluster,
    };

    /// A store whose transactions are both under way and do not get on, so that what comes now waits.
    struct Stage {
        url: String,
        store: PostgresStore,
        desk: Desk,
        /// The same realm on another node.
        elsewhere: Desk,
        holder: PgConnection,
        under_way: Vec<JoinHandle<Result<Receipt<Ticket>, Error>>>,
    }

    impl Stage {
        async fn set() -> Self {
            let url = Cluster::shared().database().await;
            let realm = Realm::assume("mine".parse().unwrap(), Environment::Test);
            let elsewhere = Tickets::new(Arc::new(PostgresStore::open(&url).await.unwrap())).desk(realm.clone());
            let store = PostgresStore::open(patient(&url).await).await.unwrap();
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
                let mine = &store.inner.groups.lanes;
                until(|| mine.under_way() == number + 1 && mine.waiting() == 0).await;
            }
            Self { url, store, desk, elsewhere, holder, under_way }
        }

        /// Begins to make a ticket; it is there when it waits.
        async fn create(&self, key: &str, subject: &str) -> JoinHandle<Result<Receipt<Ticket>, Error>> {
            let waiting = || self.store.inner.groups.lanes.waiting();
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

    /// The URL of the same database for the application role, which waits for longer than it usually does.
    pub(crate) async fn patient(url: &str) -> String {
        let mut superuser = PgConnection::connect(url).await.unwrap();
        // Other tests of the cluster do the same.
        while let Err(error) = sqlx::raw_sql("ALTER ROLE sk_tickets_app LOGIN").execute(&mut superuser).await {
            assert!(error.to_string().contains("concurrently"), "{error}");
        }
        let (_, database) = url.rsplit_once('/').unwrap();
        let login = Cluster::shared().url("sk_tickets_app", database);
        format!("{login}?options=-c%20lock_timeout%3D300s%20-c%20statement_timeout%3D300s")
    }

    pub(crate) async fn until(condition: impl Fn() -> bool) {
        for _ in 0..60_000 {
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
        assert_eq!(one.value, twin.value);
        // They never go together, but which of the two is first is open.
        assert!(one.replayed != twin.replayed);
        assert_eq!(reused.await.unwrap().unwrap_err().problem().code(), "idempotency_key_reused");
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
    }

    /// Each of what another node does while they wait concerns one of them alone.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_has_changed_meanwhile_holds_up_no_other() {
        let stage = Stage::set().await;
        let elsewhere = stage.elsewhere.clone();
        let own = |key: &str| IdempotencyKey::system(key);
        let ticket =
            elsewhere.create_ticket(&own("ticket"), CreateTicket::new("There").unwrap()).await.unwrap().value.id;
        let take = |user: u8| AssignTicket::to(UserId::from_bytes([user; 16]));
        let assign = |key: &str, user: u8| {
            let (desk, key) = (stage.desk.clone(), own(key));
            tokio::spawn(async move { desk.assign_ticket(&key, ticket, take(user)).await })
        };
        let waiting = || stage.store.inner.groups.lanes.waiting();

        // Of two the key is recorded, once of the same request and once of another; two are decided on the same version of
        // a ticket, which is changed; and of one the policy is.
        let recorded = stage.create("recorded", "Recorded").await;
        let reused = stage.create("reused", "Reused").await;
        let first = assign("first", 2);
        until(|| waiting() == 3).await;
        let second = assign("second", 3);
        until(|| waiting() == 4).await;
        let high = {
            let (desk, key) = (stage.desk.clone(), own("high"));
            let create = CreateTicket { priority: Some(Priority::High), ..CreateTicket::new("High").unwrap() };
            tokio::spawn(async move { desk.create_ticket(&key, create).await })
        };
        until(|| waiting() == 5).await;
        let other = stage.create("other", "Other").await;
        elsewhere.create_ticket(&own("recorded"), CreateTicket::new("Recorded").unwrap()).await.unwrap();
        elsewhere.create_ticket(&own("reused"), CreateTicket::new("Something else").unwrap()).await.unwrap();
        elsewhere.assign_ticket(&own("elsewhere"), ticket, take(4)).await.unwrap();
        let policy = SetSlaPolicy {
            first_response_seconds: Some(60.try_into().unwrap()),
            resolution_seconds: None,
            warn_before_seconds: None,
        };
        elsewhere.set_sla_policy(&own("policy"), Priority::High, policy).await.unwrap();
        let desk = stage.desk.clone();
        stage.go_on().await;

        assert!(recorded.await.unwrap().unwrap().replayed);
        assert_eq!(reused.await.unwrap().unwrap_err().problem().code(), "idempotency_key_reused");
        let (first, second) = (first.await.unwrap().unwrap().value, second.await.unwrap().unwrap().value);
        assert_eq!(first.version.0 + second.version.0, 3 + 4, "each was decided anew, one after the other");
        assert!(high.await.unwrap().unwrap().value.sla.is_some(), "it was decided anew, on the policy in force");
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
        let subjects = desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.unwrap().data;
        let mut subjects: Vec<_> = subjects.iter().map(|ticket| ticket.subject.clone()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["Held", "Held", "High", "Other", "Recorded", "Something else", "There"]);
    }

    /// Of those whose ids another node has given away, nothing is stored; the others are.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_id_that_is_taken_holds_up_no_other() {
        let stage = Stage::set().await;
        let one = stage.create("one", "One").await;
        let other = stage.create("other", "Other").await;
        let taken = stage.store.inner.groups.lanes.first(|waiting| waiting.commit.id()).unwrap();
        let copy = format!(
            "INSERT INTO sk_tickets.tickets (tenant, environment, id, version, subject, status, priority, source, queue,
                                             tags, metadata, reopen_count, created_at, updated_at)
             SELECT tenant, environment, '{}', 1, 'Taken', status, priority, source, queue, tags, metadata, reopen_count,
                    created_at, updated_at
             FROM sk_tickets.tickets LIMIT 1",
            crate::statement::uuid(taken)
        );
        let mut superuser = PgConnection::connect(&stage.url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(copy)).execute(&mut superuser).await.unwrap();
        let desk = stage.desk.clone();
        stage.go_on().await;
        let one = one.await.unwrap().unwrap().value;
        assert!(one.id != taken && one.subject == "One", "it has another id now");
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
        assert_eq!(desk.ticket(taken).await.unwrap().unwrap().ticket.subject, "Taken");
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
        until(|| stage.store.inner.groups.lanes.waiting() == WAITING_MAX).await;
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
        until(|| stage.store.inner.groups.lanes.waiting() == 2).await;
        let other = stage.create("other", "Other").await;
        sqlx::raw_sql(poison).execute(&mut superuser).await.unwrap();
        stage.go_on().await;
        assert_eq!(one.await.unwrap().unwrap().value.subject, "One");
        assert_eq!(bad.await.unwrap().unwrap_err().problem().status(), 500);
        assert_eq!(other.await.unwrap().unwrap().value.subject, "Other");
    }
}
