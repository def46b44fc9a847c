//! What customers are told: written with the resolution, sent under a lease, told in the thread.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    super::fixture::{Fixture, key, user},
    delivery::{ALICE, BOB, LEASE},
};
use crate::{
    desk::Desk,
    model::{
        actor::Actor,
        contact::{CreateContact, InlineContact, UpdateContact},
        event::EventType,
        id::{ContactId, NotificationId, OwnerId, TicketId},
        notification::{Channel, Notification, NotificationFilter, Outcome},
        page::{Order, PageRequest},
        redaction::RedactEntry,
        search::TermChanges,
        sla::Timers,
        thread::{EntryDetail, PostEntry, ThreadEntry, Visibility},
        ticket::{CreateTicket, Status, Ticket, TransitionTicket},
    },
    notify::NotifyError,
    platform::{
        input::Patch,
        realm::{Environment, Realm},
        time::{Clock, Timestamp},
    },
    store::{
        Commit, CommitOutcome, Effect, Expectation, LeasedNotification, NotificationBacklog, NotificationChange,
        NotificationLease, Settled, SettledNotification, TicketChange, WorkerId,
    },
    testing::ScriptedNotifier,
};

/// The live realm of the tenant that a case looks at, or of the decoy.
fn live(of: &Desk, fixture: &Fixture) -> Desk {
    fixture.tickets.desk(Realm::assume(of.realm().tenant().clone(), Environment::Live))
}

fn resolve() -> TransitionTicket {
    TransitionTicket {
        owner_id: Some(OwnerId::User(user(1))),
        resolution_note: Some("Replaced.".parse().expect("lawful")),
        ..TransitionTicket::to(Status::Resolved)
    }
}

fn known(email: &str) -> CreateTicket {
    let contact = InlineContact {
        name: Some("Ann".parse().expect("lawful")),
        email: Some(email.parse().expect("lawful")),
        phone: None,
    };
    CreateTicket { contact: Some(contact), ..CreateTicket::new("Part delayed").expect("lawful") }
}

async fn create(fixture: &Fixture, desk: &Desk, name: &str, ticket: CreateTicket) -> Ticket {
    fixture.tick();
    desk.create_ticket(&key(name), ticket).await.expect("made").value
}

/// A ticket that was just resolved.
async fn resolved(fixture: &Fixture, desk: &Desk, name: &str, ticket: CreateTicket) -> Ticket {
    let ticket = create(fixture, desk, name, ticket).await;
    desk.transition_ticket(&key(&format!("resolve {name}")), ticket.id, resolve()).await.expect("resolved").value
}

/// A live ticket of a contact with an address, just resolved, with what the contact is to be told.
async fn waiting(fixture: &Fixture, name: &str) -> (Ticket, Notification) {
    let desk = live(&fixture.desk, fixture);
    let ticket = resolved(fixture, &desk, name, known(&format!("{name}@example.com"))).await;
    let notification = about(&desk, ticket.id).await.remove(0);
    (ticket, notification)
}

/// What was told of a ticket, the first first.
async fn about(desk: &Desk, ticket: TicketId) -> Vec<Notification> {
    let filter = NotificationFilter { ticket_id: Some(ticket), outcome: None };
    desk.notifications(&filter, &PageRequest::first().order(Order::Asc)).await.expect("read").data
}

async fn read(desk: &Desk, id: NotificationId) -> Notification {
    desk.notification(id).await.expect("read").expect("it is there")
}

async fn thread(desk: &Desk, ticket: TicketId) -> Vec<ThreadEntry> {
    desk.thread(ticket, &PageRequest::first()).await.expect("read").expect("it is there").data
}

/// What the thread says came of notifications.
async fn told(desk: &Desk, ticket: TicketId) -> Vec<(NotificationId, Outcome)> {
    let told = |entry: &ThreadEntry| match entry.detail {
        EntryDetail::Notification { notification_id, channel: Channel::Email, outcome } => {
            assert_eq!((entry.actor, entry.visibility), (Actor::System, Visibility::Internal));
            Some((notification_id, outcome))
        }
        _ => None,
    };
    thread(desk, ticket).await.iter().filter_map(told).collect()
}

