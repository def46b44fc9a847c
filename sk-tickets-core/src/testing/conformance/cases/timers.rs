//! What is kept of a ticket's times beside what it shows.

use std::time::Duration;

use super::super::fixture::{Fixture, key, user};
use crate::{
    desk::Desk,
    model::{
        id::{ContactId, TicketId},
        search::TermChanges,
        sla::{Target, Targets, Timers},
        thread::PostEntry,
        ticket::{Status, TransitionTicket},
    },
    platform::time::Timestamp,
    store::{Commit, CommitOutcome, Effect, Expectation, Lookup, Subject, TicketChange},
};

pub(super) async fn timers(fixture: &Fixture, desk: &Desk, id: TicketId) -> Timers {
    let lookup = Lookup { key: None, subject: Subject::Ticket(id) };
    fixture.store.load(desk.realm(), lookup).await.expect("read").timers
}

/// Field by field, in the ticket's version, and in no other realm.
pub async fn the_times_of_a_ticket_are_kept_with_it(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    let started = timers(fixture, &fixture.desk, ticket.id).await;
    assert_eq!(started, Timers { resolution_since: Some(ticket.created_at), ..Timers::default() });
    let later = |seconds| Some(ticket.created_at + Duration::from_secs(seconds));
    let full = Timers {
        first_replied_at: later(1),
        resolution_used_ms: 2_345,
        resolution_since: later(2),
        targets: Targets {
            first_response: Some(Target { seconds: 60, warn_before_seconds: None, warned: false }),
            resolution: Some(Target { seconds: 7_200, warn_before_seconds: Some(30), warned: true }),
        },
        first_response_breached_at: later(3),
        resolution_breached_at: later(4),
        auto_close_at: later(5),
        wakes_at: later(6),
        at_risk_at: later(7),
        clocked: true,
    };
    let commit = |version, timers| {
        let mut ticket = ticket.clone();
        ticket.version = ticket.version.next();
        let change = TicketChange {
            expect: Expectation::Version(version),
            ticket,
            timers,
            policy: None,
            contact: None,
            notification: None,
            entries: Vec::new(),
            events: Vec::new(),
            terms: TermChanges::default(),
        };
        fixture.store.commit(Commit::new(
            fixture.desk.realm().clone(),
            fixture.tickets.now(),
            None,
            Effect::Ticket(Box::new(change)),
        ))
    };
    assert_eq!(commit(ticket.version, full).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(timers(fixture, &fixture.desk, ticket.id).await, full);
    assert_eq!(timers(fixture, &fixture.decoy, ticket.id).await, started, "the twin's are its own");
    assert_eq!(commit(ticket.version, started).await.expect("answered"), CommitOutcome::Stale);
    assert_eq!(timers(fixture, &fixture.desk, ticket.id).await, full);
    assert_eq!(timers(fixture, &fixture.desk, TicketId::from_bytes([9; 16])).await, Timers::default());
}

/// The first reply by whoever is not the customer; resolution time, but while the customer is waited for.
pub async fn used_time_is_tracked_whatever_the_policy(fixture: &Fixture) {
    let id = fixture.ticket("one").await.id;
    let step = |seconds| fixture.clock.advance(Duration::from_secs(seconds));
    let now = || -> Timestamp { fixture.tickets.now() };
    let kept = async || timers(fixture, &fixture.desk, id).await;
    let say = async |name: &str, post: PostEntry| {
        fixture.desk.post_to_thread(&key(name), id, post).await.expect("written");
    };
    let text = || "words".parse().expect("lawful");
    let go = async |name: &str, to| {
        let transition = TransitionTicket {
            reason: Some("because".parse().expect("lawful")),
            resolution_note: (to == Status::Resolved).then(|| "done".parse().expect("lawful")),
            owner_id: Some(user(1).into()),
            ..TransitionTicket::to(to)
        };
        fixture.desk.transition_ticket(&key(name), id, transition).await.expect("moved");
    };

    step(10);
    say("customer", PostEntry { actor_id: Some(ContactId::from_bytes([4; 16]).into()), ..PostEntry::message(text()) })
        .await;
    say("note", PostEntry { actor_id: Some(user(1).into()), ..PostEntry::note(text()) }).await;
    say("system", PostEntry::message(text())).await;
    assert_eq!(kept().await.first_replied_at, None);
    go("pending", Status::Pending).await;
    assert_eq!((kept().await.resolution_used_ms, kept().await.resolution_since), (10_000, None));
    step(100);
    let first = now();
    say("reply", PostEntry { actor_id: Some(user(1).into()), ..PostEntry::message(text()) }).await;
    step(1);
    say("again", PostEntry { actor_id: Some(user(2).into()), ..PostEntry::message(text()) }).await;
    assert_eq!(kept().await.first_replied_at, Some(first));
    go("open", Status::Open).await;
    let since = now();
    step(5);
    go("hold", Status::OnHold).await;
    assert_eq!((kept().await.resolution_used_ms, kept().await.resolution_since), (10_000, Some(since)));
    step(5);
    go("resolve", Status::Resolved).await;
    assert_eq!((kept().await.resolution_used_ms, kept().await.resolution_since), (20_000, None));
    step(50);
    go("reopen", Status::Open).await;
    step(7);
    go("close", Status::Closed).await;
    assert_eq!((kept().await.resolution_used_ms, kept().await.resolution_since), (27_000, None));
}
