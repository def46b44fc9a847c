//! What is old, and how it is dropped.

use std::time::Duration;

use super::{
    super::fixture::{Fixture, key},
    delivery::{ALICE, attempt, claim, claim_all, deliveries, settle},
};
use crate::{
    desk::Desk,
    model::{
        delivery::{DeliveryFilter, DiscardDeadLetter},
        page::{Order, PageRequest},
        redaction::RedactEntry,
        thread::PostEntry,
        ticket::{CreateTicket, TicketFilter},
    },
    platform::{Retention, id::EventId, time::Timestamp},
    store::{Commit, CommitOutcome, Effect, Lookup, NextStep, Purge, Purged, Subject},
};

const HOUR: Duration = Duration::from_hours(1);

/// Drops all that is older than `before` in the fixture's realm.
async fn purge(fixture: &Fixture, what: Purged, before: Timestamp) -> CommitOutcome {
    purge_some(fixture, what, before, 100).await
}

async fn purge_some(fixture: &Fixture, what: Purged, before: Timestamp, limit: usize) -> CommitOutcome {
    let effect = Effect::Purge(Purge { what, before, limit });
    let commit = Commit::new(fixture.desk.realm().clone(), fixture.tickets.now(), None, effect);
    fixture.store.commit(commit).await.expect("answered")
}

/// The feed from its beginning.
async fn feed(desk: &Desk) -> Vec<EventId> {
    desk.events(&PageRequest::first().order(Order::Asc).limit(100))
        .await
        .expect("read")
        .data
        .iter()
        .map(|event| event.id)
        .collect()
}

/// The key stays bound for ever, to whatever request: what it was used for is never done again.
pub async fn a_key_whose_answer_was_dropped_stays_used(fixture: &Fixture) {
    let desk = &fixture.desk;
    let old = fixture.ticket("old").await;
    fixture.endpoint(9_000).await;
    fixture.clock.advance(HOUR);
    let border = fixture.tickets.now();
    let young = fixture.ticket("young").await;

    assert_eq!(purge(fixture, Purged::Answers, border).await, CommitOutcome::Applied);
    assert_eq!(purge(fixture, Purged::Answers, border).await, CommitOutcome::Stale, "nothing is left");
    for (name, subject) in [("old", "old"), ("old", "another"), ("endpoint 9000", "old")] {
        let again = desk.create_ticket(&key(name), CreateTicket::new(subject).expect("lawful")).await;
        assert_eq!(again.expect_err("expired").code(), "idempotency_key_expired", "{name} {subject}");
    }
    let again = desk.create_ticket(&key("young"), CreateTicket::new("young").expect("lawful")).await.expect("kept");
    assert!(again.replayed && again.value.id == young.id);
    let tickets = desk.tickets(&TicketFilter::default(), &PageRequest::first()).await.expect("read").data;
    assert_eq!(tickets.iter().map(|ticket| ticket.id).collect::<Vec<_>>(), [young.id, old.id]);

    // Of the answer there is no more than where what it made is, and its secret is gone.
    let (old_key, secret_key) = (key("old"), key("endpoint 9000"));
    for (name, is_of) in [(&old_key, old.id.to_string()), (&secret_key, "whe_".to_owned())] {
        let lookup = Lookup { key: Some(name), subject: Subject::Queues };
        let recorded = fixture.store.load(desk.realm(), lookup).await.expect("read").recorded.expect("kept");
        assert!(recorded.is_expired() && recorded.response.body.is_empty() && recorded.response.secret.is_none());
        assert!(recorded.response.location.is_some_and(|location| location.contains(&is_of)));
    }
    assert!(fixture.store.recorded_secrets(desk.realm(), None, 10).await.expect("read").is_empty());

    let theirs = fixture.decoy.create_ticket(&key("old"), CreateTicket::new("decoy of old").expect("lawful")).await;
    assert!(theirs.expect("kept").replayed, "another realm keeps what it has");
}

