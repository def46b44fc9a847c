//! Queues: made, changed, listed, and how tickets get into them.

use std::time::Duration;

use super::super::fixture::{Fixture, key, user};
use crate::{
    limits::QUEUES_MAX,
    model::{
        event::EventType,
        id::QueueId,
        page::{Order, PageRequest},
        queue::{CreateQueue, DEFAULT_QUEUE, InHand, Queue, QueueOverview, QueueSlug, UpdateQueue},
        sla::SetSlaPolicy,
        thread::{AssignmentCause, EntryDetail},
        ticket::{CreateTicket, Priority, Status, Ticket, TransitionTicket, UpdateTicket},
    },
    platform::{
        input::{Change, Patch},
        text::List,
    },
    store::{Commit, CommitOutcome, Effect, QueueChange},
};

fn queue(key: &str, topics: &[&str]) -> CreateQueue {
    let topics = topics.iter().map(|topic| topic.parse().expect("lawful")).collect();
    CreateQueue { topics: List::new(topics).expect("few enough"), ..CreateQueue::new(key.parse().expect("lawful")) }
}

fn named(key: &str) -> QueueSlug {
    key.parse().expect("lawful")
}

async fn make(fixture: &Fixture, queue: CreateQueue) -> Queue {
    fixture.tick();
    let name = format!("queue {}", queue.key);
    fixture.desk.create_queue(&key(&name), queue).await.expect("made").value
}

async fn ticket(fixture: &Fixture, name: &str, topic: Option<&str>, queue: Option<&str>) -> Ticket {
    fixture.tick();
    let create = CreateTicket {
        topic: topic.map(|topic| topic.parse().expect("lawful")),
        queue: queue.map(|queue| queue.parse().expect("lawful")),
        ..CreateTicket::new(name).expect("lawful")
    };
    fixture.desk.create_ticket(&key(name), create).await.expect("made").value
}

/// Field by field; not in another realm.
pub async fn a_queue_is_made_and_changed(fixture: &Fixture) {
    let full = CreateQueue {
        name: Some("Billing 'Ünïcode' ✓".parse().expect("lawful")),
        default_owner_id: Some(user(1).into()),
        default_priority: Some(Priority::High),
        ..queue("billing", &["invoice", "refund", "invoice"])
    };
    let made = make(fixture, full).await;
    assert_eq!(made.topics, ["invoice", "refund"], "each once, in the order given");
    assert_eq!(made.created_at, Some(fixture.tickets.now()));
    let read = async || fixture.desk.queue(&named("billing")).await.expect("read");
    assert_eq!(read().await.as_ref(), Some(&made));
    assert_eq!(fixture.decoy.queue(&named("billing")).await.expect("read"), None);

    let change = UpdateQueue {
        name: Change(Some("Money".parse().expect("lawful"))),
        topics: Patch::Set(queue("x", &["refund", "dunning"]).topics),
        default_owner_id: Patch::Clear,
        ..UpdateQueue::nothing()
    };
    let changed = fixture.desk.update_queue(&key("change"), named("billing"), change).await.expect("changed").value;
    let topics = ["refund", "dunning"].map(str::to_owned).to_vec();
    let expected = Queue { name: "Money".to_owned(), topics, default_owner_id: None, ..made };
    assert_eq!(changed, expected);
    assert_eq!(read().await, Some(expected));
    // What a topic leads to changes with it.
    assert_eq!(ticket(fixture, "of old", Some("invoice"), None).await.queue, DEFAULT_QUEUE);
    assert_eq!(ticket(fixture, "of new", Some("dunning"), None).await.queue, "billing");
    let nothing = UpdateQueue::nothing();
    let unknown = fixture.decoy.update_queue(&key("theirs"), named("billing"), nothing).await.expect_err("not there");
    assert!(unknown.is_not_found());
}