async fn claim(fixture: &Fixture, worker: WorkerId, limit: usize) -> Vec<LeasedNotification> {
    let now = fixture.tickets.now();
    fixture.store.notification_claim(worker, now, LEASE, limit).await.expect("claimed").notifications
}

async fn lease(fixture: &Fixture, worker: WorkerId) -> NotificationLease {
    claim(fixture, worker, 100).await.remove(0).lease
}

async fn settle(fixture: &Fixture, lease: &NotificationLease, error: Option<&str>) -> Settled {
    fixture.tickets.settle_notification(lease, error.map(str::to_owned)).await.expect("answered")
}

/// In a test realm it is captured: written with all it would say, in the same version of the ticket, and never sent.
pub async fn what_a_customer_is_told_is_written_with_the_resolution(fixture: &Fixture) {
    let ticket = resolved(fixture, &fixture.desk, "one", known("ann@example.com")).await;
    let made = about(&fixture.desk, ticket.id).await;
    let [notification] = made.as_slice() else { panic!("one is told once: {made:?}") };
    let Notification { id, ticket_id, contact_id, outcome, to, subject, text, created_at, .. } = notification;
    assert_eq!((*ticket_id, Some(*contact_id), *outcome), (ticket.id, ticket.contact_id, Outcome::Captured));
    assert_eq!((to.as_deref(), subject.as_str()), (Some("ann@example.com"), "Resolved: Part delayed"));
    assert!(text.contains("Hello Ann,") && text.contains("Replaced.") && text.contains(&ticket.id.to_string()));
    assert_eq!((notification.attempts, notification.next_attempt_at, notification.sent_at), (0, None, None));
    assert_eq!(*created_at, fixture.tickets.now());
    assert_eq!(told(&fixture.desk, ticket.id).await, [(*id, Outcome::Captured)]);
    let stored = fixture.desk.ticket(ticket.id).await.expect("read").expect("there").ticket;
    assert_eq!(stored.version, ticket.version, "in the resolution's own commit");

    assert_eq!(fixture.decoy.notification(*id).await.expect("read"), None);
    assert_eq!(live(&fixture.desk, fixture).notification(*id).await.expect("read"), None);
    assert!(claim(fixture, ALICE, 100).await.is_empty(), "a test realm tells nobody");
}

/// Due at once, and told in the thread only when its outcome is known.
pub async fn in_a_live_realm_it_waits_to_be_sent(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    assert_eq!(notification.outcome, Outcome::Pending);
    assert_eq!(notification.next_attempt_at, Some(fixture.tickets.now()));
    assert_eq!(told(&desk, ticket.id).await, []);
    let due = claim(fixture, ALICE, 100).await;
    let [LeasedNotification { lease, ticket_id, to, subject, text, failures }] = due.as_slice() else {
        panic!("one is due: {due:?}")
    };
    assert_eq!((&lease.realm, lease.notification_id), (desk.realm(), notification.id));
    assert_eq!((*ticket_id, to.as_str(), *failures), (ticket.id, "ann@example.com", 0));
    assert_eq!((subject, text), (&notification.subject, &notification.text));
}

