//! The one thread that writes.
//!
//! It takes whatever jobs wait, and what comes meanwhile, and runs them in one transaction, so that many callers share one
//! fsync, and pages that several of them change are written once. Each after the first has a savepoint of its own, so a bad one
//! harms no other. Nobody is answered before the transaction is committed.
//!
//! Leases and settlements need not survive a loss of power, so a transaction of nothing else is not waited for: nobody
//! holds a lease then, and what was settled is due again, as if the power had failed a moment sooner.

use std::{
    any::Any,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use sk_tickets_core::{
    platform::crash_point::crash_point,
    store::{self, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    connect,
    error::{Fault, Result, unavailable},
    guard::{Guarded, Scope},
    options::Synchronous,
    wakeup::Wakeup,
    words::Words,
};

/// The most jobs that share a transaction.
const BATCH_MAX: usize = 64;
/// How long a redaction waits for those who read to be done, so that the log can be emptied.
const LOG_PATIENCE: Duration = Duration::from_millis(250);

/// What is to become of what a job wrote.
#[must_use]
pub(crate) enum Verdict<T> {
    /// It stays.
    Keep(T),
    /// It stays, and there may be work for workers.
    KeepAndWake(T),
    /// The same; and what it replaced is to be nowhere in the files.
    KeepAndErase(T),
    /// It is undone. The answer is no error: it is what the caller is to know.
    Undo(T),
}

/// What a job works in: the connection, and what is left for the end of the transaction.
pub(crate) struct Transaction<'a> {
    pub(crate) guarded: &'a Guarded,
    pub(crate) words: Words,
}

impl Deref for Transaction<'_> {
    type Target = Guarded;

    fn deref(&self) -> &Guarded {
        self.guarded
    }
}

/// Hands jobs to the thread. The thread ends, after what waits is done, when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread, which owns the connection from now on.
    pub(crate) fn start(
        connection: Guarded,
        queue: usize,
        synchronous: Synchronous,
        wakeup: Arc<Wakeup>,
    ) -> store::Result<Self> {
        let (jobs, waiting) = mpsc::channel(queue);
        let mut log = Log { connection, at_most: synchronous, now: synchronous };
        let mut queue = Queue { waiting, next: None };
        thread::Builder::new()
            .name("sk-tickets-sqlite-writer".to_owned())
            .spawn(move || write(&mut log, &mut queue, &wakeup))
            .map_err(|error| StoreError::internal("the writer could not be started").caused_by(error))?;
        Ok(Self { jobs })
    }

    /// Runs a job and answers when it survives that much or, if that is less, what the store is set to. A job that was taken
    /// is finished, even if nobody waits for it.
    pub(crate) async fn run<T, F>(&self, context: &'static str, survives: Synchronous, work: F) -> store::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<Verdict<T>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let task = Task { context, survives, work: Some(work), outcome: None, answer };
        self.jobs.try_send(Box::new(task)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => unavailable("too many writes wait"),
            mpsc::error::TrySendError::Closed(_) => StoreError::internal("the writer has ended"),
        })?;
        answered.await.map_err(|_| StoreError::internal("the writer ended before it answered"))?
    }
}

trait Job: Send {
    /// What it survives once it is answered.
    fn survives(&self) -> Synchronous;

    /// Does the work; true if what it wrote is to stay.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool;

    /// Whether there may be work for workers.
    fn wakes(&self) -> bool;

    /// Whether what it replaced is to be nowhere in the files.
    fn erases(&self) -> bool;

    /// Answers after the transaction was committed.
    fn committed(self: Box<Self>);

    /// Answers after the transaction failed.
    fn failed(self: Box<Self>, fault: &Fault);
}

