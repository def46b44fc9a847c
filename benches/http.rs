//! The API over HTTP, by the real server in a process of its own, on a durable `SQLite` store. Floor of a read: a bare axum
//! handler, in a process of its own too, that answers the same bytes. Floor of a create: the same store in this process.
//! The client is the same for both.

use std::{
    cell::Cell,
    env, fs,
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
};

use axum::{Router, response::Response, routing::get};
use bytes::Bytes;
use sk_tickets_benches::{
    Parts, Server, Work,
    client::{Connection, drive, request},
    compare,
    creates::{self, create_many},
    fill::{engine, realm},
    head,
    record::{Record, tell},
    timed,
};
use sk_tickets_core::{BASE_PATH, CreateTicket, Ticket};
use sk_tickets_sqlite::SqliteStore;
use tokio::{net::TcpListener, runtime::Runtime};

const CONNECTIONS: u32 = 64;
/// Makes this program the floor, which answers what is in a file.
const FLOOR: &str = "--floor";

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    let arguments: Vec<_> = env::args().collect();
    if let [_, flag, file] = arguments.as_slice()
        && flag == FLOOR
    {
        runtime.block_on(serve(Path::new(file)));
        return ExitCode::SUCCESS;
    }
    tell(&Record::Version("SQLite".to_owned(), rusqlite::version().to_owned()));
    head();
    let mut parts = Parts::default();
    parts.run("HTTP GET ticket", || read(&runtime));
    parts.run("HTTP POST create", || create(&runtime));
    parts.end()
}

/// The server on a new database in a folder.
fn server(folder: &Path) -> Server {
    Server::start(&format!("sqlite:{}", folder.join("http.db").display()))
}

fn read(runtime: &Runtime) {
    const TICKETS: u64 = 1_000;
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path());
    let (paths, answer) = runtime.block_on(async {
        let mut connection = Connection::open(&server.authority).await.expect("it listens");
        let mut paths = Vec::new();
        for number in 0..TICKETS {
            // Somebody's, so that it has no place in a queue: what that costs is measured by itself.
            let owner = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().expect("lawful");
            let create = CreateTicket { owner_id: Some(owner), ..creates::request(number) };
            let body = serde_json::to_vec(&create).expect("it has no map");
            let post =
                request("POST", &format!("{BASE_PATH}/tickets"), &server.api_key, Some(&number.to_string()), &body);
            let answer = connection.send(&post).await.expect("an answer");
            let ticket: Ticket = serde_json::from_slice(answer.body).expect("a ticket");
            paths.push(format!("{BASE_PATH}/tickets/{}", ticket.id));
        }
        let get = request("GET", &paths[0], &server.api_key, None, b"");
        let answer = connection.send(&get).await.expect("an answer");
        assert_eq!(answer.status, 200);
        (paths, format!("{}\r\n\r\n{}", answer.head, String::from_utf8_lossy(answer.body)))
    });
    let same = folder.path().join("answer");
    fs::write(&same, answer).expect("written");
    let mut floor = Command::new(env::current_exe().expect("it runs"));
    let floor = Server::run(floor.arg(FLOOR).arg(same));

    let paths = Arc::new(paths);
    let run = |server: &Server, count| {
        let (paths, key) = (Arc::clone(&paths), server.api_key.clone());
        let get = move |connection: u32, number: u32| {
            let path = &paths[(connection * 131 + number) as usize % paths.len()];
            request("GET", path, &key, None, b"")
        };
        drive(runtime, &server.authority, CONNECTIONS, count, get)
    };
    compare(
        "HTTP GET ticket, SQLite, 64 connections",
        Work { most: 64_000, batch: CONNECTIONS },
        0.5,
        |count| run(&server, count),
        |count| run(&floor, count),
    );
}

fn create(runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path());
    let store = runtime.block_on(SqliteStore::open(folder.path().join("in-process.db"))).expect("it opens");
    let desk = engine(Arc::new(store)).desk(realm());
    let round = Cell::new(0);
    let ours = |count| {
        let (round, key) = (round.get(), server.api_key.clone());
        let post = move |connection: u32, number: u32| {
            let serial = u64::from(round) << 40 | u64::from(connection) << 20 | u64::from(number);
            let body = serde_json::to_vec(&creates::request(serial)).expect("it has no map");
            let idempotency_key = format!("{round}-{connection}-{number}");
            request("POST", &format!("{BASE_PATH}/tickets"), &key, Some(&idempotency_key), &body)
        };
        drive(runtime, &server.authority, CONNECTIONS, count, post)
    };
    let floor = |count| {
        round.set(round.get() + 1);
        timed(|| runtime.block_on(create_many(&desk, CONNECTIONS, round.get(), count, creates::request)))
    };
    compare("HTTP POST create, SQLite, 64 connections", Work { most: 6_400, batch: CONNECTIONS }, 0.7, ours, floor);
}

/// The floor: a handler that knows nothing but what to answer, with the head that the server gives it.
async fn serve(file: &Path) {
    let answer = fs::read_to_string(file).expect("read");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let headers: Vec<(String, String)> = head
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        // Those that hyper writes by itself.
        .filter(|(name, _)| !["content-length", "date"].contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (headers, body) = (Arc::new(headers), Bytes::from(body.to_owned()));
    let handler = move || async move {
        let response = headers.iter().fold(Response::builder(), |response, (name, value)| response.header(name, value));
        response.body(axum::body::Body::from(body)).expect("lawful")
    };
    let router = Router::new().route(&format!("{BASE_PATH}/tickets/{{id}}"), get(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    say(&format!("listening on http://{address}"));
    axum::serve(listener, router).await.expect("it serves");
}

#[expect(clippy::print_stdout, reason = "who started it reads it")]
fn say(line: &str) {
    println!("{line}");
}