/// Of a ticket that names nobody nothing is told. A contact that is not known here, or has no address, cannot be told.
pub async fn who_is_not_named_or_has_no_address_is_not_told(fixture: &Fixture) {
    for desk in [fixture.desk.clone(), live(&fixture.desk, fixture)] {
        let ticket = resolved(fixture, &desk, "nobody", CreateTicket::new("one").expect("lawful")).await;
        assert_eq!(about(&desk, ticket.id).await, []);
        assert_eq!(told(&desk, ticket.id).await, []);

        let phone = InlineContact { name: None, email: None, phone: Some("+4930123456".parse().expect("lawful")) };
        let by_phone = CreateTicket { contact: Some(phone), ..CreateTicket::new("two").expect("lawful") };
        let foreign = Some(ContactId::from_bytes([7; 16]));
        let unknown = CreateTicket { contact_id: foreign, ..CreateTicket::new("three").expect("lawful") };
        for (name, ticket) in [("by phone", by_phone), ("unknown", unknown)] {
            let ticket = resolved(fixture, &desk, name, ticket).await;
            let made = about(&desk, ticket.id).await.remove(0);
            assert_eq!((made.outcome, made.to.as_deref()), (Outcome::NoAddress, None), "{name}");
            assert!(made.text.contains("Hello there,"), "{}", made.text);
            assert_eq!(told(&desk, ticket.id).await, [(made.id, Outcome::NoAddress)]);
        }
    }
    // Given an address, the same id can be told.
    let id = Some(ContactId::from_bytes([7; 16]));
    let email = Some("ann@example.com".parse().expect("lawful"));
    let address = CreateContact { id, name: None, email, phone: None };
    let desk = live(&fixture.desk, fixture);
    desk.create_contact(&key("address"), address).await.expect("made");
    let again = CreateTicket { contact_id: id, ..CreateTicket::new("four").expect("lawful") };
    let ticket = resolved(fixture, &desk, "known by now", again).await;
    assert_eq!(about(&desk, ticket.id).await[0].outcome, Outcome::Pending);
}

/// A retry of the resolution makes no second one; a resolution after a reopen does.
pub async fn each_resolution_tells_once(fixture: &Fixture) {
    let ticket = resolved(fixture, &fixture.desk, "one", known("ann@example.com")).await;
    let retry = fixture.desk.transition_ticket(&key("resolve one"), ticket.id, resolve()).await.expect("the same");
    assert!(retry.replayed);
    assert_eq!(about(&fixture.desk, ticket.id).await.len(), 1);
    let reopen = TransitionTicket {
        reason: Some("still broken".parse().expect("lawful")),
        ..TransitionTicket::to(Status::Open)
    };
    fixture.desk.transition_ticket(&key("reopen"), ticket.id, reopen).await.expect("reopened");
    fixture.tick();
    fixture.desk.transition_ticket(&key("again"), ticket.id, resolve()).await.expect("resolved");
    let made: Vec<_> = about(&fixture.desk, ticket.id).await.iter().map(|one| (one.id, one.outcome)).collect();
    assert_eq!(made.len(), 2);
    assert_eq!(told(&fixture.desk, ticket.id).await, made);
}

/// Eight workers at once share them out, and never more than they ask for.
pub async fn no_two_claims_give_the_same_notification(fixture: &Fixture) {
    for number in 0..10 {
        waiting(fixture, &format!("number-{number}")).await;
        let decoy = live(&fixture.decoy, fixture);
        resolved(fixture, &decoy, &format!("decoy {number}"), known("ann@example.com")).await;
    }
    let now = fixture.tickets.now();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = Arc::clone(&fixture.store);
            tokio::spawn(
                async move { store.notification_claim(WorkerId(worker), now, LEASE, 2).await.expect("claimed") },
            )
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        let due = worker.await.expect("no panic").notifications;
        assert!(due.len() <= 2);
        claimed.extend(due);
    }
    claimed.extend(claim(fixture, ALICE, 100).await);
    let mut distinct: Vec<_> = claimed.iter().map(|one| (one.lease.realm.clone(), one.lease.notification_id)).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!((claimed.len(), distinct.len()), (20, 20));
    assert!(claim(fixture, BOB, 100).await.is_empty());
}

