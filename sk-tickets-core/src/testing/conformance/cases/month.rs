//! A month of tickets under policies, against a model that counts minutes.

use std::time::Duration;

use super::{
    super::fixture::{Fixture, key, user},
    sla::{go, of, policy, rung, set, sweep, ticket},
};
use crate::{
    model::{
        event::EventType,
        id::TicketId,
        sla::{SlaState, TicketSla},
        thread::PostEntry,
        ticket::{Priority, Status, UpdateTicket},
    },
    platform::{
        input::Change,
        system::{Entropy, SeededEntropy},
        time::Timestamp,
    },
};

/// How many minutes there are, and every how many of them something happens.
const MINUTES: u64 = 30 * 24 * 60;
const PACE: u64 = 97;
const WEEK: u64 = 7 * 24 * 60;

/// What is aimed at, in minutes.
#[derive(Debug, Clone, Copy, Default)]
struct Aims {
    first_response: Option<u64>,
    resolution: Option<u64>,
    warn_before: Option<u64>,
}

/// A clock as somebody with a notebook would keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Book {
    aim: u64,
    used: u64,
    warn_before: Option<u64>,
    warned: bool,
    ended: Option<SlaState>,
}

#[derive(Debug)]
struct Model {
    id: TicketId,
    priority: Priority,
    status: Status,
    age: u64,
    worked: u64,
    resolved_for: u64,
    reply_at: Option<u64>,
    resolved_at: Option<u64>,
    books: [Option<Book>; 2],
}

const METRICS: [&str; 2] = ["first_response", "resolution"];

type Told = (TicketId, EventType, String, u64);

impl Model {
    fn works(&self) -> bool {
        matches!(self.status, Status::New | Status::Open | Status::OnHold)
    }

    fn is_done(&self) -> bool {
        matches!(self.status, Status::Resolved | Status::Closed)
    }

    /// A minute goes by.
    fn age(&mut self, minute: u64, told: &mut Vec<Told>) {
        self.age += 1;
        let works = self.works();
        self.worked += u64::from(works);
        for (metric, book) in self.books.iter_mut().enumerate() {
            if let Some(book) = book
                && book.ended.is_none()
            {
                book.used += u64::from(works || metric == 0);
            }
        }
        self.look(minute, told);
        if self.status == Status::Resolved {
            self.resolved_for += 1;
            if self.resolved_for == WEEK {
                self.status = Status::Closed;
            }
        }
    }

    /// Rings what is to be rung.
    fn look(&mut self, minute: u64, told: &mut Vec<Told>) {
        let works = self.works();
        for (metric, book) in self.books.iter_mut().enumerate() {
            let Some(book) = book else { continue };
            if book.ended.is_some() {
                continue;
            }
            let mut ring = |kind| told.push((self.id, kind, METRICS[metric].to_owned(), minute));
            let runs = works || metric == 0 || book.used >= book.aim;
            if runs && !book.warned && book.warn_before.is_some_and(|warn| book.used + warn >= book.aim) {
                book.warned = true;
                ring(EventType::TicketSlaWarning);
            }
            if book.used >= book.aim {
                book.ended = Some(SlaState::Breached);
                ring(EventType::TicketSlaBreached);
            }
        }
    }

    fn end(&mut self, metric: usize, state: SlaState) {
        if let Some(book) = &mut self.books[metric]
            && book.ended.is_none()
        {
            book.ended = Some(state);
        }
    }

    fn aim(aims: Aims, metric: usize) -> Option<u64> {
        [aims.first_response, aims.resolution][metric]
    }

    /// Its books are brought under what is aimed at now; those it lacks are opened if `missing`.
    fn apply(&mut self, aims: Aims, missing: bool) {
        if self.is_done() {
            return;
        }
        for metric in 0..2 {
            let aim = Self::aim(aims, metric);
            self.books[metric] = match (self.books[metric], aim) {
                (Some(book), _) if book.ended.is_some() => Some(book),
                (Some(_), None) | (None, None) => None,
                (Some(book), Some(aim)) => Some(Book { aim, warn_before: aims.warn_before, ..book }),
                (None, Some(aim)) if missing => Some(self.opened(metric, aim, aims.warn_before)),
                (None, Some(_)) => None,
            };
        }
    }

