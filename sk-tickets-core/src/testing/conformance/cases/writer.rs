//! Commits, by way of a desk.

use super::{
    super::fixture::{Fixture, key, user},
    delivery::{ALICE, BOB, LEASE, attempt, claim, claim_all, deliveries},
};
use crate::{
    decide::{Command, TicketCommand},
    desk::Request,
    limits::ENDPOINTS_MAX,
    model::{
        contact::InlineContact,
        delivery::{DeadReason, DeliveryFilter, DeliveryStatus},
        endpoint::{EventFilter, UpdateEndpoint},
        event::EventType,
        evidence::{Evidence, EvidenceKind},
        id::{CallId, ContactId, TicketId},
        metadata::MetadataPatch,
        page::{Order, PageRequest},
        search::TermChanges,
        sla::Timers,
        thread::{EntryDetail, PostEntry},
        ticket::{AssignTicket, CreateTicket, Priority, Source, Status, TicketFilter, TransitionTicket, Version},
    },
    platform::{
        idempotency::{Claim, Fingerprint, StoredResponse},
        input::{Change, Patch},
        json::Json,
        text::List,
    },
    store::{
        Commit, CommitOutcome, DeliveryAction, DeliveryChange, Effect, Expectation, Lookup, NextStep, Settled,
        Settlement, Subject, TicketChange,
    },
};

fn create(subject: &str) -> CreateTicket {
    CreateTicket::new(subject).expect("a lawful subject")
}

fn answer() -> StoredResponse {
    let body = b"answer".to_vec();
    StoredResponse { status: 200, location: None, etag: None, content_type: None, body, secret: None }
}

fn resolve() -> TransitionTicket {
    TransitionTicket {
        resolution_note: Some("Replaced the part".parse().expect("lawful")),
        ..TransitionTicket::to(Status::Resolved)
    }
}

async fn count(fixture: &Fixture) -> (usize, usize) {
    let tickets = fixture.desk.tickets(&TicketFilter::ALL, &PageRequest::first().limit(100)).await.expect("read");
    let events = fixture.desk.events(&PageRequest::first().limit(100)).await.expect("read");
    (tickets.data.len(), events.data.len())
}

/// The first answer again, and nothing done; or a conflict, and nothing done.
pub async fn the_same_key_replays_and_another_request_conflicts(fixture: &Fixture) {
    let first = fixture.desk.create_ticket(&key("a"), create("one")).await.expect("made");
    let again = fixture.desk.create_ticket(&key("a"), create("one")).await.expect("replayed");
    assert!(!first.replayed && again.replayed);
    assert_eq!(first.value, again.value);
    let other = fixture.desk.create_ticket(&key("a"), create("two")).await.expect_err("a conflict");
    assert_eq!(other.code(), "idempotency_key_reused");
    let elsewhere = fixture.desk.assign_ticket(&key("a"), first.value.id, AssignTicket::to(user(1))).await;
    assert_eq!(elsewhere.expect_err("a conflict").code(), "idempotency_key_reused");
    assert_eq!(count(fixture).await, (1, 1));

    let decoy = fixture.decoy.create_ticket(&key("a"), create("one")).await.expect("another realm, another key");
    assert!(!decoy.replayed);

    // The store judges it itself, for those that come at once: when they were decided, none was recorded.
    let response = answer();
    let outcome = async |operation: &str| {
        let claim = Claim { key: key("b"), fingerprint: Fingerprint::of(operation, &[], &Json::Null) };
        let recorded = Some((claim, response.clone()));
        let commit = Commit::new(fixture.desk.realm().clone(), first.value.created_at, recorded, Effect::None);
        fixture.store.commit(commit).await.expect("an outcome")
    };
    assert_eq!(outcome("x").await, CommitOutcome::Applied);
    assert_eq!(outcome("x").await, CommitOutcome::Replayed(response.clone()));
    assert_eq!(outcome("y").await, CommitOutcome::KeyReused);
}

