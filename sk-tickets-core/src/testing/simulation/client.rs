use std::{sync::Arc, time::Duration};

use tokio::{join, select};

use super::{
    deed::{Deed, Imprint, secret_word},
    fault::Fault,
    node::{Machine, Node},
    oracle::Told,
    property::Property,
    world::World,
};
use crate::{
    decide::Command,
    desk::Request,
    model::{
        delivery::DeliveryFilter,
        id::TicketId,
        page::{Order, PageRequest},
    },
    platform::{
        idempotency::IdempotencyKey,
        realm::{Environment, Realm},
    },
};

/// How long a client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits in between, in milliseconds.
const PAUSE_MS: (usize, usize) = (20, 800);

/// What came of asking once.
enum Outcome {
    Told(Told, bool),
    /// Refused without being recorded, with this code.
    Refused(String),
    /// Whatever happened: ask again.
    Unknown,
}

/// Somebody who uses a realm, and knows what was answered.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) realm: Realm,
    pub(super) world: Arc<World>,
    pub(super) machines: Arc<Vec<Machine>>,
}

impl Client {
    /// Asks for so many things, one after the other.
    pub(super) async fn work(&self, requests: usize) {
        for number in 1..=requests {
            let key = format!("{}-{number}", self.name);
            self.do_something(&key).await;
            self.pause().await;
        }
        self.world.say(&self.name, &"has done all");
    }

    async fn do_something(&self, key: &str) {
        let dice = &self.world.dice;
        let tickets = self.world.oracle().answers.tickets_of(&self.realm).to_vec();
        let Some(ticket) = dice.pick(&tickets).filter(|_| !dice.once_in(5)) else {
            let is_live = self.realm.environment() == Environment::Live;
            self.ask(key, &Deed::create(dice, key, is_live)).await;
            return;
        };
        match dice.below(16) {
            0 | 1 => {
                self.ask(key, &Deed::claim(dice, key)).await;
            }
            2 => self.redact_something(key, ticket).await,
            3 => self.reuse_a_key().await,
            4 | 5 => self.repeat_something().await,
            6 => self.trespass(key).await,
            7 => self.do_something_about_webhooks(key).await,
            _ => {
                self.ask(key, &Deed::change(dice, key, ticket)).await;
            }
        }
    }

    /// Asks until there is an answer, and checks it against what was answered before.
    pub(super) async fn ask(&self, key: &str, deed: &Deed) -> Told {
        let mut is_sure = true;
        loop {
            let outcome = if self.world.goes_wrong(self.world.weather.twins) {
                self.world.note(Fault::Twin);
                is_sure = false;
                let (one, other) = join!(self.ask_once(key, &deed.command), self.ask_once(key, &deed.command));
                if let (Outcome::Told(one, _), Outcome::Told(other, _)) = (&one, &other) {
                    self.same(key, one, other);
                }
                if matches!(one, Outcome::Unknown) { other } else { one }
            } else {
                self.ask_once(key, &deed.command).await
            };
            match outcome {
                Outcome::Told(told, replayed) => {
                    self.note_answer(key, deed, &told, replayed, is_sure);
                    return told;
                }
                Outcome::Refused(code) => {
                    self.world.check(Property::EveryClientIsAnswered, false, || format!("{key} was refused: {code}"));
                    std::future::pending::<()>().await;
                }
                Outcome::Unknown => is_sure = false,
            }
            self.pause().await;
        }
    }

