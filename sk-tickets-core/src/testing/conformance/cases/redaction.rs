//! Words that are taken out of everything that has them.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use super::{
    super::fixture::{Fixture, key, user},
    delivery::{ALICE, BOB, EVERYTHING, LEASE, attempt, deliveries, lone_endpoint, settle},
};
use crate::{
    decide::Rejection,
    desk::{Desk, Error},
    model::{
        actor::Actor,
        contact::InlineContact,
        delivery::{Attempt, Delivery, DeliveryFilter, DiscardDeadLetter},
        evidence::{Evidence, EvidenceKind},
        id::{EntryId, TicketId},
        notification::NotificationFilter,
        page::{Order, PageRequest},
        redaction::{REDACTED, REDACTED_URL, RedactEntry},
        search::TermChanges,
        thread::{EntryDetail, PostEntry, ThreadEntry, Visibility},
        ticket::{AssignTicket, CreateTicket, Status, Ticket, TicketFilter, TransitionTicket, UpdateTicket, Version},
    },
    platform::{
        idempotency::{Claim, Fingerprint, IdempotencyKey, StoredResponse},
        input::{Change, Patch},
        json::Json,
        text::{List, Text},
    },
    store::{
        Commit, CommitOutcome, DeliveryAction, DeliveryChange, Effect, Expectation, LeasedDelivery, Lookup, NextStep,
        PageSpec, RedactionChange, Settled, Settlement, Subject, TicketChange,
    },
};

/// Words that JSON, SQL and HTML would write otherwise, about a thing.
fn words<const MAX: usize>(about: &str) -> Text<1, MAX> {
    Text::new(format!("<{about}> \"4111\" \\ Größe \u{1F600}\n'--")).expect("a lawful text")
}

fn redact(reason: &str) -> RedactEntry {
    RedactEntry { reason: reason.parse().expect("lawful"), actor_id: None }
}

async fn thread(desk: &Desk, ticket: TicketId) -> Vec<ThreadEntry> {
    let mut entries = Vec::new();
    let mut page = PageRequest::first().limit(100);
    loop {
        let read = desk.thread(ticket, &page).await.expect("read").expect("there");
        entries.extend(read.data);
        match read.next_cursor {
            Some(cursor) => page = PageRequest::first().limit(100).after(cursor),
            None => return entries,
        }
    }
}

/// The entry with these words.
async fn entry(desk: &Desk, ticket: TicketId, about: &str) -> EntryId {
    thread(desk, ticket).await.iter().find(|entry| told(&format!("{entry:?}"), about) > 0).expect("there").id
}

/// All that can be read in a realm, as text: by whom it may be, and with what is recorded with these keys.
async fn everything(fixture: &Fixture, desk: &Desk, keys: &[IdempotencyKey]) -> String {
    let (store, realm) = (&fixture.store, desk.realm());
    fn all<K>() -> PageSpec<K> {
        PageSpec { after: None, order: Order::Asc, limit: 10_000 }
    }
    let mut text = String::new();
    for ticket in store.ticket_page(realm, &TicketFilter::ALL, all()).await.expect("read") {
        let thread = store.thread_page(realm, ticket.id, all()).await.expect("read");
        let view = store.ticket(realm, ticket.id).await.expect("read");
        let lookup = Lookup { key: None, subject: Subject::Redaction(ticket.id) };
        let traces = store.load(realm, lookup).await.expect("read").traces;
        let _ = writeln!(text, "{ticket:?} {view:?} {thread:?} {:?}", traces.thread);
        for event in traces.events {
            let _ = writeln!(text, "{}", String::from_utf8_lossy(&event.payload));
        }
        let _ = writeln!(text, "{:?}", traces.notifications);
        for (key, body) in traces.answers {
            let _ = writeln!(text, "{key:?} {}", String::from_utf8_lossy(&body));
        }
    }
    for (position, event) in store.event_page(realm, all()).await.expect("read").events {
        let again = store.event(realm, event.id).await.expect("read").expect("there");
        assert_eq!(again.payload, event.payload);
        let _ = writeln!(text, "{position:?} {event:?} {}", String::from_utf8_lossy(&event.payload));
    }
    let notifications = store.notification_page(realm, &NotificationFilter::default(), all()).await.expect("read");
    let _ = writeln!(text, "{notifications:?}");
    for delivery in store.delivery_page(realm, &DeliveryFilter::default(), all()).await.expect("read") {
        let _ = writeln!(text, "{delivery:?}");
    }
    for key in keys {
        let lookup = Lookup { key: Some(key), subject: Subject::NewEndpoint };
        let recorded = store.load(realm, lookup).await.expect("read").recorded;
        let body = recorded.as_ref().map(|recorded| String::from_utf8_lossy(&recorded.response.body).into_owned());
        let _ = writeln!(text, "{key:?} {recorded:?} {body:?}");
    }
    text
}

