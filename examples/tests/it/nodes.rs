//! Two servers on one Postgres, under load, stopped and started again: as if it were one that never stops.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sk_tickets_postgres::testing::{Cluster, free_port};

use crate::{
    process::Server,
    receiver::Receiving,
    retrying::{Dice, Nodes, PATIENCE},
    say::say,
};

const CLIENTS: usize = 32;
/// What is done to each ticket, one after the other.
const STEPS: usize = 4;
/// How many events these make.
const EVENTS_OF_A_TICKET: usize = 6;

/// How many writes are made; `NODES_WRITES` says otherwise.
fn writes() -> usize {
    env::var("NODES_WRITES").map_or(4_000, |writes| writes.parse().expect("a number"))
}

/// Makes tickets and resolves them; the last answer for each.
fn client(nodes: &Nodes, number: usize, tickets: usize, done: &AtomicUsize) -> BTreeMap<String, Value> {
    let mut dice = Dice::new(number + 1);
    let mut last = BTreeMap::new();
    for ticket in 0..tickets {
        let name = format!("{number}-{ticket}");
        let create = json!({"subject": name, "source": "voice"});
        let made = nodes.write(&mut dice, "/tickets", &format!("{name}-create"), &create).json();
        let id = made["id"].as_str().unwrap().to_owned();
        let owner = json!({"owner_id": "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC"});
        nodes.write(&mut dice, &format!("/tickets/{id}/assign"), &format!("{name}-assign"), &owner);
        let transitions = format!("/tickets/{id}/transitions");
        let wait = json!({"to": "pending", "reason": "asked back"});
        nodes.write(&mut dice, &transitions, &format!("{name}-wait"), &wait);
        let resolve = json!({"to": "resolved", "resolution_note": "Replaced"});
        let resolved = nodes.write(&mut dice, &transitions, &format!("{name}-resolve"), &resolve).json();
        done.fetch_add(STEPS, Ordering::Relaxed);
        last.insert(id, resolved);
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_lose_nothing_and_double_nothing() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || load(&url)).await.unwrap();
}

fn load(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let addresses = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let start = |node: usize| Server::start_on(url, folder.path(), &addresses[node], &[]);
    let mut servers = [start(0), start(1)];
    let nodes = Nodes::new(addresses.to_vec(), servers[0].key.clone());

    let receiving = Receiving::start(200);
    let hook = json!({"url": receiving.url});
    assert_eq!(nodes.write(&mut Dice::new(1), "/webhook_endpoints", "hook", &hook).status, 201);
    let arrived = Arc::new(Mutex::new(BTreeSet::new()));
    {
        let arrived = Arc::clone(&arrived);
        thread::spawn(move || {
            while let Some(webhook) = receiving.try_next() {
                arrived.lock().unwrap().insert(webhook.id);
            }
        });
    }

    let tickets = writes() / STEPS / CLIENTS;
    let done = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let follower = {
        let (nodes, over) = (nodes.clone(), Arc::clone(&over));
        thread::spawn(move || nodes.follow(&over))
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (nodes, done) = (nodes.clone(), Arc::clone(&done));
            thread::spawn(move || client(&nodes, number, tickets, &done))
        })
        .collect();

    // Each is stopped and started again on the way, one after the other.
    for (node, share) in [(0, 3), (1, 3)] {
        let until = done.load(Ordering::Relaxed) + writes() / share;
        while done.load(Ordering::Relaxed) < until && !clients.iter().all(thread::JoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(5));
        }
        servers[node].process.signal("TERM");
        assert!(servers[node].process.ended().success(), "{}", servers[node].process.stderr());
        servers[node] = start(node);
    }

    let mut last = BTreeMap::new();
    for client in clients {
        last.extend(client.join().expect("no client failed"));
    }
    over.store(true, Ordering::Release);
    let seen = follower.join().expect("the follower did not fail");

    let expected = CLIENTS * tickets;
    assert_eq!(last.len(), expected, "one ticket for each that was made");
    let mut dice = Dice::new(7);
    for (id, resolved) in &last {
        let mut found = nodes.ask(&mut dice, "GET", &format!("/tickets/{id}"), None, "").json();
        found.as_object_mut().unwrap().remove("queue_position");
        assert_eq!(&found, resolved, "nothing happened to it but what was asked for");
    }
    let events: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(seen.len(), events.len(), "the follower saw nothing twice");
    assert_eq!(events.len(), expected * EVENTS_OF_A_TICKET, "the follower missed nothing, and nothing happened twice");

    let start = Instant::now();
    while nodes.ask(&mut dice, "GET", "/deliveries?status=pending&limit=1", None, "").json()["data"] != json!([]) {
        assert!(start.elapsed() < PATIENCE, "deliveries are still to be made");
        thread::sleep(Duration::from_millis(50));
    }
    let letters = nodes.ask(&mut dice, "GET", "/dead_letters", None, "").json();
    assert_eq!(letters["data"], json!([]));
    assert_eq!(*arrived.lock().unwrap(), events, "every event arrived");
    say(&format!("two nodes: {} writes, {} events, none missed and none twice", writes(), events.len()));
}