    fn note_answer(&self, key: &str, deed: &Deed, told: &Told, replayed: bool, is_sure: bool) {
        let at = (self.realm.clone(), key.to_owned());
        let mut oracle = self.world.oracle();
        let before = oracle.answers.by_key.get(&at).map(|(_, told)| told.clone());
        if before.is_none() {
            oracle.answers.by_key.insert(at, (deed.clone(), told.clone()));
            let ticket = told.text("/id").and_then(|id| id.parse::<TicketId>().ok());
            if let Some(id) = ticket.filter(|_| told.is_success() && told.headers.contains("/tickets/")) {
                let known = oracle.answers.tickets.entry(self.realm.clone()).or_default();
                if !known.contains(&id) {
                    known.push(id);
                }
            }
            if let Imprint::Redacted(words) = &deed.imprint
                && told.is_success()
            {
                oracle.answers.words_gone.push((self.realm.clone(), words.clone()));
            }
        }
        drop(oracle);
        self.world.count(|figures| figures.answers += 1);
        self.world.say(&self.name, &format_args!("{key} answered {} replayed: {replayed}", told.status));
        match before {
            Some(before) => self.same(key, &before, told),
            None => self.world.check(Property::OneEffectForEachKey, !(is_sure && replayed), || {
                format!("{key} was never used before, and its answer is a replay")
            }),
        }
    }

    fn same(&self, key: &str, one: &Told, other: &Told) {
        let alike = self.world.oracle().answers.are_alike(&self.realm, one, other);
        self.world.check(Property::ReplayIsIdentical, alike, || format!("{key}:\n  {one:?}\n  {other:?}"));
    }

    async fn ask_once(&self, key: &str, command: &Command) -> Outcome {
        let Some(Node { life, tickets }) = self.node() else { return Outcome::Unknown };
        let desk = tickets.desk(self.realm.clone());
        let request = Request::new(&IdempotencyKey::client(key).expect("a lawful key"), command.clone());
        self.world.say(&self.name, &format_args!("asks {life}: {key} {}", command.operation()));
        let answer = select! {
            biased;
            () = life.ended() => return Outcome::Unknown,
            answer = desk.execute(request) => answer,
            () = self.world.time.sleep(PATIENCE) => {
                self.world.note(Fault::ClientGaveUpWaiting);
                return Outcome::Unknown;
            }
        };
        if self.world.goes_wrong(self.world.weather.answer_lost) {
            self.world.note(Fault::AnswerLost);
            self.world.say(&self.name, &format_args!("{key}: {}", Fault::AnswerLost));
            return Outcome::Unknown;
        }
        match answer {
            Ok(answer) => Outcome::Told(Told::of(&answer.response), answer.replayed),
            Err(error) if error.problem().status() >= 500 => Outcome::Unknown,
            Err(error) => Outcome::Refused(error.code().to_owned()),
        }
    }

    /// A key that was answered is used for something else.
    async fn reuse_a_key(&self) {
        let Some((key, deed, _)) = self.some_answer() else { return };
        let other = deed.with_another_body();
        loop {
            match self.ask_once(&key, &other).await {
                Outcome::Unknown => self.pause().await,
                Outcome::Refused(code) => {
                    let refused = code == "idempotency_key_reused";
                    self.world.check(Property::ReusedKeyIsRefused, refused, || format!("{key}: {code}"));
                    return;
                }
                Outcome::Told(told, _) => {
                    self.world.check(Property::ReusedKeyIsRefused, false, || format!("{key}: {told:?}"));
                    return;
                }
            }
        }
    }

    async fn repeat_something(&self) {
        if let Some((key, deed, _)) = self.some_answer() {
            self.ask(&key, &deed).await;
        }
    }

    /// Asks for what is in another realm.
    async fn trespass(&self, key: &str) {
        let dice = &self.world.dice;
        let others = self.world.oracle().answers.tickets.clone();
        let others: Vec<_> = others.into_iter().filter(|(realm, _)| *realm != self.realm).collect();
        let Some(id) = dice.pick(&others).and_then(|(_, tickets)| dice.pick(&tickets)) else { return };
        let told = self.ask(key, &Deed::change(dice, key, id)).await;
        self.world.check(Property::RealmsAreApart, told.status == 404, || format!("{key} about {id}: {told:?}"));
        let Some(node) = self.node() else { return };
        let desk = node.tickets.desk(self.realm.clone());
        if let Some(Ok(found)) = self.patiently(&node, desk.ticket(id)).await {
            self.world.check(Property::RealmsAreApart, found.is_none(), || format!("{:?} sees {id}", self.realm));
        }
    }