/// Once it ran out, another has the notification, and nothing can be settled, put off or renewed with it.
pub async fn a_lease_on_a_notification_is_fenced(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    let old = lease(fixture, ALICE).await;
    fixture.clock.advance(LEASE - Duration::from_millis(1));
    let until = fixture.tickets.now() + LEASE;
    assert_eq!(fixture.store.notification_renew(&old, until).await.expect("answered"), Settled::Recorded);
    fixture.tick();
    assert!(claim(fixture, BOB, 100).await.is_empty(), "it was renewed");
    fixture.clock.set(until);
    let new = lease(fixture, BOB).await;
    assert_eq!(new.notification_id, old.notification_id);
    assert!(new.token > old.token);

    let later = fixture.tickets.now() + LEASE;
    assert_eq!(fixture.store.notification_renew(&old, later).await.expect("answered"), Settled::LeaseLost);
    assert_eq!(fixture.store.notification_retry(&old, "late", later).await.expect("answered"), Settled::LeaseLost);
    assert_eq!(settle(fixture, &old, None).await, Settled::LeaseLost);
    assert_eq!(read(&desk, notification.id).await, notification);
    assert_eq!(told(&desk, ticket.id).await, []);

    assert_eq!(settle(fixture, &new, None).await, Settled::Recorded);
    assert_eq!(settle(fixture, &new, None).await, Settled::LeaseLost, "a lease ends when it is settled");
    assert_eq!(told(&desk, ticket.id).await, [(notification.id, Outcome::Sent)]);
}

/// By when it was due or its lease ran out, then by id; and the next time to look is known.
pub async fn what_was_due_first_is_sent_first(fixture: &Fixture) {
    let mut ids = Vec::new();
    for name in ["ann", "bob", "eve"] {
        ids.push(waiting(fixture, name).await.1.id);
    }
    let now = fixture.tickets.now();
    let claimed = fixture.store.notification_claim(ALICE, now, LEASE, 2).await.expect("claimed");
    let claimed_ids: Vec<_> = claimed.notifications.iter().map(|one| one.lease.notification_id).collect();
    assert_eq!(claimed_ids, ids[..2]);
    assert_eq!(claimed.next, Some(now + LEASE));
    let later = now + Duration::from_secs(4);
    let first = &claimed.notifications[0].lease;
    assert_eq!(fixture.store.notification_retry(first, "busy", later).await.expect("answered"), Settled::Recorded);
    let none = fixture.store.notification_claim(BOB, now, LEASE, 0).await.expect("claimed");
    assert!(none.notifications.is_empty());
    assert_eq!(none.next, Some(later));
    fixture.clock.set(now + LEASE);
    let order: Vec<_> = claim(fixture, BOB, 100).await.iter().map(|one| one.lease.notification_id).collect();
    assert_eq!(order, [ids[2], ids[0], ids[1]]);
}

/// Sent or dead, with an entry by the system in a version of its own, told as an event, whatever became of the ticket.
pub async fn what_came_of_it_stands_in_the_thread(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ann, to_ann) = waiting(fixture, "ann").await;
    let (bob, to_bob) = waiting(fixture, "bob").await;
    let leases: Vec<_> = claim(fixture, ALICE, 100).await.into_iter().map(|one| one.lease).collect();
    // The ticket goes on meanwhile.
    let closed = TransitionTicket {
        reason: Some("settled by phone".parse().expect("lawful")),
        ..TransitionTicket::to(Status::Closed)
    };
    let bob = desk.transition_ticket(&key("close"), bob.id, closed).await.expect("closed").value;
    fixture.tick();
    assert_eq!(settle(fixture, &leases[0], None).await, Settled::Recorded);
    assert_eq!(settle(fixture, &leases[1], Some("nobody there")).await, Settled::Recorded);

    let sent = read(&desk, to_ann.id).await;
    let now = Some(fixture.tickets.now());
    let expected = Notification { outcome: Outcome::Sent, attempts: 1, next_attempt_at: None, sent_at: now, ..to_ann };
    assert_eq!(sent, expected);
    let dead = read(&desk, to_bob.id).await;
    let last_error = Some("nobody there".to_owned());
    let expected = Notification { outcome: Outcome::Dead, attempts: 1, next_attempt_at: None, last_error, ..to_bob };
    assert_eq!(dead, expected);
    assert!(claim(fixture, BOB, 100).await.is_empty());

    for (ticket, told_of) in [(ann, (sent.id, Outcome::Sent)), (bob, (dead.id, Outcome::Dead))] {
        assert_eq!(told(&desk, ticket.id).await, [told_of]);
        let after = desk.ticket(ticket.id).await.expect("read").expect("there").ticket;
        assert_eq!(after.version, ticket.version.next());
        assert_eq!(after.status, ticket.status);
        let last = thread(&desk, ticket.id).await.pop().expect("it has entries");
        let events = desk.events(&PageRequest::first()).await.expect("read").data;
        let event = events.into_iter().find(|event| event.ticket_id == Some(ticket.id)).expect("told");
        assert_eq!((event.event_type, event.ticket_version), (EventType::TicketMessageAdded, Some(after.version)));
        let payload = String::from_utf8(event.payload).expect("JSON");
        assert!(payload.contains(&last.id.to_string()), "{payload}");
    }
}

