use std::time::{Duration, Instant};

use sk_tickets_benches::{creates::word, fill};
use sk_tickets_core::{
    ClaimTicket, OwnerFilter, OwnerId, PageRequest, Priority, SearchQuery, Source, Status, TicketFilter, UserId,
    store::{Slots, WorkerId},
};
use tokio::task::JoinSet;

use crate::filled::Filled;

pub(crate) const CREATE: &str = "create, 64 callers (each)";
pub(crate) const FIRST_PAGE: &str = "first page";
pub(crate) const DEEP_PAGE: &str = "page at full depth";

/// How many callers make tickets at a time, and how many each makes.
const CALLERS: u32 = 64;
const EACH: u32 = 2;
/// What a worker claims for.
const SLOTS: Slots = Slots { first: 96, retry: 32 };
const WORKER: WorkerId = WorkerId(1);

/// A filter may be by what there is.
type Filter = fn(&Filled) -> TicketFilter;

/// Something that is done with a store.
#[derive(Debug)]
pub(crate) enum Operation {
    Get,
    Place,
    FirstPage,
    DeepPage,
    List(&'static str, Filter),
    Search(&'static str, Vec<String>),
    Overview,
    Stats,
    FeedNewest,
    FeedTail,
    Sweep,
    Create,
    ClaimTicket,
    ClaimNothing,
    ClaimBacklog,
}

impl Operation {
    /// All of them; those that change a store come last.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Get, Self::Place, Self::FirstPage, Self::DeepPage];
        all.extend(filters().into_iter().map(|(name, filter)| Self::List(name, filter)));
        let searches = [
            ("a word that most have", vec![word(1)]),
            ("a word that some have", vec![word(300)]),
            ("a word that hardly any has", vec![word(15_000)]),
            ("two words that some have", vec![word(300), word(301)]),
            ("two words that never meet", vec![word(15_000), word(15_001)]),
            ("a word that none has", vec!["zzz".to_owned()]),
        ];
        all.extend(searches.into_iter().map(|(name, words)| Self::Search(name, words)));
        all.extend([Self::Overview, Self::Stats, Self::FeedNewest, Self::FeedTail, Self::Sweep, Self::ClaimNothing]);
        all.extend([Self::Create, Self::ClaimTicket, Self::ClaimBacklog]);
        all
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Get => "get".to_owned(),
            Self::Place => "get, with its place in the queue".to_owned(),
            Self::FirstPage => FIRST_PAGE.to_owned(),
            Self::DeepPage => DEEP_PAGE.to_owned(),
            Self::List(name, _) => format!("list: {name}"),
            Self::Search(name, _) => format!("search: {name}"),
            Self::Overview => "overview of a queue".to_owned(),
            Self::Stats => "stats of the last 30 days".to_owned(),
            Self::FeedNewest => "feed: the newest".to_owned(),
            Self::FeedTail => "feed: nothing new".to_owned(),
            Self::Sweep => "sweep, nothing due".to_owned(),
            Self::Create => CREATE.to_owned(),
            Self::ClaimTicket => "claim the head of a queue".to_owned(),
            Self::ClaimNothing => "claim deliveries, none due".to_owned(),
            Self::ClaimBacklog => "claim deliveries, n/10 due".to_owned(),
        }
    }

    /// Sets up what it needs.
    pub(crate) async fn prepare(&self, filled: &Filled) {
        match self {
            Self::FeedTail => filled.find_tail().await,
            Self::ClaimBacklog => filled.pile_up().await,
            Self::Get
            | Self::Place
            | Self::FirstPage
            | Self::DeepPage
            | Self::List(..)
            | Self::Search(..)
            | Self::Overview
            | Self::Stats
            | Self::FeedNewest
            | Self::Sweep
            | Self::Create
            | Self::ClaimTicket
            | Self::ClaimNothing => {}
        }
    }