    async fn redact_something(&self, key: &str, ticket: TicketId) {
        let Some(node) = self.node() else { return };
        let desk = node.tickets.desk(self.realm.clone());
        let page = PageRequest::first().limit(100);
        let thread = desk.thread(ticket, &page);
        let Some(Ok(Some(page))) = self.patiently(&node, thread).await else { return };
        let entry = page.data.iter().find_map(|entry| {
            let json = serde_json::to_string(entry).ok()?;
            let from = json.find('<')?;
            let mark = &json[from..=from + json[from..].find('>')?];
            let words = format!("{mark} {}", secret_word(mark));
            json.contains(&words).then_some((entry.id, words))
        });
        let Some((entry, words)) = entry else { return };
        self.world.oracle().answers.words_to_go.entry(self.realm.clone()).or_default().push(words.clone());
        self.ask(key, &Deed::redact(key, ticket, entry, words)).await;
    }

    async fn do_something_about_webhooks(&self, key: &str) {
        let dice = &self.world.dice;
        let endpoints: Vec<_> = {
            let oracle = self.world.oracle();
            let of_realm = oracle.changes.endpoints.iter().filter(|((realm, _), _)| *realm == self.realm);
            of_realm.filter(|(_, facts)| facts.deleted.is_none()).map(|((_, id), _)| *id).collect()
        };
        let Some(endpoint) = dice.pick(&endpoints) else { return };
        match dice.below(8) {
            0 if endpoints.len() < 4 => {
                let url = format!("https://hooks.example.com/{key}");
                self.ask(key, &Deed::create_endpoint(key, &url, None)).await;
            }
            1 if endpoints.len() > 2 => {
                self.ask(key, &Deed::delete_endpoint(key, endpoint)).await;
            }
            2 => {
                self.ask(key, &Deed::replay_dead_letters(key)).await;
            }
            3 | 4 => {
                let Some(node) = self.node() else { return };
                let desk = node.tickets.desk(self.realm.clone());
                let filter = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
                let page = PageRequest::first().order(Order::Asc);
                let Some(Ok(letters)) = self.patiently(&node, desk.deliveries(&filter, &page)).await else { return };
                if let Some(letter) = dice.pick(&letters.data) {
                    self.ask(key, &Deed::dead_letter(dice, key, letter.id)).await;
                }
            }
            _ => {
                self.ask(key, &Deed::change_endpoint(dice, key, endpoint)).await;
            }
        }
    }

    /// What is read, unless the node dies or it takes too long.
    async fn patiently<T>(&self, node: &Node, read: impl Future<Output = T>) -> Option<T> {
        select! {
            biased;
            () = node.life.ended() => None,
            value = read => Some(value),
            () = self.world.time.sleep(PATIENCE) => None,
        }
    }

    fn some_answer(&self) -> Option<(String, Deed, Told)> {
        let oracle = self.world.oracle();
        let mine = oracle.answers.by_key.iter().filter(|((realm, _), _)| *realm == self.realm);
        let mine: Vec<_> = mine.map(|((_, key), (deed, told))| (key.clone(), deed.clone(), told.clone())).collect();
        drop(oracle);
        self.world.dice.pick(&mine)
    }

    /// A key that was never used.
    pub(super) fn fresh_key(&self, what: &str) -> String {
        format!("{}-{what}{}", self.name, self.world.tick())
    }

    /// A node that is up, whichever.
    pub(super) fn node(&self) -> Option<Node> {
        let up: Vec<_> = self.machines.iter().filter_map(Machine::node).collect();
        self.world.dice.pick(&up)
    }

    pub(super) async fn pause(&self) {
        let millis = self.world.dice.between(PAUSE_MS.0, PAUSE_MS.1);
        self.world.time.sleep(Duration::from_millis(millis as u64)).await;
    }
}