/// How often words about a thing are told. The mark is in them however they are escaped.
fn told(text: &str, about: &str) -> usize {
    text.matches(&format!("<{about}>")).count()
}

/// Makes a ticket with words about everything, by every way that words come in.
async fn talkative(fixture: &Fixture, desk: &Desk) -> (Ticket, Vec<IdempotencyKey>) {
    let mut keys = Vec::new();
    let mut next = |name: &str| {
        fixture.tick();
        keys.push(key(name));
        key(name)
    };
    let create = CreateTicket {
        body: Some(words("body")),
        evidence: List::new(vec![
            Evidence {
                label: Some(words::<200>("label").to_string()),
                ..Evidence::new(EvidenceKind::File, "https://example.com/<url>")
            },
            Evidence::new(EvidenceKind::File, "fil_01J9X2M3N4P5Q6R7S8T9VAWBXC"),
        ])
        .expect("few"),
        contact: Some(InlineContact {
            name: None,
            email: Some("ann@example.com".parse().expect("lawful")),
            phone: None,
        }),
        ..CreateTicket::new("Part delayed").expect("lawful")
    };
    let ticket = desk.create_ticket(&next("create"), create).await.expect("made").value;
    let id = ticket.id;
    let assign = AssignTicket { reason: Some(words("assigned")), ..AssignTicket::to(user(1)) };
    desk.assign_ticket(&next("assign"), id, assign).await.expect("assigned");
    let assign = AssignTicket { reason: Some(words("again")), ..AssignTicket::to(user(2)) };
    desk.assign_ticket(&next("assign again"), id, assign).await.expect("assigned");
    desk.post_to_thread(&next("message"), id, PostEntry::message(words("message"))).await.expect("posted");
    desk.post_to_thread(&next("note"), id, PostEntry::note(words("kept"))).await.expect("posted");
    for (name, reopen) in [("first", true), ("second", false)] {
        let resolve = TransitionTicket {
            reason: Some(words(&format!("{name} reason"))),
            resolution_note: Some(words(&format!("{name} solution"))),
            ..TransitionTicket::to(Status::Resolved)
        };
        desk.transition_ticket(&next(&format!("resolve {name}")), id, resolve).await.expect("resolved");
        let tags = UpdateTicket { tags: Patch::Set(List::default()), ..UpdateTicket::nothing() };
        desk.update_ticket(&next(&format!("unchanged {name}")), id, tags).await.expect("as it is");
        let update = UpdateTicket { subject: Change(Some(words(name))), ..UpdateTicket::nothing() };
        desk.update_ticket(&next(&format!("update {name}")), id, update).await.expect("updated");
        if reopen {
            let reopen = TransitionTicket { reason: Some(words("reopened")), ..TransitionTicket::to(Status::Open) };
            desk.transition_ticket(&next("reopen"), id, reopen).await.expect("reopened");
        }
    }
    (ticket, keys)
}

