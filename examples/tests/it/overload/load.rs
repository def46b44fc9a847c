use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use sk_tickets_benches::client::{Connection, request};
use tokio::{
    runtime::Runtime,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::process::Server;

/// How many clients find out what can be answered: enough to keep it busy.
const CLIENTS: usize = 32;
/// How many connections more than that is asked on: far more than are answered at a time.
const CONNECTIONS: usize = 1_800;
/// After so long a request is late.
const LATE: Duration = Duration::from_millis(100);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients of a server that make tickets.
#[derive(Debug)]
pub(crate) struct Load {
    runtime: Runtime,
    target: Arc<Target>,
    kept: RefCell<Connection>,
}

#[derive(Debug)]
struct Target {
    authority: String,
    key: String,
    /// How many tickets were thought of; each has a name of its own.
    names: AtomicUsize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// How many requests were sent.
    pub(crate) asked: usize,
    /// How many of them later than they were due, since no connection was free.
    pub(crate) late: usize,
    /// The names of tickets that were acknowledged.
    pub(crate) acknowledged: Vec<String>,
    /// Those that there was no room for.
    pub(crate) refused: Vec<String>,
    /// How long the slowest answer took.
    pub(crate) longest: Duration,
}

/// What was answered to one request.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    took: Duration,
}

impl Load {
    pub(crate) fn new(server: &Server) -> Self {
        let runtime = Runtime::new().unwrap();
        let target =
            Target { authority: server.authority.clone(), key: server.key.clone(), names: AtomicUsize::new(0) };
        let kept = runtime.block_on(Connection::open(&target.authority)).unwrap();
        Self { runtime, target: Arc::new(target), kept: RefCell::new(kept) }
    }

    /// Makes a ticket of this name, on a connection that is kept.
    pub(crate) fn create(&self, name: &str) -> Told {
        self.runtime.block_on(self.target.create(&mut self.kept.borrow_mut(), name))
    }

    /// How long it takes to make a ticket while nobody else does: the median, on a connection that is kept from now on.
    pub(crate) fn latency(&self) -> Duration {
        *self.kept.borrow_mut() = self.runtime.block_on(Connection::open(&self.target.authority)).unwrap();
        let mut took: Vec<_> = (0..21).map(|_| self.create(&self.target.name()).took).collect();
        took.sort_unstable();
        took[took.len() / 2]
    }

    /// How many tickets a second are made, if each client waits for its answer before it asks again.
    pub(crate) fn sustainable(&self) -> f64 {
        let time = Duration::from_secs(1);
        let made = self.on_connections(CLIENTS, move |target, mut connection, begun| async move {
            let mut made = 0_u32;
            while begun.elapsed() < time {
                assert_eq!(target.create(&mut connection, &target.name()).await.status, 201);
                made += 1;
            }
            made
        });
        f64::from(made.into_iter().sum::<u32>()) / time.as_secs_f64()
    }

    /// Asks for so many a second, each at its time, whether or not those before it were answered; on another connection
    /// if they were not.
    pub(crate) fn offer(&self, rate: f64, time: Duration) -> Offered {
        let next = Arc::new(AtomicUsize::new(0));
        let offered = Arc::new(Mutex::new(Offered::default()));
        let outcome = Arc::clone(&offered);
        self.on_connections(CONNECTIONS, move |target, mut connection, begun| {
            let (next, offered) = (Arc::clone(&next), Arc::clone(&offered));
            async move {
                loop {
                    let number = u32::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let due = Duration::from_secs_f64(f64::from(number) / rate);
                    if due > time || begun.elapsed() > time {
                        return;
                    }
                    sleep_until(begun + due).await;
                    let is_late = (begun + due).elapsed() > LATE;
                    let name = target.name();
                    let told = target.create(&mut connection, &name).await;
                    offered.lock().unwrap().note(name, &told, is_late);
                }
            }
        });
        Arc::into_inner(outcome).expect("all have ended").into_inner().unwrap()
    }

    /// Acts on so many connections; is told when they were all open.
    fn on_connections<T, F>(&self, connections: usize, act: impl Fn(Arc<Target>, Connection, Instant) -> F) -> Vec<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                open.push(Connection::open(&self.target.authority).await.expect("it listens"));
            }
            let mut acting = JoinSet::new();
            let begun = Instant::now();
            for connection in open {
                acting.spawn(act(Arc::clone(&self.target), connection, begun));
            }
            acting.join_all().await
        })
    }
}

impl Target {
    fn name(&self) -> String {
        format!("ticket {}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes a ticket. There are two answers: it is made, or there is no room for it now.
    async fn create(&self, connection: &mut Connection, name: &str) -> Told {
        let body = format!(r#"{{"subject":"{name}"}}"#);
        let key = name.replace(' ', "-");
        let request = request("POST", "/tickets/v1/tickets", &self.key, Some(&key), body.as_bytes());
        let begun = Instant::now();
        let answer =
            timeout_at(begun + PATIENCE, connection.send(&request)).await.expect("in time").expect("an answer");
        let took = begun.elapsed();
        match answer.status {
            201 => {}
            503 => {
                let again = answer.head.lines().find_map(|line| line.strip_prefix("retry-after: "));
                assert!(again.is_some_and(|secs| secs.parse::<u8>().is_ok_and(|secs| secs > 0)), "{answer:?}");
                assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
                let problem: Value = serde_json::from_slice(answer.body).expect("JSON");
                assert_eq!((&problem["code"], &problem["status"]), (&"unavailable".into(), &503.into()), "{answer:?}");
            }
            _ => panic!("{answer:?}"),
        }
        Told { status: answer.status, took }
    }
}

impl Offered {
    fn note(&mut self, name: String, told: &Told, is_late: bool) {
        self.asked += 1;
        self.late += usize::from(is_late);
        self.longest = self.longest.max(told.took);
        if told.status == 201 { self.acknowledged.push(name) } else { self.refused.push(name) }
    }
}