/// In the order of the feed, and never one behind a follower's back.
pub async fn old_events_leave_the_feed(fixture: &Fixture) {
    let desk = &fixture.desk;
    let first = PageRequest::first().order(Order::Asc).limit(1);
    for subject in ["one", "two"] {
        fixture.ticket(subject).await;
    }
    let all = feed(desk).await;
    let behind = desk.events(&first).await.expect("read").next_cursor;
    let at_the_border = desk.events(&PageRequest { cursor: behind.clone(), ..first.clone() }).await.expect("read");
    let down = PageRequest { order: Some(Order::Desc), ..first.clone() };
    let newest = desk.events(&down).await.expect("read");
    fixture.clock.advance(HOUR);
    let border = fixture.tickets.now();
    fixture.ticket("three").await;
    fixture.ticket("four").await;
    let [_, _, third, fourth] = feed(desk).await[..] else { panic!("an event for each ticket") };

    assert_eq!(purge_some(fixture, Purged::Events, border, 1).await, CommitOutcome::Applied);
    assert_eq!(feed(desk).await, [all[1], third, fourth], "the first one first");
    assert_eq!(purge(fixture, Purged::Events, border).await, CommitOutcome::Applied);
    assert_eq!(purge(fixture, Purged::Events, border).await, CommitOutcome::Stale, "nothing is left");
    assert_eq!(feed(desk).await, [third, fourth]);
    assert_eq!(desk.event(all[1]).await.expect("read"), None);
    assert!(desk.event(third).await.expect("read").is_some());
    assert_eq!(feed(&fixture.decoy).await.len(), 4, "another realm keeps what it has");

    // Who had seen the last one that is gone has missed nothing; who had not is told.
    let expired = desk.events(&PageRequest { cursor: behind, ..first.clone() }).await.expect_err("a gap");
    assert_eq!(expired.code(), "cursor_expired");
    let on = desk.events(&PageRequest { cursor: at_the_border.next_cursor, limit: 100, ..first.clone() }).await;
    assert_eq!(on.expect("no gap").data.iter().map(|event| event.id).collect::<Vec<_>>(), [third, fourth]);
    let expired = desk.events(&PageRequest { cursor: newest.next_cursor, ..down.clone() }).await.expect_err("a gap");
    assert_eq!(expired.code(), "cursor_expired");
    let page = desk.events(&PageRequest { limit: 100, ..down }).await.expect("read");
    assert_eq!((page.data.len(), page.has_more, page.next_cursor), (2, false, None), "and ends there");

    // An empty feed is followed from where it ends, and places are not given out twice.
    fixture.clock.advance(HOUR);
    assert_eq!(purge(fixture, Purged::Events, fixture.tickets.now()).await, CommitOutcome::Applied);
    let empty = desk.events(&first).await.expect("read");
    assert!(empty.data.is_empty());
    fixture.ticket("five").await;
    let on = desk.events(&PageRequest { cursor: empty.next_cursor, ..first }).await.expect("no gap").data;
    assert_eq!(on.len(), 1);
    assert_eq!(feed(desk).await, [on[0].id]);
}

/// A delivery that is pending and a dead letter keep their event, and the feed from there on.
pub async fn what_is_yet_to_be_delivered_keeps_its_event(fixture: &Fixture) {
    let desk = &fixture.desk;
    fixture.ticket("nobody is told").await;
    fixture.endpoint(9_000).await;
    fixture.ticket("told").await;
    fixture.ticket("told later").await;
    let all = feed(desk).await;
    fixture.clock.advance(HOUR);
    let later = fixture.tickets.now();
    assert_eq!(purge(fixture, Purged::Events, later).await, CommitOutcome::Applied);
    assert_eq!(feed(desk).await, all[1..], "one is pending");

    // The payload that a worker is given is whole, and so is that of a dead letter which is replayed.
    let held = claim_all(fixture, ALICE).await;
    assert!(held.iter().all(|one| !one.payload.is_empty()));
    for one in held {
        settle(fixture, &one.lease, attempt(fixture, 1, 500), NextStep::DeadLetter).await;
    }
    assert_eq!(purge(fixture, Purged::Events, later).await, CommitOutcome::Stale, "both are dead letters");
    let letters: Vec<_> = deliveries(fixture).await.into_iter().map(|letter| letter.id).collect();
    desk.replay_dead_letter(&key("replay"), letters[0]).await.expect("replayed");
    desk.discard_dead_letter(&key("discard"), letters[1], DiscardDeadLetter { reason: "no".parse().expect("lawful") })
        .await
        .expect("discarded");
    let held = claim_all(fixture, ALICE).await;
    let mine = held.iter().find(|one| one.lease.realm == *desk.realm()).expect("it is due");
    assert!(!mine.payload.is_empty());
    settle(fixture, &mine.lease, attempt(fixture, 2, 200), NextStep::Delivered).await;
    assert_eq!(purge(fixture, Purged::Events, later).await, CommitOutcome::Applied);
    assert!(feed(desk).await.is_empty());
}

