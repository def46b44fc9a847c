//! A run from its beginning to its end: first anything may fail and nothing unsafe may happen, then nothing fails and all
//! that is owed must come.

use std::{sync::Arc, time::Duration};

use tokio::{select, task::JoinSet};

use super::{
    audit::Audit,
    chaos,
    client::Client,
    deed::{Deed, POOL},
    follower::Follower,
    latch::Latch,
    mailbox::Mailbox,
    node::{AUTO_CLOSE_AFTER, Machine},
    property::Property,
    receivers::Receivers,
    world::World,
};
use crate::{
    decide::{Command, QueueCommand},
    model::{event::EventType, notification::Outcome, queue::CreateQueue, ticket::Priority},
    platform::realm::{Environment, Realm},
    store::{Backlog, NotificationBacklog, Store},
};

/// How many requests a client makes.
const REQUESTS: usize = 20;
/// The longest clock of any ticket.
const SLA_SECS_MAX: u64 = 30;
/// How long all that is owed may take to come once nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often dead letters are replayed if some are left.
const REPLAY_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether they are there.
const GLANCE: Duration = Duration::from_millis(200);
/// Within what a worker that is woken has sent a webhook; one that is not looks again after half a second.
const WOKEN_WITHIN: Duration = Duration::from_millis(60);
/// How often that is tried.
const WAKE_UPS: usize = 6;

/// Those who take part in a run.
#[derive(Debug)]
pub(super) struct Scenario {
    world: Arc<World>,
    store: Arc<dyn Store>,
    machines: Arc<Vec<Machine>>,
    stewards: Vec<Client>,
    clients: Vec<Client>,
}

/// The realms: two tenants, one of them with both environments.
fn realms() -> [Realm; 3] {
    [("acme", Environment::Test), ("acme", Environment::Live), ("globex", Environment::Live)]
        .map(|(tenant, environment)| Realm::assume(tenant.parse().expect("a lawful name"), environment))
}

impl Scenario {
    pub(super) fn new(seed: u64, world: &Arc<World>, store: &Arc<dyn Store>) -> Self {
        let receivers = Arc::new(Receivers::new(Arc::clone(world)));
        let mailbox = Arc::new(Mailbox::new(Arc::clone(world)));
        let machine =
            |number| Machine::new(number, seed, world, Arc::clone(store), Arc::clone(&receivers), Arc::clone(&mailbox));
        let machines: Arc<Vec<_>> = Arc::new((1..=world.dice.between(2, 3)).map(machine).collect());
        let client = |name: String, realm: Realm| Client {
            name,
            realm,
            world: Arc::clone(world),
            machines: Arc::clone(&machines),
        };
        let stewards = (1..).zip(realms()).map(|(number, realm)| client(format!("s{number}"), realm)).collect();
        let twice = realms().into_iter().flat_map(|realm| [realm.clone(), realm]);
        let clients = (1..).zip(twice).map(|(number, realm)| client(format!("c{number}"), realm)).collect();
        Self { world: Arc::clone(world), store: Arc::clone(store), machines, stewards, clients }
    }

    /// Takes its course, unless a property is violated.
    pub(super) async fn run(&self) {
        select! {
            biased;
            () = self.world.broken() => {}
            () = self.course() => {}
        }
    }

    async fn course(&self) {
        let mut nodes = JoinSet::new();
        for number in 0..self.machines.len() {
            let machines = Arc::clone(&self.machines);
            nodes.spawn(async move { machines[number].run().await });
        }
        self.set_up().await;

        self.world.set_calm(false);
        let (followers, stop) = self.follow();
        let chaos = tokio::spawn(chaos::run(Arc::clone(&self.world), Arc::clone(&self.machines)));
        let mut work = JoinSet::new();
        for client in &self.clients {
            let client = client.clone();
            work.spawn(async move { client.work(REQUESTS).await });
        }
        let storm = Duration::from_secs(self.world.dice.between(20, 120) as u64);
        select! {
            biased;
            () = async { while work.join_next().await.is_some() {} } => {}
            () = self.world.time.sleep(storm) => {}
        }

        self.world.set_calm(true);
        let answered = self.before_patience_ends(async { while work.join_next().await.is_some() {} }).await;
        let left = work.len();
        self.world.check(Property::EveryClientIsAnswered, answered, || format!("{left} clients wait"));
        chaos.abort();
        self.settle_webhooks().await;
        self.settle_mail().await;
        self.world.time.sleep(AUTO_CLOSE_AFTER + Duration::from_secs(SLA_SECS_MAX + 5)).await;
        self.wake_workers().await;
        self.settle_webhooks().await;
        self.settle_mail().await;

        let followers = self.end_of(followers, &stop).await;
        for machine in &*self.machines {
            machine.stop();
        }
        while nodes.join_next().await.is_some() {}
        self.world.undisturbed(Audit::new(&self.world, &self.store, &self.stewards).run(followers)).await;
    }

    /// Two endpoints, a queue and policies in every realm.
    async fn set_up(&self) {
        for steward in &self.stewards {
            let name = &steward.name;
            for (number, events) in
                [None, Some([EventType::TicketCreated, EventType::TicketResolved])].iter().enumerate()
            {
                let key = format!("{name}-endpoint{number}");
                let url = format!("https://hooks.example.com/{key}");
                steward.ask(&key, &Deed::create_endpoint(&key, &url, events.as_ref().map(|types| &types[..]))).await;
            }
            for priority in [Priority::Normal, Priority::High] {
                let key = format!("{name}-{priority}");
                let first_secs = self.world.dice.between(8, 15) as u64;
                let resolution_secs = self.world.dice.between(15, 30).min(usize::try_from(SLA_SECS_MAX).unwrap_or(0));
                steward.ask(&key, &Deed::set_policy(&key, priority, first_secs, resolution_secs as u64)).await;
            }
            let queue = CreateQueue::new(POOL.parse().expect("a lawful key"));
            let deed = Deed::elsewhere(Command::Queue(QueueCommand::Create(queue)), POOL);
            steward.ask(&format!("{name}-queue"), &deed).await;
        }
    }

