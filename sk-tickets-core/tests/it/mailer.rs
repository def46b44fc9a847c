//! The worker that tells customers, at its limits: a mail server that hangs, a lease that is lost, a stop in the middle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sk_tickets_core::{
    Clock, CreateTicket, Desk, Environment, IdempotencyKey, InlineContact, Mail, MemoryStore, Notification,
    NotificationFilter, Notifier, NotifyError, Outcome, OwnerId, PageRequest, Realm, Status, Store, Tickets, Timestamp,
    TransitionTicket, UserId,
    store::{LeasedNotification, NotificationQueue, WorkerId},
    testing::ManualClock,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::patience::{moments, pass, until};

const LEASE: Duration = Duration::from_secs(10);

/// Never takes a mail, and never refuses it.
#[derive(Debug, Default)]
struct Hanging {
    asked: AtomicUsize,
}

#[async_trait]
impl Notifier for Hanging {
    async fn notify(&self, _: &Mail) -> Result<(), NotifyError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

struct Stage {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    notifier: Arc<Hanging>,
    desk: Desk,
    stop: oneshot::Sender<()>,
    worker: JoinHandle<()>,
}

impl Stage {
    /// A worker in the middle of a mail that hangs.
    async fn set() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tickets =
            Tickets::builder(Arc::clone(&store) as Arc<dyn Store>).clock(Arc::clone(&clock) as Arc<dyn Clock>).build();
        let desk = tickets.desk(Realm::assume("acme".parse().expect("lawful"), Environment::Live));
        let email = Some("ann@example.com".parse().expect("lawful"));
        let ann = InlineContact { name: None, email, phone: None };
        let create = CreateTicket { contact: Some(ann), ..CreateTicket::new("Part delayed").expect("lawful") };
        let ticket = desk.create_ticket(&IdempotencyKey::system("ticket"), create).await.expect("made").value;
        let resolve = TransitionTicket {
            owner_id: Some(OwnerId::User(UserId::from_bytes([1; 16]))),
            resolution_note: Some("Replaced.".parse().expect("lawful")),
            ..TransitionTicket::to(Status::Resolved)
        };
        desk.transition_ticket(&IdempotencyKey::system("resolve"), ticket.id, resolve).await.expect("resolved");

        let notifier = Arc::new(Hanging::default());
        let mailer = tickets.mailer(Arc::clone(&notifier) as Arc<dyn Notifier>);
        let (stop, stopped) = oneshot::channel();
        let worker = tokio::spawn(async move {
            mailer
                .run(async {
                    // Whether it was told or the stage is gone: either is the end.
                    let _ = stopped.await;
                })
                .await;
        });
        let stage = Self { store, clock, notifier, desk, stop, worker };
        until(async || stage.notifier.asked.load(Ordering::SeqCst) == 1).await;
        stage
    }

    async fn notification(&self) -> Notification {
        let all = self.desk.notifications(&NotificationFilter::default(), &PageRequest::first()).await.expect("read");
        all.data.into_iter().next().expect("there is one")
    }
}

/// What another worker would get now.
async fn claim(store: &MemoryStore, clock: &ManualClock) -> Vec<LeasedNotification> {
    store.notification_claim(WorkerId(7), clock.now(), LEASE, 10).await.expect("claimed").notifications
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_mail_is_sent() {
    let stage = Stage::set().await;
    pass(&stage.clock, 12).await;
    assert_eq!(claim(&stage.store, &stage.clock).await.len(), 0, "the first lease would have ended after ten seconds");
    assert_eq!(stage.notifier.asked.load(Ordering::SeqCst), 1, "nor did the worker itself begin again");
    assert_eq!(stage.notification().await.attempts, 0);
}

#[tokio::test]
async fn a_server_that_does_not_take_a_mail_in_a_minute_has_failed() {
    let stage = Stage::set().await;
    pass(&stage.clock, 59).await;
    assert_eq!(stage.notification().await.attempts, 0);
    stage.clock.advance(Duration::from_secs(1));
    until(async || stage.notification().await.attempts == 1).await;
    let notification = stage.notification().await;
    assert_eq!(notification.last_error.as_deref(), Some("not sent within 60 s"));
    assert_eq!(notification.outcome, Outcome::Pending);
    assert_eq!(notification.next_attempt_at, Some(stage.clock.now() + Duration::from_secs(1)));
}

#[tokio::test]
async fn a_mail_whose_lease_was_lost_is_given_up() {
    let stage = Stage::set().await;
    // The machine slept for longer than the lease; meanwhile another worker has the notification.
    stage.clock.advance(LEASE + Duration::from_millis(1));
    assert_eq!(claim(&stage.store, &stage.clock).await.len(), 1);
    pass(&stage.clock, 5).await;
    assert_eq!(stage.notification().await.attempts, 0, "what came of it is for the other to say");
    assert_eq!(stage.notifier.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_hands_its_leases_back() {
    let Stage { store, clock, notifier: _, desk, stop, worker } = Stage::set().await;
    stop.send(()).expect("the worker is there");
    // It waits a moment for the mail, which is not taken.
    for _ in 0..2 {
        moments(50).await;
        clock.advance(Duration::from_millis(250));
    }
    worker.await.expect("it stops");
    let again = claim(&store, &clock).await;
    assert_eq!(again.len(), 1, "another goes on at once");
    assert_eq!(again[0].failures, 0, "no attempt of the schedule was used up");
    let all = desk.notifications(&NotificationFilter::default(), &PageRequest::first()).await.expect("read");
    assert_eq!(all.data[0].attempts, 0);
}