    fn opened(&self, metric: usize, aim: u64, warn_before: Option<u64>) -> Book {
        let book = Book { aim, used: self.worked, warn_before, warned: false, ended: None };
        if metric == 1 {
            return book;
        }
        let replied = self.reply_at.filter(|reply| self.resolved_at.is_none_or(|resolved| *reply <= resolved));
        match replied.or(self.resolved_at) {
            None => Book { used: self.age, ..book },
            Some(end) if end < aim => {
                let state = if replied.is_some() { SlaState::Met } else { SlaState::Cancelled };
                Book { used: end, ended: Some(state), ..book }
            }
            Some(end) => Book { used: end, warned: true, ..book },
        }
    }

    fn reply(&mut self) {
        self.reply_at.get_or_insert(self.age);
        self.end(0, SlaState::Met);
    }

    fn go(&mut self, to: Status, aims: Aims) {
        let reopens = self.status == Status::Resolved && to == Status::Open;
        self.status = to;
        match to {
            Status::Resolved => {
                self.resolved_for = 0;
                self.resolved_at.get_or_insert(self.age);
                self.end(0, SlaState::Cancelled);
                self.end(1, SlaState::Met);
            }
            Status::Closed => {
                self.end(0, SlaState::Cancelled);
                self.end(1, SlaState::Cancelled);
            }
            _ if reopens && self.books[1].is_none_or(|book| book.ended != Some(SlaState::Breached)) => {
                self.books[1] = aims.resolution.map(|aim| self.opened(1, aim, aims.warn_before));
            }
            _ => {}
        }
    }

    fn states(&self) -> [Option<SlaState>; 2] {
        let running = |metric| if metric == 0 || self.works() { SlaState::Running } else { SlaState::Paused };
        [0, 1].map(|metric| self.books[metric].map(|book| book.ended.unwrap_or_else(|| running(metric))))
    }
}

struct Month<'a> {
    fixture: &'a Fixture,
    beginning: Timestamp,
    dice: SeededEntropy,
    aims: [Aims; 4],
    models: Vec<Model>,
    told: Vec<Told>,
    minute: u64,
}

