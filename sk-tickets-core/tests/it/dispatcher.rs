//! The worker at its limits: receivers that hang, leases that are lost, a stop in the middle of an attempt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sk_tickets_core::{
    Clock, CreateEndpoint, CreateTicket, Delivery, DeliveryFilter, DeliveryStatus, Desk, Environment, IdempotencyKey,
    MemoryStore, PageRequest, Realm, SendError, Store, TargetPolicy, Tickets, Timestamp, WebhookReply, WebhookRequest,
    WebhookSender,
    limits::{ENDPOINTS_MAX, FIRST_IN_FLIGHT_MAX},
    store::{DeliveryQueue, LeasedDelivery, Slots, WorkerId},
    testing::ManualClock,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::patience::{moments, pass, until};

const LEASE: Duration = Duration::from_secs(10);

/// Never answers.
#[derive(Debug, Default)]
struct Hanging {
    asked: AtomicUsize,
}

#[async_trait]
impl WebhookSender for Hanging {
    async fn send(&self, _: WebhookRequest) -> Result<WebhookReply, SendError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

/// Where somebody answers at once.
const PROMPT: &str = "http://127.0.0.1:9999/";

/// Answers at [`PROMPT`], and never anywhere else.
#[derive(Debug, Default)]
struct HangingElsewhere {
    asked: AtomicUsize,
    answered: AtomicUsize,
}

#[async_trait]
impl WebhookSender for HangingElsewhere {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        if request.url != PROMPT {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return std::future::pending().await;
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(WebhookReply { status_code: 200, retry_after: None, body: Vec::new() })
    }
}

/// A worker, which works until it is told.
fn start(tickets: &Tickets, sender: Arc<dyn WebhookSender>) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let dispatcher = tickets.dispatcher(sender);
    let (stop, stopped) = oneshot::channel();
    let worker = tokio::spawn(async move {
        dispatcher
            .run(async {
                // Whether it was told or the stage is gone: either is the end.
                let _ = stopped.await;
            })
            .await;
    });
    (stop, worker)
}

struct Stage {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    sender: Arc<Hanging>,
    desk: Desk,
    stop: oneshot::Sender<()>,
    worker: JoinHandle<()>,
}

impl Stage {
    /// A worker in the middle of an attempt that hangs.
    async fn set() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tickets = Tickets::builder(Arc::clone(&store) as Arc<dyn Store>)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .targets(TargetPolicy::LoopbackInTest)
            .build();
        let desk = tickets.desk(Realm::assume("acme".parse().expect("lawful"), Environment::Test));
        let hook = CreateEndpoint::new("http://127.0.0.1:9000/".parse().expect("lawful"));
        desk.create_endpoint(&IdempotencyKey::system("hook"), hook).await.expect("made");
        let ticket = CreateTicket::new("Part delayed").expect("lawful");
        desk.create_ticket(&IdempotencyKey::system("ticket"), ticket).await.expect("made");

        let sender = Arc::new(Hanging::default());
        let (stop, worker) = start(&tickets, Arc::clone(&sender) as Arc<dyn WebhookSender>);
        let stage = Self { store, clock, sender, desk, stop, worker };
        until(async || stage.sender.asked.load(Ordering::SeqCst) == 1).await;
        stage
    }

    async fn delivery(&self) -> Delivery {
        let all = self.desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read");
        all.data.into_iter().next().expect("there is one")
    }

    async fn claimed_by_another(&self) -> usize {
        claim(&self.store, &self.clock).await.len()
    }
}

