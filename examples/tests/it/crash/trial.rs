//! A server under load, to which things are done; and whether all is well with it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sk_tickets_core::{SignatureHeaders, Timestamp, WebhookSecret, verify};
use sk_tickets_postgres::testing::free_port;
use tempfile::TempDir;

use super::{faults, load::Load, seed};
use crate::{
    invariants,
    process::{Process, command_on, create_key_on},
    receiver::Receiving,
    retrying::{Dice, Nodes},
    say::say,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// How the process ends at a labelled point.
const ABORTED: i32 = 6;
const KILLED: i32 = 9;

/// A database, a server on it that comes and goes, and clients that are always there.
#[derive(Debug)]
pub(super) struct Trial {
    name: &'static str,
    pub(super) folder: TempDir,
    /// The database as it is, for whoever looks at it from outside.
    database: String,
    /// What leads there; what servers are started with.
    pub(super) way: String,
    /// What else they are started with.
    pub(super) environment: Vec<(&'static str, String)>,
    listen: String,
    server: Process,
    nodes: Nodes,
    pub(super) dice: Dice,
    load: Load,
    webhooks: Webhooks,
    faults: BTreeMap<&'static str, usize>,
    begun: Instant,
}

impl Trial {
    /// On a new database in `SQLite`.
    pub(super) fn on_sqlite(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("tickets.db").display());
        Self::begin(name, folder, database)
    }

    /// On a new database in Postgres.
    pub(super) fn on_postgres(name: &'static str, url: String) -> Self {
        Self::begin(name, tempfile::tempdir().unwrap(), url)
    }

    fn begin(name: &'static str, folder: TempDir, database: String) -> Self {
        let listen = format!("127.0.0.1:{}", free_port().unwrap());
        let mut dice = Dice::new(seed());
        let mut server = start(&folder, &database, &listen, &[]);
        server.wait_for("listening on");
        let key = create_key_on(&database, folder.path(), &["--tenant", "demo", "--environment", "test"]);
        let nodes = Nodes::new(vec![listen.clone()], key);
        let webhooks = Webhooks::want(&nodes, &mut dice);
        let load = Load::begin(&nodes, &mut dice);
        Self {
            name,
            folder,
            way: database.clone(),
            database,
            environment: Vec::new(),
            listen,
            server,
            nodes,
            dice,
            load,
            webhooks,
            faults: BTreeMap::new(),
            begun: Instant::now(),
        }
    }

    /// Puts down that something was done.
    pub(super) fn count(&mut self, fault: &'static str, times: usize) {
        *self.faults.entry(fault).or_default() += times;
    }

    /// Waits until so many more requests were answered: the server is up and at work.
    pub(super) fn progress(&self, answers: usize) {
        let wanted = self.load.history.acknowledged() + answers;
        self.until("it goes on", || self.load.history.acknowledged() >= wanted);
    }

    /// Waits for something that is bound to happen under load.
    pub(super) fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        // What is waited for may be as many faults as were asked for.
        let patience = PATIENCE.max(Duration::from_secs(3) * faults().try_into().unwrap());
        let begun = Instant::now();
        while !happened() {
            assert!(!self.load.has_failed(), "{}: a client has failed (seed {})", self.name, seed());
            assert!(begun.elapsed() < patience, "{}: in vain until {what} (seed {})", self.name, seed());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets it work for a moment, of another length each time.
    pub(super) fn go_on(&mut self) {
        let answers = self.dice.roll(20);
        self.progress(1 + answers);
        self.doze(20);
    }

    /// Waits for less than so many milliseconds.
    pub(super) fn doze(&mut self, ms: usize) {
        let ms = self.dice.roll(ms);
        thread::sleep(Duration::from_millis(ms.try_into().unwrap()));
    }

    /// Kills the server.
    pub(super) fn kill(&mut self) {
        self.server.signal("KILL");
        assert_eq!(self.server.ended().signal(), Some(KILLED), "{}", self.server.stderr());
        self.count("kills", 1);
    }

    /// Starts the server, after it has died. Does not wait for it.
    pub(super) fn start(&mut self) {
        self.server = start(&self.folder, &self.way, &self.listen, &self.environment);
    }

    /// Kills the server and starts it again so that it dies at a point, as that is passed for the n-th time; waits until it
    /// has, and starts it as it was before.
    pub(super) fn die_at(&mut self, label: &'static str, nth: usize) {
        self.kill();
        let mut environment = self.environment.clone();
        environment.push(("SK_TICKETS_CRASH_AT", format!("{label}:{nth}")));
        self.server = start(&self.folder, &self.way, &self.listen, &environment);
        let ended = self.server.ended();
        assert_eq!(ended.signal(), Some(ABORTED), "it passes {label}: {}", self.server.stderr());
        self.count(label, 1);
        self.start();
    }

    /// Ends the load, with a server that runs, and looks at everything.
    pub(super) fn end(mut self) {
        if !self.server.is_running() {
            self.start();
        }
        self.progress(1);
        let Self { name, nodes, mut dice, load, webhooks, .. } = self;
        let (history, followed) = load.end();
        let retries = history.retries();
        let checked = history.check(&nodes);
        let feed = checked.feed.iter().map(|event| event["id"].as_str().unwrap());
        let feed: Vec<_> = feed.take(followed.len()).collect();
        assert_eq!(followed, feed, "the follower missed nothing and saw nothing twice (seed {})", seed());

        let begun = Instant::now();
        while nodes.ask(&mut dice, "GET", "/deliveries?status=pending&limit=1", None, "").json()["data"] != json!([]) {
            assert!(begun.elapsed() < PATIENCE, "deliveries are still to be made (seed {})", seed());
            thread::sleep(Duration::from_millis(50));
        }
        let received = webhooks.check(&nodes, &mut dice, &checked.feed);
        invariants::hold(&self.database);
        let faults: Vec<_> = self.faults.iter().map(|(fault, times)| format!("{times} {fault}")).collect();
        say(&format!(
            "crash: {name}, seed {}: {}; {} requests, {retries} retries, {} left unknown, of which {} were done; {} events, {received} \
             received; {} s",
            seed(),
            faults.join(", "),
            checked.asked,
            checked.unknown,
            checked.done,
            checked.feed.len(),
            self.begun.elapsed().as_secs()
        ));
    }
}

fn start(folder: &TempDir, way: &str, listen: &str, environment: &[(&str, String)]) -> Process {
    let arguments = ["--listen", listen, "--rate-limit", "0", "--webhook-schedule", "50ms"];
    let mut command = command_on(way, folder.path(), &arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start(command)
}

/// A receiver that wants everything, and one that takes nothing.
#[derive(Debug)]
struct Webhooks {
    receiving: Receiving,
    secret: WebhookSecret,
    /// Never asked: what is sent to it is to wait as dead letters.
    _refusing: Receiving,
    refusing: String,
}

impl Webhooks {
    fn want(nodes: &Nodes, dice: &mut Dice) -> Self {
        let (receiving, refusing) = (Receiving::start(200), Receiving::start(500));
        let made = nodes.write(dice, "/webhook_endpoints", "receiving", &json!({"url": receiving.url})).json();
        let secret = WebhookSecret::parse(made["secret"].as_str().unwrap()).unwrap();
        let wanted = json!({"url": refusing.url, "events": ["ticket.created"]});
        let made = nodes.write(dice, "/webhook_endpoints", "refusing", &wanted).json();
        Self { receiving, secret, _refusing: refusing, refusing: made["id"].as_str().unwrap().to_owned() }
    }

    /// Every event has arrived, signed and as the feed tells it, and nothing else; what was refused waits. Answers how often
    /// something came.
    fn check(self, nodes: &Nodes, dice: &mut Dice, feed: &[Value]) -> usize {
        let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
        let told: BTreeMap<_, _> = feed.iter().map(|event| (id(event), event)).collect();
        let mut arrived = BTreeSet::new();
        let mut times = 0;
        while let Some(webhook) = self.receiving.try_now() {
            let signed =
                SignatureHeaders { id: &webhook.id, timestamp: &webhook.timestamp, signature: &webhook.signature };
            // When it was sent is for others to judge: some of these tests set the clock.
            let sent = Timestamp::from_millis(webhook.timestamp.parse::<i64>().unwrap() * 1000);
            verify(&self.secret, signed, &webhook.body, sent).expect("it is signed");
            let event: Value = serde_json::from_slice(&webhook.body).unwrap();
            assert_eq!(told.get(&webhook.id), Some(&&event), "what arrives is what happened (seed {})", seed());
            arrived.insert(webhook.id);
            times += 1;
        }
        let missed: Vec<_> = told.keys().filter(|id| !arrived.contains(*id)).collect();
        assert!(missed.is_empty(), "these never arrived (seed {}): {missed:?}", seed());

        let letters = nodes.list(dice, &format!("/dead_letters?limit=100&endpoint_id={}", self.refusing));
        let letters: BTreeSet<_> =
            letters.iter().map(|letter| letter["event_id"].as_str().unwrap().to_owned()).collect();
        let refused = feed.iter().filter(|event| event["type"] == "ticket.created").map(id).collect();
        assert_eq!(letters, refused, "what was refused waits (seed {})", seed());
        times
    }
}