/// Claims what is due, and answers each with what it was sent, as some receivers do.
async fn echo(fixture: &Fixture, next: NextStep) -> usize {
    let claimed = fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, EVERYTHING).await.expect("claimed");
    let count = claimed.deliveries.len();
    for LeasedDelivery { lease, payload, attempts_before, .. } in claimed.deliveries {
        settle(fixture, &lease, echoed(fixture, attempts_before + 1, &payload), next).await;
    }
    count
}

fn echoed(fixture: &Fixture, number: u32, payload: &[u8]) -> Attempt {
    let said = String::from_utf8_lossy(payload).into_owned();
    Attempt { error: Some(format!("answered {said}")), response: Some(said), ..attempt(fixture, number, 500) }
}

/// Each entry in turn: its words are gone from the thread, the ticket, the feed, what receivers answered and what is
/// recorded; all others are told as often as before.
pub async fn a_redacted_text_is_nowhere(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let (ticket, keys) = talkative(fixture, &fixture.desk).await;
    let again = fixture.tickets.now() + Duration::from_hours(1);
    while echo(fixture, NextStep::RetryAt(again)).await > 0 {}
    let gone: [&[&str]; 6] = [
        &["body", "label", "url"],
        &["message"],
        &["again"],
        &["second reason", "second solution"],
        &["reopened"],
        &["first reason", "first solution"],
    ];
    let mut left = vec![
        "body",
        "label",
        "url",
        "message",
        "again",
        "assigned",
        "kept",
        "first reason",
        "first solution",
        "second reason",
        "second solution",
        "reopened",
    ];
    let mut before = everything(fixture, &fixture.desk, &keys).await;
    for about in gone {
        for about in about {
            assert!(told(&before, about) > 2, "{about} is told here and there");
        }
        fixture.tick();
        let id = ticket.id;
        let entry = entry(&fixture.desk, id, about[0]).await;
        let name = format!("redact {entry}");
        let redacted = fixture.desk.redact_entry(&key(&name), id, entry, redact("privacy")).await.expect("redacted");
        assert!(!redacted.replayed);
        assert_eq!(Some(&redacted.value), fixture.desk.thread_entry(id, entry).await.expect("read").as_ref());
        left.retain(|other| !about.contains(other));
        let after = everything(fixture, &fixture.desk, &keys).await;
        for about in about {
            assert_eq!(told(&after, about), 0, "{about}");
        }
        // What receivers answered is gone as a whole.
        let told = |text: &str, about| {
            text.lines().filter(|line| !line.starts_with("Delivery")).map(|line| told(line, about)).sum::<usize>()
        };
        for about in &left {
            assert!(told(&after, about) >= told(&before, about), "{about} without {entry}");
        }
        before = after;
    }
    let ticket = fixture.desk.ticket(ticket.id).await.expect("read").expect("there").ticket;
    assert_eq!((ticket.status, ticket.resolution_note.as_deref()), (Status::Resolved, Some(REDACTED)));

    fixture.clock.set(again);
    let claimed = fixture.store.claim_due(ALICE, again, LEASE, EVERYTHING).await.expect("claimed").deliveries;
    assert!(!claimed.is_empty());
    for LeasedDelivery { payload, .. } in claimed {
        let payload = String::from_utf8(payload).expect("text");
        assert!(["body", "message", "first solution"].iter().all(|about| told(&payload, about) == 0), "{payload}");
        serde_json::from_str::<serde::de::IgnoredAny>(&payload).expect("JSON");
    }
}

