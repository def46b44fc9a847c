use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    desk::{Desk, Tickets},
    model::{
        endpoint::{CreateEndpoint, EndpointView},
        id::UserId,
        ticket::{CreateTicket, Ticket},
    },
    platform::{
        idempotency::IdempotencyKey,
        realm::{Environment, Realm},
        system::SeededEntropy,
        time::{Clock, Timestamp},
        webhook::TargetPolicy,
    },
    store::Store,
    testing::ManualClock,
};

/// A fresh store, and what must be dropped when its case is over.
pub struct Harness {
    store: Arc<dyn Store>,
    #[expect(dead_code, reason = "held until the case is over")]
    guard: Box<dyn Any + Send>,
}

impl Harness {
    /// A store that needs no cleaning up.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with_guard(store, ())
    }

    /// A store with something that is dropped after its case, such as a temporary folder.
    #[must_use]
    pub fn with_guard(store: Arc<dyn Store>, guard: impl Any + Send) -> Self {
        Self { store, guard: Box::new(guard) }
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("store", &self.store).finish_non_exhaustive()
    }
}

/// What a case works with.
#[derive(Debug)]
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// Shared by all desks; stands still until set.
    pub clock: Arc<ManualClock>,
    /// The engine of `desk`.
    pub tickets: Tickets,
    /// The realm that a case looks at.
    pub desk: Desk,
    /// Another realm, in which the fixture's tickets and endpoints have twins with the same ids.
    pub decoy: Desk,
    steps: AtomicU64,
    harness: Harness,
}

impl Fixture {
    /// The fixture around a fresh store.
    #[must_use]
    pub fn new(harness: Harness) -> Self {
        let store = Arc::clone(&harness.store);
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let realm = |tenant: &str| Realm::assume(tenant.parse().expect("a lawful name"), Environment::Test);
        let tickets = engine(&store, &clock, 1);
        let desk = tickets.desk(realm("acme"));
        let decoy = engine(&store, &clock, 2).desk(realm("decoy"));
        Self { store, clock, tickets, desk, decoy, steps: AtomicU64::new(1_000), harness }
    }

    /// Another engine on the same store, with ids and secrets of its own: another node.
    #[must_use]
    pub fn node(&self, seed: u64) -> Tickets {
        engine(&self.harness.store, &self.clock, seed)
    }

    /// Moves the clock on by a millisecond, so that what comes next is later than what was.
    pub fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }

    /// Makes a ticket in the realm and its twin, with the same id, in the decoy.
    pub async fn ticket(&self, subject: &str) -> Ticket {
        let [decoy, desk] = self.twins();
        let create = |subject: &str| CreateTicket::new(subject).expect("a lawful subject");
        let twin = decoy.create_ticket(&key(subject), create(&format!("decoy of {subject}"))).await;
        let made = desk.create_ticket(&key(subject), create(subject)).await.expect("made").value;
        assert_eq!(twin.expect("made").value.id, made.id, "the decoy has the same ids");
        made
    }

    /// Makes an endpoint in the realm and its twin, with the same id, in the decoy.
    pub async fn endpoint(&self, port: u16) -> EndpointView {
        let [decoy, desk] = self.twins();
        let create = || CreateEndpoint::new(format!("http://127.0.0.1:{port}/").parse().expect("a lawful text"));
        let key = key(&format!("endpoint {port}"));
        let twin = decoy.create_endpoint(&key, create()).await.expect("made").value;
        let made = desk.create_endpoint(&key, create()).await.expect("made").value;
        assert_eq!(twin.id, made.id, "the decoy has the same ids");
        made
    }

    /// Desks on the decoy and on the realm that will make the same ids, a millisecond later than those before.
    fn twins(&self) -> [Desk; 2] {
        self.tick();
        let seed = self.steps.fetch_add(1, Ordering::Relaxed);
        [&self.decoy, &self.desk].map(|desk| self.node(seed).desk(desk.realm().clone()))
    }
}

fn engine(store: &Arc<dyn Store>, clock: &Arc<ManualClock>, seed: u64) -> Tickets {
    Tickets::builder(Arc::clone(store))
        .clock(Arc::clone(clock) as Arc<dyn Clock>)
        .entropy(Arc::new(SeededEntropy::new(seed)))
        .targets(TargetPolicy::LoopbackInTest)
        .build()
}

/// An idempotency key made of any text.
pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::system(text)
}

/// The user with this number.
pub(crate) fn user(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}