/// It is there without having been made, can be changed as any other, and keeps its id.
pub async fn the_default_queue_is_in_every_realm(fixture: &Fixture) {
    let read = async || fixture.desk.queue(&named(DEFAULT_QUEUE)).await.expect("read").expect("there");
    let before = read().await;
    assert_eq!((before.created_at, before.topics.len()), (None, 0));
    assert_eq!(fixture.store.queues(fixture.desk.realm()).await.expect("read"), [], "nobody has changed it");
    let taken = fixture.desk.create_queue(&key("again"), queue(DEFAULT_QUEUE, &[])).await.expect_err("taken");
    assert_eq!(taken.code(), "queue_exists");
    let same = UpdateQueue { default_owner_id: Patch::Clear, ..UpdateQueue::nothing() };
    let same = fixture.desk.update_queue(&key("same"), named(DEFAULT_QUEUE), same).await.expect("as it is").value;
    assert_eq!(same, before);

    let change = UpdateQueue {
        topics: Patch::Set(queue("x", &["misc"]).topics),
        default_owner_id: Patch::Set(user(1).into()),
        default_priority: Patch::Set(Priority::Low),
        ..UpdateQueue::nothing()
    };
    let changed = fixture.desk.update_queue(&key("change"), named(DEFAULT_QUEUE), change).await.expect("changed").value;
    assert_eq!(changed.id, before.id);
    assert_eq!(read().await, changed);
    for (name, topic) in [("of nothing", None), ("of its topic", Some("misc")), ("of an unknown one", Some("other"))] {
        let made = ticket(fixture, name, topic, None).await;
        assert_eq!(
            (made.queue.as_str(), made.owner_id, made.priority),
            ("default", Some(user(1).into()), Priority::Low)
        );
    }
    let theirs = fixture.decoy.queue(&named(DEFAULT_QUEUE)).await.expect("read").expect("there");
    assert_ne!(theirs.id, before.id);
    assert_eq!(theirs.topics.len(), 0);
}

/// A key, and a topic, has one queue, however it would come about.
pub async fn no_two_queues_have_one_key_or_topic(fixture: &Fixture) {
    make(fixture, queue("billing", &["invoice"])).await;
    make(fixture, queue("second", &["spare part"])).await;
    let refused = async |name: &str, queue| {
        let error = fixture.desk.create_queue(&key(name), queue).await.expect_err("refused");
        (error.code().to_owned(), error.problem().clone())
    };
    assert_eq!(refused("same key", queue("billing", &[])).await.0, "queue_exists");
    let (code, problem) = refused("same topic", queue("third", &["other", "invoice"])).await;
    assert_eq!(code, "topic_taken");
    assert!(problem.detail().contains("billing"), "{problem:?}");
    let steal = UpdateQueue { topics: Patch::Set(queue("x", &["invoice"]).topics), ..UpdateQueue::nothing() };
    for thief in ["second", DEFAULT_QUEUE] {
        let error = fixture.desk.update_queue(&key(thief), named(thief), steal.clone()).await.expect_err("refused");
        assert_eq!(error.code(), "topic_taken");
    }
    fixture.desk.update_queue(&key("own"), named("billing"), steal).await.expect("its own");
    fixture.decoy.create_queue(&key("theirs"), queue("billing", &["invoice"])).await.expect("another realm");
}

/// Sixteen at once, on several nodes: one has it, the others are told.
pub async fn of_many_who_make_one_queue_one_does(fixture: &Fixture) {
    for (round, same_key) in [true, false].into_iter().enumerate() {
        let calls: Vec<_> = (0..16)
            .map(|number| {
                let desk = fixture.node(100 + number).desk(fixture.desk.realm().clone());
                tokio::spawn(async move {
                    let (name, topic) = if same_key {
                        ("same".to_owned(), format!("topic {number}"))
                    } else {
                        (format!("queue-{number}"), "same".to_owned())
                    };
                    desk.create_queue(&key(&format!("{round} {number}")), queue(&name, &[&topic])).await
                })
            })
            .collect();
        let mut codes = Vec::new();
        let mut made = 0;
        for call in calls {
            match call.await.expect("no panic") {
                Ok(_) => made += 1,
                Err(error) => codes.push(error.code().to_owned()),
            }
        }
        let expected = if same_key { "queue_exists" } else { "topic_taken" };
        assert_eq!(made, 1, "{codes:?}");
        assert!(codes.iter().all(|code| code == expected), "{codes:?}");
    }
    assert_eq!(fixture.store.queues(fixture.desk.realm()).await.expect("read").len(), 2);
}