/// With their attempts; but for what is pending, and what was tried since.
pub async fn old_deliveries_are_dropped(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    for subject in ["delivered", "tried since", "pending"] {
        fixture.ticket(subject).await;
    }
    let mut old: Vec<_> = deliveries(fixture).await.into_iter().map(|one| one.id).collect();
    old.sort();
    let held = claim(fixture, ALICE).await;
    let lease = |id| held.iter().find(|one| one.delivery_id == id && one.realm == *fixture.desk.realm()).expect("held");
    settle(fixture, lease(old[0]), attempt(fixture, 1, 200), NextStep::Delivered).await;
    fixture.clock.advance(Duration::from_secs(5));
    let border = fixture.tickets.now();
    settle(fixture, lease(old[1]), attempt(fixture, 1, 500), NextStep::DeadLetter).await;

    assert_eq!(purge(fixture, Purged::Deliveries, border).await, CommitOutcome::Applied);
    assert_eq!(purge(fixture, Purged::Deliveries, border).await, CommitOutcome::Stale, "nothing is left");
    let mut kept: Vec<_> = deliveries(fixture).await.into_iter().map(|one| one.id).collect();
    kept.sort();
    assert_eq!(kept, old[1..]);
    assert_eq!(fixture.desk.delivery(old[0]).await.expect("read"), None);
    let theirs = fixture.decoy.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read").data;
    assert_eq!(theirs.len(), 3, "another realm keeps what it has");

    fixture.clock.advance(HOUR);
    assert_eq!(purge(fixture, Purged::Deliveries, fixture.tickets.now()).await, CommitOutcome::Applied);
    let kept: Vec<_> = deliveries(fixture).await.into_iter().map(|one| one.id).collect();
    assert_eq!(kept, [old[2]], "what is pending stays, however old");
    assert_eq!(feed(&fixture.desk).await.len(), 3, "the events stay");
}

/// Of an attempt all else stays.
pub async fn old_responses_are_dropped(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    for lease in claim(fixture, ALICE).await {
        let next = NextStep::RetryAt(fixture.tickets.now() + HOUR);
        settle(fixture, &lease, attempt(fixture, 1, 500), next).await;
    }
    fixture.clock.advance(HOUR);
    let border = fixture.tickets.now();
    for lease in claim(fixture, ALICE).await {
        settle(fixture, &lease, attempt(fixture, 2, 200), NextStep::Delivered).await;
    }
    let [before] = &deliveries(fixture).await[..] else { panic!("one") };
    assert!(before.attempts.iter().all(|attempt| attempt.response.is_some()));

    assert_eq!(purge(fixture, Purged::Responses, border).await, CommitOutcome::Applied);
    assert_eq!(purge(fixture, Purged::Responses, border).await, CommitOutcome::Stale, "nothing is left");
    let mut wanted = before.clone();
    wanted.attempts[0].response = None;
    assert_eq!(deliveries(fixture).await, [wanted]);
    let theirs = fixture.decoy.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read").data;
    assert!(theirs[0].attempts[0].response.is_some(), "another realm keeps what it has");
}

/// What a redaction finds gone it leaves gone.
pub async fn a_redaction_brings_nothing_back(fixture: &Fixture) {
    let desk = &fixture.desk;
    let ticket = fixture.ticket("one").await;
    let post = PostEntry::note("a secret word".parse().expect("lawful"));
    let entry = desk.post_to_thread(&key("post"), ticket.id, post).await.expect("posted").value;
    let old = feed(desk).await;
    fixture.clock.advance(HOUR);
    for what in [Purged::Events, Purged::Answers] {
        assert_eq!(purge(fixture, what, fixture.tickets.now()).await, CommitOutcome::Applied);
    }
    let redact = RedactEntry { reason: "privacy".parse().expect("lawful"), actor_id: None };
    desk.redact_entry(&key("redact"), ticket.id, entry.id, redact).await.expect("redacted");
    assert_eq!(feed(desk).await.len(), 1, "that of the redaction");
    for event in old {
        assert_eq!(desk.event(event).await.expect("read"), None);
    }
    let again = desk.create_ticket(&key("one"), CreateTicket::new("one").expect("lawful")).await;
    assert_eq!(again.expect_err("expired").code(), "idempotency_key_expired");
}

/// In all realms, each thing when its time has come.
pub async fn a_purger_drops_what_its_retention_says(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    fixture.ticket("one").await;
    for lease in claim(fixture, ALICE).await {
        settle(fixture, &lease, attempt(fixture, 1, 200), NextStep::Delivered).await;
    }
    let retention: Retention = "events=3h,deliveries=2h,idempotency=1h".parse().expect("lawful");
    let seen = async || {
        let mut seen = Vec::new();
        for (desk, subject) in [(&fixture.desk, "one"), (&fixture.decoy, "decoy of one")] {
            let again = desk.create_ticket(&key("one"), CreateTicket::new(subject).expect("lawful")).await;
            let deliveries =
                desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read").data;
            seen.push((again.is_ok(), deliveries.len(), feed(desk).await.len()));
        }
        assert_eq!(seen[0], seen[1]);
        seen.pop().expect("two")
    };
    for (hours, wanted) in [(0, (true, 1, 1)), (1, (false, 1, 1)), (2, (false, 0, 1)), (3, (false, 0, 0))] {
        fixture.clock.set(fixture.tickets.now() + HOUR * hours.min(1));
        fixture.tick();
        fixture.tickets.purger(Retention::default()).purge().await.expect("nothing to do");
        fixture.tickets.purger(retention).purge().await.expect("done");
        assert_eq!(seen().await, wanted, "after {hours} hours");
    }
}