/// Ids stay, and what was not asked for: other entries, another ticket, another realm.
pub async fn a_redaction_leaves_all_else(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let (ticket, keys) = talkative(fixture, &fixture.desk).await;
    let (twin, twin_keys) = talkative(fixture, &fixture.decoy).await;
    let other = fixture.ticket("another").await;
    let decoy = everything(fixture, &fixture.decoy, &twin_keys).await;
    let before = thread(&fixture.desk, ticket.id).await;
    let first = &before[0];
    assert!(
        fixture
            .desk
            .redact_entry(&key("r"), other.id, first.id, redact("x"))
            .await
            .expect_err("not its")
            .is_not_found()
    );
    assert!(
        fixture
            .decoy
            .redact_entry(&key("r"), ticket.id, first.id, redact("x"))
            .await
            .expect_err("not there")
            .is_not_found()
    );

    fixture.tick();
    let done = RedactEntry { actor_id: Some(user(9).into()), ..redact("a card number") };
    let redacted = fixture.desk.redact_entry(&key("redact"), ticket.id, first.id, done).await.expect("redacted").value;
    let evidence = vec![
        Evidence { label: Some(REDACTED.to_owned()), ..Evidence::new(EvidenceKind::File, REDACTED_URL) },
        first.evidence[1].clone(),
    ];
    assert_eq!(redacted, ThreadEntry { body: Some(REDACTED.to_owned()), evidence, ..first.clone() });

    let after = thread(&fixture.desk, ticket.id).await;
    assert_eq!(after[1..before.len()], before[1..]);
    let [noted] = &after[before.len()..] else { panic!("one entry more: {after:?}") };
    let detail = EntryDetail::Redaction { entry_id: first.id, reason: "a card number".to_owned() };
    assert_eq!((&noted.detail, noted.visibility), (&detail, Visibility::Internal));
    assert_eq!((noted.actor, noted.created_at), (Actor::User(user(9)), fixture.tickets.now()));
    let event = fixture.desk.events(&PageRequest::first().limit(1)).await.expect("read").data.remove(0);
    let payload = String::from_utf8(event.payload).expect("text");
    assert!(payload.contains("ticket.message_added") && payload.contains(&noted.id.to_string()), "{payload}");
    let view = fixture.desk.ticket(ticket.id).await.expect("read").expect("there").ticket;
    assert_eq!(event.ticket_version, Some(view.version));

    assert_eq!(everything(fixture, &fixture.decoy, &twin_keys).await, decoy);
    assert_ne!(twin.id, ticket.id);
    assert!(told(&everything(fixture, &fixture.desk, &keys).await, "message") > 0);
}

/// A retry replays. Once more is nothing new, nor is an entry without words; and what says why stays.
pub async fn a_redaction_is_done_once(fixture: &Fixture) {
    let (ticket, _) = talkative(fixture, &fixture.desk).await;
    let id = ticket.id;
    let close = TransitionTicket { reason: Some(words("closed")), ..TransitionTicket::to(Status::Closed) };
    fixture.desk.transition_ticket(&key("close"), id, close).await.expect("closed");
    let entries = thread(&fixture.desk, id).await;
    let entry = entries[0].id;
    let first = fixture.desk.redact_entry(&key("r"), id, entry, redact("privacy")).await.expect("on a closed one too");
    let retried = fixture.desk.redact_entry(&key("r"), id, entry, redact("privacy")).await.expect("replayed");
    assert!(!first.replayed && retried.replayed);
    assert_eq!(first.value, retried.value);
    let other = fixture.desk.redact_entry(&key("r"), id, entries[3].id, redact("privacy")).await;
    assert_eq!(other.expect_err("another entry").code(), "idempotency_key_reused");

    let before = fixture.desk.ticket(id).await.expect("read");
    let again = fixture.desk.redact_entry(&key("again"), id, entry, redact("once more")).await.expect("as it is");
    assert_eq!((again.replayed, again.value), (false, first.value));
    let wordless = fixture.ticket("wordless").await;
    let silent = thread(&fixture.desk, wordless.id).await.remove(0);
    let same = fixture.desk.redact_entry(&key("silent"), wordless.id, silent.id, redact("nothing")).await;
    assert_eq!(same.expect("as it is").value, silent);
    assert_eq!(fixture.desk.ticket(wordless.id).await.expect("read").expect("there").ticket, wordless);
    let noted = thread(&fixture.desk, id).await.last().expect("there").clone();
    assert!(matches!(noted.detail, EntryDetail::Redaction { .. }));
    let refused = fixture.desk.redact_entry(&key("why"), id, noted.id, redact("hide it")).await.expect_err("stays");
    assert_eq!(refused.code(), Rejection::NotRedactable.problem().code());
    assert_eq!(fixture.desk.ticket(id).await.expect("read"), before);
    assert_eq!(thread(&fixture.desk, id).await.last(), Some(&noted));
}