impl Month<'_> {
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }

    fn time(&self, minute: u64) -> Timestamp {
        self.beginning + Duration::from_secs(60 * minute)
    }

    /// To this minute; on the way the sweeper is there at each due time, and at no other.
    async fn on(&mut self, minute: u64) {
        for next in self.minute + 1..=minute {
            for model in &mut self.models {
                model.age(next, &mut self.told);
            }
        }
        self.minute = minute;
        let end = self.time(minute);
        while let Some(due) = self.fixture.store.next_due(self.fixture.tickets.now()).await.expect("read") {
            if due > end {
                break;
            }
            self.fixture.clock.set(due);
            assert!(sweep(self.fixture).await.changed > 0, "something was due");
        }
        self.fixture.clock.set(end);
    }

    fn maybe(&self, among: &[u64]) -> Option<u64> {
        let which = usize::try_from(self.below(1 + among.len() as u64)).expect("small");
        among.get(which).copied()
    }

    async fn policy(&mut self) {
        let which = usize::try_from(self.below(4)).expect("small");
        let aims = Aims {
            first_response: self.maybe(&[60, 500, 1_440]),
            resolution: self.maybe(&[300, 2_880, 10_000]),
            warn_before: self.maybe(&[10, 50]),
        };
        self.aims[which] = aims;
        let priority = Priority::ALL[which];
        let seconds = |minutes: Option<u64>| minutes.map(|minutes| minutes * 60);
        let wanted = policy(seconds(aims.first_response), seconds(aims.resolution), seconds(aims.warn_before));
        set(self.fixture, priority, wanted).await;
        // The tick that it took is given back.
        self.fixture.clock.set(self.time(self.minute));
        while sweep(self.fixture).await.more {}
        for model in self.models.iter_mut().filter(|model| model.priority == priority) {
            model.apply(aims, false);
            model.look(self.minute, &mut self.told);
        }
    }

    async fn create(&mut self) {
        let which = usize::try_from(self.below(4)).expect("small");
        let priority = Priority::ALL[which];
        let name = format!("ticket {}", self.models.len());
        let made = self.fixture.desk.create_ticket(&key(&name), of(priority, &name)).await.expect("made").value;
        let mut model = Model {
            id: made.id,
            priority,
            status: Status::New,
            age: 0,
            worked: 0,
            resolved_for: 0,
            reply_at: None,
            resolved_at: None,
            books: [None; 2],
        };
        model.apply(self.aims[which], true);
        self.models.push(model);
    }

    async fn act(&mut self) {
        let Some(which) =
            self.below(self.models.len().max(1) as u64).try_into().ok().filter(|_| !self.models.is_empty())
        else {
            return;
        };
        let which: usize = which;
        let (id, status) = (self.models[which].id, self.models[which].status);
        let name = format!("{} {id}", self.minute);
        match self.below(8) {
            0 if status != Status::Closed => {
                let message = PostEntry::message("On it".parse().expect("lawful"));
                let post = PostEntry { actor_id: Some(user(1).into()), ..message };
                self.fixture.desk.post_to_thread(&key(&name), id, post).await.expect("written");
                self.models[which].reply();
            }
            1 if status != Status::Closed => {
                let rank = usize::try_from(self.below(4)).expect("small");
                let priority = Priority::ALL[rank];
                let update = UpdateTicket { priority: Change(Some(priority)), ..UpdateTicket::nothing() };
                self.fixture.desk.update_ticket(&key(&name), id, update).await.expect("changed");
                let aims = self.aims[rank];
                let model = &mut self.models[which];
                if model.priority != priority {
                    model.priority = priority;
                    model.apply(aims, true);
                }
            }
            _ => {
                let allowed = crate::transition::allowed(status);
                // To close is the rarest.
                let open: Vec<_> = allowed.iter().copied().filter(|to| *to != Status::Closed).collect();
                let among = if self.below(12) == 0 { allowed } else { open };
                let Some(to) = among.get(usize::try_from(self.below(among.len().max(1) as u64)).expect("small")) else {
                    return;
                };
                go(self.fixture, id, *to).await;
                let model = &mut self.models[which];
                model.go(*to, self.aims[model.priority as usize]);
            }
        }
        self.models[which].look(self.minute, &mut self.told);
    }
}

/// Warnings and breaches at the due instant, once each; pauses are given back; nothing rings once it is done; what is opened
/// again goes on with the rest.
pub async fn in_a_month_every_clock_rings_when_it_should(fixture: &Fixture) {
    let mut month = Month {
        fixture,
        beginning: fixture.tickets.now(),
        dice: SeededEntropy::new(7),
        aims: [Aims::default(); 4],
        models: Vec::new(),
        told: Vec::new(),
        minute: 0,
    };
    for _ in 0..6 {
        month.policy().await;
    }
    while month.minute + PACE < MINUTES {
        month.on(month.minute + 1 + month.below(2 * PACE)).await;
        match month.below(14) {
            0 => month.policy().await,
            1 | 2 if month.models.len() < 24 => month.create().await,
            _ => month.act().await,
        }
    }
    month.on(MINUTES).await;

    let mut expected: Vec<_> =
        month.told.iter().map(|(id, kind, metric, minute)| (*id, *kind, metric.clone(), month.time(*minute))).collect();
    let mut found = rung(&fixture.desk).await;
    expected.sort();
    found.sort();
    assert!(expected.len() > 20, "something happened: {}", expected.len());
    assert_eq!(found, expected);
    for model in &month.models {
        let ticket = ticket(fixture, model.id).await;
        let states = ticket.sla.map_or([None; 2], |TicketSla { first_response, resolution }| {
            [first_response, resolution].map(|clock| clock.map(|clock| clock.state))
        });
        assert_eq!((ticket.status, states), (model.status, model.states()), "{model:?}");
    }
}
