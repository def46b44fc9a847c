//! More than the server can do: ten times the requests that it can answer, and clients that hold on to connections and say
//! little. It stays within its memory, says when to try again, loses nothing that it has acknowledged, and is as it was soon
//! after.
//!
//! `OVERLOAD_SECONDS` says for how long more is asked than can be answered, `OVERLOAD_CONNECTIONS` how many connections
//! say little.

mod load;
mod slow;
mod vitals;

use std::{
    collections::BTreeSet,
    env,
    io::Write,
    net::TcpStream,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use sk_tickets_postgres::testing::Cluster;
use tokio::runtime::Runtime;

use crate::{client, process::Server, say::say};
use load::{Load, Offered};
use slow::{Manner, Slow};
use vitals::{MIB, Vitals};

const PATIENCE: Duration = Duration::from_secs(60);
/// How much more is asked than can be answered.
const TIMES: f64 = 10.0;
/// How much is asked a second at least: more than there is room for, on however slow a machine.
const ASKED_MIN: f64 = 4_000.0;
/// How soon it is to be as it was, on whatever machine: to find out is twenty requests, one after the other.
const RECOVERY: Duration = Duration::from_secs(30);
/// What is as good as at once: a debug build beside other tests is never faster for sure.
const AT_ONCE: Duration = Duration::from_millis(250);
/// What it may need beyond what it needed at rest: so many requests and connections have room in it.
const MEMORY_MAX: u64 = 192 * MIB;
/// For how long, at the most, more than it can answer is asked for until something is refused.
const OFFERED_MAX: Duration = Duration::from_secs(30);

fn number<T: FromStr>(name: &str, usual: T) -> T {
    env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// As many connections as the tests need.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn sqlite_sheds_what_it_cannot_answer_and_loses_nothing() {
    sheds("sqlite:tickets.db");
}

#[tokio::test]
async fn postgres_sheds_what_it_cannot_answer_and_loses_nothing() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || sheds(&url)).await.unwrap();
}