/// What it was sent is neither kept nor lost: it is sent once more, without the words.
pub async fn an_attempt_under_way_brings_nothing_back(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let create = CreateTicket { body: Some(words("body")), ..CreateTicket::new("one").expect("lawful") };
    let ticket = fixture.desk.create_ticket(&key("t"), create).await.expect("made").value;
    let claim = async |worker| {
        fixture.store.claim_due(worker, fixture.tickets.now(), LEASE, EVERYTHING).await.expect("claimed").deliveries
    };
    let mut under_way = claim(ALICE).await;
    let old = under_way.remove(0);
    assert!(told(&String::from_utf8_lossy(&old.payload), "body") > 0);
    let entry = thread(&fixture.desk, ticket.id).await[0].id;
    fixture.desk.redact_entry(&key("r"), ticket.id, entry, redact("privacy")).await.expect("redacted");

    let until = fixture.tickets.now() + LEASE;
    assert_eq!(fixture.store.renew(&old.lease, until).await.expect("answered"), Settled::LeaseLost);
    let echo = echoed(fixture, 1, &old.payload);
    let late = Settlement { lease: old.lease.clone(), attempt: echo, next: NextStep::Delivered };
    assert_eq!(fixture.store.settle(&[late]).await.expect("answered"), [Settled::LeaseLost]);
    let anew = claim(BOB).await;
    let again = anew.iter().find(|one| one.event_id == old.event_id).expect("due at once, as it was");
    assert!(again.lease.token > old.lease.token);
    assert_eq!(told(&String::from_utf8_lossy(&again.payload), "body"), 0);
    for one in &anew {
        settle(fixture, &one.lease, echoed(fixture, 1, &one.payload), NextStep::Delivered).await;
    }
    let delivered = deliveries(fixture).await;
    assert_eq!(delivered.iter().map(|one| one.attempts.len()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(told(&everything(fixture, &fixture.desk, &[]).await, "body"), 0);
}

/// Replayed later, it has nothing of what was redacted meanwhile; nor has what was answered before.
pub async fn a_dead_letter_is_replayed_without_the_words(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let create = CreateTicket { body: Some(words("body")), ..CreateTicket::new("one").expect("lawful") };
    let ticket = fixture.desk.create_ticket(&key("t"), create).await.expect("made").value;
    assert_eq!(echo(fixture, NextStep::DeadLetter).await, 1);
    let letter = deliveries(fixture).await.remove(0);
    let entry = thread(&fixture.desk, ticket.id).await[0].id;
    fixture.desk.redact_entry(&key("r"), ticket.id, entry, redact("privacy")).await.expect("redacted");

    let kept = fixture.desk.delivery(letter.id).await.expect("read").expect("there");
    assert!(kept.is_dead_letter());
    let [before, after] = [&letter.attempts[0], &kept.attempts[0]];
    let tombstone = || Some(REDACTED.to_owned());
    assert_eq!(*after, Attempt { error: tombstone(), response: tombstone(), ..before.clone() });
    fixture.desk.replay_dead_letter(&key("replay"), letter.id).await.expect("replayed");
    let claimed = fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, EVERYTHING).await.expect("claimed");
    let again = claimed.deliveries.iter().find(|one| one.event_id == letter.event_id).expect("due");
    let payload = String::from_utf8_lossy(&again.payload);
    assert!(told(&payload, "body") == 0 && payload.contains(REDACTED), "{payload}");
}

/// What receivers answered stands in the recorded answer to who replayed or discarded it, too.
pub async fn a_recorded_answer_about_a_dead_letter_loses_the_words(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let create = CreateTicket { body: Some(words("body")), ..CreateTicket::new("one").expect("lawful") };
    let ticket = fixture.desk.create_ticket(&key("t"), create).await.expect("made").value.id;
    let post = PostEntry::message(words("message"));
    fixture.desk.post_to_thread(&key("m"), ticket, post).await.expect("posted");
    assert_eq!(echo(fixture, NextStep::DeadLetter).await, 2);
    let letters = deliveries(fixture).await;
    let about = |about| letters.iter().find(|letter| told(&format!("{letter:?}"), about) > 0).expect("echoed").id;
    let (body, message) = (about("body"), about("message"));
    let discard = async || {
        let why = DiscardDeadLetter { reason: "given up".parse().expect("lawful") };
        fixture.desk.discard_dead_letter(&key("discard"), message, why).await.expect("discarded")
    };
    let replay = async || fixture.desk.replay_dead_letter(&key("replay"), body).await.expect("replayed");
    let (replayed, discarded) = (replay().await, discard().await);
    assert!(told(&format!("{replayed:?}"), "body") > 0 && told(&format!("{discarded:?}"), "message") > 0);

    let entries = thread(&fixture.desk, ticket).await;
    fixture.desk.redact_entry(&key("r"), ticket, entries[0].id, redact("privacy")).await.expect("redacted");
    let again = replay().await;
    assert!(again.replayed);
    assert_eq!(again.value.attempts[0].response.as_deref(), Some(REDACTED));
    assert_eq!(again.value, Delivery { attempts: again.value.attempts.clone(), ..replayed.value });
    assert_eq!(discard().await.value, discarded.value, "of another event");
    fixture.desk.redact_entry(&key("s"), ticket, entries[1].id, redact("privacy")).await.expect("redacted");
    assert_eq!(discard().await.value.attempts[0].error.as_deref(), Some(REDACTED));
    let text = everything(fixture, &fixture.desk, &[key("replay"), key("discard")]).await;
    assert_eq!(told(&text, "body") + told(&text, "message"), 0);
}

/// Nor is a change to a dead letter made whose answer was written before its ticket changed.
pub async fn a_dead_letter_as_it_no_longer_is_is_stale(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    let ticket = fixture.ticket("one").await;
    assert_eq!(echo(fixture, NextStep::DeadLetter).await, 1);
    let letter = deliveries(fixture).await.remove(0);
    let lookup = Lookup { key: None, subject: Subject::Delivery(letter.id) };
    let known = fixture.store.load(fixture.desk.realm(), lookup).await.expect("read");
    assert_eq!(known.ticket.as_ref(), Some(&ticket));
    let commit = async |version, action| {
        let change = DeliveryChange { id: letter.id, ticket: Some((ticket.id, version)), action };
        let effect = Effect::Delivery(Box::new(change));
        let commit = Commit::new(fixture.desk.realm().clone(), fixture.tickets.now(), None, effect);
        fixture.store.commit(commit).await.expect("answered")
    };
    for action in [DeliveryAction::Replay, DeliveryAction::Discard("given up".to_owned())] {
        assert_eq!(commit(ticket.version.next(), action).await, CommitOutcome::Stale);
    }
    assert_eq!(deliveries(fixture).await, std::slice::from_ref(&letter));
    assert_eq!(commit(ticket.version, DeliveryAction::Replay).await, CommitOutcome::Applied);
}

/// Neither an answer that shows the ticket as it no longer is, nor a redaction that does not know of an answer.
pub async fn an_answer_that_was_not_seen_is_stale(fixture: &Fixture) {
    let (ticket, _) = talkative(fixture, &fixture.desk).await;
    let (store, realm) = (&fixture.store, fixture.desk.realm());
    let version = fixture.desk.ticket(ticket.id).await.expect("read").expect("there").ticket.version;
    let answer = |name: &str, effect| {
        let claim = Claim { key: key(name), fingerprint: Fingerprint::of(name, &[], &Json::Null) };
        let body = format!("{{\"object\":\"ticket\",\"words\":\"<{name}>\"}}").into_bytes();
        let response =
            StoredResponse { status: 200, location: None, etag: None, content_type: None, body, secret: None };
        Commit::new(realm.clone(), fixture.tickets.now(), Some((claim, response)), effect).showing(Some(ticket.id))
    };
    let unchanged = |Version(version)| Effect::Unchanged(ticket.id, Version(version));
    for (name, version, expected) in [
        ("older", Version(version.0 - 1), CommitOutcome::Stale),
        ("newer", version.next(), CommitOutcome::Stale),
        ("current", version, CommitOutcome::Applied),
    ] {
        assert_eq!(store.commit(answer(name, unchanged(version))).await.expect("answered"), expected, "{name}");
    }
    let nobody = Effect::Unchanged(TicketId::from_bytes([9; 16]), version);
    assert_eq!(store.commit(answer("nobody", nobody)).await.expect("answered"), CommitOutcome::Stale);

    let lookup = Lookup { key: None, subject: Subject::Redaction(ticket.id) };
    let known = store.load(realm, lookup).await.expect("read");
    let (before, timers, traces) = (known.ticket.expect("there"), known.timers, known.traces);
    assert!(traces.answers.iter().any(|(name, _)| *name == key("current")));
    assert!(!traces.answers.iter().any(|(name, _)| *name == key("older")), "what is stale is not recorded");
    let change = |answers_seen| {
        let ticket = Ticket { version: before.version.next(), ..before.clone() };
        let expect = Expectation::Version(before.version);
        let detail = EntryDetail::Redaction { entry_id: traces.thread[0].id, reason: "privacy".to_owned() };
        let last = traces.thread.last().expect("there").clone();
        let noted = ThreadEntry {
            id: EntryId::from_bytes([8; 16]),
            sequence: last.sequence + 1,
            body: None,
            evidence: Vec::new(),
            detail,
            ..last
        };
        let change = TicketChange {
            expect,
            ticket,
            timers,
            policy: None,
            contact: None,
            notification: None,
            entries: vec![noted],
            events: Vec::new(),
            terms: TermChanges::default(),
        };
        let events = traces.events.iter().map(|event| (event.id, b"{}".to_vec())).collect();
        let entry = traces.thread[0].redacted();
        let (answers, notifications) = (Vec::new(), Vec::new());
        Effect::Redact(Box::new(RedactionChange { change, entry, events, answers, notifications, answers_seen }))
    };
    let commit = |effect| store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, effect));
    let seen = everything(fixture, &fixture.desk, &[]).await;
    for count in [traces.answers.len() - 1, traces.answers.len() + 1] {
        assert_eq!(commit(change(count)).await.expect("answered"), CommitOutcome::Stale);
        assert_eq!(everything(fixture, &fixture.desk, &[]).await, seen, "nothing is written");
    }
    assert_eq!(commit(change(traces.answers.len())).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(commit(change(traces.answers.len())).await.expect("answered"), CommitOutcome::Stale, "another version");
}