/// With another version of the ticket, or without the lease: neither the entry nor the outcome.
pub async fn a_stale_settlement_writes_nothing(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    let lease = lease(fixture, ALICE).await;
    let commit = |version: crate::model::ticket::Version, token: u64| {
        let settled = SettledNotification {
            id: notification.id,
            token,
            outcome: Outcome::Sent,
            attempts: 1,
            last_error: None,
            sent_at: Some(fixture.tickets.now()),
        };
        let change = TicketChange {
            expect: Expectation::Version(version),
            ticket: Ticket { version: version.next(), ..ticket.clone() },
            timers: Timers::default(),
            policy: None,
            contact: None,
            notification: Some(NotificationChange::Settle(settled)),
            entries: Vec::new(),
            events: Vec::new(),
            terms: TermChanges::default(),
        };
        let effect = Effect::Ticket(Box::new(change));
        fixture.store.commit(Commit::new(desk.realm().clone(), fixture.tickets.now(), None, effect))
    };
    let stale = commit(ticket.version.next(), lease.token).await.expect("answered");
    assert_eq!(stale, CommitOutcome::Stale);
    let lost = commit(ticket.version, lease.token + 1).await.expect("answered");
    assert_eq!(lost, CommitOutcome::Stale);
    assert_eq!(read(&desk, notification.id).await, notification);
    assert_eq!(desk.ticket(ticket.id).await.expect("read").expect("there").ticket, ticket);

    // Who settles while others write decides again.
    let post = PostEntry::note("called".parse().expect("lawful"));
    let note = key("note");
    let (settled, posted) =
        tokio::join!(fixture.tickets.settle_notification(&lease, None), desk.post_to_thread(&note, ticket.id, post));
    assert_eq!(settled.expect("answered"), Settled::Recorded);
    posted.expect("posted");
    let sequences: Vec<_> = thread(&desk, ticket.id).await.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
}

/// With why, and when; the schedule goes on.
pub async fn what_was_not_sent_is_due_again(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    for round in 1..=2 {
        let leased = claim(fixture, ALICE, 100).await.remove(0);
        assert_eq!(leased.failures, round - 1);
        let at = fixture.tickets.now() + Duration::from_secs(5);
        let settled = fixture.store.notification_retry(&leased.lease, "busy ✓", at).await.expect("answered");
        assert_eq!(settled, Settled::Recorded);
        let expected = Notification {
            attempts: round,
            last_error: Some("busy ✓".to_owned()),
            next_attempt_at: Some(at),
            ..notification.clone()
        };
        assert_eq!(read(&desk, notification.id).await, expected);
        assert!(claim(fixture, BOB, 100).await.is_empty());
        fixture.clock.set(at);
    }
    let leased = claim(fixture, ALICE, 100).await.remove(0);
    assert_eq!(settle(fixture, &leased.lease, None).await, Settled::Recorded);
    let sent = read(&desk, notification.id).await;
    assert_eq!((sent.outcome, sent.attempts, sent.last_error), (Outcome::Sent, 3, None));
    assert_eq!(told(&desk, ticket.id).await, [(notification.id, Outcome::Sent)]);
}

/// Of one worker, and only those.
pub async fn released_notifications_are_due_again(fixture: &Fixture) {
    let (_, to_ann) = waiting(fixture, "ann").await;
    lease(fixture, ALICE).await;
    waiting(fixture, "bob").await;
    let held = lease(fixture, BOB).await;
    fixture.store.notification_release(ALICE).await.expect("released");
    let again = claim(fixture, WorkerId(3), 100).await;
    assert_eq!(again.iter().map(|one| one.lease.notification_id).collect::<Vec<_>>(), [to_ann.id]);
    assert_eq!(again[0].failures, 0, "no attempt of the schedule was used up");
    assert_eq!(settle(fixture, &held, None).await, Settled::Recorded);
}