struct Task<T, F> {
    context: &'static str,
    survives: Synchronous,
    work: Option<F>,
    outcome: Option<store::Result<Verdict<T>>>,
    answer: oneshot::Sender<store::Result<T>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Transaction<'_>) -> Result<Verdict<T>> + Send + 'static,
{
    fn survives(&self) -> Synchronous {
        self.survives
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What a panic leaves half done in the database is undone by the caller; no other state is shared.
        let outcome = match catch_unwind(AssertUnwindSafe(|| work(transaction))) {
            Ok(outcome) => outcome.map_err(|fault| fault.during(self.context)),
            Err(panic) => Err(StoreError::internal("a write panicked").caused_by(message(&*panic))),
        };
        let keeps = matches!(outcome, Ok(Verdict::Keep(_) | Verdict::KeepAndWake(_) | Verdict::KeepAndErase(_)));
        self.outcome = Some(outcome);
        keeps
    }

    fn wakes(&self) -> bool {
        matches!(self.outcome, Some(Ok(Verdict::KeepAndWake(_) | Verdict::KeepAndErase(_))))
    }

    fn erases(&self) -> bool {
        matches!(self.outcome, Some(Ok(Verdict::KeepAndErase(_))))
    }

    fn committed(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(StoreError::internal("a write was not run")));
        let answer = outcome.map(|verdict| match verdict {
            Verdict::Keep(value)
            | Verdict::KeepAndWake(value)
            | Verdict::KeepAndErase(value)
            | Verdict::Undo(value) => value,
        });
        // Whoever asked may be gone; the work is done all the same.
        let _ = self.answer.send(answer);
    }