/// What another worker would get now.
async fn claim(store: &MemoryStore, clock: &ManualClock) -> Vec<LeasedDelivery> {
    let slots = Slots { first: 10, retry: 10 };
    store.claim_due(WorkerId(7), clock.now(), LEASE, slots).await.expect("claimed").deliveries
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_attempt_runs() {
    let stage = Stage::set().await;
    pass(&stage.clock, 12).await;
    assert_eq!(stage.claimed_by_another().await, 0, "the first lease would have ended after ten seconds");
    assert_eq!(stage.sender.asked.load(Ordering::SeqCst), 1, "nor did the worker itself begin again");
    assert_eq!(stage.delivery().await.attempts, []);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_fifteen_seconds_has_failed() {
    let stage = Stage::set().await;
    pass(&stage.clock, 14).await;
    assert_eq!(stage.delivery().await.attempts, []);
    stage.clock.advance(Duration::from_secs(1));
    until(async || !stage.delivery().await.attempts.is_empty()).await;
    let delivery = stage.delivery().await;
    let attempt = &delivery.attempts[0];
    assert_eq!((attempt.status_code, attempt.latency_ms), (None, 15_000));
    assert_eq!(attempt.error.as_deref(), Some("no answer within 15 s"));
    assert_eq!(delivery.status, DeliveryStatus::Pending);
    assert_eq!(delivery.next_attempt_at, Some(stage.clock.now() + Duration::from_secs(1)));
}

#[tokio::test]
async fn an_attempt_whose_lease_was_lost_is_given_up() {
    let stage = Stage::set().await;
    // The machine slept for longer than the lease; meanwhile another worker has the delivery.
    stage.clock.advance(LEASE + Duration::from_millis(1));
    assert_eq!(stage.claimed_by_another().await, 1);
    pass(&stage.clock, 20).await;
    assert_eq!(stage.delivery().await.attempts, [], "what came of it is for the other to say");
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_hands_its_leases_back() {
    let stage = Stage::set().await;
    let Stage { store, clock, sender: _, desk, stop, worker } = stage;
    stop.send(()).expect("the worker is there");
    // It waits a moment for the attempt, which does not end.
    for _ in 0..2 {
        moments(50).await;
        clock.advance(Duration::from_millis(250));
    }
    worker.await.expect("it stops");
    let again = claim(&store, &clock).await;
    assert_eq!(again.len(), 1, "another goes on at once");
    assert_eq!((again[0].attempts_before, again[0].failures), (0, 0), "no attempt of the schedule was used up");
    let all = desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read");
    assert_eq!(all.data[0].attempts, []);
}

/// With all the endpoints that it may have, and a backlog for each of them.
#[tokio::test]
async fn a_tenant_whose_endpoints_all_hang_keeps_nobody_else_waiting() {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    let tickets = Tickets::builder(Arc::clone(&store) as Arc<dyn Store>)
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .targets(TargetPolicy::LoopbackInTest)
        .build();
    let desk = |tenant: &str| tickets.desk(Realm::assume(tenant.parse().expect("lawful"), Environment::Test));
    let hook = async |desk: &Desk, url: &str| {
        let create = CreateEndpoint::new(url.parse().expect("lawful"));
        desk.create_endpoint(&IdempotencyKey::system(url), create).await.expect("made");
    };
    let ticket = async |desk: &Desk, subject: &str| {
        let create = CreateTicket::new(subject).expect("lawful");
        desk.create_ticket(&IdempotencyKey::system(subject), create).await.expect("made");
    };
    let slow = desk("acme");
    for port in 9_000..9_000 + ENDPOINTS_MAX {
        hook(&slow, &format!("http://127.0.0.1:{port}/")).await;
    }
    for number in 0..=FIRST_IN_FLIGHT_MAX {
        ticket(&slow, &format!("number {number}")).await;
    }
    let sender = Arc::new(HangingElsewhere::default());
    let (stop, worker) = start(&tickets, Arc::clone(&sender) as Arc<dyn WebhookSender>);
    let hanging = ENDPOINTS_MAX * FIRST_IN_FLIGHT_MAX;
    until(async || sender.asked.load(Ordering::SeqCst) >= 96).await;

    let prompt = desk("globex");
    hook(&prompt, PROMPT).await;
    ticket(&prompt, "Part delayed").await;
    until(async || sender.answered.load(Ordering::SeqCst) == 1).await;
    until(async || sender.asked.load(Ordering::SeqCst) == hanging).await;

    // All of their leases are renewed, and in the end handed back.
    pass(&clock, 12).await;
    assert_eq!(claim(&store, &clock).await.len(), 0);
    assert_eq!(sender.asked.load(Ordering::SeqCst), hanging);
    stop.send(()).expect("the worker is there");
    moments(50).await;
    clock.advance(Duration::from_millis(500));
    worker.await.expect("it stops");
    let slots = Slots { first: 1_000, retry: 0 };
    let again = store.claim_due(WorkerId(7), clock.now(), LEASE, slots).await.expect("claimed").deliveries;
    assert_eq!(again.len(), hanging);
}