/// Sixty-four at once, on several nodes: one effect, and the same answer for all.
pub async fn concurrent_twins_have_one_effect(fixture: &Fixture) {
    fixture.endpoint(9_000).await;
    let calls: Vec<_> = (0..64)
        .map(|node| {
            let desk = fixture.node(100 + node).desk(fixture.desk.realm().clone());
            tokio::spawn(async move {
                let command = Command::Ticket(TicketCommand::Create(Box::new(create("one"))));
                desk.execute(Request::new(&key("a"), command)).await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic").expect("an answer"));
    }
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.response == answers[0].response));
    assert_eq!(count(fixture).await, (1, 1));
    let deliveries = fixture.desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read");
    assert_eq!(deliveries.data.len(), 1);
}

/// What was refused stays refused under its key, even when it would be lawful now.
pub async fn a_rejection_is_recorded_too(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    let refused = fixture.desk.transition_ticket(&key("a"), ticket.id, resolve()).await.expect_err("no owner");
    assert_eq!(refused.code(), "owner_required");
    fixture.desk.assign_ticket(&key("b"), ticket.id, AssignTicket::to(user(1))).await.expect("assigned");
    let again = fixture.desk.transition_ticket(&key("a"), ticket.id, resolve()).await.expect_err("recorded");
    assert_eq!(again.problem(), refused.problem());
    fixture.desk.transition_ticket(&key("c"), ticket.id, resolve()).await.expect("a new key is decided anew");

    let nothing = TicketId::from_bytes([3; 16]);
    let missing = fixture.desk.transition_ticket(&key("d"), nothing, resolve()).await.expect_err("not there");
    assert!(missing.is_not_found());
    let other = fixture.desk.transition_ticket(&key("d"), ticket.id, resolve()).await.expect_err("recorded");
    assert_eq!(other.code(), "idempotency_key_reused");
}

/// The answer is that of the first time, whatever has happened since.
pub async fn a_retry_replays_although_the_ticket_has_moved_on(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    let with_owner = TransitionTicket { owner_id: Some(user(1).into()), ..resolve() };
    let first = fixture.desk.transition_ticket(&key("a"), ticket.id, with_owner.clone()).await.expect("resolved");
    let close =
        TransitionTicket { reason: Some("done".parse().expect("lawful")), ..TransitionTicket::to(Status::Closed) };
    fixture.desk.transition_ticket(&key("b"), ticket.id, close).await.expect("closed");
    let before = count(fixture).await;
    let again = fixture.desk.transition_ticket(&key("a"), ticket.id, with_owner).await.expect("replayed");
    assert!(again.replayed);
    assert_eq!(again.value, first.value);
    assert_eq!(count(fixture).await, before);
}

/// 412 leaves the key free; a replay is judged before the precondition.
pub async fn a_precondition_that_fails_is_not_recorded(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    let assign = || Command::Ticket(TicketCommand::Assign(ticket.id, AssignTicket::to(user(1))));
    let with = |version| Request::new(&key("a"), assign()).if_match(Some(vec![Version(version)]));
    let failed = fixture.desk.execute(with(2)).await.expect_err("another version");
    assert_eq!(failed.code(), "precondition_failed");
    assert!(!fixture.desk.execute(with(1)).await.expect("the key is free").replayed);
    assert!(fixture.desk.execute(with(1)).await.expect("replayed though the version has moved").replayed);
}

/// A commit on a version that is not current changes nothing, and leaves its key free.
pub async fn a_stale_commit_writes_nothing(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    let realm = fixture.desk.realm();
    let claim = Claim { key: key("stale"), fingerprint: Fingerprint::of("x", &[], &Json::Null) };
    let response = answer();
    let commit = |expect, claimed: bool| {
        let mut changed = ticket.clone();
        changed.subject = "overwritten".to_owned();
        changed.version = Version(7);
        let change = TicketChange {
            expect,
            ticket: changed,
            timers: Timers::default(),
            policy: None,
            contact: None,
            notification: None,
            entries: vec![],
            events: vec![],
            terms: TermChanges::default(),
        };
        let claim = claimed.then(|| (claim.clone(), response.clone()));
        Commit::new(realm.clone(), ticket.created_at, claim, Effect::Ticket(Box::new(change)))
    };
    for expect in [Expectation::Version(Version(2)), Expectation::Absent] {
        for claimed in [true, false] {
            let outcome = fixture.store.commit(commit(expect, claimed)).await.expect("an outcome");
            assert_eq!(outcome, CommitOutcome::Stale, "{expect:?}");
        }
    }
    let lookup = Lookup { key: Some(&claim.key), subject: Subject::Ticket(ticket.id) };
    let loaded = fixture.store.load(realm, lookup).await.expect("loaded");
    assert_eq!(loaded.recorded, None);
    assert_eq!(loaded.ticket.expect("there"), ticket);

    let current = commit(Expectation::Version(Version(1)), true);
    assert_eq!(fixture.store.commit(current.clone()).await.expect("an outcome"), CommitOutcome::Applied);
    assert_eq!(fixture.store.commit(current).await.expect("an outcome"), CommitOutcome::Replayed(response));
}

/// Everybody's note is in the thread, each once, numbered without gaps.
pub async fn concurrent_changes_of_one_ticket_all_take_place(fixture: &Fixture) {
    const WRITERS: u64 = 16;
    let ticket = fixture.ticket("one").await;
    let calls: Vec<_> = (0..WRITERS)
        .map(|node| {
            let desk = fixture.node(100 + node).desk(fixture.desk.realm().clone());
            tokio::spawn(async move {
                let note = PostEntry::note(format!("note {node}").parse().expect("lawful"));
                desk.post_to_thread(&key(&format!("note {node}")), ticket.id, note).await
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("posted");
    }
    let thread = fixture.desk.thread(ticket.id, &PageRequest::first().limit(100)).await.expect("read").expect("there");
    let sequences: Vec<_> = thread.data.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=WRITERS + 1).collect::<Vec<_>>());
    let read = fixture.desk.ticket(ticket.id).await.expect("read").expect("there");
    assert_eq!(read.ticket.version, Version(WRITERS + 1));
}

/// By address in any case, else by number; once, also when two make it at the same time.
pub async fn a_contact_is_made_once(fixture: &Fixture) {
    let with = |contact: InlineContact| CreateTicket { contact: Some(contact), ..create("about") };
    let mail = |address: &str| InlineContact {
        name: None,
        email: Some(address.parse().expect("lawful")),
        phone: Some("+4930123456".parse().expect("lawful")),
    };
    let calls: Vec<_> = (0..8)
        .map(|node| {
            let desk = fixture.node(100 + node).desk(fixture.desk.realm().clone());
            let create = with(mail(if node % 2 == 0 { "ann@example.com" } else { "Ann@Example.com" }));
            tokio::spawn(async move { desk.create_ticket(&key(&format!("mail {node}")), create).await })
        })
        .collect();
    let mut contacts = Vec::new();
    for call in calls {
        contacts.push(call.await.expect("no panic").expect("made").value.contact_id.expect("a contact"));
    }
    assert!(contacts.iter().all(|contact| *contact == contacts[0]));

    let phone = || InlineContact { name: None, email: None, phone: Some("+4930123456".parse().expect("lawful")) };
    let by_phone = fixture.desk.create_ticket(&key("phone"), with(phone())).await.expect("made").value;
    assert_eq!(by_phone.contact_id, Some(contacts[0]));
    let bob = fixture.desk.create_ticket(&key("bob"), with(mail("bob@example.com"))).await.expect("made").value;
    assert_ne!(bob.contact_id, Some(contacts[0]));
    let decoy = fixture.decoy.create_ticket(&key("mail"), with(mail("ann@example.com"))).await.expect("made").value;
    assert_ne!(decoy.contact_id, Some(contacts[0]), "another realm has contacts of its own");
}

/// Fifty; the fifty-first is refused, also when two come at once, until one is deleted.
pub async fn a_realm_has_no_more_endpoints_than_allowed(fixture: &Fixture) {
    let create = |port: usize| {
        crate::model::endpoint::CreateEndpoint::new(format!("http://127.0.0.1:{port}/").parse().expect("lawful"))
    };
    for number in 0..ENDPOINTS_MAX - 1 {
        let made = fixture.desk.create_endpoint(&key(&number.to_string()), create(2_000 + number)).await;
        made.expect("made");
    }
    let (left, right) = (fixture.node(100).desk(fixture.desk.realm().clone()), fixture.desk.clone());
    let (left_key, right_key) = (key("left"), key("right"));
    let (left, right) =
        tokio::join!(left.create_endpoint(&left_key, create(3_000)), right.create_endpoint(&right_key, create(3_001)));
    let mut codes = [left, right].map(|made| made.map_or_else(|error| error.code().to_owned(), |_| "made".to_owned()));
    codes.sort();
    assert_eq!(codes, ["endpoint_limit_reached", "made"]);

    let all = fixture.desk.endpoints(&PageRequest::first().limit(100)).await.expect("read").data;
    assert_eq!(all.len(), ENDPOINTS_MAX);
    fixture.desk.delete_endpoint(&key("delete"), all[0].id).await.expect("deleted");
    fixture.desk.create_endpoint(&key("room"), create(3_002)).await.expect("there is room again");
}

/// Two changes at once: none is lost.
pub async fn an_endpoint_changed_by_another_is_stale(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    let describe = UpdateEndpoint {
        url: Change(None),
        events: Change(Some(List::new(vec![EventFilter::Type(EventType::TicketCreated)]).expect("lawful"))),
        description: Patch::Set("mine".parse().expect("lawful")),
    };
    let other = fixture.node(100).desk(fixture.desk.realm().clone());
    let (describe_key, disable_key) = (key("describe"), key("disable"));
    let (described, disabled) = tokio::join!(
        fixture.desk.update_endpoint(&describe_key, endpoint.id, describe),
        other.disable_endpoint(&disable_key, endpoint.id)
    );
    described.expect("changed");
    disabled.expect("disabled");
    let after = fixture.desk.endpoint(endpoint.id).await.expect("read").expect("there");
    assert_eq!(after.description.as_deref(), Some("mine"));
    assert_eq!(after.status.as_str(), "disabled");
    assert_eq!(after.events, [EventFilter::Type(EventType::TicketCreated)]);
    let untouched = fixture.decoy.endpoint(endpoint.id).await.expect("read").expect("there");
    assert_eq!(untouched.status.as_str(), "enabled");
}

/// What goes in comes out, field by field.
pub async fn every_field_survives(fixture: &Fixture) {
    let earlier = fixture.ticket("earlier").await;
    fixture.tick();
    let call = CallId::from_bytes([5; 16]);
    let evidence = Evidence {
        kind: EvidenceKind::Recording,
        reference: "https://example.com/r/1".to_owned(),
        label: Some("the \"call\" ☎".to_owned()),
    };
    let pairs = [("order", Some("4711")), ("empty", Some(""))];
    let pairs =
        pairs.map(|(name, value)| (name.parse().expect("lawful"), value.map(|value| value.parse().expect("lawful"))));
    let request = CreateTicket {
        contact_id: Some(ContactId::from_bytes([4; 16])),
        source: Some(Source::Voice),
        topic: Some("delivery".parse().expect("lawful")),
        queue: Some("default".parse().expect("lawful")),
        priority: Some(Priority::High),
        owner_id: Some(user(1).into()),
        call_id: Some(call),
        body: Some("Wo ist mein Teil? 'quotes' \\ \u{1F4E6}\n\t%_".parse().expect("lawful")),
        evidence: List::new(vec![evidence.clone()]).expect("lawful"),
        tags: List::new(["b", "a", "b"].map(|tag| tag.parse().expect("lawful")).to_vec()).expect("lawful"),
        metadata: Some(MetadataPatch::new(pairs.into()).expect("lawful")),
        follow_up_of: Some(earlier.id),
        actor_id: Some(user(2).into()),
        ..create("Part delayed")
    };
    let made = fixture.desk.create_ticket(&key("all"), request).await.expect("made").value;
    assert_eq!(made.tags, ["b", "a"]);
    assert_eq!(made.metadata.len(), 2);
    assert_eq!(made.status, Status::Open);
    assert_eq!(fixture.desk.ticket(made.id).await.expect("read").expect("there").ticket, made);

    let thread = fixture.desk.thread(made.id, &PageRequest::first()).await.expect("read").expect("there").data;
    assert_eq!(thread.len(), 3);
    assert_eq!(thread[0].evidence, [evidence, Evidence::call(call)]);
    assert_eq!(thread[0].body.as_deref(), Some("Wo ist mein Teil? 'quotes' \\ \u{1F4E6}\n\t%_"));
    assert!(matches!(thread[1].detail, EntryDetail::Assignment { .. }));
    assert!(matches!(thread[2].detail, EntryDetail::Transition { from: Status::New, to: Status::Open, .. }));

    fixture.tick();
    let resolved = fixture.desk.transition_ticket(&key("resolve"), made.id, resolve()).await.expect("resolved").value;
    assert_eq!(resolved.resolved_at, Some(fixture.tickets.now()));
    fixture.tick();
    let reason = Some("not fixed".parse().expect("lawful"));
    let reopen = TransitionTicket { reason, ..TransitionTicket::to(Status::Open) };
    let reopened = fixture.desk.transition_ticket(&key("reopen"), made.id, reopen).await.expect("reopened").value;
    assert_eq!((reopened.reopen_count, reopened.resolved_at), (1, None));
    assert_eq!(reopened.first_resolved_at, resolved.first_resolved_at);
    assert_eq!(fixture.desk.ticket(made.id).await.expect("read").expect("there").ticket, reopened);

    let feed = fixture.desk.events(&PageRequest::first().order(Order::Asc)).await.expect("read").data;
    let types: Vec<_> = feed.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "ticket.created",
            "ticket.created",
            "ticket.assigned",
            "ticket.status_changed",
            "ticket.status_changed",
            "ticket.resolved",
            "ticket.status_changed",
            "ticket.reopened"
        ]
    );
    for event in feed {
        assert_eq!(fixture.desk.event(event.id).await.expect("read").as_ref(), Some(&event));
    }
}