fn sheds(database: &str) {
    raise_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(database, folder.path(), "127.0.0.1:0", &[]);
    let load = Load::new(&server);
    let usual = load.latency();
    let rate = load.sustainable();
    let vitals = Vitals::of(server.process.id());

    let mut time = Duration::from_secs(number("OVERLOAD_SECONDS", 2));
    let mut before = Vec::new();
    let Offered { asked, late, mut acknowledged, refused, longest } = loop {
        let offered = load.offer((rate * TIMES).max(ASKED_MIN), time);
        // Clients that have little of a busy machine take longer to ask for too much.
        if !offered.refused.is_empty() || time > OFFERED_MAX {
            break offered;
        }
        before.extend(offered.acknowledged);
        time *= 2;
    };
    acknowledged.extend(before);
    let over = Instant::now();
    let peak = Vitals::of(server.process.id());
    say(&format!(
        "overload: {}: {rate:.0} a second can be answered, {:.0} were asked for {time:?}, {late} of them late: {} \
         acknowledged, {} refused, the longest answer after {longest:?}; memory {} MiB before, {} MiB at most",
        database.split(':').next().unwrap(),
        f64::from(u32::try_from(asked).unwrap()) / time.as_secs_f64(),
        acknowledged.len(),
        refused.len(),
        vitals.resident / MIB,
        peak.most_resident / MIB,
    ));
    assert!(!refused.is_empty(), "it was not asked for more than it could answer");
    assert!(!acknowledged.is_empty(), "it went on answering");
    assert!(peak.most_resident < vitals.resident + MEMORY_MAX, "{peak:?} after {vitals:?}");

    // Soon it is as it was.
    while load.latency() > usual * 3 + AT_ONCE {
        assert!(over.elapsed() < RECOVERY, "it takes {:?}, as long as {usual:?} before", load.latency());
    }
    say(&format!("overload: {usual:?} before, {:?} again {:?} after", load.latency(), over.elapsed()));

    // What was refused can be sent again; what was acknowledged is there, once.
    let again: Vec<_> = refused.into_iter().take(50).collect();
    for name in &again {
        assert_eq!(load.create(name).status, 201, "{name}");
    }
    let listed = list(&server);
    let names: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(names.len(), listed.len(), "something is there twice");
    let lost: Vec<_> = acknowledged.iter().chain(&again).filter(|name| !names.contains(*name)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// The subjects of all tickets.
fn list(server: &Server) -> Vec<String> {
    let mut subjects = Vec::new();
    let mut page = server.get("/tickets?limit=100").json();
    loop {
        let rows = page["data"].as_array().unwrap();
        subjects.extend(rows.iter().map(|ticket| ticket["subject"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => page = server.get(&format!("/tickets?limit=100&cursor={cursor}")).json(),
            None => return subjects,
        }
    }
}

#[test]
fn who_is_slow_keeps_nobody_else_waiting_and_is_hung_up_on() {
    raise_descriptors();
    let connections = number("OVERLOAD_CONNECTIONS", 500);
    let folder = tempfile::tempdir().unwrap();
    // Longer than it takes to open them.
    let patience = format!("{}s", 3 + connections / 200);
    let server = Server::start(folder.path(), &["--client-patience", &patience]);
    Load::new(&server).latency();
    let before = Vitals::of(server.process.id());

    let runtime = Runtime::new().unwrap();
    let slow = Slow::start(&runtime, &server.authority, connections);
    let begun = Instant::now();
    let (mut asked, mut others, mut longest) = (0, 0, Duration::ZERO);
    // Until the last is gone, everybody else is served.
    while slow.hung_up() < connections {
        assert!(begun.elapsed() < PATIENCE, "{} of {connections} were hung up on", slow.hung_up());
        asked += 1;
        let since = Instant::now();
        let answer = client::send(&server.authority, "GET", "/healthz", &[], b"").expect("an answer");
        assert_eq!(answer.status, 200);
        // On a connection of its own: one that was kept would be closed as the slow ones are.
        assert_eq!(server.post("/tickets", &format!("other-{asked}"), r#"{"subject":"Other"}"#).status, 201);
        longest = longest.max(since.elapsed());
        if slow.hung_up() == 0 {
            others += 1;
        }
    }
    let peak = Vitals::of(server.process.id());
    say(&format!(
        "slow: {connections} connections hung up on after {:?}; {others} others were served before the first was, the \
         slowest in {longest:?}; memory {} MiB before, {} MiB at most",
        begun.elapsed(),
        before.resident / MIB,
        peak.most_resident / MIB
    ));
    assert!(others > 0, "nobody was served while they held on");
    assert!(peak.most_resident < before.resident + MEMORY_MAX, "{peak:?} after {before:?}");
    for (manner, said) in slow.said() {
        match manner {
            Manner::Idle | Manner::SlowHead => assert_eq!(said, "", "{manner:?}"),
            Manner::SlowBody => assert!(said.starts_with("HTTP/1.1 400 "), "{manner:?}: {said}"),
        }
    }
    let waiting = Instant::now();
    while Vitals::of(server.process.id()).descriptors > before.descriptors + 10 {
        assert!(waiting.elapsed() < PATIENCE, "descriptors are not given back");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A process may have so many descriptors. It keeps some back, so that what it does for others never lacks one.
#[test]
fn out_of_descriptors_it_goes_on_with_the_connections_it_has() {
    raise_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with_descriptors(folder.path(), 328, &["--client-patience", "6s"]);
    let load = Load::new(&server);
    load.latency();
    let idle: Vec<_> = (0..150).map(|_| TcpStream::connect(&server.authority).expect("the kernel takes it")).collect();
    // On a connection that it had before.
    assert_eq!(load.create("kept").status, 201);
    // Who comes now has to wait until it has hung up on the others.
    let mut late = TcpStream::connect(&server.authority).unwrap();
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    late.set_nonblocking(true).unwrap();
    assert!(late.peek(&mut [0]).is_err(), "it is not served yet");
    let vitals = Vitals::of(server.process.id());
    assert!(vitals.descriptors < 200, "{vitals:?}: some are kept back");
    late.set_nonblocking(false).unwrap();
    late.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(late.peek(&mut [0]).expect("an answer in the end"), 1);
    drop(idle);
    assert_eq!(server.post("/tickets", "late", &json!({"subject": "late"}).to_string()).status, 201);
    let stderr = server.process.stderr();
    assert!(stderr.contains("fewer connections at a time than usual") && !stderr.contains("ERROR"), "{stderr}");
}
