//! A database with two tenants in it, each with a row in every table.

use std::{sync::Arc, time::Duration};

use sk_tickets_core::{
    ContactId, CreateEndpoint, CreateForm, CreateQueue, CreateTicket, Desk, Environment, IdempotencyKey, InlineContact,
    Order, PageRequest, Priority, Realm, ReplayDeadLetters, SetSlaPolicy, Status, TargetPolicy, Tickets,
    TransitionTicket, UserId,
    model::{delivery::Attempt, sla::SlaSeconds},
    platform::text::List,
    store::{DeliveryQueue, NextStep, Settled, Settlement, Slots, WorkerId},
};
use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(crate) struct Stage {
    /// For the superuser.
    pub(crate) url: String,
    pub(crate) store: PostgresStore,
    pub(crate) mine: Desk,
    pub(crate) theirs: Desk,
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::client(text).unwrap()
}

pub(crate) fn engine(store: &PostgresStore) -> Tickets {
    Tickets::builder(Arc::new(store.clone())).targets(TargetPolicy::LoopbackInTest).build()
}

pub(crate) fn realm(tenant: &str) -> Realm {
    Realm::assume(tenant.parse().unwrap(), Environment::Test)
}

/// Room for all that is due.
pub(crate) const SLOTS: Slots = Slots { first: 100, retry: 100 };

/// A connection that knows nothing of this crate.
pub(crate) async fn raw(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

pub(crate) async fn run(url: &str, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut raw(url).await).await.unwrap();
}

/// The URL of the same database for the application role, which is let log in.
pub(crate) async fn app_url(url: &str) -> String {
    let (_, database) = url.rsplit_once('/').unwrap();
    // Other tests of the cluster do the same.
    loop {
        let altered = sqlx::raw_sql("ALTER ROLE sk_tickets_app LOGIN").execute(&mut raw(url).await).await;
        match altered {
            Ok(_) => return Cluster::shared().url("sk_tickets_app", database),
            Err(error) => assert!(error.to_string().contains("concurrently"), "{error}"),
        }
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let url = Cluster::shared().database().await;
        let store = PostgresStore::open(&url).await.unwrap();
        let tickets = engine(&store);
        let (mine, theirs) = (tickets.desk(realm("mine")), tickets.desk(realm("theirs")));
        for desk in [&mine, &theirs] {
            fill(&store, &tickets, desk).await;
        }
        run(&url, LANE).await;
        Self { url, store, mine, theirs }
    }

    /// The number of a tenant, as rows have it.
    pub(crate) async fn tenant(&self, desk: &Desk) -> i64 {
        sqlx::query_scalar("SELECT id FROM sk_tickets.tenants WHERE name = $1")
            .bind(desk.realm().tenant().as_str())
            .fetch_one(&mut raw(&self.url).await)
            .await
            .unwrap()
    }
}

async fn fill(store: &PostgresStore, tickets: &Tickets, desk: &Desk) {
    tickets.create_api_key(desk.realm().clone(), None, [], None).await.unwrap();
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    desk.create_endpoint(&key("endpoint"), endpoint).await.unwrap();
    let topics = List::new(vec!["delivery".parse().unwrap()]).unwrap();
    let queue = CreateQueue { topics, ..CreateQueue::new("second".parse().unwrap()) };
    desk.create_queue(&key("queue"), queue).await.unwrap();
    desk.create_form(&key("form"), CreateForm::new("Contact us").unwrap()).await.unwrap();
    let policy = SetSlaPolicy {
        first_response_seconds: Some(SlaSeconds::new(60).unwrap()),
        resolution_seconds: None,
        warn_before_seconds: None,
    };
    desk.set_sla_policy(&key("policy"), Priority::Normal, policy).await.unwrap();
    let resolved = desk.create_ticket(&key("ticket"), ticket("one")).await.unwrap().value.id;
    let note = Some("Replaced".parse().unwrap());
    let resolve = TransitionTicket { resolution_note: note, ..TransitionTicket::to(Status::Resolved) };
    desk.transition_ticket(&key("resolve"), resolved, resolve).await.unwrap();
    desk.events(&PageRequest::first().order(Order::Asc)).await.unwrap();
    let (now, lease) = (tickets.now(), Duration::from_secs(10));
    for due in store.claim_due(WorkerId(1), now, lease, SLOTS).await.unwrap().deliveries {
        let attempt =
            Attempt { number: 1, at: now, status_code: Some(200), error: None, latency_ms: 1, response: None };
        let settled =
            store.settle(&[Settlement { lease: due.lease, attempt, next: NextStep::Delivered }]).await.unwrap();
        assert_eq!(settled, [Settled::Recorded]);
    }
    // One more, whose event has no place in the feed yet and whose delivery is pending.
    let known = CreateTicket { contact: None, contact_id: Some(ContactId::from_bytes([7; 16])), ..ticket("two") };
    desk.create_ticket(&key("another"), known).await.unwrap();
    desk.replay_dead_letters(&key("replay"), ReplayDeadLetters::ALL).await.unwrap();
}

/// A lane that no ticket is in any more.
const LANE: &str = "
    INSERT INTO sk_tickets.queue_blocks (tenant, environment, queue, priority, start_at, start_id, waiting)
    SELECT tenant, environment, 'deserted', 1, 0, sk_tickets.id_floor(0), 1 FROM sk_tickets.realms;
    INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
    SELECT tenant, environment, 'deserted', 1, 0, sk_tickets.id_floor(0), -1 FROM sk_tickets.realms";

fn ticket(subject: &str) -> CreateTicket {
    let contact = InlineContact { name: None, email: Some("ann@example.com".parse().unwrap()), phone: None };
    CreateTicket {
        contact: Some(contact),
        tags: List::new(vec!["vip".parse().unwrap()]).unwrap(),
        owner_id: Some(UserId::from_bytes([1; 16]).into()),
        ..CreateTicket::new(subject).unwrap()
    }
}
