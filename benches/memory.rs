//! The memory of the real server, as Linux counts what is resident: idle on an empty store, with many tickets under load and
//! paged to the end, and with many deliveries that wait.

#[path = "shared/large.rs"]
mod large;

use std::{
    env,
    path::Path,
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

use serde::Deserialize;
use sk_tickets_benches::{
    Parts, STORE, Server, TICKETS,
    client::{Connection, drive, request},
    creates, head,
    record::{Record, Target, Unit, tell},
    run_id, state,
    table::grouped,
};
use sk_tickets_core::{BASE_PATH, Ticket};
use tokio::runtime::Runtime;

const CONNECTIONS: u32 = 64;
const LOAD: Duration = Duration::from_secs(10);
const IDLE_MB: f64 = 30.0;
const LOADED_MB: f64 = 120.0;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    let temporary = tempfile::tempdir().expect("a folder");
    tell(&Record::Version("SQLite".to_owned(), rusqlite::version().to_owned()));
    head();
    let mut parts = Parts::default();
    parts.run("memory, idle", || idle(temporary.path()));
    parts.run("memory, deliveries that wait", || backlog(&runtime, temporary.path()));
    let folder = env::var_os(STORE).map_or_else(|| temporary.path().to_owned(), Into::into);
    let tickets = env::var(TICKETS).map_or(100_000, |tickets| tickets.parse().expect("a number"));
    parts.run("memory, many tickets", || many(&runtime, &folder, tickets));
    parts.end()
}

fn idle(folder: &Path) {
    let rounds = (0..3).map(|round| {
        let server = Server::start(&format!("sqlite:{}", folder.join(format!("idle-{round}.db")).display()));
        // Its workers have looked for what is due by then.
        sleep(Duration::from_secs(2));
        server.resident_mb()
    });
    state("memory, idle", Unit::Megabytes, Target::AtMost(IDLE_MB), rounds);
}

fn many(runtime: &Runtime, folder: &Path, tickets: u32) {
    let (database, engine) = runtime.block_on(large::sqlite(folder, tickets));
    drop(engine);
    let server = Server::start(&database);
    let of = grouped(tickets.into());
    let path = format!("{BASE_PATH}/tickets");
    let some = ids(runtime, &server);
    let began = Instant::now();
    let mut round = 0_u32;
    let run = run_id();
    while began.elapsed() < LOAD {
        round += 1;
        let (key, path, some) = (server.api_key.clone(), path.clone(), some.clone());
        // As a desk has them: of ten requests seven read a ticket, two list, one makes one.
        let mixed = move |connection: u32, number: u32| match number % 10 {
            0 => {
                let serial = u64::from(round) << 40 | u64::from(connection) << 20 | u64::from(number);
                let body = serde_json::to_vec(&creates::request(serial)).expect("it has no map");
                request("POST", &path, &key, Some(&format!("{run}-{serial}")), &body)
            }
            1 | 2 => request("GET", &format!("{path}?limit=100"), &key, None, b""),
            _ => request("GET", &format!("{path}/{}", some[number as usize % some.len()]), &key, None, b""),
        };
        drive(runtime, &server.authority, CONNECTIONS, 6_400, mixed);
    }
    let name = format!("memory, {of} tickets, 64 connections");
    state(&name, Unit::Megabytes, Target::AtMost(LOADED_MB), [server.peak_mb()]);
    let listed = list_all(runtime, &server);
    assert!(listed >= tickets as usize, "{listed} of {tickets}");
    let name = format!("memory, then {of} tickets listed to the end");
    state(&name, Unit::Megabytes, Target::AtMost(LOADED_MB), [server.peak_mb()]);
}

/// The ids of some tickets from all over a store.
fn ids(runtime: &Runtime, server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    for order in ["asc", "desc"] {
        let page = runtime.block_on(async {
            let mut connection = Connection::open(&server.authority).await.expect("it listens");
            page(&mut connection, server, &format!("order={order}")).await
        });
        ids.extend(page.data.iter().map(|ticket| ticket.id.to_string()));
    }
    ids
}

/// Goes through all pages; answers how many tickets there are.
fn list_all(runtime: &Runtime, server: &Server) -> usize {
    runtime.block_on(async {
        let mut connection = Connection::open(&server.authority).await.expect("it listens");
        let (mut listed, mut rest) = (0, String::new());
        loop {
            let page = page(&mut connection, server, &rest).await;
            listed += page.data.len();
            match page.next_cursor {
                Some(cursor) => rest = format!("cursor={cursor}"),
                None => return listed,
            }
        }
    })
}

async fn page(connection: &mut Connection, server: &Server, query: &str) -> Listed {
    let path = format!("{BASE_PATH}/tickets?limit=100&{query}");
    let answer = connection.send(&request("GET", &path, &server.api_key, None, b"")).await.expect("an answer");
    serde_json::from_slice(answer.body).expect("a page")
}

fn backlog(runtime: &Runtime, folder: &Path) {
    const ENDPOINTS: u32 = 10;
    const EVENTS: u32 = 10_000;
    let server = Server::start(&format!("sqlite:{}", folder.join("backlog.db").display()));
    let post = |path: &'static str, body: fn(u32) -> String| {
        let key = server.api_key.clone();
        move |connection: u32, number: u32| {
            let serial = connection << 20 | number;
            request(
                "POST",
                &format!("{BASE_PATH}{path}"),
                &key,
                Some(&format!("{path}-{serial}")),
                body(serial).as_bytes(),
            )
        }
    };
    // Nothing listens there.
    let endpoint = post("/webhook_endpoints", |serial| format!(r#"{{"url":"http://127.0.0.1:1024/{serial}"}}"#));
    drive(runtime, &server.authority, 1, ENDPOINTS, endpoint);
    let ticket =
        post("/tickets", |serial| serde_json::to_string(&creates::request(serial.into())).expect("it has no map"));
    drive(runtime, &server.authority, 50, EVENTS, ticket);
    sleep(Duration::from_secs(3));
    let name = format!("memory, {} deliveries wait for endpoints that are down", grouped((ENDPOINTS * EVENTS).into()));
    state(&name, Unit::Megabytes, Target::AtMost(LOADED_MB), [server.peak_mb()]);
}

/// What is of use of a page.
#[derive(Debug, Deserialize)]
struct Listed {
    data: Vec<Ticket>,
    next_cursor: Option<String>,
}