    fn failed(self: Box<Self>, fault: &Fault) {
        // What the job itself ran into says more than that the whole has failed.
        let error = match self.outcome {
            Some(Err(error)) => error,
            Some(Ok(_)) | None => {
                let error = if fault.is_passing() {
                    unavailable("the transaction failed")
                } else {
                    StoreError::internal("the transaction failed")
                };
                error.caused_by(fault.to_string())
            }
        };
        let _ = self.answer.send(Err(error));
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// The jobs that wait.
struct Queue {
    waiting: mpsc::Receiver<Box<dyn Job>>,
    /// The first of them, which asks for more than the transaction survives that it came during.
    next: Option<Box<dyn Job>>,
}

impl Queue {
    /// Waits for jobs and takes them; none come any more if there are none then.
    fn take(&mut self) -> Vec<Box<dyn Job>> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        match self.next.take() {
            Some(job) => batch.push(job),
            None => {
                self.waiting.blocking_recv_many(&mut batch, BATCH_MAX);
            }
        }
        batch
    }

    /// Takes one that came meanwhile, for a transaction that survives so much; if there is none for it, it is to end.
    fn join(&mut self, survives: Synchronous) -> Option<Box<dyn Job>> {
        let job = self.waiting.try_recv().ok()?;
        if survives == Synchronous::Full || job.survives() == Synchronous::Normal {
            return Some(job);
        }
        self.next = Some(job);
        None
    }
}

/// The connection, and what its transactions survive.
struct Log {
    connection: Guarded,
    at_most: Synchronous,
    now: Synchronous,
}

impl Log {
    /// Runs all jobs in one transaction, and those that come meanwhile. After an error none of them has an effect, unless the
    /// disk lost track itself.
    fn transact(&mut self, batch: &mut Vec<Box<dyn Job>>, queue: &mut Queue) -> Result<()> {
        let wanted = if batch.iter().all(|job| job.survives() == Synchronous::Normal) {
            Synchronous::Normal
        } else {
            self.at_most
        };
        let connection = &self.connection;
        if wanted != self.now {
            connection.within(Scope::Maintenance, |connection| connect::synchronous(connection, wanted))?;
            self.now = wanted;
        }
        // Where the store is set to no more, whoever asks for more gets that.
        let survives = if wanted == self.at_most { Synchronous::Full } else { wanted };
        let done = try_transact(connection, batch, || queue.join(survives));
        if !connection.bare().is_autocommit() {
            execute(connection, "ROLLBACK")?;
        }
        done
    }
}

fn write(log: &mut Log, queue: &mut Queue, wakeup: &Wakeup) {
    let mut erase = false;
    loop {
        let mut batch = queue.take();
        if batch.is_empty() {
            return;
        }
        match log.transact(&mut batch, queue) {
            Ok(()) => {
                erase |= batch.iter().any(|job| job.erases());
                // Before the answers, so that whoever has one finds nothing in the files.
                erase = erase && !empty_log(&log.connection);
                // Before the answers, so that whoever has one finds the workers woken.
                if batch.iter().any(|job| job.wakes()) {
                    wakeup.ring();
                }
                batch.into_iter().for_each(Job::committed);
            }
            Err(fault) => {
                tracing::error!(%fault, jobs = batch.len(), "a transaction failed");
                batch.into_iter().for_each(|job| job.failed(&fault));
            }
        }
    }
}

fn try_transact(
    connection: &Guarded,
    batch: &mut Vec<Box<dyn Job>>,
    mut join: impl FnMut() -> Option<Box<dyn Job>>,
) -> Result<()> {
    crash_point("commit.begin");
    let mut transaction = Transaction { guarded: connection, words: Words::default() };
    let mut next = 0;
    loop {
        if next == batch.len() {
            let joins = if next < BATCH_MAX { join() } else { None };
            let Some(job) = joins else { break };
            batch.push(job);
        }
        let words = transaction.words.len();
        // As long as nothing is there that would be undone with it, a job needs no savepoint.
        let is_first = connection.bare().is_autocommit();
        execute(connection, if is_first { "BEGIN IMMEDIATE" } else { "SAVEPOINT job" })?;
        let keeps = batch[next].run(&mut transaction);
        lost(connection)?;
        if !keeps {
            transaction.words.truncate(words);
            execute(connection, if is_first { "ROLLBACK" } else { "ROLLBACK TO job" })?;
        }
        if !is_first {
            execute(connection, "RELEASE job")?;
        }
        next += 1;
    }
    if connection.bare().is_autocommit() {
        return Ok(());
    }
    transaction.words.write(connection)?;
    crash_point("commit.stored");
    execute(connection, "COMMIT")?;
    crash_point("commit.committed");
    Ok(())
}

/// Some errors, such as a full disk, make SQLite roll back everything; what would follow would stand alone.
fn lost(connection: &Guarded) -> Result<()> {
    if connection.bare().is_autocommit() { Err(Fault::Broken("SQLite rolled the transaction back")) } else { Ok(()) }
}

/// Empties the log; false if that is to be done after a later write.
fn empty_log(connection: &Guarded) -> bool {
    let emptied = connection.within(Scope::Maintenance, |connection| connect::empty_log(connection, LOG_PATIENCE));
    emptied.unwrap_or_else(|fault| {
        tracing::warn!(%fault, "the log could not be emptied after a redaction; trying again");
        false
    })
}

fn execute(connection: &Guarded, sql: &'static str) -> Result<()> {
    connection.bare().prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as gate;

    use rusqlite::{Row, params};
    use sk_tickets_core::model::{id::TicketId, search::TermChanges};

    use super::*;
    use crate::{migrate::migrate, options::SqliteOptions};

    struct Bench {
        _folder: tempfile::TempDir,
        options: SqliteOptions,
        writer: Writer,
    }

    fn bench(queue: usize) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("x.db"));
        let mut connection = connect::writer(&options).unwrap();
        connection.maintain(migrate).unwrap();
        let made = "CREATE TABLE x (y INTEGER PRIMARY KEY);
                    INSERT INTO realms (id, tenant, environment) VALUES (1, 'acme', 'test')";
        connection.maintain(|bare| Ok(bare.execute_batch(made)?)).unwrap();
        let writer = Writer::start(connection, queue, Synchronous::Full, Arc::new(Wakeup::new())).unwrap();
        Bench { _folder: folder, options, writer }
    }

    impl Bench {
        async fn insert(&self, y: i64) -> store::Result<()> {
            self.writer.run("insert", Synchronous::Full, move |connection| put(connection, y).map(Verdict::Keep)).await
        }

        /// What the transaction that such a job runs in is set to.
        async fn level(&self, survives: Synchronous) -> i64 {
            let level = |connection: &mut Transaction<'_>| {
                let level = connection.within(Scope::Maintenance, |connection| {
                    Ok(connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
                });
                level.map(Verdict::Keep)
            };
            self.writer.run("look", survives, level).await.unwrap()
        }

        fn rows(&self) -> Vec<i64> {
            read(&self.options, "SELECT y FROM x ORDER BY y", |row| row.get(0))
        }

        fn words(&self) -> Vec<(String, i64)> {
            read(&self.options, "SELECT term, texts FROM ticket_terms ORDER BY term", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        }

        /// Asks for a job, and does not wait for it.
        fn ask<T: Send + 'static>(
            &self,
            survives: Synchronous,
            work: impl FnOnce(&mut Transaction<'_>) -> Result<Verdict<T>> + Send + 'static,
        ) -> oneshot::Receiver<store::Result<T>> {
            let (answer, answered) = oneshot::channel();
            let task = Task { context: "ask", survives, work: Some(work), outcome: None, answer };
            assert!(self.writer.jobs.try_send(Box::new(task)).is_ok());
            answered
        }

        /// Keeps the writer busy until the answer is used, so that what follows shares a transaction.
        async fn hold(&self) -> gate::Sender<()> {
            self.hold_with(Synchronous::Full, |_| Ok(Verdict::Keep(()))).await.0
        }

        /// The same, with work to do before.
        async fn hold_with(
            &self,
            survives: Synchronous,
            work: impl FnOnce(&mut Transaction<'_>) -> Result<Verdict<()>> + Send + 'static,
        ) -> (gate::Sender<()>, oneshot::Receiver<store::Result<()>>) {
            let (open, opened) = gate::channel();
            let (enter, entered) = oneshot::channel();
            let answered = self.ask(survives, move |transaction| {
                let verdict = work(transaction);
                let _ = enter.send(());
                let _ = opened.recv();
                verdict
            });
            entered.await.unwrap();
            (open, answered)
        }
    }

    /// What another connection sees.
    fn read<T>(options: &SqliteOptions, sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let reader = connect::reader(options).unwrap();
        let rows = reader.within(Scope::Maintenance, |connection| {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        });
        rows.unwrap()
    }

    fn put(connection: &Guarded, y: i64) -> Result<()> {
        connection.within(Scope::Maintenance, |connection| {
            connection.prepare_cached("INSERT INTO x (y) VALUES (?1)")?.execute(params![y])?;
            Ok(())
        })
    }

    /// The words of one ticket change.
    fn note(
        transaction: &mut Transaction<'_>,
        is_new: bool,
        gained: &[(&str, u32)],
        lost: &[(&str, u32)],
    ) -> Result<()> {
        let counted = |words: &[(&str, u32)]| words.iter().map(|(word, texts)| ((*word).to_owned(), *texts)).collect();
        let changes = TermChanges { gained: counted(gained), lost: counted(lost) };
        let Transaction { guarded, words } = transaction;
        let ticket = TicketId::from_bytes([1; 16]);
        guarded.within(Scope::Realm(1), |connection| words.change(connection, 1, ticket, is_new, &changes))
    }

    #[tokio::test]
    async fn words_are_written_together_but_for_those_of_a_job_that_is_undone() {
        let bench = bench(8);
        let open = bench.hold().await;
        let made = bench.writer.run("make", Synchronous::Full, |transaction| {
            note(transaction, true, &[("lost", 2), ("parcel", 1)], &[]).map(Verdict::Keep)
        });
        let undone = bench.writer.run("undo", Synchronous::Full, |transaction| {
            note(transaction, false, &[("lost", 1), ("stale", 1)], &[]).map(Verdict::Undo)
        });
        let fails = bench.writer.run("fail", Synchronous::Full, |transaction| -> Result<Verdict<()>> {
            note(transaction, false, &[("bad", 1)], &[])?;
            Err(Fault::Broken("on purpose"))
        });
        let changed = bench.writer.run("change", Synchronous::Full, |transaction| {
            note(transaction, false, &[("lost", 1), ("late", 1)], &[("parcel", 1)]).map(Verdict::Keep)
        });
        let (made, undone, fails, changed, ()) =
            tokio::join!(made, undone, fails, changed, async { open.send(()).unwrap() });
        assert!(made.is_ok() && undone.is_ok() && fails.is_err() && changed.is_ok());
        let words =
            |words: &[(&str, i64)]| words.iter().map(|(word, texts)| ((*word).to_owned(), *texts)).collect::<Vec<_>>();
        assert_eq!(bench.words(), words(&[("late", 1), ("lost", 3)]));
        let later = bench.writer.run("later", Synchronous::Full, |transaction| {
            note(transaction, false, &[("late", 1), ("found", 1)], &[("lost", 2)]).map(Verdict::Keep)
        });
        later.await.unwrap();
        assert_eq!(bench.words(), words(&[("found", 1), ("late", 2), ("lost", 1)]));
    }

    #[tokio::test]
    async fn a_transaction_survives_what_the_most_careful_of_its_jobs_asks_for() {
        let bench = bench(8);
        assert_eq!(bench.level(Synchronous::Full).await, 2);
        assert_eq!(bench.level(Synchronous::Normal).await, 1);
        let open = bench.hold().await;
        let together = tokio::join!(bench.level(Synchronous::Normal), bench.level(Synchronous::Full), async {
            open.send(()).unwrap();
        });
        assert_eq!(together, (2, 2, ()));
    }

    #[tokio::test]
    async fn what_comes_meanwhile_shares_the_transaction_up_to_so_many() {
        let bench = bench(2 * BATCH_MAX);
        let (open, first) =
            bench.hold_with(Synchronous::Full, |connection| put(connection, 0).map(Verdict::Keep)).await;
        let look = |y: u32| {
            let options = bench.options.clone();
            bench.ask(Synchronous::Full, move |connection| {
                put(connection, i64::from(y))?;
                Ok(Verdict::Keep(read(&options, "SELECT count(*) FROM x", |row| row.get::<_, u32>(0))))
            })
        };
        let most = u32::try_from(BATCH_MAX).unwrap();
        let looks: Vec<_> = (1..=most + 1).map(look).collect();
        open.send(()).unwrap();
        first.await.unwrap().unwrap();
        for (y, seen) in (1..).zip(looks) {
            let before = if y < most { 0 } else { most };
            assert_eq!(seen.await.unwrap().unwrap(), [before], "the transaction of {y}");
        }
    }

    #[tokio::test]
    async fn what_is_to_survive_more_than_the_transaction_waits_for_the_next() {
        let bench = bench(8);
        let (open, first) = bench.hold_with(Synchronous::Normal, |_| Ok(Verdict::Keep(()))).await;
        let together = tokio::join!(bench.level(Synchronous::Normal), bench.level(Synchronous::Full), async {
            open.send(()).unwrap();
        });
        assert_eq!(together, (1, 2, ()));
        first.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_asks_to_try_again() {
        let bench = bench(1);
        let open = bench.hold().await;
        let waiting = bench.insert(1);
        let refused = bench.insert(2);
        let (waited, refused) = tokio::join!(waiting, async {
            let refused = refused.await;
            open.send(()).unwrap();
            refused
        });
        waited.unwrap();
        assert!(refused.unwrap_err().retry_after().is_some());
        assert_eq!(bench.rows(), [1]);
    }

    #[tokio::test]
    async fn a_bad_job_harms_no_other() {
        let bench = bench(8);
        let open = bench.hold().await;
        let panics = bench.writer.run("panic", Synchronous::Full, |connection| -> Result<Verdict<()>> {
            put(connection, 2)?;
            panic!("out of order")
        });
        let fails = bench.writer.run("fail", Synchronous::Full, |connection| {
            put(connection, 3)?;
            put(connection, 3).map(Verdict::Keep)
        });
        let undone = bench.writer.run("undo", Synchronous::Full, |connection| {
            put(connection, 4)?;
            Ok(Verdict::Undo("stale"))
        });
        let (first, panics, fails, undone, last, ()) =
            tokio::join!(bench.insert(1), panics, fails, undone, bench.insert(5), async { open.send(()).unwrap() });
        first.unwrap();
        last.unwrap();
        assert!(panics.unwrap_err().retry_after().is_none());
        assert!(fails.unwrap_err().retry_after().is_none());
        assert_eq!(undone.unwrap(), "stale");
        assert_eq!(bench.rows(), [1, 5]);
    }

    #[tokio::test]
    async fn a_bad_job_alone_leaves_nothing() {
        let bench = bench(8);
        let panics = bench.writer.run("panic", Synchronous::Full, |connection| -> Result<Verdict<()>> {
            put(connection, 1)?;
            panic!("out of order")
        });
        assert!(panics.await.is_err());
        let undone = bench.writer.run("undo", Synchronous::Full, |connection| {
            put(connection, 2)?;
            Ok(Verdict::Undo(()))
        });
        undone.await.unwrap();
        bench.insert(3).await.unwrap();
        assert_eq!(bench.rows(), [3]);
    }

    #[tokio::test]
    async fn a_bad_job_takes_none_along_that_comes_after_it() {
        let bench = bench(8);
        let bad = |connection: &mut Transaction<'_>| {
            note(connection, true, &[("bad", 1)], &[])?;
            put(connection, 1)?;
            put(connection, 1).map(Verdict::Keep)
        };
        let (open, first) = bench.hold_with(Synchronous::Full, bad).await;
        let (second, ()) = tokio::join!(bench.insert(2), async { open.send(()).unwrap() });
        first.await.unwrap().unwrap_err();
        second.unwrap();
        assert_eq!(bench.rows(), [2]);
        assert_eq!(bench.words(), []);
    }

    #[tokio::test]
    async fn a_lost_transaction_fails_all_who_shared_it() {
        let bench = bench(8);
        let (open, held) = bench.hold_with(Synchronous::Full, |connection| put(connection, 0).map(Verdict::Keep)).await;
        let loses = bench.writer.run("lose", Synchronous::Full, |connection| {
            connection.bare().execute_batch("ROLLBACK")?;
            Ok(Verdict::Keep(()))
        });
        let (first, loses, last, ()) =
            tokio::join!(bench.insert(1), loses, bench.insert(2), async { open.send(()).unwrap() });
        assert!(held.await.unwrap().is_err() && first.is_err() && loses.is_err());
        last.unwrap();
        bench.insert(3).await.unwrap();
        assert_eq!(bench.rows(), [2, 3]);
    }

    #[tokio::test]
    async fn another_process_in_the_way_is_a_reason_to_try_again() {
        let bench = bench(8);
        bench
            .writer
            .run("impatience", Synchronous::Full, |connection| {
                connection.bare().busy_timeout(Duration::from_millis(1))?;
                Ok(Verdict::Keep(()))
            })
            .await
            .unwrap();
        let other = connect::writer(&bench.options).unwrap();
        other.bare().execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(bench.insert(1).await.unwrap_err().retry_after().is_some());
        other.bare().execute_batch("ROLLBACK").unwrap();
        bench.insert(2).await.unwrap();
        assert_eq!(bench.rows(), [2]);
    }
}