/// Whoever else writes at that moment, on whatever node: no answer, no event and no attempt has the words afterwards.
pub async fn concurrent_writes_leave_no_word(fixture: &Fixture) {
    lone_endpoint(fixture, 9_000).await;
    for round in 0_u64..8 {
        let name = |what: &str, number: u64| format!("{what} {number} of {round}");
        let create = CreateTicket {
            body: Some(words("body")),
            owner_id: Some(user(1).into()),
            ..CreateTicket::new("one").expect("lawful")
        };
        let ticket = fixture.desk.create_ticket(&key(&name("create", 0)), create).await.expect("made").value.id;
        let resolve =
            TransitionTicket { resolution_note: Some(words("solution")), ..TransitionTicket::to(Status::Resolved) };
        fixture.desk.transition_ticket(&key(&name("resolve", 0)), ticket, resolve).await.expect("resolved");
        let body = entry(&fixture.desk, ticket, "body").await;
        let solution = entry(&fixture.desk, ticket, "solution").await;
        // An endpoint that fails is tried with one at a time.
        while echo(fixture, NextStep::DeadLetter).await > 0 {}
        let letters = deliveries(fixture).await;
        let letter = letters.iter().find(|one| one.is_dead_letter() && told(&format!("{one:?}"), "body") > 0);
        let letter = letter.expect("a receiver repeated it").id;
        let desk = |number: u64| fixture.node(1_000 + 100 * round + number).desk(fixture.desk.realm().clone());

        let mut keys = Vec::new();
        let mut calls = Vec::new();
        for number in 0..4 {
            let names = ["same", "note", "change"].map(|what| key(&name(what, number)));
            keys.extend(names.clone());
            let [same, note, change] = names;
            let desk = desk(number);
            calls.push(tokio::spawn(async move {
                desk.update_ticket(&same, ticket, UpdateTicket::nothing()).await.map(|_| ())?;
                desk.post_to_thread(&note, ticket, PostEntry::note(words("kept"))).await.map(|_| ())?;
                let subject = Change(Some(words(&format!("subject {number}"))));
                desk.update_ticket(&change, ticket, UpdateTicket { subject, ..UpdateTicket::nothing() })
                    .await
                    .map(|_| ())
            }));
        }
        for (number, entry) in (10..).zip([body, solution]) {
            let (desk, key) = (desk(number), key(&name("redact", number)));
            calls.push(tokio::spawn(async move {
                desk.redact_entry(&key, ticket, entry, redact("privacy")).await.map(|_| ())
            }));
        }
        let (replayer, replay) = (desk(20), key(&name("replay", 20)));
        keys.push(replay.clone());
        calls.push(tokio::spawn(async move { replayer.replay_dead_letter(&replay, letter).await.map(|_| ()) }));
        let store = Arc::clone(&fixture.store);
        let now = fixture.tickets.now();
        let worker = tokio::spawn(async move {
            for _ in 0..8 {
                for one in store.claim_due(BOB, now, LEASE, EVERYTHING).await.expect("claimed").deliveries {
                    let said = String::from_utf8_lossy(&one.payload).into_owned();
                    let attempt = Attempt {
                        number: one.attempts_before + 1,
                        at: now,
                        status_code: Some(200),
                        error: None,
                        latency_ms: 1,
                        response: Some(said),
                    };
                    let settlement = Settlement { lease: one.lease, attempt, next: NextStep::Delivered };
                    store.settle(&[settlement]).await.expect("answered");
                }
                tokio::task::yield_now().await;
            }
        });
        for call in calls {
            let done: Result<(), Error> = call.await.expect("no panic");
            done.expect("answered");
        }
        worker.await.expect("no panic");
        let text = everything(fixture, &fixture.desk, &keys).await;
        for about in ["body", "solution"] {
            assert_eq!(told(&text, about), 0, "{about} in round {round}");
        }
    }
}

/// However long the thread has become since.
pub async fn a_long_thread_is_redacted(fixture: &Fixture) {
    let create = CreateTicket {
        body: Some(words("body")),
        owner_id: Some(user(1).into()),
        ..CreateTicket::new("one").expect("lawful")
    };
    let ticket = fixture.desk.create_ticket(&key("t"), create).await.expect("made").value.id;
    let resolve =
        TransitionTicket { resolution_note: Some(words("solution")), ..TransitionTicket::to(Status::Resolved) };
    fixture.desk.transition_ticket(&key("resolve"), ticket, resolve).await.expect("resolved");
    for number in 0..300 {
        let note = PostEntry::note(words(&format!("note {number}")));
        fixture.desk.post_to_thread(&key(&number.to_string()), ticket, note).await.expect("posted");
    }
    for about in ["body", "solution"] {
        let entry = entry(&fixture.desk, ticket, about).await;
        fixture.desk.redact_entry(&key(about), ticket, entry, redact("privacy")).await.expect("redacted");
    }
    let text = everything(fixture, &fixture.desk, &[key("resolve"), key("299")]).await;
    assert_eq!((told(&text, "body"), told(&text, "solution")), (0, 0));
    assert!(told(&text, "note 299") > 2);
}