/// With the schedule from its start, to the address that its contact has by now.
pub async fn only_a_dead_notification_is_replayed(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    let refused = async |desk: &Desk, name: &str| {
        desk.replay_notification(&key(name), notification.id).await.expect_err("refused").code().to_owned()
    };
    assert_eq!(refused(&desk, "pending").await, "notification_not_dead");
    let leased = claim(fixture, ALICE, 100).await.remove(0);
    let now = fixture.tickets.now();
    let settled = fixture.store.notification_retry(&leased.lease, "busy", now).await.expect("answered");
    assert_eq!(settled, Settled::Recorded);
    let held = lease(fixture, ALICE).await;
    assert_eq!(settle(fixture, &held, Some("nobody there")).await, Settled::Recorded);
    assert_eq!(refused(&fixture.desk, "elsewhere").await, "not_found");

    let email = Patch::Set("ann.smith@example.com".parse().expect("lawful"));
    let moved = UpdateContact { name: Patch::Keep, email, phone: Patch::Keep };
    desk.update_contact(&key("moved"), notification.contact_id, moved).await.expect("changed");
    fixture.tick();
    let replayed = desk.replay_notification(&key("replay"), notification.id).await.expect("replayed").value;
    let expected = Notification {
        to: Some("ann.smith@example.com".to_owned()),
        attempts: 2,
        last_error: Some("nobody there".to_owned()),
        next_attempt_at: Some(fixture.tickets.now()),
        ..notification.clone()
    };
    assert_eq!(replayed, expected);
    assert_eq!(read(&desk, notification.id).await, replayed);
    let retry = desk.replay_notification(&key("replay"), notification.id).await.expect("the same");
    assert!(retry.replayed);
    assert_eq!(refused(&desk, "again").await, "notification_not_dead");

    let leased = claim(fixture, BOB, 100).await.remove(0);
    assert_eq!((leased.to.as_str(), leased.failures), ("ann.smith@example.com", 0));
    assert_eq!(settle(fixture, &leased.lease, None).await, Settled::Recorded);
    let outcomes = [(notification.id, Outcome::Dead), (notification.id, Outcome::Sent)];
    assert_eq!(told(&desk, ticket.id).await, outcomes);
    assert_eq!(refused(&desk, "sent").await, "notification_not_dead");
}

/// Each mail that has the words, whichever resolution it was about, and each answer that shows one; no other.
pub async fn a_redacted_note_is_in_no_mail_and_in_no_answer_about_one(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, _) = waiting(fixture, "ann").await;
    for note in ["Replaced.", "Refunded."] {
        fixture.tick();
        let reopen =
            TransitionTicket { reason: Some(note.parse().expect("lawful")), ..TransitionTicket::to(Status::Open) };
        desk.transition_ticket(&key(&format!("before {note}")), ticket.id, reopen).await.expect("open again");
        let resolve = TransitionTicket { resolution_note: Some(note.parse().expect("lawful")), ..resolve() };
        desk.transition_ticket(&key(note), ticket.id, resolve).await.expect("resolved");
    }
    let replay = async |number: usize, id: NotificationId| {
        desk.replay_notification(&key(&format!("replay {number}")), id).await.expect("replayed")
    };
    let notifications = about(&desk, ticket.id).await;
    for held in claim(fixture, ALICE, 100).await {
        assert_eq!(settle(fixture, &held.lease, Some("nobody there")).await, Settled::Recorded);
    }
    for (number, notification) in notifications.iter().enumerate() {
        assert!(!replay(number, notification.id).await.replayed);
    }
    let told = |notifications: &[Notification], note: &str| -> Vec<bool> {
        notifications.iter().map(|one| one.text.contains(note)).collect()
    };
    assert_eq!(told(&notifications, "Replaced."), [true, true, false]);
    assert_eq!(told(&notifications, "Refunded."), [false, false, true]);

    let is_resolution =
        |entry: &ThreadEntry| matches!(entry.detail, EntryDetail::Transition { to: Status::Resolved, .. });
    let first = thread(&desk, ticket.id).await.into_iter().find(is_resolution).expect("it is there");
    let redact = RedactEntry { reason: "privacy".parse().expect("lawful"), actor_id: None };
    desk.redact_entry(&key("redact"), ticket.id, first.id, redact).await.expect("redacted");
    let mut answered = Vec::new();
    for (number, notification) in notifications.iter().enumerate() {
        let answer = replay(number, notification.id).await;
        assert!(answer.replayed);
        answered.push(answer.value);
    }
    for shown in [about(&desk, ticket.id).await, answered] {
        assert_eq!(told(&shown, "Replaced."), [false, false, false]);
        assert_eq!(told(&shown, "Refunded."), [false, false, true]);
    }
}