    /// Does it once; answers how long it took.
    pub(crate) async fn run(&self, filled: &Filled) -> Duration {
        let Filled { engine, desk, .. } = filled;
        let (number, key) = filled.next();
        let pick = number.wrapping_mul(2_654_435_761) as usize >> 8;
        let first = PageRequest::first();
        let began = Instant::now();
        match self {
            Self::Get => {
                let view = desk.ticket(filled.some[pick % filled.some.len()]).await.expect("read");
                assert!(view.is_some());
            }
            Self::Place => {
                let view = desk.ticket(filled.waiting[pick % filled.waiting.len()]).await.expect("read");
                assert!(view.expect("there").queue_position.is_some());
            }
            Self::FirstPage => {
                let page = desk.tickets(&TicketFilter::ALL, &first).await.expect("read");
                assert_eq!(page.data.len(), 25);
            }
            Self::DeepPage => {
                let page = desk.tickets(&TicketFilter::ALL, &first.after(filled.deepest.as_str())).await.expect("read");
                assert_eq!(page.data.len(), 25);
            }
            Self::List(_, filter) => {
                desk.tickets(&filter(filled), &first).await.expect("read");
            }
            Self::Search(_, words) => {
                let query = SearchQuery::new(&words.join(" ")).expect("lawful");
                desk.search_tickets(&query, &TicketFilter::ALL, &first).await.expect("read");
            }
            Self::Overview => {
                let overview = desk.queue_overview(&"default".parse().expect("lawful")).await.expect("read");
                assert!(overview.expect("there").waiting > 0);
            }
            Self::Stats => {
                desk.stats(None, None).await.expect("read");
            }
            Self::FeedNewest => {
                assert_eq!(desk.events(&first).await.expect("read").data.len(), 25);
            }
            Self::FeedTail => assert!(filled.after_tail().await.is_empty()),
            Self::Sweep => {
                let swept = engine.sweeper().sweep().await.expect("swept");
                assert_eq!((swept.changed, swept.failed, swept.more), (0, 0, false));
            }
            Self::Create => {
                create_some(filled, number).await;
                return began.elapsed() / (CALLERS * EACH);
            }
            Self::ClaimTicket => {
                let claim = ClaimTicket::by(UserId::from_bytes([1; 16]));
                let claimed = desk.claim_next(&key, "default".parse().expect("lawful"), claim).await.expect("claimed");
                assert!(claimed.value.is_some());
            }
            Self::ClaimNothing | Self::ClaimBacklog => {
                let (store, now) = (engine.store(), engine.now());
                let claimed = store.claim_due(WORKER, now, Duration::from_secs(10), SLOTS).await.expect("claimed");
                let took = began.elapsed();
                assert_eq!(claimed.deliveries.is_empty(), matches!(self, Self::ClaimNothing));
                if !claimed.deliveries.is_empty() {
                    store.release(WORKER).await.expect("released");
                }
                return took;
            }
        }
        began.elapsed()
    }
}

/// By many at a time, each one after the other.
async fn create_some(filled: &Filled, number: u32) {
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (desk, run) = (filled.desk.clone(), filled.run);
        tasks.spawn(async move {
            for each in 0..EACH {
                let key = sk_tickets_core::IdempotencyKey::system(&format!("create-{run}-{number}-{caller}-{each}"));
                let serial = number.wrapping_mul(CALLERS * EACH) + caller * EACH + each;
                desk.create_ticket(&key, fill::ticket(serial, Some(fill::owner(serial)))).await.expect("made");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no caller failed");
    }
}

/// Each filter by itself, and some together.
fn filters() -> Vec<(&'static str, Filter)> {
    const ALL: TicketFilter = TicketFilter::ALL;
    vec![
        ("new", |_| TicketFilter { status: vec![Status::New], ..ALL }),
        ("open or pending", |_| TicketFilter { status: vec![Status::Open, Status::Pending], ..ALL }),
        ("closed", |_| TicketFilter { status: vec![Status::Closed], ..ALL }),
        ("queue", |_| TicketFilter { queue: Some("default".to_owned()), ..ALL }),
        ("owner", |_| TicketFilter { owner: Some(OwnerFilter::Owner(fill::owner(1))), ..ALL }),
        ("no owner", |_| TicketFilter { owner: Some(OwnerFilter::Nobody), ..ALL }),
        ("owner that has none", |_| {
            let owner = OwnerId::User(UserId::from_bytes([0x77; 16]));
            TicketFilter { owner: Some(OwnerFilter::Owner(owner)), ..ALL }
        }),
        ("contact", |_| TicketFilter { contact_id: Some(fill::contact(1)), ..ALL }),
        ("topic", |_| TicketFilter { topic: Some("billing".to_owned()), ..ALL }),
        ("priority", |_| TicketFilter { priority: Some(Priority::Urgent), ..ALL }),
        ("tag", |_| TicketFilter { tag: Some("vip".to_owned()), ..ALL }),
        ("tag of one in 10,000", |_| TicketFilter { tag: Some("rare".to_owned()), ..ALL }),
        ("source", |_| TicketFilter { source: Some(Source::Voice), ..ALL }),
        ("made before some time", |filled| TicketFilter {
            created_before: Some(filled.some[filled.some.len() / 2].timestamp()),
            ..ALL
        }),
        ("made after some time", |filled| TicketFilter {
            created_after: Some(filled.some[filled.some.len() / 2].timestamp()),
            ..ALL
        }),
        ("tag, topic, priority and status", |_| TicketFilter {
            tag: Some("vip".to_owned()),
            topic: Some("billing".to_owned()),
            priority: Some(Priority::Urgent),
            status: vec![Status::Open],
            ..ALL
        }),
        ("closed and without owner: none", |_| TicketFilter {
            status: vec![Status::Closed],
            owner: Some(OwnerFilter::Nobody),
            ..ALL
        }),
    ]
}