/// Decided on what is no longer so: nothing is written.
pub async fn a_stale_change_of_a_queue_writes_nothing(fixture: &Fixture) {
    let billing = make(fixture, queue("billing", &["invoice"])).await;
    let second = make(fixture, queue("second", &["spare part"])).await;
    let realm = fixture.desk.realm();
    let commit = |change| {
        let effect = Effect::Queue(Box::new(change));
        fixture.store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, effect))
    };
    let other = Queue { name: "Other".to_owned(), ..billing.clone() };
    let new = Queue { id: QueueId::from_bytes([9; 16]), key: "third".to_owned(), topics: Vec::new(), ..second.clone() };
    let stolen = Queue { topics: billing.topics.clone(), ..second.clone() };
    for change in [
        QueueChange::Create { queue: Queue { topics: Vec::new(), ..second.clone() }, others: 2 },
        QueueChange::Create { queue: Queue { id: second.id, ..new.clone() }, others: 2 },
        QueueChange::Create { queue: Queue { topics: billing.topics.clone(), ..new.clone() }, others: 2 },
        QueueChange::Create { queue: new.clone(), others: 1 },
        QueueChange::Create { queue: new.clone(), others: 3 },
        QueueChange::Update { before: other.clone(), after: billing.clone() },
        QueueChange::Update { before: second.clone(), after: stolen },
        QueueChange::Update { before: new.clone(), after: new },
    ] {
        assert_eq!(commit(change.clone()).await.expect("answered"), CommitOutcome::Stale, "{change:?}");
    }
    assert_eq!(fixture.store.queues(realm).await.expect("read"), [billing.clone(), second.clone()]);
    let change = QueueChange::Update { before: billing, after: other.clone() };
    assert_eq!(commit(change).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(fixture.store.queues(realm).await.expect("read"), [other, second]);
}

/// In the order of ids, with `default` as the oldest.
pub async fn queues_are_listed(fixture: &Fixture) {
    let mut made = vec![DEFAULT_QUEUE.to_owned()];
    for number in 0..5 {
        made.push(make(fixture, queue(&format!("queue-{number}"), &[])).await.key);
    }
    let list = async |order| {
        let mut listed = Vec::new();
        let mut page = PageRequest::first().limit(2).order(order);
        loop {
            let read = fixture.desk.queues(&page).await.expect("read");
            listed.extend(read.data.into_iter().map(|queue| queue.key));
            let Some(cursor) = read.next_cursor else { break listed };
            page = PageRequest::first().limit(2).order(order).after(cursor);
        }
    };
    assert_eq!(list(Order::Asc).await, made);
    // Kept or not, its place is the same.
    let change = UpdateQueue { default_priority: Patch::Set(Priority::High), ..UpdateQueue::nothing() };
    fixture.desk.update_queue(&key("change"), named(DEFAULT_QUEUE), change).await.expect("changed");
    made.reverse();
    assert_eq!(list(Order::Desc).await, made);
    let theirs = fixture.decoy.queues(&PageRequest::first()).await.expect("read").data;
    assert_eq!(theirs.iter().map(|queue| queue.key.as_str()).collect::<Vec<_>>(), [DEFAULT_QUEUE]);
}