    fn follow(&self) -> (JoinSet<Follower>, Arc<Latch>) {
        let stop = Arc::new(Latch::default());
        let mut followers = JoinSet::new();
        for steward in &self.stewards {
            followers.spawn(Follower::new(steward.clone()).run(Arc::clone(&stop)));
        }
        (followers, stop)
    }

    async fn end_of(&self, mut followers: JoinSet<Follower>, stop: &Latch) -> Vec<Follower> {
        stop.close();
        let mut ended = Vec::new();
        let all = async {
            while let Some(Ok(follower)) = followers.join_next().await {
                ended.push(follower);
            }
        };
        let done = self.before_patience_ends(all).await;
        self.world.check(Property::EveryClientIsAnswered, done, || "a follower of the feed waits".to_owned());
        ended
    }

    /// Waits until nothing pends, and has all that is dead sent after all.
    async fn settle_webhooks(&self) {
        let drained = self.before_patience_ends(self.while_there(|backlog| backlog.pending > 0)).await;
        let backlog = self.backlog().await;
        self.world.check(Property::OutboxIsEmptied, drained, || format!("deliveries pend: {backlog:?}"));
        let replayed = async {
            while self.backlog().await.dead_letters > 0 {
                self.replay_dead_letters().await;
                // A replay means what has happened by the clock of its node; what one that is ahead has written, the next.
                self.world.time.sleep(REPLAY_EVERY).await;
                self.while_there(|backlog| backlog.pending > 0).await;
            }
        };
        let replayed = self.before_patience_ends(replayed).await;
        let backlog = self.backlog().await;
        self.world.check(Property::OutboxIsEmptied, replayed, || format!("dead letters are left: {backlog:?}"));
    }

    /// Has every endpoint told again, and what it missed.
    async fn replay_dead_letters(&self) {
        for steward in &self.stewards {
            let endpoints: Vec<_> = {
                let oracle = self.world.oracle();
                let of_realm = oracle.changes.endpoints.iter().filter(|((realm, _), _)| *realm == steward.realm);
                of_realm.filter(|(_, facts)| facts.deleted.is_none()).map(|((_, id), _)| *id).collect()
            };
            for id in endpoints {
                let key = steward.fresh_key("enable");
                steward.ask(&key, &Deed::enable(&key, id)).await;
            }
            let key = steward.fresh_key("replay");
            steward.ask(&key, &Deed::replay_dead_letters(&key)).await;
        }
    }

    async fn while_there(&self, is_left: impl Fn(&Backlog) -> bool) {
        while is_left(&self.backlog().await) {
            self.world.time.sleep(GLANCE).await;
        }
    }

    async fn backlog(&self) -> Backlog {
        self.world.undisturbed(self.store.backlog()).await.expect("the store itself does not fail")
    }

    async fn mail_backlog(&self) -> NotificationBacklog {
        self.world.undisturbed(self.store.notification_backlog()).await.expect("the store itself does not fail")
    }

    /// Waits until no notification pends, has those that are dead sent after all, and waits again.
    async fn settle_mail(&self) {
        for _ in 0..2 {
            let sent = self.before_patience_ends(async {
                while self.mail_backlog().await.pending > 0 {
                    self.world.time.sleep(GLANCE).await;
                }
            });
            let sent = sent.await;
            let backlog = self.mail_backlog().await;
            self.world.check(Property::MailIsSent, sent, || format!("notifications pend: {backlog:?}"));
            for steward in &self.stewards {
                let audit = Audit::new(&self.world, &self.store, &self.stewards);
                let notifications = self.world.undisturbed(audit.notifications(&steward.realm)).await;
                for dead in notifications.iter().filter(|one| one.outcome == Outcome::Dead) {
                    let key = steward.fresh_key("resend");
                    steward.ask(&key, &Deed::replay_notification(&key, dead.id)).await;
                }
            }
        }
        let dead = self.mail_backlog().await.dead;
        self.world.check(Property::MailIsSent, dead == 0, || format!("{dead} are dead though nothing fails"));
    }

    /// Makes tickets while all rest, and sees how soon their webhooks are there.
    async fn wake_workers(&self) {
        // What is written by a clock that is ahead is due later for all others: here it is about being woken.
        for machine in &*self.machines {
            machine.clock.set_off_by(0);
        }
        self.world.time.sleep(Duration::from_secs(8)).await;
        let steward = &self.stewards[0];
        for _ in 0..WAKE_UPS {
            let millis = self.world.dice.between(1_500, 2_500);
            self.world.time.sleep(Duration::from_millis(millis as u64)).await;
            let before = self.world.oracle().inbox.webhooks.len();
            let key = steward.fresh_key("wake");
            let deed = Deed::create(&self.world.dice, &key, false);
            steward.ask(&key, &deed).await;
            self.world.time.sleep(WOKEN_WITHIN).await;
            let came = self.world.oracle().inbox.webhooks.len() > before;
            // A store with threads of its own may wake a worker only after it has answered, when time has gone on.
            let holds = came || !self.world.exact;
            self.world.check(Property::WorkersAreWoken, holds, || format!("nobody was woken for {key}"));
        }
    }

    async fn before_patience_ends(&self, what: impl Future<Output = ()>) -> bool {
        select! {
            biased;
            () = what => true,
            () = self.world.time.sleep(PATIENCE) => false,
        }
    }
}
