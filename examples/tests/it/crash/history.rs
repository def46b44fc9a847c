//! What clients asked for and what became of it, and whether that is what the server has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use sk_tickets_core::UserId;

use crate::{
    client::Answer,
    retrying::{Dice, Nodes},
};

/// Something that a client asks for. Its number makes its idempotency key and the person who asks for it, by whom what comes
/// of it is known in events and threads.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) number: u64,
    method: &'static str,
    path: String,
    body: String,
}

impl Asked {
    /// A request with such a body, in which the person is put down.
    pub(super) fn new(number: u64, method: &'static str, path: String, mut body: Value) -> Self {
        body["actor_id"] = json!(person(number));
        Self { number, method, path, body: body.to_string() }
    }

    /// Asks once; none if it is not known whether it was done.
    pub(super) fn ask(&self, nodes: &Nodes, dice: &mut Dice) -> Option<Answer> {
        nodes.once(dice, self.method, &self.path, Some(&self.key()), &self.body)
    }

    /// Asks until there is an answer.
    fn insist(&self, nodes: &Nodes, dice: &mut Dice) -> Answer {
        nodes.ask(dice, self.method, &self.path, Some(&self.key()), &self.body)
    }

    pub(super) fn makes_ticket(&self) -> bool {
        self.path == "/tickets"
    }

    fn key(&self) -> String {
        format!("asked-{}", self.number)
    }
}

/// Who asks for the thing with this number.
pub(super) fn person(number: u64) -> String {
    UserId::from_bytes(u128::from(number).to_be_bytes()).to_string()
}

/// Everything that was asked, and the answer if there was one.
#[derive(Debug, Default)]
pub(super) struct History {
    asked: Mutex<Vec<(Asked, Option<Answer>)>>,
    numbers: AtomicU64,
    acknowledged: AtomicUsize,
    retries: AtomicUsize,
}

impl History {
    /// A number that nothing else has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts down what was asked, how often more than once, and what became of it.
    pub(super) fn record(&self, asked: Asked, retries: usize, answer: Option<Answer>) {
        self.retries.fetch_add(retries, Ordering::Relaxed);
        self.acknowledged.fetch_add(usize::from(answer.is_some()), Ordering::Relaxed);
        self.asked.lock().unwrap().push((asked, answer));
    }

    /// How many requests were answered so far.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(super) fn retries(&self) -> usize {
        self.retries.load(Ordering::Relaxed)
    }

    /// Compares with what there is, asks once more for what is unknown, and once more for everything.
    pub(super) fn check(self, nodes: &Nodes) -> Checked {
        let mut dice = Dice::new(1);
        let asked = self.asked.into_inner().unwrap();
        let effects = Effects::read(nodes, &mut dice);
        let (mut unknown, mut done) = (0, 0);
        let asked: Vec<_> = asked
            .into_iter()
            .map(|(asked, answer)| {
                let effect = effects.of(&asked);
                let answer = answer.unwrap_or_else(|| {
                    // None or one, and after this one; the answer says which it was.
                    let answer = asked.insist(nodes, &mut dice);
                    unknown += 1;
                    done += usize::from(effect.is_some());
                    if expects_effect(&answer) {
                        assert_eq!(is_replayed(&answer), effect.is_some(), "{asked:?}: {answer:?}");
                    }
                    answer
                });
                (asked, answer)
            })
            .collect();

        let effects = Effects::read(nodes, &mut dice);
        for (asked, answer) in &asked {
            let again = asked.insist(nodes, &mut dice);
            assert!(is_replayed(&again), "{asked:?} was answered {answer:?} and now {again:?}");
            assert_eq!(kept(&again), kept(answer), "{asked:?} is answered byte for byte as before");
            match effects.of(asked) {
                Some(effect) => effect.compare(asked, answer),
                None => assert!(!expects_effect(answer), "{asked:?} was answered {answer:?} and has no effect"),
            }
        }
        let known: BTreeSet<_> = asked.iter().map(|(asked, _)| person(asked.number)).collect();
        let unasked: Vec<_> = effects.by_person.keys().filter(|person| !known.contains(*person)).collect();
        assert!(unasked.is_empty(), "nobody asked for what these did: {unasked:?}");
        check_lists(nodes, &mut dice, &asked);
        Checked { asked: asked.len(), unknown, done, feed: effects.feed }
    }
}