/// By ticket and outcome, page by page, within the realm.
pub async fn notifications_are_listed(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(waiting(fixture, &format!("number-{number}")).await);
    }
    let leases: Vec<_> = claim(fixture, ALICE, 2).await.into_iter().map(|one| one.lease).collect();
    for lease in &leases {
        assert_eq!(settle(fixture, lease, None).await, Settled::Recorded);
    }
    let mut listed = Vec::new();
    let mut page = PageRequest::first().limit(2).order(Order::Asc);
    loop {
        let read = desk.notifications(&NotificationFilter::default(), &page).await.expect("read");
        listed.extend(read.data.into_iter().map(|one| one.id));
        let Some(cursor) = read.next_cursor else { break };
        page = PageRequest::first().limit(2).order(Order::Asc).after(cursor);
    }
    let ids: Vec<_> = made.iter().map(|(_, one)| one.id).collect();
    assert_eq!(listed, ids);
    let list = async |desk: &Desk, ticket_id, outcome| {
        let filter = NotificationFilter { ticket_id, outcome };
        let read = desk.notifications(&filter, &PageRequest::first()).await.expect("read").data;
        read.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&desk, None, Some(Outcome::Sent)).await, [ids[1], ids[0]]);
    assert_eq!(list(&desk, None, Some(Outcome::Pending)).await, [ids[4], ids[3], ids[2]]);
    let ticket = Some(made[3].0.id);
    assert_eq!(list(&desk, ticket, None).await, [ids[3]]);
    assert_eq!(list(&desk, ticket, Some(Outcome::Pending)).await, [ids[3]]);
    assert_eq!(list(&desk, ticket, Some(Outcome::Sent)).await, []);
    for other in [live(&fixture.decoy, fixture), fixture.desk.clone()] {
        assert_eq!(list(&other, None, None).await, []);
        assert_eq!(list(&other, ticket, None).await, []);
    }
}

/// In all realms together.
pub async fn notifications_that_wait_are_counted(fixture: &Fixture) {
    let count = async || fixture.store.notification_backlog().await.expect("counted");
    resolved(fixture, &fixture.desk, "test", known("ann@example.com")).await;
    assert_eq!(count().await, NotificationBacklog::default());
    let (_, first) = waiting(fixture, "ann").await;
    resolved(fixture, &live(&fixture.decoy, fixture), "decoy", known("ann@example.com")).await;
    let (_, third) = waiting(fixture, "bob").await;
    let oldest = Some(first.created_at);
    assert_eq!(count().await, NotificationBacklog { pending: 3, oldest, dead: 0 });
    let leases: Vec<_> = claim(fixture, ALICE, 2).await.into_iter().map(|one| one.lease).collect();
    assert_eq!(count().await, NotificationBacklog { pending: 3, oldest, dead: 0 }, "what is leased waits");
    assert_eq!(settle(fixture, &leases[0], None).await, Settled::Recorded);
    assert_eq!(settle(fixture, &leases[1], Some("nobody there")).await, Settled::Recorded);
    assert_eq!(count().await, NotificationBacklog { pending: 1, oldest: Some(third.created_at), dead: 1 });
}

