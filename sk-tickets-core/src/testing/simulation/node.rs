use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{select, sync::Notify, task::JoinSet};

use super::{
    clock::NodeClock, fault::Fault, latch::Latch, mailbox::Mailbox, receivers::Receivers, store::FaultyStore,
    world::World,
};
use crate::{
    desk::Tickets,
    platform::{
        system::{Entropy, SeededEntropy},
        time::{Clock, Timestamp},
        webhook::Schedule,
    },
    store::Store,
};

/// When deliveries and mails are tried again: soon, since what is waited for takes time to simulate.
pub(super) const SCHEDULE: &str = "1s,4s,16s";
/// After how long a resolved ticket is closed.
pub(super) const AUTO_CLOSE_AFTER: Duration = Duration::from_secs(40);
/// How long a node is away at most after it died, in milliseconds.
const AWAY_MS: usize = 8_000;

/// One life of a node, from its start until it dies or is stopped.
#[derive(Debug)]
pub(super) struct Life {
    world: Arc<World>,
    name: String,
    ended: Latch,
    /// Until when it does not reach the store, in milliseconds.
    cut_off_until: AtomicI64,
}

impl Life {
    fn new(world: Arc<World>, name: String) -> Self {
        Self { world, name, ended: Latch::default(), cut_off_until: AtomicI64::new(0) }
    }

    /// Ends it: nothing that runs in it goes on.
    pub(super) fn end(&self) {
        self.ended.close();
    }

    pub(super) async fn ended(&self) {
        self.ended.closed().await;
    }

    /// Never returns once the node is dead.
    pub(super) async fn must_go_on(&self) {
        if self.ended.is_closed() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn cut_off(&self, duration: Duration) {
        let until = self.world.time.now() + duration;
        self.cut_off_until.store(until.as_millis(), Ordering::SeqCst);
    }

    pub(super) fn is_cut_off(&self) -> bool {
        let until = Timestamp::from_millis(self.cut_off_until.load(Ordering::SeqCst));
        !self.world.is_calm() && until > self.world.time.now()
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A node that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) life: Arc<Life>,
    pub(super) tickets: Tickets,
}

/// A machine on which a node lives, again and again.
#[derive(Debug)]
pub(super) struct Machine {
    number: usize,
    seed: u64,
    world: Arc<World>,
    store: Arc<dyn Store>,
    pub(super) clock: Arc<NodeClock>,
    receivers: Arc<Receivers>,
    mailbox: Arc<Mailbox>,
    node: Mutex<Option<Node>>,
    stop: Notify,
}

impl Machine {
    pub(super) fn new(
        number: usize,
        seed: u64,
        world: &Arc<World>,
        store: Arc<dyn Store>,
        receivers: Arc<Receivers>,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        let clock = Arc::new(NodeClock::new(Arc::clone(&world.time)));
        let (world, node, stop) = (Arc::clone(world), Mutex::new(None), Notify::new());
        Self { number, seed, world, store, clock, receivers, mailbox, node, stop }
    }

    /// The node that lives here just now.
    pub(super) fn node(&self) -> Option<Node> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the node for good.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Lives until it is stopped.
    pub(super) async fn run(&self) {
        let world = &self.world;
        for life in 1.. {
            let node = self.start(life);
            let mut workers = Workers::of(&node, self);
            self.set(Some(node.clone()));
            world.say(&node.life, &"started");
            let span = Duration::from_millis(world.dice.between(500, world.weather.node_lives_ms) as u64);
            let is_last = select! {
                biased;
                () = node.life.ended() => {
                    workers.kill();
                    false
                }
                () = self.stop.notified() => {
                    workers.stop().await;
                    true
                }
                () = self.end_of(span) => {
                    if world.dice.once_in(2) {
                        world.note(Fault::Deploy);
                        world.say(&node.life, &Fault::Deploy);
                        select! {
                            biased;
                            () = node.life.ended() => workers.kill(),
                            () = workers.stop() => {}
                        }
                    } else {
                        world.note(Fault::CrashAnywhere);
                        world.say(&node.life, &Fault::CrashAnywhere);
                        workers.kill();
                    }
                    false
                }
            };
            self.set(None);
            node.life.end();
            drop(workers);
            if is_last {
                world.say(&node.life, &"stopped");
                return;
            }
            let away_ms = if world.is_calm() { 0 } else { world.dice.between(10, AWAY_MS) };
            world.time.sleep(Duration::from_millis(away_ms as u64)).await;
        }
    }

    /// Returns after so long, if things may go wrong then.
    async fn end_of(&self, span: Duration) {
        self.world.time.sleep(span).await;
        if self.world.is_calm() {
            std::future::pending::<()>().await;
        }
    }

    fn start(&self, life: u64) -> Node {
        let name = format!("n{}.{life}", self.number);
        let life_of_node = Arc::new(Life::new(Arc::clone(&self.world), name));
        let store = FaultyStore::new(Arc::clone(&self.store), Arc::clone(&self.world), Arc::clone(&life_of_node));
        let chance = self.seed.wrapping_mul(1_000_003).wrapping_add((self.number as u64) << 32).wrapping_add(life);
        let tickets = engine(Arc::new(store), Arc::clone(&self.clock) as Arc<dyn Clock>, chance);
        Node { life: life_of_node, tickets }
    }

    fn set(&self, node: Option<Node>) {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner) = node;
    }
}

/// The engine, set up as every node has it.
pub(super) fn engine(store: Arc<dyn Store>, clock: Arc<dyn Clock>, seed: u64) -> Tickets {
    Tickets::builder(store)
        .clock(clock)
        .entropy(Arc::new(SeededEntropy::new(seed)) as Arc<dyn Entropy>)
        .schedule(SCHEDULE.parse::<Schedule>().expect("a lawful schedule"))
        .auto_close_after(Some(AUTO_CLOSE_AFTER))
        .build()
}

/// What a node does besides answering.
struct Workers {
    tasks: JoinSet<()>,
    stop: Arc<Latch>,
}

impl Workers {
    fn of(node: &Node, machine: &Machine) -> Self {
        let stop = Arc::new(Latch::default());
        let shutdown = || {
            let stop = Arc::clone(&stop);
            async move { stop.closed().await }
        };
        let mut tasks = JoinSet::new();
        let dispatcher = node.tickets.dispatcher(Arc::clone(&machine.receivers) as _);
        let (sweeper, mailer) = (node.tickets.sweeper(), node.tickets.mailer(Arc::clone(&machine.mailbox) as _));
        let (one, two, three) = (shutdown(), shutdown(), shutdown());
        tasks.spawn(async move { dispatcher.run(one).await });
        tasks.spawn(async move { sweeper.run(two).await });
        tasks.spawn(async move { mailer.run(three).await });
        Self { tasks, stop }
    }

    /// Nothing goes on, wherever it is.
    fn kill(&mut self) {
        self.tasks.abort_all();
    }

    /// Lets what is under way end.
    async fn stop(&mut self) {
        self.stop.close();
        while self.tasks.join_next().await.is_some() {}
    }
}