/// One delivery for each endpoint that wants the event, none for the others.
pub async fn events_fan_out_to_who_wants_them(fixture: &Fixture) {
    let all = fixture.endpoint(9_000).await;
    let only_resolved = crate::model::endpoint::CreateEndpoint {
        events: Some(List::new(vec![EventFilter::Type(EventType::TicketResolved)]).expect("lawful")),
        ..crate::model::endpoint::CreateEndpoint::new("http://127.0.0.1:9001/".parse().expect("lawful"))
    };
    let picky = fixture.desk.create_endpoint(&key("picky"), only_resolved).await.expect("made").value;
    let ticket = fixture.ticket("one").await;
    let deliveries = async |endpoint_id| {
        let filter = DeliveryFilter { endpoint_id: Some(endpoint_id), ..DeliveryFilter::default() };
        fixture.desk.deliveries(&filter, &PageRequest::first()).await.expect("read").data
    };
    assert_eq!(deliveries(all.id).await.len(), 1);
    assert_eq!(deliveries(picky.id).await.len(), 0);
    let with_owner = TransitionTicket { owner_id: Some(user(1).into()), ..resolve() };
    fixture.desk.transition_ticket(&key("resolve"), ticket.id, with_owner).await.expect("resolved");
    assert_eq!(deliveries(all.id).await.len(), 4);
    let told = deliveries(picky.id).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event_type, EventType::TicketResolved);
    assert_eq!(told[0].status, DeliveryStatus::Pending);
    assert_eq!(told[0].ticket_id, Some(ticket.id));
    assert_eq!(fixture.desk.delivery(told[0].id).await.expect("read").as_ref(), Some(&told[0]));
    assert_eq!(fixture.decoy.delivery(told[0].id).await.expect("read"), None);
}