/// The second wait returns at once.
pub async fn a_notification_committed_between_two_waits_is_not_missed(fixture: &Fixture) {
    for number in 0..3 {
        waiting(fixture, &format!("number-{number}")).await;
        woken(fixture.store.notification_wait()).await;
    }
    let store = Arc::clone(&fixture.store);
    let worker = tokio::spawn(async move { woken(store.notification_wait()).await });
    waiting(fixture, "the-last").await;
    worker.await.expect("woken");
}

/// Fails where the case would otherwise wait for ever.
#[expect(clippy::disallowed_methods, reason = "how long a test waits for what should come at once")]
async fn woken(work: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("a worker that waits is woken");
}

/// A worker on a clock that is set by hand: runs it to the next due time again and again, until nothing is due.
async fn run_mailer(fixture: &Fixture, notifier: &Arc<ScriptedNotifier>) {
    let desk = live(&fixture.desk, fixture);
    let (stop, stopped) = oneshot::channel::<()>();
    let mailer = fixture.tickets.mailer(Arc::clone(notifier) as _);
    let worker = tokio::spawn(async move {
        mailer
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    let pending = NotificationFilter { ticket_id: None, outcome: Some(Outcome::Pending) };
    let due = async || {
        let waiting = desk.notifications(&pending, &PageRequest::first().limit(100)).await.expect("read").data;
        waiting.iter().filter_map(|one| one.next_attempt_at).min()
    };
    while let Some(due) = due().await {
        if due > fixture.tickets.now() {
            fixture.clock.set(Timestamp::from_millis(due.as_millis() - 1));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            fixture.clock.set(due);
        }
        tokio::task::yield_now().await;
    }
    stop.send(()).expect("the worker is there");
    worker.await.expect("the worker stops");
}

fn busy() -> Result<(), NotifyError> {
    Err(NotifyError::Passing("try again".to_owned()))
}

/// That of webhooks: eight attempts in 2 h 36 m 21 s, with one id, then dead; a replay reaches who is back.
pub async fn mail_keeps_to_the_schedule(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    let start = fixture.tickets.now();
    let notifier = Arc::new(ScriptedNotifier::new(Arc::clone(&fixture.clock) as Arc<dyn Clock>, [], busy()));
    run_mailer(fixture, &notifier).await;
    let seconds: Vec<_> = notifier.given().iter().map(|(at, _)| at.since(start).as_secs()).collect();
    assert_eq!(seconds, [0, 1, 5, 21, 81, 381, 2_181, 9_381]);
    let dead = read(&desk, notification.id).await;
    assert_eq!((dead.outcome, dead.attempts, dead.last_error.as_deref()), (Outcome::Dead, 8, Some("try again")));

    notifier.answer_with(Ok(()));
    desk.replay_notification(&key("replay"), notification.id).await.expect("replayed");
    run_mailer(fixture, &notifier).await;
    let given = notifier.given();
    assert_eq!(given.len(), 9);
    assert!(given.iter().all(|(at, mail)| mail.id == notification.id && mail.at == *at));
    assert_eq!(given[8].1.text, notification.text);
    let outcomes = [(notification.id, Outcome::Dead), (notification.id, Outcome::Sent)];
    assert_eq!(told(&desk, ticket.id).await, outcomes);
}

/// To ask again whether there is somebody at an address changes nothing.
pub async fn what_is_refused_for_good_is_dead_at_once(fixture: &Fixture) {
    let desk = live(&fixture.desk, fixture);
    let (ticket, notification) = waiting(fixture, "ann").await;
    let nobody = Err(NotifyError::Permanent("550 no such user\0".to_owned()));
    let script = [busy(), nobody];
    let notifier = Arc::new(ScriptedNotifier::new(Arc::clone(&fixture.clock) as Arc<dyn Clock>, script, Ok(())));
    run_mailer(fixture, &notifier).await;
    assert_eq!(notifier.given().len(), 2);
    let dead = read(&desk, notification.id).await;
    assert_eq!(dead.last_error.as_deref(), Some("550 no such user\u{FFFD}"));
    assert_eq!(told(&desk, ticket.id).await, [(notification.id, Outcome::Dead)]);
}
