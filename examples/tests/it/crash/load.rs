//! Clients that ask for all sorts of things while the server dies under them, and somebody who follows the feed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::json;

use super::history::{Asked, History, person};
use crate::retrying::{Dice, Nodes};

const CLIENTS: usize = 4;
/// How often a client asks again before it gives up for good, at most: it is then not known whether that was done.
const RETRIES_MAX: usize = 40;
/// How long clients wait before they ask again.
const PAUSE: Duration = Duration::from_millis(20);
/// Of the newest tickets something is asked.
const TICKETS_IN_HAND: usize = 20;

/// Clients under way.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) history: Arc<History>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    follower: JoinHandle<Vec<String>>,
}

impl Load {
    pub(super) fn begin(nodes: &Nodes, dice: &mut Dice) -> Self {
        let (history, over) = (Arc::new(History::default()), Arc::new(AtomicBool::new(false)));
        let tickets = Arc::new(Mutex::new(Vec::new()));
        let clients = (0..CLIENTS).map(|_| {
            let client = Client {
                nodes: nodes.clone(),
                dice: Dice::new(dice.roll(1 << 30)),
                history: Arc::clone(&history),
                tickets: Arc::clone(&tickets),
            };
            let over = Arc::clone(&over);
            thread::spawn(move || client.work_until(&over))
        });
        let clients = clients.collect();
        let follower = {
            let (nodes, over) = (nodes.clone(), Arc::clone(&over));
            thread::spawn(move || nodes.follow(&over))
        };
        Self { history, over, clients, follower }
    }

    /// Whether a client has given up that should not have.
    pub(super) fn has_failed(&self) -> bool {
        self.clients.iter().any(JoinHandle::is_finished) || self.follower.is_finished()
    }

    /// Ends it: what was asked, and the ids of the events that the follower saw.
    pub(super) fn end(self) -> (History, Vec<String>) {
        self.over.store(true, Ordering::Release);
        for client in self.clients {
            client.join().expect("no client failed");
        }
        let followed = self.follower.join().expect("the follower did not fail");
        (Arc::into_inner(self.history).expect("nobody else has it any more"), followed)
    }
}

struct Client {
    nodes: Nodes,
    dice: Dice,
    history: Arc<History>,
    tickets: Arc<Mutex<Vec<String>>>,
}

impl Client {
    fn work_until(mut self, over: &AtomicBool) {
        while !over.load(Ordering::Acquire) {
            let asked = self.think();
            let (mut retries, patience) = (0, self.dice.roll(RETRIES_MAX));
            let answer = loop {
                let answer = asked.ask(&self.nodes, &mut self.dice);
                if answer.is_some() || retries == patience || over.load(Ordering::Acquire) {
                    break answer;
                }
                retries += 1;
                thread::sleep(PAUSE);
            };
            if let (true, Some(answer)) = (asked.makes_ticket(), &answer) {
                assert_eq!(answer.status, 201, "{answer:?}");
                self.tickets.lock().unwrap().push(answer.json()["id"].as_str().unwrap().to_owned());
            }
            self.history.record(asked, retries, answer);
            thread::sleep(PAUSE * u32::try_from(self.dice.roll(10)).unwrap() / 10);
        }
    }

    /// What to ask for next. Whatever is allowed changes something.
    fn think(&mut self) -> Asked {
        let number = self.history.number();
        let (who, name) = (person(number), format!("asked {number}"));
        let ticket = {
            let tickets = self.tickets.lock().unwrap();
            let newest = &tickets[tickets.len().saturating_sub(TICKETS_IN_HAND)..];
            (!newest.is_empty()).then(|| newest[self.dice.roll(newest.len())].clone())
        };
        let on = |ticket: &str, what: &str| format!("/tickets/{ticket}{what}");
        let (method, path, body) = match (ticket, self.dice.roll(20)) {
            (None, _) | (_, 0..6) => ("POST", "/tickets".to_owned(), json!({"subject": name, "source": "voice"})),
            (Some(ticket), 6..11) => ("POST", on(&ticket, "/thread"), json!({"kind": "note", "body": name})),
            (Some(ticket), 11..14) => ("PATCH", on(&ticket, ""), json!({"metadata": {"asked": name}})),
            (Some(ticket), 14..15) => ("POST", on(&ticket, "/assign"), json!({"owner_id": who})),
            (Some(_), 15..17) => ("POST", "/queues/default/claim".to_owned(), json!({"owner_id": who})),
            // Not all of these are lawful: that is answered for good, too.
            (Some(ticket), _) => {
                let to = ["open", "pending", "on_hold", "resolved"][self.dice.roll(4)];
                let mut body = json!({"to": to, "reason": name, "owner_id": who});
                if to == "resolved" {
                    body["resolution_note"] = json!(name);
                }
                ("POST", on(&ticket, "/transitions"), body)
            }
        };
        Asked::new(number, method, path, body)
    }
}