/// What comes while an endpoint is disabled waits in dead letters; what was pending joins it.
pub async fn a_disabled_endpoint_gets_dead_letters(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    fixture.ticket("before").await;
    fixture.desk.disable_endpoint(&key("off"), endpoint.id).await.expect("disabled");
    fixture.ticket("meanwhile").await;
    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let dead = fixture.desk.deliveries(&letters, &PageRequest::first()).await.expect("read").data;
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|letter| letter.reason == Some(DeadReason::EndpointDisabled)));
    let refused = fixture.desk.replay_dead_letter(&key("too soon"), dead[0].id).await.expect_err("disabled");
    assert_eq!(refused.code(), "endpoint_disabled");
    // Decided before it was disabled, it comes too late all the same.
    let replay = DeliveryChange { id: dead[0].id, ticket: None, action: DeliveryAction::Replay };
    let replay = Effect::Delivery(Box::new(replay));
    let late = Commit::new(fixture.desk.realm().clone(), fixture.tickets.now(), None, replay);
    assert_eq!(fixture.store.commit(late).await.expect("an outcome"), CommitOutcome::Stale);
    fixture.desk.enable_endpoint(&key("on"), endpoint.id).await.expect("enabled");
    let replayed = fixture.desk.replay_dead_letter(&key("now"), dead[0].id).await.expect("replayed").value;
    assert_eq!(replayed.status, DeliveryStatus::Pending);
    let untouched = fixture.decoy.deliveries(&letters, &PageRequest::first()).await.expect("read").data;
    assert!(untouched.is_empty());
}