/// There is an end to it, and `default` does not count.
pub async fn a_realm_has_no_more_queues_than_allowed(fixture: &Fixture) {
    for number in 0..QUEUES_MAX {
        make(fixture, queue(&format!("queue-{number}"), &[])).await;
    }
    let error = fixture.desk.create_queue(&key("one more"), queue("more", &[])).await.expect_err("refused");
    assert_eq!(error.code(), "queue_limit_reached");
    let change = UpdateQueue { default_priority: Patch::Set(Priority::High), ..UpdateQueue::nothing() };
    fixture.desk.update_queue(&key("change"), named(DEFAULT_QUEUE), change).await.expect("changed");
    assert_eq!(fixture.store.queues(fixture.desk.realm()).await.expect("read").len(), QUEUES_MAX + 1);
}

/// By topic, with owner and priority of the queue; what the request names comes first.
pub async fn a_new_ticket_goes_where_its_topic_leads(fixture: &Fixture) {
    let owned = CreateQueue {
        default_owner_id: Some(user(1).into()),
        default_priority: Some(Priority::Urgent),
        ..queue("billing", &["invoice"])
    };
    make(fixture, owned).await;
    make(fixture, queue("second", &["spare part"])).await;

    let routed = ticket(fixture, "routed", Some("invoice"), None).await;
    assert_eq!((routed.queue.as_str(), routed.topic.as_deref()), ("billing", Some("invoice")));
    assert_eq!((routed.owner_id, routed.priority), (Some(user(1).into()), Priority::Urgent));
    assert_eq!((routed.status, routed.queued_at), (Status::Open, None));
    let thread = fixture.desk.thread(routed.id, &PageRequest::first()).await.expect("read").expect("there").data;
    let causes: Vec<_> = thread
        .iter()
        .filter_map(|entry| match entry.detail {
            EntryDetail::Assignment { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [AssignmentCause::Routing]);
    let events = fixture.desk.events(&PageRequest::first().order(Order::Asc)).await.expect("read").data;
    let types: Vec<_> = events.iter().map(|event| event.event_type).collect();
    assert_eq!(types, [EventType::TicketCreated, EventType::TicketAssigned, EventType::TicketStatusChanged]);

    let waiting = ticket(fixture, "waiting", Some("spare part"), None).await;
    assert_eq!((waiting.queue.as_str(), waiting.owner_id, waiting.priority), ("second", None, Priority::Normal));
    assert_eq!(waiting.queued_at, Some(waiting.created_at));
    let by_name = ticket(fixture, "by name", Some("invoice"), Some("second")).await;
    assert_eq!((by_name.queue.as_str(), by_name.owner_id), ("second", None), "a queue that is named comes first");
    let default = ticket(fixture, "default by name", Some("invoice"), Some(DEFAULT_QUEUE)).await;
    assert_eq!((default.queue.as_str(), default.owner_id), (DEFAULT_QUEUE, None));
    let unknown = ticket(fixture, "unknown", Some("weather"), None).await;
    assert_eq!((unknown.queue.as_str(), unknown.owner_id), (DEFAULT_QUEUE, None), "never an error");

    fixture.tick();
    let create = CreateTicket {
        topic: Some("invoice".parse().expect("lawful")),
        owner_id: Some(user(2).into()),
        priority: Some(Priority::Low),
        ..CreateTicket::new("by hand").expect("lawful")
    };
    let by_hand = fixture.desk.create_ticket(&key("by hand"), create).await.expect("made").value;
    assert_eq!((by_hand.owner_id, by_hand.priority), (Some(user(2).into()), Priority::Low));

    let elsewhere =
        CreateTicket { queue: Some("third".parse().expect("lawful")), ..CreateTicket::new("lost").expect("lawful") };
    let error = fixture.desk.create_ticket(&key("lost"), elsewhere).await.expect_err("refused");
    assert_eq!(error.problem().errors()[0].code, "unknown_queue");
}

/// It waits there at the end of its lane; an unknown queue is named.
pub async fn a_ticket_is_moved_to_another_queue(fixture: &Fixture) {
    make(fixture, queue("second", &["spare part"])).await;
    let first = ticket(fixture, "first", Some("spare part"), None).await;
    let moved = ticket(fixture, "moved", None, None).await;
    fixture.tick();
    let to =
        |queue: &str| UpdateTicket { queue: Change(Some(queue.parse().expect("lawful"))), ..UpdateTicket::nothing() };
    let after = fixture.desk.update_ticket(&key("move"), moved.id, to("second")).await.expect("moved").value;
    assert_eq!((after.queue.as_str(), after.queued_at), ("second", Some(fixture.tickets.now())));
    let position = async |id| fixture.desk.ticket(id).await.expect("read").expect("there").queue_position;
    assert_eq!((position(first.id).await, position(moved.id).await), (Some(1), Some(2)));
    let error = fixture.desk.update_ticket(&key("lose"), moved.id, to("third")).await.expect_err("refused");
    assert_eq!(error.problem().errors()[0].pointer, "/queue");
    let back = fixture.desk.update_ticket(&key("back"), moved.id, to(DEFAULT_QUEUE)).await.expect("moved").value;
    assert_eq!(back.queue, DEFAULT_QUEUE);
}

/// By status, without those that are closed; what waits, since when, and what is at risk by now.
pub async fn an_overview_counts_what_there_is_to_do(fixture: &Fixture) {
    make(fixture, queue("second", &["spare part"])).await;
    let overview = async |key: &str| fixture.desk.queue_overview(&named(key)).await.expect("read");
    let nothing = QueueOverview {
        queue: "second".to_owned(),
        waiting: 0,
        by_status: InHand::default(),
        oldest_queued_at: None,
        at_risk: 0,
    };
    assert_eq!(overview("second").await.as_ref(), Some(&nothing));
    assert_eq!(overview("third").await, None);
    let policy = SetSlaPolicy {
        first_response_seconds: Some(60.try_into().expect("lawful")),
        resolution_seconds: None,
        warn_before_seconds: Some(20.try_into().expect("lawful")),
    };
    fixture.desk.set_sla_policy(&key("policy"), Priority::Normal, policy).await.expect("set");

    ticket(fixture, "elsewhere", None, None).await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(ticket(fixture, &format!("ticket {number}"), Some("spare part"), None).await);
    }
    for (number, status) in
        [Status::Open, Status::Pending, Status::OnHold, Status::Resolved, Status::Closed].into_iter().enumerate()
    {
        let to = TransitionTicket {
            reason: Some("because".parse().expect("lawful")),
            resolution_note: (status == Status::Resolved).then(|| "done".parse().expect("lawful")),
            owner_id: Some(user(1).into()),
            ..TransitionTicket::to(status)
        };
        let name = format!("to {status}");
        fixture.desk.transition_ticket(&key(&name), made[number].id, to).await.expect("moved");
    }
    let waits = QueueOverview {
        waiting: 2,
        by_status: InHand { new: 2, open: 1, pending: 1, on_hold: 1, resolved: 1 },
        oldest_queued_at: made[5].queued_at,
        ..nothing
    };
    assert_eq!(overview("second").await.as_ref(), Some(&waits));
    // The second one that waits is more pressing, and comes first; the oldest is still the same.
    let urgent = UpdateTicket { priority: Change(Some(Priority::Urgent)), ..UpdateTicket::nothing() };
    fixture.desk.update_ticket(&key("urgent"), made[6].id, urgent).await.expect("changed");
    assert_eq!(overview("second").await.as_ref(), Some(&waits));

    // Warned of from the fortieth second on; what is done, or has no policy, is not at risk.
    fixture.clock.set(made[0].created_at + Duration::from_millis(39_999));
    assert_eq!(overview("second").await.expect("there").at_risk, 0);
    fixture.clock.set(made[6].created_at + Duration::from_secs(40));
    assert_eq!(overview("second").await, Some(QueueOverview { at_risk: 4, ..waits }));
    assert_eq!(overview(DEFAULT_QUEUE).await.expect("there").at_risk, 1);
    assert_eq!(fixture.decoy.queue_overview(&named(DEFAULT_QUEUE)).await.expect("read").expect("there").waiting, 0);
}
