//! Runs the simulation of the engine over many seeds, for as long as one likes.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod cli;

use std::{
    error::Error,
    ops::Range,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use sk_tickets_core::{
    Store,
    testing::simulation::{self, Failure, Figures, Run},
};
use sk_tickets_sqlite::SqliteStore;

use crate::cli::{Cli, Shared};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often it is told how far things are.
const TOLD_EVERY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all held.
fn run(cli: &Cli) -> Outcome<bool> {
    if cli.trace {
        return trace(cli);
    }
    let seeds = cli.range();
    let jobs = cli.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let started = Instant::now();
    let tally = Tally::default();
    let next = AtomicU64::new(seeds.start);
    thread::scope(|scope| -> Outcome<()> {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| work(cli, &seeds, &next, &tally, started))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a run has panicked".into())))
    })?;

    let Tally { figures, failed } = tally;
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_unstable();
    let took = started.elapsed();
    let count = seeds.end - seeds.start;
    println!("{}", figures.into_inner().unwrap_or_else(PoisonError::into_inner));
    println!("{count} seeds in {:.1} s, {:.1} a second", took.as_secs_f64(), count as f64 / took.as_secs_f64());
    if !failed.is_empty() {
        println!("{} of them failed: {failed:?}", failed.len());
    }
    Ok(failed.is_empty())
}

/// What came of all runs so far.
#[derive(Debug, Default)]
struct Tally {
    figures: Mutex<Figures>,
    failed: Mutex<Vec<u64>>,
}

fn work(cli: &Cli, seeds: &Range<u64>, next: &AtomicU64, tally: &Tally, started: Instant) -> Outcome<()> {
    let mut told = started;
    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if !seeds.contains(&seed) {
            return Ok(());
        }
        match check(cli.store, seed)? {
            Ok(figures) => tally.figures.lock().unwrap_or_else(PoisonError::into_inner).add(&figures),
            Err(failure) => {
                println!("{failure}{}\n", if cli.store == Shared::Sqlite { " --store sqlite" } else { "" });
                tally.failed.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
            }
        }
        if seed == seeds.start || told.elapsed() > TOLD_EVERY {
            told = Instant::now();
            let done = seed - seeds.start + 1;
            let per_second = done as f64 / started.elapsed().as_secs_f64();
            eprintln!("seed {seed}: {done} of {}, {per_second:.1} a second", seeds.end - seeds.start);
        }
    }
}

fn check(store: Shared, seed: u64) -> Outcome<Result<Figures, Box<Failure>>> {
    match store {
        Shared::Memory => Ok(simulation::check(seed)),
        Shared::Sqlite => Ok(once(seed)?.into_result(seed)),
    }
}

/// One run on `SQLite`.
fn once(seed: u64) -> Outcome<Run> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store: Arc<dyn Store> = Arc::new(runtime.block_on(SqliteStore::open(folder.path().join("simulated.db")))?);
    Ok(simulation::run_on(seed, &store))
}

/// Prints one run; whether all held.
fn trace(cli: &Cli) -> Outcome<bool> {
    let seed = cli.range().start;
    let run = match cli.store {
        Shared::Memory => simulation::run(seed),
        Shared::Sqlite => once(seed)?,
    };
    for line in run.trace.lines() {
        println!("{line}");
    }
    println!("seed {seed}: {} lines, {}", run.trace.lines().len(), run.trace.hash());
    match run.into_result(seed) {
        Ok(figures) => {
            println!("{figures}");
            Ok(true)
        }
        Err(failure) => {
            println!("{failure}");
            Ok(false)
        }
    }
}
