//! A client that does not give up: it asks again, the same, until a node answers.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::client::{Answer, send};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Before it asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// Whom to talk to, and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    addresses: Vec<String>,
    key: String,
}

impl Nodes {
    pub(crate) fn new(addresses: Vec<String>, key: String) -> Self {
        Self { addresses, key }
    }

    /// Asks any node once. None if it is down or busy, or the answer was lost: whether it was done is not known.
    pub(crate) fn once(
        &self,
        dice: &mut Dice,
        method: &str,
        path: &str,
        idempotency_key: Option<&str>,
        body: &str,
    ) -> Option<Answer> {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        let address = &self.addresses[dice.roll(self.addresses.len())];
        let answer = send(address, method, &format!("/tickets/v1{path}"), &headers, body.as_bytes());
        answer.ok().filter(|answer| answer.status < 500)
    }

    /// Asks any node, and goes on asking, the same again, until one answers for good.
    pub(crate) fn ask(
        &self,
        dice: &mut Dice,
        method: &str,
        path: &str,
        idempotency_key: Option<&str>,
        body: &str,
    ) -> Answer {
        let start = Instant::now();
        loop {
            if let Some(answer) = self.once(dice, method, path, idempotency_key, body) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "no node answers");
            thread::sleep(PAUSE);
        }
    }

    /// All rows of a list.
    pub(crate) fn list(&self, dice: &mut Dice, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut next = path.to_owned();
        loop {
            let page = self.ask(dice, "GET", &next, None, "").json();
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) if page["has_more"] == true => next = format!("{path}&cursor={cursor}"),
                Some(_) | None => return rows,
            }
        }
    }

    /// Follows the feed until all is over and it has caught up; the ids in the order of the feed.
    pub(crate) fn follow(&self, over: &AtomicBool) -> Vec<String> {
        let mut dice = Dice::new(99);
        let mut seen = Vec::new();
        let mut path = "/events?order=asc&limit=100".to_owned();
        loop {
            let last_look = over.load(Ordering::Acquire);
            let page = self.ask(&mut dice, "GET", &path, None, "").json();
            let events = page["data"].as_array().unwrap();
            seen.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
            path = format!("/events?order=asc&limit=100&cursor={}", page["next_cursor"].as_str().unwrap());
            if events.is_empty() {
                if last_look {
                    return seen;
                }
                thread::sleep(PAUSE);
            }
        }
    }

    /// Writes, now and then a second time, on whichever node: the answer is the same.
    pub(crate) fn write(&self, dice: &mut Dice, path: &str, key: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let answer = self.ask(dice, "POST", path, Some(key), &body);
        assert!(answer.status < 300, "{path} {body}: {}", String::from_utf8_lossy(&answer.body));
        if dice.roll(4) == 0 {
            let again = self.ask(dice, "POST", path, Some(key), &body);
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert_eq!((again.status, &again.body), (answer.status, &answer.body));
        }
        answer
    }
}

/// The same throws for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: usize) -> Self {
        Self(u64::try_from(seed).unwrap_or_default())
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}
