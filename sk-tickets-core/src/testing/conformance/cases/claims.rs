//! Claims: the head of a queue is given to one of those who ask.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::task::JoinSet;

use super::super::fixture::{Fixture, key, user};
use crate::{
    desk::{Desk, Receipt},
    model::{
        event::EventType,
        id::TicketId,
        page::{Order, PageRequest},
        queue::{ClaimTicket, CreateQueue, DEFAULT_QUEUE, QueueSlug},
        thread::{AssignmentCause, EntryDetail},
        ticket::{AssignTicket, CreateTicket, Priority, Status, Ticket, TicketFilter},
    },
    store::{Lookup, Subject},
};

fn named(key: &str) -> QueueSlug {
    key.parse().expect("lawful")
}

async fn claim(desk: &Desk, name: &str, agent: u8) -> Receipt<Option<Ticket>> {
    desk.claim_next(&key(name), named(DEFAULT_QUEUE), ClaimTicket::by(user(agent))).await.expect("answered")
}

async fn waiting(fixture: &Fixture, name: &str, priority: Priority) -> Ticket {
    fixture.tick();
    let create = CreateTicket { priority: Some(priority), ..CreateTicket::new(name).expect("lawful") };
    fixture.desk.create_ticket(&key(name), create).await.expect("made").value
}

/// By priority, then as they came; it is as good as assigned. None, if nothing waits in this queue.
pub async fn the_head_of_a_queue_is_claimed(fixture: &Fixture) {
    fixture.desk.create_queue(&key("second"), CreateQueue::new(named("second"))).await.expect("made");
    let elsewhere = CreateTicket {
        queue: Some("second".parse().expect("lawful")),
        priority: Some(Priority::Urgent),
        ..CreateTicket::new("elsewhere").expect("lawful")
    };
    fixture.desk.create_ticket(&key("elsewhere"), elsewhere).await.expect("made");
    let theirs = CreateTicket { priority: Some(Priority::Urgent), ..CreateTicket::new("theirs").expect("lawful") };
    let theirs = fixture.decoy.create_ticket(&key("theirs"), theirs).await.expect("made").value;
    let low = waiting(fixture, "low", Priority::Low).await;
    let first = waiting(fixture, "first", Priority::Normal).await;
    let second = waiting(fixture, "second one", Priority::Normal).await;
    let high = waiting(fixture, "high", Priority::High).await;
    // It comes back: to the end of its lane, open.
    fixture.desk.assign_ticket(&key("take"), first.id, AssignTicket::to(user(9))).await.expect("assigned");
    fixture.tick();
    fixture.desk.assign_ticket(&key("back"), first.id, AssignTicket::to_nobody()).await.expect("unassigned");

    fixture.tick();
    for (number, expected) in [&high, &second, &first, &low].into_iter().enumerate() {
        let Receipt { value, replayed } = claim(&fixture.desk, &format!("claim {number}"), 1).await;
        let ticket = value.expect("one waits");
        assert!(!replayed);
        assert_eq!((ticket.id, ticket.owner_id), (expected.id, Some(user(1).into())));
        assert_eq!((ticket.status, ticket.queued_at), (Status::Open, None));
        assert_eq!(ticket.updated_at, fixture.tickets.now());
        let read = fixture.desk.ticket(ticket.id).await.expect("read").expect("there");
        assert_eq!((read.ticket, read.queue_position), (ticket, None));
    }
    assert_eq!(claim(&fixture.desk, "one more", 1).await.value, None);
    assert_eq!(claim(&fixture.decoy, "theirs too", 1).await.value.map(|ticket| ticket.id), Some(theirs.id));

    let thread = fixture.desk.thread(high.id, &PageRequest::first()).await.expect("read").expect("there").data;
    assert!(
        thread
            .iter()
            .any(|entry| { matches!(entry.detail, EntryDetail::Assignment { cause: AssignmentCause::Claim, .. }) })
    );
    let events = fixture.desk.events(&PageRequest::first().order(Order::Asc).limit(100)).await.expect("read").data;
    let types: Vec<_> =
        events.iter().filter(|event| event.ticket_id == Some(high.id)).map(|event| event.event_type).collect();
    assert_eq!(types, [EventType::TicketCreated, EventType::TicketAssigned, EventType::TicketStatusChanged]);
}

/// The same key, the same ticket, or the same none, whatever has come in since; and no other request has it.
pub async fn the_same_key_claims_the_same_ticket(fixture: &Fixture) {
    let none = claim(&fixture.desk, "none", 1).await;
    assert_eq!((none.value, none.replayed), (None, false));
    let first = waiting(fixture, "first", Priority::Normal).await;
    let second = waiting(fixture, "second", Priority::Normal).await;
    let once = claim(&fixture.desk, "a", 1).await;
    assert_eq!(once.value.as_ref().map(|ticket| ticket.id), Some(first.id));
    fixture.desk.assign_ticket(&key("give"), first.id, AssignTicket::to(user(2))).await.expect("assigned");
    let again = claim(&fixture.desk, "a", 1).await;
    assert!(again.replayed);
    assert_eq!(again.value, once.value);
    let none = claim(&fixture.desk, "none", 1).await;
    assert_eq!((none.value, none.replayed), (None, true));

    let other = fixture.desk.claim_next(&key("a"), named(DEFAULT_QUEUE), ClaimTicket::by(user(2))).await;
    assert_eq!(other.expect_err("another owner").code(), "idempotency_key_reused");
    let view = fixture.desk.ticket(second.id).await.expect("read").expect("there");
    assert_eq!(view.queue_position, Some(1), "it was taken by none of this");

    let unknown = async |name: &str| {
        fixture.desk.claim_next(&key(name), named("third"), ClaimTicket::by(user(1))).await.expect_err("not there")
    };
    let refused = unknown("lost").await;
    assert!(refused.is_not_found());
    fixture.desk.create_queue(&key("third"), CreateQueue::new(named("third"))).await.expect("made");
    assert_eq!(unknown("lost").await.problem(), refused.problem(), "recorded");
}

