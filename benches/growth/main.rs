//! How the time of what one does with a store grows with the number of tickets in it. The stores are filled through the API
//! that users call, and measured in turn. Each thing is to stay as it is, however many tickets there are.

#![expect(clippy::print_stdout, reason = "a program for people")]

#[path = "../shared/cluster.rs"]
mod cluster;
mod filled;
#[path = "../shared/large.rs"]
mod large;
mod operation;
#[path = "../shared/settled.rs"]
mod settled;

use std::{env, path::PathBuf, process::ExitCode, sync::Arc};

use cluster::durable;
use filled::Filled;
use operation::Operation;
use settled::settle;
use sk_tickets_benches::{
    POSTGRES_TICKETS, Parts, STORE, TICKETS, compare_times, fill, grow,
    record::{Record, Target, tell},
    table::{ROWS_HEAD, grouped},
};
use sk_tickets_core::Tickets;
use sk_tickets_postgres::PostgresStore;
use tokio::runtime::Runtime;

const FEWEST: u32 = 10_000;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = env::var_os(STORE).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let most = |name| env::var(name).map_or(100_000, |tickets| tickets.parse().expect("a number"));
    tell(&Record::Version("SQLite".to_owned(), rusqlite::version().to_owned()));
    println!("{ROWS_HEAD}");
    let mut parts = Parts::default();
    let (largest, small) = (most(TICKETS), temporary.path());
    let sqlite = async |size| {
        // The largest one is kept if there is a folder for it; the others are soon made again.
        let (_, engine) = large::sqlite(if size == largest { &folder } else { small }, size).await;
        engine
    };
    parts.run("growth, SQLite", || measure(&runtime, "SQLite", &sizes(largest), sqlite));
    parts.run("growth, Postgres", || measure(&runtime, "Postgres", &sizes(most(POSTGRES_TICKETS)), postgres));
    parts.end()
}

/// The powers of ten from the fewest up, and the most.
fn sizes(most: u32) -> Vec<u32> {
    let mut sizes: Vec<_> =
        std::iter::successors(Some(FEWEST), |size| size.checked_mul(10)).take_while(|size| *size < most).collect();
    sizes.push(most);
    sizes
}

async fn postgres(tickets: u32) -> Tickets {
    let url = durable().await;
    let engine = fill::engine(Arc::new(PostgresStore::open(&url).await.expect("it opens")));
    fill::fill(&engine, tickets).await;
    settle(&url).await;
    engine
}

fn measure(runtime: &Runtime, store: &str, sizes: &[u32], open: impl AsyncFn(u32) -> Tickets) {
    let filled: Vec<_> = sizes
        .iter()
        .map(|size| {
            runtime.block_on(async {
                eprintln!("{store} with {} tickets", grouped((*size).into()));
                Filled::look_at(open(*size).await, *size).await
            })
        })
        .collect();
    let mut measured = Vec::new();
    for operation in Operation::all() {
        for filled in &filled {
            runtime.block_on(operation.prepare(filled));
        }
        let once = |index: usize| runtime.block_on(operation.run(&filled[index]));
        measured.push((operation.name(), grow(store, &operation.name(), sizes, once)));
    }
    for filled in &filled {
        runtime.block_on(filled.clean_up());
    }
    let of = |name: &str| &measured.iter().find(|(known, _)| known == name).expect("measured").1;
    let largest = sizes.len() - 1;
    let most = grouped(sizes[largest].into());
    let depth: Vec<_> = of(operation::DEEP_PAGE)
        .iter()
        .zip(of(operation::FIRST_PAGE))
        .map(|(deep, first)| (deep[largest], first[largest]))
        .collect();
    // Of rates: 1.2 times the time is 0.83 times the rate.
    compare_times(&format!("{store} page at depth {most}, beside the first page"), Target::AtLeast(0.83), &depth);
    let create: Vec<_> = of(operation::CREATE).iter().map(|round| (round[largest], round[0])).collect();
    let name = format!("{store} create at {most} tickets, beside {} tickets", grouped(sizes[0].into()));
    compare_times(&name, Target::AtLeast(0.9), &create);
}