/// A history that is what the server has.
#[derive(Debug)]
pub(super) struct Checked {
    /// How much was asked.
    pub(super) asked: usize,
    /// Of how much of that it was not known whether it was done.
    pub(super) unknown: usize,
    /// How much of that was done.
    pub(super) done: usize,
    /// The events in the order of the feed.
    pub(super) feed: Vec<Value>,
}

/// Whether something must have changed, by this answer. Where nothing waits, nothing is claimed.
fn expects_effect(answer: &Answer) -> bool {
    answer.status < 300 && answer.status != 204
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

/// All of an answer that every repetition has.
fn kept(answer: &Answer) -> (u16, [Option<&str>; 3], &[u8]) {
    let headers = ["location", "etag", "content-type"].map(|name| answer.header(name));
    (answer.status, headers, answer.body.as_slice())
}

/// One change of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Effect {
    ticket: String,
    version: u64,
}

impl Effect {
    /// It is what the answer says.
    fn compare(&self, asked: &Asked, answer: &Answer) {
        let told = answer.json();
        assert!(expects_effect(answer), "{asked:?} was refused and has an effect: {self:?}, {answer:?}");
        if told["object"] == "ticket" {
            assert_eq!(told["id"], self.ticket.as_str(), "{asked:?}");
            assert_eq!(told["version"], self.version, "{asked:?}");
        } else {
            assert_eq!(told["ticket_id"], self.ticket.as_str(), "{asked:?}");
        }
    }
}

/// What there is, by who asked for it.
#[derive(Debug)]
struct Effects {
    feed: Vec<Value>,
    by_person: BTreeMap<String, Effect>,
}

impl Effects {
    /// Reads the whole feed. Nobody has changed anything twice, and every change was made by somebody.
    fn read(nodes: &Nodes, dice: &mut Dice) -> Self {
        let feed = nodes.list(dice, "/events?order=asc&limit=100");
        let mut by_person = BTreeMap::new();
        for event in &feed {
            let effect = Effect {
                ticket: event["ticket_id"].as_str().unwrap().to_owned(),
                version: event["ticket_version"].as_u64().unwrap(),
            };
            let person = event["data"]["actor"]["id"].as_str();
            let person = person.unwrap_or_else(|| panic!("nobody asked for {event}")).to_owned();
            let before = by_person.insert(person, effect.clone());
            assert!(before.is_none_or(|before| before == effect), "done twice: {event}");
        }
        Self { feed, by_person }
    }

    fn of(&self, asked: &Asked) -> Option<&Effect> {
        self.by_person.get(&person(asked.number))
    }
}

/// Tickets and their threads have what the events tell of, once.
fn check_lists(nodes: &Nodes, dice: &mut Dice, asked: &[(Asked, Answer)]) {
    let made = asked.iter().filter(|(asked, _)| asked.makes_ticket()).map(|(_, answer)| answer.json());
    let made: BTreeSet<_> = made.map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect();
    let tickets = nodes.list(dice, "/tickets?limit=100");
    let tickets: Vec<_> = tickets.iter().map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tickets.len(), made.len(), "as many tickets as were asked for");
    assert_eq!(tickets.iter().cloned().collect::<BTreeSet<_>>(), made);

    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in &tickets {
        for entry in nodes.list(dice, &format!("/tickets/{ticket}/thread?limit=100")) {
            if entry["kind"] == "note" {
                *written.entry(entry["actor"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    let expected = asked.iter().filter(|(asked, answer)| asked.path.ends_with("/thread") && expects_effect(answer));
    let expected: BTreeMap<_, _> = expected.map(|(asked, _)| (person(asked.number), 1)).collect();
    assert_eq!(written, expected, "each note was written once");
}