/// What a claim was given, and when it was asked and answered, by a clock that ticks with every question and answer.
struct Given {
    ticket: TicketId,
    asked: u64,
    answered: u64,
}

/// Claims until nothing waits; each claim `times` at once, under one key.
async fn work(desk: Desk, agent: u8, times: usize, ticks: Arc<AtomicU64>) -> Vec<Given> {
    let mut given = Vec::new();
    for number in 0.. {
        let name = format!("claim {agent} {number}");
        let asked = ticks.fetch_add(1, Ordering::SeqCst);
        let mut twins = JoinSet::new();
        for _ in 0..times {
            let (desk, name) = (desk.clone(), name.clone());
            twins.spawn(async move { claim(&desk, &name, agent).await });
        }
        let answers = twins.join_all().await;
        let answered = ticks.fetch_add(1, Ordering::SeqCst);
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1, "{name}");
        assert!(answers.iter().all(|answer| answer.value == answers[0].value), "{name}");
        let Some(ticket) = &answers[0].value else { break };
        assert_eq!(ticket.owner_id, Some(user(agent).into()));
        given.push(Given { ticket: ticket.id, asked, answered });
    }
    given
}

/// Makes tickets that wait; answers them in the order in which they are to be taken.
async fn fill(desk: &Desk, count: usize) -> Vec<TicketId> {
    /// Made one after the other by each of so many.
    const MAKERS: usize = 16;
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS {
        let desk = desk.clone();
        makers.spawn(async move {
            let mut made = Vec::new();
            for number in (maker..count).step_by(MAKERS) {
                let priority = Priority::ALL[number * 7 % Priority::ALL.len()];
                let create = CreateTicket { priority: Some(priority), ..CreateTicket::new("wait").expect("lawful") };
                made.push(desk.create_ticket(&key(&format!("ticket {number}")), create).await.expect("made").value);
            }
            made
        });
    }
    let mut tickets: Vec<_> = makers.join_all().await.into_iter().flatten().collect();
    tickets.sort_by_key(|ticket| (Reverse(ticket.priority), ticket.queued_at, ticket.id));
    tickets.into_iter().map(|ticket| ticket.id).collect()
}

/// Lets agents claim all that waits, each by one of the desks, each claim asked `times` at once.
async fn all_work(desks: &[Desk], agents: u8, times: usize) -> Vec<Given> {
    let ticks = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for (agent, desk) in (0..agents).zip(desks.iter().cycle()) {
        tasks.spawn(work(desk.clone(), agent, times, Arc::clone(&ticks)));
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// So many agents claim so many tickets from the queue `default` of a realm in which nothing waits, by desks on one or
/// several nodes.
///
/// # Panics
/// If a ticket is given twice or never, or while one that comes before it was free from the question to the answer.
pub async fn race(desks: &[Desk], tickets: usize, agents: u8) {
    let order = fill(&desks[0], tickets).await;
    let given = all_work(desks, agents, 1).await;
    let claims: BTreeMap<_, _> = given.iter().map(|given| (given.ticket, given)).collect();
    assert_eq!((given.len(), claims.len()), (tickets, tickets), "each once");
    // A ticket is free for as long as nobody has asked who is given it: of all that come before this one, the last to be
    // asked for.
    let mut last_asked = 0;
    for ticket in order {
        let Given { asked, answered, .. } = claims[&ticket];
        assert!(last_asked < *answered, "one before {ticket} was free while it was given");
        last_asked = last_asked.max(*asked);
    }
}

/// Fifty at once, each on a node of its own.
pub async fn concurrent_claims_take_each_ticket_once_and_in_order(fixture: &Fixture) {
    let node = |seed: u64| fixture.node(100 + seed).desk(fixture.desk.realm().clone());
    let desks: Vec<_> = (0..50).map(node).collect();
    race(&desks, 120, 50).await;
    let new = TicketFilter { status: vec![Status::New], ..TicketFilter::ALL };
    assert_eq!(fixture.desk.tickets(&new, &PageRequest::first()).await.expect("read").data, []);
}

/// Each asked three times at once under one key: one has the effect, the others its answer, and no ticket is lost.
pub async fn concurrent_twins_of_a_claim_take_one_ticket(fixture: &Fixture) {
    let order = fill(&fixture.desk, 40).await;
    let given = all_work(std::slice::from_ref(&fixture.desk), 8, 3).await;
    let claims: BTreeMap<_, _> = given.iter().map(|given| (given.ticket, given)).collect();
    assert_eq!((given.len(), claims.len()), (order.len(), order.len()));
    for ticket in order {
        let lookup = Lookup { key: None, subject: Subject::Ticket(ticket) };
        let loaded = fixture.store.load(fixture.desk.realm(), lookup).await.expect("read");
        assert_eq!(loaded.thread_length, 3, "made, assigned, opened");
    }
}
