//! Stores with many tickets, as a help desk has them after years.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sk_tickets_core::{
    ContactId, CreateEndpoint, CreateTicket, Desk, Environment, EventFilter, EventType, IdempotencyKey, OwnerId,
    PostEntry, Priority, Realm, SendError, SetSlaPolicy, Source, Status, Store, TargetPolicy, TicketId, Tickets,
    TransitionTicket, UserId, WebhookReply, WebhookRequest, WebhookSender, platform::text::List,
};
use tokio::{sync::oneshot, task::JoinSet, time::sleep};

use crate::{
    TENANT,
    creates::{request, words},
};

const CALLERS: u32 = 128;
/// How many tickets belong to a contact.
const OF_A_CONTACT: u32 = 20;
const OWNERS: u8 = 50;
const TOPICS: [&str; 8] = ["billing", "delivery", "returns", "account", "warranty", "advice", "complaint", "other"];

/// The realm that is measured.
///
/// # Panics
/// Never: its name is lawful.
#[must_use]
pub fn realm() -> Realm {
    Realm::assume(TENANT.parse().expect("lawful"), Environment::Test)
}

/// The engine on a store, with webhooks to this machine.
#[must_use]
pub fn engine(store: Arc<dyn Store>) -> Tickets {
    Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).build()
}

/// Fills an empty store through the API that users call.
///
/// Of ten tickets one waits in its queue, three are being worked on, two of which have a longer thread, one was asked about,
/// one is resolved, and four are closed. Every one has an SLA, twenty have the same contact, and somebody was told by
/// webhook of each that was resolved.
///
/// # Panics
/// If something cannot be written.
pub async fn fill(engine: &Tickets, tickets: u32) {
    let desk = engine.desk(realm());
    prepare(&desk).await;
    while engine.sweeper().sweep().await.expect("swept").more {}
    let dispatcher = engine.dispatcher(Arc::new(Thanks));
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap_or_default() };
        dispatcher.run(stopped).await;
    });
    let next = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let (desk, next) = (desk.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= tickets {
                    break;
                }
                live(&desk, number).await;
                if number > 0 && number.is_multiple_of(100_000) {
                    eprintln!("{number} tickets");
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no caller failed");
    }
    while engine.store().backlog().await.expect("read").pending > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).expect("it works");
    worker.await.expect("no panic");
}

async fn prepare(desk: &Desk) {
    const DAY: u64 = 24 * 3_600;
    for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent] {
        let policy = SetSlaPolicy {
            first_response_seconds: Some((3 * DAY).try_into().expect("lawful")),
            resolution_seconds: Some((30 * DAY).try_into().expect("lawful")),
            warn_before_seconds: None,
        };
        let key = IdempotencyKey::system(&format!("policy {priority}"));
        desk.set_sla_policy(&key, priority, policy).await.expect("set");
    }
    let endpoint = CreateEndpoint {
        events: Some(List::new(vec![EventFilter::Type(EventType::TicketResolved)]).expect("few")),
        ..CreateEndpoint::new("http://127.0.0.1:1024/resolved".parse().expect("lawful"))
    };
    desk.create_endpoint(&IdempotencyKey::system("endpoint"), endpoint).await.expect("made");
}

/// Makes a ticket and lets happen to it what did.
async fn live(desk: &Desk, number: u32) {
    let fate = number % 10;
    let key = |step: &str| IdempotencyKey::system(&format!("fill-{number}-{step}"));
    let create = ticket(number, (fate != 0).then(|| owner(number)));
    let id = desk.create_ticket(&key("create"), create).await.expect("made").value.id;
    let post = |step: &'static str, entry: PostEntry| async move {
        desk.post_to_thread(&key(step), id, entry).await.expect("posted");
    };
    let text = |salt: u64| words(u64::from(number) ^ salt << 40, 40).parse().expect("lawful");
    match fate {
        1 | 2 => {
            post("message", PostEntry::message(text(1))).await;
            post("note", PostEntry::note(text(2))).await;
        }
        4 => transition(desk, &key("pending"), id, Status::Pending).await,
        5 => transition(desk, &key("resolved"), id, Status::Resolved).await,
        6.. => transition(desk, &key("closed"), id, Status::Closed).await,
        _ => {}
    }
}

async fn transition(desk: &Desk, key: &IdempotencyKey, id: TicketId, to: Status) {
    let words = "asked the customer for the number of the order";
    let transition = TransitionTicket {
        reason: Some(words.parse().expect("lawful")),
        resolution_note: (to == Status::Resolved).then(|| words.parse().expect("lawful")),
        ..TransitionTicket::to(to)
    };
    desk.transition_ticket(key, id, transition).await.expect("moved");
}

/// The ticket with this number.
///
/// # Panics
/// Never: what it says is lawful.
#[must_use]
pub fn ticket(number: u32, owner_id: Option<OwnerId>) -> CreateTicket {
    let pick = |from: &[&str], salt: u32| from[(spread(number, salt) % from.len() as u32) as usize].parse();
    let tags = ["vip", "eu", "us", "b2b", "spam", "legal", "press", "beta"];
    // One in 10,000 is not like the others.
    let tag = if number % 10_000 == 77 { "rare".parse() } else { pick(&tags, 2) };
    CreateTicket {
        owner_id,
        contact_id: Some(contact(number)),
        topic: Some(TOPICS[(spread(number, 1) % 8) as usize].parse().expect("lawful")),
        tags: List::new(vec![tag.expect("lawful")]).expect("few"),
        priority: Some(
            [Priority::Normal, Priority::Low, Priority::High, Priority::Urgent][(spread(number, 3) % 4) as usize],
        ),
        source: Some([Source::Voice, Source::Chat, Source::Form, Source::Email][(spread(number, 4) % 4) as usize]),
        ..request(u64::from(number))
    }
}

/// The contact of the ticket with this number.
#[must_use]
pub fn contact(number: u32) -> ContactId {
    let mut id = [2; 16];
    // The tickets of a contact lie all over the years.
    id[12..].copy_from_slice(&(spread(number, 5) / OF_A_CONTACT).to_be_bytes());
    ContactId::from_bytes(id)
}

/// The owner of the ticket with this number, if it has one.
#[must_use]
pub fn owner(number: u32) -> OwnerId {
    OwnerId::User(UserId::from_bytes([u8::try_from(spread(number, 6) % u32::from(OWNERS)).unwrap_or_default(); 16]))
}

fn spread(number: u32, salt: u32) -> u32 {
    (number ^ salt << 24).wrapping_mul(2_654_435_761) >> 8
}

/// A receiver that takes everything.
#[derive(Debug)]
struct Thanks;

#[async_trait]
impl WebhookSender for Thanks {
    async fn send(&self, _: WebhookRequest) -> Result<WebhookReply, SendError> {
        Ok(WebhookReply { status_code: 200, retry_after: None, body: Vec::new() })
    }
}
