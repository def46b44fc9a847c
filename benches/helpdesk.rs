//! The API over HTTP, by the real server in a process of its own, on a durable Postgres with 5,000 tickets, by 16 connections.
//! Held against what the best open helpdesk that we tried gave on the same machine and cluster: figures that were recorded in
//! that trial, since it cannot be run here.

#[path = "shared/cluster.rs"]
mod cluster;
#[path = "shared/settled.rs"]
mod settled;

use std::{cell::Cell, process::ExitCode};

use cluster::durable;
use settled::settle;
use sk_tickets_benches::{
    Parts, Server, Work,
    client::{Connection, drive, request},
    compare_recorded, creates, head,
};
use sk_tickets_core::BASE_PATH;
use tokio::runtime::Runtime;

const CONNECTIONS: u32 = 16;
const TICKETS: u32 = 5_000;
/// The helpdesk's requests in a second.
const CREATES: f64 = 55.0;
const GETS: f64 = 45.0;
const LISTS: f64 = 65.0;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    head();
    let mut parts = Parts::default();
    parts.run("HTTP on Postgres", || measure(&runtime));
    parts.end()
}

fn measure(runtime: &Runtime) {
    let url = runtime.block_on(durable());
    let server = Server::start(&url);
    let tickets = format!("{BASE_PATH}/tickets");
    let round = Cell::new(0_u32);
    let create = |count| {
        round.set(round.get() + 1);
        let (round, key, path) = (round.get(), server.api_key.clone(), tickets.clone());
        let post = move |connection: u32, number: u32| {
            let serial = u64::from(round) << 40 | u64::from(connection) << 20 | u64::from(number);
            let body = serde_json::to_vec(&creates::request(serial)).expect("it has no map");
            request("POST", &path, &key, Some(&format!("{round}-{connection}-{number}")), &body)
        };
        drive(runtime, &server.authority, CONNECTIONS, count, post)
    };
    // As many as there are connections, and some more.
    create(TICKETS.next_multiple_of(CONNECTIONS));
    runtime.block_on(settle(&url));
    let get = |path: &str, count| {
        let asked = request("GET", path, &server.api_key, None, b"");
        drive(runtime, &server.authority, CONNECTIONS, count, move |_, _| asked.clone())
    };
    let one = format!("{tickets}/{}", some_ticket(runtime, &server, &tickets));
    compare_recorded(
        "HTTP GET ticket, Postgres, 5,000 tickets, 16 connections",
        Work { most: 32_000, batch: CONNECTIONS },
        300.0,
        |count| get(&one, count),
        GETS,
    );
    compare_recorded(
        "HTTP list, Postgres, 5,000 tickets, 16 connections",
        Work { most: 32_000, batch: CONNECTIONS },
        100.0,
        |count| get(&tickets, count),
        LISTS,
    );
    compare_recorded(
        "HTTP POST create, Postgres, 5,000 tickets, 16 connections",
        Work { most: 6_400, batch: CONNECTIONS },
        100.0,
        create,
        CREATES,
    );
}

/// The newest one.
fn some_ticket(runtime: &Runtime, server: &Server, tickets: &str) -> String {
    runtime.block_on(async {
        let mut connection = Connection::open(&server.authority).await.expect("it listens");
        let answer = connection.send(&request("GET", tickets, &server.api_key, None, b"")).await.expect("an answer");
        let page: serde_json::Value = serde_json::from_slice(answer.body).expect("JSON");
        page["data"][0]["id"].as_str().expect("a ticket").to_owned()
    })
}
