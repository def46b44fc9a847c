//! Figures, by way of a desk.

use std::time::Duration;

use super::super::fixture::{Fixture, key, user};
use crate::{
    desk::Desk,
    model::{
        id::{ContactId, TicketId},
        stats::{Breaches, Durations, Reopened, Stats, StatsRange, StatusCounts},
        thread::PostEntry,
        ticket::{CreateTicket, Status, TransitionTicket},
    },
    platform::{realm::Realm, time::Timestamp},
};

async fn make(fixture: &Fixture, name: &str) -> TicketId {
    let create = CreateTicket { owner_id: Some(user(1).into()), ..CreateTicket::new(name).expect("lawful") };
    fixture.desk.create_ticket(&key(name), create).await.expect("made").value.id
}

async fn move_to(fixture: &Fixture, name: &str, id: TicketId, to: Status) {
    let transition = TransitionTicket {
        reason: Some("because".parse().expect("lawful")),
        resolution_note: (to == Status::Resolved).then(|| "done".parse().expect("lawful")),
        ..TransitionTicket::to(to)
    };
    fixture.desk.transition_ticket(&key(name), id, transition).await.expect("moved");
}

async fn post(fixture: &Fixture, name: &str, id: TicketId, entry: PostEntry) {
    fixture.desk.post_to_thread(&key(name), id, entry).await.expect("posted");
}

fn reply() -> PostEntry {
    PostEntry { actor_id: Some(user(1).into()), ..PostEntry::message("!".parse().expect("lawful")) }
}

async fn all(fixture: &Fixture, desk: &Desk) -> Stats {
    let range = StatsRange { from: Timestamp::from_millis(0), to: Timestamp::MAX };
    fixture.store.ticket_stats(desk.realm(), range).await.expect("figures")
}

fn durations(count: u64, [p50, p90, p95, p99]: [u64; 4]) -> Durations {
    Durations { count, p50_seconds: Some(p50), p90_seconds: Some(p90), p95_seconds: Some(p95), p99_seconds: Some(p99) }
}

/// How many, where they stand, what was opened again; a reply is no note and not the customer's.
pub async fn tickets_are_counted_by_where_they_stand(fixture: &Fixture) {
    let contact = Some(ContactId::from_bytes([4; 16]).into());
    fixture.ticket("waits").await;
    let open = make(fixture, "open").await;
    let pending = make(fixture, "pending").await;
    let resolved = make(fixture, "resolved").await;
    let again = make(fixture, "again").await;
    let closed = make(fixture, "closed").await;
    fixture.clock.advance(Duration::from_secs(10));
    post(fixture, "note", open, PostEntry::note("hm".parse().expect("lawful"))).await;
    post(fixture, "asks", open, PostEntry { actor_id: contact, ..PostEntry::message("?".parse().expect("lawful")) })
        .await;
    move_to(fixture, "to pending", pending, Status::Pending).await;
    move_to(fixture, "to resolved", resolved, Status::Resolved).await;
    move_to(fixture, "to resolved once", again, Status::Resolved).await;
    fixture.clock.advance(Duration::from_millis(10_500));
    post(fixture, "reply", open, reply()).await;
    move_to(fixture, "to open", again, Status::Open).await;
    move_to(fixture, "to resolved twice", again, Status::Resolved).await;
    move_to(fixture, "to open again", again, Status::Open).await;
    move_to(fixture, "to closed", closed, Status::Closed).await;

    let stats = all(fixture, &fixture.desk).await;
    let by_status = StatusCounts { new: 1, open: 2, pending: 1, on_hold: 0, resolved: 1, closed: 1 };
    assert_eq!((stats.tickets.total, stats.tickets.by_status), (6, by_status));
    assert_eq!(stats.tickets.by_queue.len(), 1);
    let queue = &stats.tickets.by_queue[0];
    assert_eq!((queue.queue.as_str(), queue.total, queue.by_status), ("default", 6, by_status));
    assert_eq!(stats.first_response, durations(1, [20; 4]));
    assert_eq!(stats.resolution, durations(2, [10; 4]));
    assert_eq!(stats.reopened, Reopened { tickets: 1, rate: Some(0.5) });
    assert_eq!(stats.sla, Breaches::default());
}

/// By nearest rank, of the exact durations.
pub async fn percentiles_are_by_nearest_rank(fixture: &Fixture) {
    let mut made = Vec::new();
    for number in 0..21 {
        made.push(make(fixture, &format!("number {number}")).await);
    }
    for (number, id) in made.into_iter().enumerate() {
        fixture.clock.advance(Duration::from_millis(1_999));
        post(fixture, &format!("reply {number}"), id, reply()).await;
        if number < 20 {
            move_to(fixture, &format!("resolve {number}"), id, Status::Resolved).await;
        }
    }
    let stats = all(fixture, &fixture.desk).await;
    let took = |rank: u64| rank * 1_999 / 1_000;
    assert_eq!(stats.first_response, durations(21, [11, 19, 20, 21].map(took)));
    assert_eq!(stats.resolution, durations(20, [10, 18, 19, 20].map(took)));
}

/// From the first millisecond up to before the last.
pub async fn a_ticket_counts_by_when_it_was_made(fixture: &Fixture) {
    let mut times = Vec::new();
    for number in 0..5 {
        fixture.tick();
        make(fixture, &format!("number {number}")).await;
        times.push(fixture.tickets.now());
    }
    // Ids go on from the latest, though the clock steps back.
    fixture.clock.set(Timestamp::from_millis(times[0].as_millis() - 60_000));
    make(fixture, "earlier").await;
    let count = async |from: Timestamp, to: Timestamp| {
        let stats = fixture.store.ticket_stats(fixture.desk.realm(), StatsRange { from, to }).await.expect("figures");
        assert_eq!((stats.from, stats.to), (from, to));
        stats.tickets.total
    };
    let after = |time: Timestamp| time + Duration::from_millis(1);
    assert_eq!(count(times[1], times[3]).await, 2);
    assert_eq!(count(after(times[1]), times[3]).await, 1);
    assert_eq!(count(times[1], after(times[3])).await, 3);
    assert_eq!(count(Timestamp::from_millis(0), times[0]).await, 1);
    assert_eq!(count(after(times[4]), Timestamp::MAX).await, 0);
}

/// Where there is nothing, the figures say so, in a realm of nobody's too.
pub async fn figures_are_of_one_realm(fixture: &Fixture) {
    fixture.ticket("one").await;
    assert_eq!(all(fixture, &fixture.desk).await.tickets.total, 1);
    let decoy = all(fixture, &fixture.decoy).await;
    assert_eq!(decoy.tickets.total, 1);
    make(fixture, "another").await;
    assert_eq!(all(fixture, &fixture.decoy).await, decoy);

    let nobodys = Realm::assume("nobody".parse().expect("lawful"), fixture.desk.realm().environment());
    let nothing = all(fixture, &fixture.tickets.desk(nobodys)).await;
    assert_eq!((nothing.tickets.total, nothing.tickets.by_queue.len()), (0, 0));
    assert_eq!((nothing.first_response, nothing.resolution), (Durations::default(), Durations::default()));
    assert_eq!(nothing.reopened, Reopened { tickets: 0, rate: None });
}
