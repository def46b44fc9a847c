//! What can happen to a server on Postgres, and to Postgres.

use sk_tickets_postgres::testing::Cluster;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{faults, proxy::Proxy, seed, trial::Trial};

/// Where the process can die. A commit is mostly one statement, alone or with others in a group, which the process sees begin
/// and end; only while the head of a queue is claimed is there something in between. How the database dies in the middle of a
/// statement is tried below.
const POINTS: [&str; 7] = [
    "commit.begin",
    "commit.stored",
    "commit.committed",
    "reply",
    "delivery.claimed",
    "delivery.sent",
    "delivery.settle",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_wherever_it_is() {
    let url = Cluster::shared().database().await;
    let kills = move || {
        let mut trial = Trial::on_postgres("killed, Postgres", url);
        for fault in 0..faults() {
            trial.go_on();
            // The head of a queue is claimed more seldom than anything else is done.
            let point = POINTS[fault % POINTS.len()];
            let nth = 1 + trial.dice.roll(if point == "commit.stored" { 3 } else { 12 });
            trial.die_at(point, nth);
        }
        trial.end();
    };
    spawn_blocking(kills).await.unwrap();
}

/// By itself, and together with the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed() {
    let cluster = Cluster::start_durable().unwrap();
    let url = cluster.database().await;
    let kills = move || {
        let mut trial = Trial::on_postgres("Postgres killed", url);
        // It takes longer to come back.
        for _ in 0..faults().div_ceil(3) {
            trial.go_on();
            let both = trial.dice.roll(3) == 0;
            cluster.crash().unwrap();
            trial.count("kills of Postgres", 1);
            if both {
                trial.kill();
            }
            trial.doze(300);
            cluster.start_again().unwrap();
            if both {
                trial.start();
            }
        }
        trial.end();
    };
    spawn_blocking(kills).await.unwrap();
}

/// A trigger that ends the connection which it fires in, once in a while. Once for each statement: what is written in groups
/// would else hardly ever survive.
const DIES: &str = "
    CREATE SEQUENCE deaths;
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('public.deaths') % 10 = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END $$;";
const AFTER_CLAIM: &str =
    "CREATE TRIGGER die AFTER INSERT ON sk_tickets.claims FOR EACH STATEMENT EXECUTE FUNCTION die()";
const BEFORE_COMMIT: &str = "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON sk_tickets.thread_entries \
                             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()";
const BEFORE_SETTLED: &str =
    "CREATE TRIGGER die AFTER INSERT ON sk_tickets.delivery_attempts FOR EACH STATEMENT EXECUTE FUNCTION die()";
/// Each by itself: who was told that its decision was stale has let go of the table and still holds the sequence, and would wait
/// for us while we wait for it.
const LIVES: [&str; 2] = ["DROP FUNCTION die CASCADE", "DROP SEQUENCE deaths"];
const SOME: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7";

/// After the key was claimed, before the commit, before an attempt is settled, and at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_ended_by_postgres() {
    let cluster = Cluster::shared();
    let url = cluster.database().await;
    let (handle, database) = (Handle::current(), url.clone());
    let ends = move || {
        let execute = |sql: &str| usize::try_from(handle.block_on(cluster.execute(&database, sql))).unwrap();
        let mut trial = Trial::on_postgres("connections ended", url);
        for (trigger, named) in [
            (AFTER_CLAIM, "ended after the claim"),
            (BEFORE_COMMIT, "ended before the commit"),
            (BEFORE_SETTLED, "ended before an attempt is settled"),
        ] {
            execute(DIES);
            execute(trigger);
            let deaths = "SELECT generate_series(1, last_value / 10) FROM deaths";
            let wanted = faults().div_ceil(3);
            trial.until(named, || execute(deaths) >= wanted);
            trial.count(named, execute(deaths));
            for sql in LIVES {
                execute(sql);
            }
        }
        for _ in 0..faults() {
            trial.go_on();
            let ended = execute(SOME);
            trial.count("connections ended at any time", ended);
        }
        trial.end();
    };
    spawn_blocking(ends).await.unwrap();
}

/// Before a commit arrives, before it is answered, and after: the server cannot tell one from another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_cut_at_a_commit() {
    let url = Cluster::shared().database().await;
    let cuts = move || {
        let proxy = Proxy::start(&url, seed());
        let mut trial = Trial::on_postgres("connection cut", url.clone());
        trial.way = proxy.url(&url);
        trial.kill();
        trial.start();
        trial.go_on();
        proxy.lose_one_in(10);
        trial.until("enough commits are lost", || proxy.lost().iter().all(|lost| *lost >= faults().div_ceil(3)));
        proxy.lose_one_in(0);
        for (named, lost) in
            ["cuts before a commit", "cuts during a commit", "cuts after a commit"].into_iter().zip(proxy.lost())
        {
            trial.count(named, lost);
        }
        trial.end();
    };
    spawn_blocking(cuts).await.unwrap();
}