/// It is gone from every answer, and what it was not told is given up, visibly.
pub async fn deleting_an_endpoint_gives_up_what_is_pending(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    fixture.ticket("before").await;
    fixture.desk.delete_endpoint(&key("gone"), endpoint.id).await.expect("deleted");
    fixture.ticket("after").await;
    assert_eq!(fixture.desk.endpoint(endpoint.id).await.expect("read"), None);
    assert!(fixture.desk.endpoints(&PageRequest::first()).await.expect("read").data.is_empty());
    let deliveries =
        fixture.desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read").data;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].reason, Some(DeadReason::EndpointDeleted));
    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    assert!(fixture.desk.deliveries(&letters, &PageRequest::first()).await.expect("read").data.is_empty());
    let again = fixture.desk.delete_endpoint(&key("again"), endpoint.id).await.expect_err("not there");
    assert!(again.is_not_found());
    assert!(fixture.decoy.endpoint(endpoint.id).await.expect("read").is_some());
}

/// A late 410 of the old address disables nothing: the delivery goes to the new one, due as it was.
pub async fn an_endpoint_whose_url_changes_ends_the_leases_on_its_deliveries(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    let update = async |name: &str, url: Option<&str>| {
        let url = Change(url.map(|url| url.parse().expect("lawful")));
        let description = Patch::Set(name.parse().expect("lawful"));
        let update = UpdateEndpoint { url, events: Change(None), description };
        fixture.desk.update_endpoint(&key(name), endpoint.id, update).await.expect("changed");
    };
    fixture.ticket("one").await;
    let due_at = deliveries(fixture).await[0].next_attempt_at;
    fixture.tick();
    let under_way = claim(fixture, ALICE).await;
    update("described", None).await;
    let until = fixture.tickets.now() + LEASE;
    for lease in &under_way {
        let renewed = fixture.store.renew(lease, until).await.expect("answered");
        assert_eq!(renewed, Settled::Recorded, "another change leaves the leases as they are");
    }

    let moved = "http://127.0.0.1:9001/";
    update("moved", Some(moved)).await;
    for lease in &under_way {
        let moved = lease.realm == *fixture.desk.realm();
        let renewed = fixture.store.renew(lease, until).await.expect("answered");
        assert_eq!(renewed, if moved { Settled::LeaseLost } else { Settled::Recorded });
        if moved {
            let gone =
                Settlement { lease: lease.clone(), attempt: attempt(fixture, 1, 410), next: NextStep::DisableEndpoint };
            assert_eq!(fixture.store.settle(&[gone]).await.expect("answered"), [Settled::LeaseLost]);
        }
    }
    let after = fixture.desk.endpoint(endpoint.id).await.expect("read").expect("there");
    assert_eq!((after.status.as_str(), after.failing_since), ("enabled", None));
    let delivery = deliveries(fixture).await.remove(0);
    assert_eq!((delivery.next_attempt_at, delivery.attempts), (due_at, Vec::new()));

    let again = claim_all(fixture, BOB).await;
    let [due] = again.as_slice() else { panic!("the decoy's lease holds: {again:?}") };
    assert_eq!((due.url.as_str(), due.attempts_before, due.failures), (moved, 0, 0));
    let delivered =
        Settlement { lease: due.lease.clone(), attempt: attempt(fixture, 1, 200), next: NextStep::Delivered };
    assert_eq!(fixture.store.settle(&[delivered]).await.expect("answered"), [Settled::Recorded]);
}
