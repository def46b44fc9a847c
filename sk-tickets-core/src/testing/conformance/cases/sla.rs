//! Service levels: policies, what is due across realms, and that each thing is told once.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    super::fixture::{Fixture, key, user},
    timers::timers,
};
use crate::{
    decide::Chore,
    desk::Desk,
    model::{
        event::EventType,
        id::TicketId,
        page::{Order, PageRequest},
        sla::{DueTicket, KeptPolicy, PolicyRevision, PolicyWork, SetSlaPolicy, SlaPolicy, SlaState, TicketSla},
        thread::PostEntry,
        ticket::{CreateTicket, Priority, Status, Ticket, TransitionTicket, UpdateTicket},
    },
    platform::{id::EventId, input::Change, number::Whole, time::Timestamp},
    store::{Commit, CommitOutcome, Effect, Expectation, PolicyChange, TicketChange},
    sweep::Swept,
};

pub(super) fn policy(first_response: Option<u64>, resolution: Option<u64>, warn_before: Option<u64>) -> SetSlaPolicy {
    fn whole<const MIN: u64, const MAX: u64>(number: u64) -> Whole<MIN, MAX> {
        Whole::new(number).expect("lawful")
    }
    SetSlaPolicy {
        first_response_seconds: first_response.map(whole),
        resolution_seconds: resolution.map(whole),
        warn_before_seconds: warn_before.map(whole),
    }
}

pub(super) async fn set(fixture: &Fixture, priority: Priority, policy: SetSlaPolicy) -> SlaPolicy {
    fixture.tick();
    let key = key(&fixture.tickets.request_id().to_string());
    fixture.desk.set_sla_policy(&key, priority, policy).await.expect("set").value
}

pub(super) async fn ticket(fixture: &Fixture, id: TicketId) -> Ticket {
    fixture.desk.ticket(id).await.expect("read").expect("there").ticket
}

async fn reply(fixture: &Fixture, id: TicketId) {
    let message = PostEntry::message("On it".parse().expect("lawful"));
    let key = key(&format!("reply {id} {}", fixture.tickets.now()));
    let post = PostEntry { actor_id: Some(user(1).into()), ..message };
    fixture.desk.post_to_thread(&key, id, post).await.expect("written");
}

pub(super) async fn go(fixture: &Fixture, id: TicketId, to: Status) -> Ticket {
    let transition = TransitionTicket {
        reason: Some("because".parse().expect("lawful")),
        resolution_note: (to == Status::Resolved).then(|| "done".parse().expect("lawful")),
        owner_id: Some(user(1).into()),
        ..TransitionTicket::to(to)
    };
    let key = key(&format!("to {to} {id} {}", fixture.tickets.now()));
    fixture.desk.transition_ticket(&key, id, transition).await.expect("moved").value
}

pub(super) async fn sweep(fixture: &Fixture) -> Swept {
    let swept = fixture.tickets.sweeper().sweep().await.expect("swept");
    assert_eq!(swept.failed, 0);
    swept
}

fn step(fixture: &Fixture, seconds: u64) {
    fixture.clock.advance(Duration::from_secs(seconds));
}

/// An event of a clock's: the ticket, the type, the metric, when.
type Rung = (TicketId, EventType, String, Timestamp);

/// All that was told of clocks in a realm, in order; each as it should be, and none twice.
pub(super) async fn rung(desk: &Desk) -> Vec<Rung> {
    let mut rung = Vec::new();
    let mut page = PageRequest::first().limit(100).order(Order::Asc);
    loop {
        let read = desk.events(&page).await.expect("read");
        for event in &read.data {
            if !matches!(event.event_type, EventType::TicketSlaWarning | EventType::TicketSlaBreached) {
                continue;
            }
            let payload: Value = serde_json::from_slice(&event.payload).expect("JSON");
            let data = &payload["data"];
            assert_eq!(data["actor"]["type"], "system");
            assert!(data["threshold_seconds"].is_u64() && data["due_at"].is_string(), "{data}");
            let metric = data["metric"].as_str().expect("a metric").to_owned();
            if event.event_type == EventType::TicketSlaBreached {
                assert_eq!(data["breached_at"], event.at.to_string());
                assert_eq!(data["ticket"]["sla"][&metric]["state"], "breached");
            }
            rung.push((event.ticket_id.expect("a ticket"), event.event_type, metric, event.at));
        }
        let Some(cursor) = read.next_cursor.filter(|_| read.has_more) else { break };
        page = PageRequest::first().limit(100).order(Order::Asc).after(cursor);
    }
    let mut breaches: Vec<_> = rung.iter().filter(|rung| rung.1 == EventType::TicketSlaBreached).collect();
    breaches.sort();
    assert!(breaches.windows(2).all(|pair| (pair[0].0, &pair[0].2) != (pair[1].0, &pair[1].2)), "{breaches:?}");
    rung
}

fn states(ticket: &Ticket) -> [Option<SlaState>; 2] {
    let clocks = ticket.sla.map(|TicketSla { first_response, resolution }| [first_response, resolution]);
    clocks.unwrap_or_default().map(|clock| clock.map(|clock| clock.state))
}

/// Field by field; one for each priority, and none of another realm's.
pub async fn a_policy_is_set_and_changed(fixture: &Fixture) {
    let high = set(fixture, Priority::High, policy(Some(60), Some(600), Some(10))).await;
    let at = fixture.tickets.now();
    let expected = SlaPolicy {
        id: high.id,
        priority: Priority::High,
        first_response_seconds: Some(60),
        resolution_seconds: Some(600),
        warn_before_seconds: Some(10),
        created_at: at,
        updated_at: at,
    };
    assert_eq!(high, expected);
    let low = set(fixture, Priority::Low, policy(None, None, None)).await;
    let kept = |policy: &SlaPolicy, revision| KeptPolicy { policy: policy.clone(), revision };
    let all = async || fixture.store.policies(fixture.desk.realm()).await.expect("read");
    assert_eq!(all().await, [kept(&low, 1), kept(&high, 1)]);

    let same = set(fixture, Priority::High, policy(Some(60), Some(600), Some(10))).await;
    assert_eq!(same, high, "nothing has changed");
    let changed = set(fixture, Priority::High, policy(Some(30), None, None)).await;
    let expected = SlaPolicy {
        first_response_seconds: Some(30),
        resolution_seconds: None,
        warn_before_seconds: None,
        updated_at: fixture.tickets.now(),
        ..high
    };
    assert_eq!(changed, expected);
    assert_eq!(all().await, [kept(&low, 1), kept(&changed, 2)]);
    let listed = fixture.desk.sla_policies(&PageRequest::first().limit(1)).await.expect("read");
    assert_eq!((listed.data, listed.has_more), (vec![low.clone()], true));
    let rest = PageRequest::first().after(listed.next_cursor.expect("there is more"));
    assert_eq!(fixture.desk.sla_policies(&rest).await.expect("read").data, [changed]);
    assert_eq!(fixture.decoy.sla_policies(&PageRequest::first()).await.expect("read").data, []);
}

/// A change that was decided on a policy that is no longer so: nothing is written.
pub async fn a_ticket_is_changed_under_the_policy_in_force(fixture: &Fixture) {
    let ticket = fixture.ticket("one").await;
    set(fixture, Priority::Normal, policy(Some(60), None, None)).await;
    let policy_now = set(fixture, Priority::Normal, policy(Some(30), None, None)).await;
    let realm = fixture.desk.realm();
    let commit = |effect| {
        let commit = Commit::new(realm.clone(), fixture.tickets.now(), None, effect);
        fixture.store.commit(commit)
    };
    let change = |priority, revision| {
        let mut ticket = ticket.clone();
        ticket.version = ticket.version.next();
        let change = TicketChange {
            expect: Expectation::Version(crate::Version::FIRST),
            ticket,
            timers: crate::model::sla::Timers::default(),
            policy: Some(PolicyRevision { priority, revision }),
            contact: None,
            notification: None,
            entries: Vec::new(),
            events: Vec::new(),
            terms: crate::model::search::TermChanges::default(),
        };
        Effect::Ticket(Box::new(change))
    };
    for (priority, revision) in
        [(Priority::Normal, 0), (Priority::Normal, 1), (Priority::Normal, 3), (Priority::High, 1)]
    {
        let outcome = commit(change(priority, revision)).await.expect("answered");
        assert_eq!(outcome, CommitOutcome::Stale, "{priority} {revision}");
    }
    assert_eq!(self::ticket(fixture, ticket.id).await, ticket);
    let set = |expect| {
        let after = KeptPolicy { policy: policy_now.clone(), revision: 9 };
        Effect::Policy(Box::new(PolicyChange::Set { expect, after }))
    };
    for expect in [0, 1, 3] {
        assert_eq!(commit(set(expect)).await.expect("answered"), CommitOutcome::Stale, "{expect}");
    }
    assert_eq!(commit(change(Priority::High, 0)).await.expect("answered"), CommitOutcome::Applied);
}

/// Bit by bit, whoever goes on with it; those whose clocks stand still or that are of another priority are not touched.
pub async fn a_changed_policy_reaches_what_is_ticking(fixture: &Fixture) {
    set(fixture, Priority::Normal, policy(Some(3_600), Some(7_200), None)).await;
    sweep(fixture).await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(fixture.ticket(&number.to_string()).await.id);
    }
    let [replied, resolved, paused, closed, ..] = ids[..] else { panic!("there are seven") };
    step(fixture, 60);
    reply(fixture, replied).await;
    go(fixture, resolved, Status::Resolved).await;
    go(fixture, paused, Status::Pending).await;
    go(fixture, closed, Status::Closed).await;
    let mut before = BTreeMap::new();
    for id in &ids {
        before.insert(*id, ticket(fixture, *id).await);
    }

    set(fixture, Priority::Normal, policy(Some(1_800), Some(7_200), None)).await;
    let realm = fixture.desk.realm().clone();
    let work = async |limit| fixture.store.policy_work(&realm, Priority::Normal, limit).await.expect("read");
    assert_eq!(fixture.store.policies_changed().await.expect("read"), [(realm.clone(), Priority::Normal)]);
    let ticking: Vec<_> = ids.iter().copied().filter(|id| ![resolved, closed].contains(id)).collect();
    let revision = PolicyRevision { priority: Priority::Normal, revision: 2 };
    let first = work(2).await.expect("there is work");
    assert_eq!(first, PolicyWork { policy: revision, after: None, tickets: ticking[..2].to_vec() });
    assert_eq!(fixture.store.policy_work(fixture.decoy.realm(), Priority::Normal, 2).await.expect("read"), None);
    assert_eq!(fixture.store.policy_work(&realm, Priority::High, 2).await.expect("read"), None);

    // A worker has come this far when it dies. Another one, that had come as far, is too late.
    let progress = |policy, from, to| {
        let effect = Effect::Policy(Box::new(PolicyChange::Progress { policy, from, to }));
        fixture.store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, effect))
    };
    let to = Some(ticking[1]);
    assert_eq!(progress(revision, None, to).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(progress(revision, None, to).await.expect("answered"), CommitOutcome::Stale);
    let old = PolicyRevision { revision: 1, ..revision };
    assert_eq!(progress(old, to, None).await.expect("answered"), CommitOutcome::Stale);
    assert_eq!(work(2).await.expect("there is more").tickets, ticking[2..4]);
    while fixture.node(7).sweeper().sweep().await.expect("swept").more {}
    assert_eq!(work(2).await, None);
    assert_eq!(fixture.store.policies_changed().await.expect("read"), []);

    for id in &ids {
        let (before, after) = (&before[id], ticket(fixture, *id).await);
        let skipped = ticking[..2].contains(id);
        if !ticking.contains(id) || skipped {
            assert_eq!(after, *before);
            continue;
        }
        assert_eq!(after.version, before.version.next());
        let due = after.sla.and_then(|sla| sla.first_response).and_then(|clock| clock.due_at);
        assert_eq!(due, Some(before.created_at + Duration::from_secs(1_800)));
    }
    // Those that the dead worker had not changed are, once the policy changes again; the one with a reply has no clock left
    // that this concerns, and is not written.
    set(fixture, Priority::Normal, policy(Some(900), Some(7_200), None)).await;
    while sweep(fixture).await.more {}
    assert_eq!(ticket(fixture, replied).await, before[&replied]);
    let due = |ticket: &Ticket| ticket.sla.and_then(|sla| sla.first_response).and_then(|clock| clock.due_at);
    assert_eq!(due(&ticket(fixture, ids[4]).await), Some(before[&ids[4]].created_at + Duration::from_secs(900)));
    let updated = fixture.desk.events(&PageRequest::first().limit(1)).await.expect("read").data.remove(0);
    let payload: Value = serde_json::from_slice(&updated.payload).expect("JSON");
    assert_eq!((updated.event_type, &payload["data"]["changed"][0]), (EventType::TicketUpdated, &"sla".into()));
}

/// Across realms, from the very millisecond on, the earliest first and page by page; no longer once it is done.
pub async fn due_tickets_are_listed_when_they_are_due(fixture: &Fixture) {
    let decoy = fixture.decoy.realm().clone();
    for desk in [&fixture.desk, &fixture.decoy] {
        let key = key("policy");
        desk.set_sla_policy(&key, Priority::Normal, policy(Some(60), None, None)).await.expect("set");
    }
    sweep(fixture).await;
    let mut ids = Vec::new();
    for subject in ["one", "two", "three"] {
        ids.push(fixture.ticket(subject).await);
    }
    let due_at = |number: usize| ids[number].created_at + Duration::from_secs(60);
    let list =
        async |now, after: Option<&DueTicket>, limit| fixture.store.tickets_due(now, after, limit).await.expect("read");
    assert_eq!(list(fixture.tickets.now(), None, 10).await, []);
    assert_eq!(fixture.store.next_due(fixture.tickets.now()).await.expect("read"), Some(due_at(0)));
    fixture.clock.set(due_at(1));
    let now = fixture.tickets.now();
    assert_eq!(fixture.store.next_due(now).await.expect("read"), Some(due_at(2)));
    let all = list(now, None, 10).await;
    let seen: Vec<_> = all.iter().map(|due| (due.wakes_at, due.ticket_id)).collect();
    let expected = [0, 0, 1, 1].map(|number| (due_at(number), ids[number].id));
    assert_eq!(seen, expected, "each in two realms");
    let mut realms: Vec<_> = all[..2].iter().map(|due| due.realm.clone()).collect();
    realms.sort();
    assert_eq!(realms, [fixture.desk.realm().clone(), decoy]);
    let mut paged: Vec<DueTicket> = Vec::new();
    for _ in 0..5 {
        paged.extend(list(now, paged.last(), 1).await);
    }
    assert_eq!(paged, all);

    reply(fixture, ids[0].id).await;
    assert_eq!(list(now, None, 10).await.len(), 3, "the reply came too late, but it came");
    assert_eq!(sweep(fixture).await.changed, 3);
    assert_eq!(list(now, None, 10).await, []);
    assert_eq!(rung(&fixture.desk).await.len(), 2);
    assert_eq!(rung(&fixture.decoy).await.len(), 2);
}

/// Also by what was committed before it began to wait.
pub async fn who_waits_for_due_tickets_is_woken(fixture: &Fixture) {
    set(fixture, Priority::Normal, policy(Some(60), None, None)).await;
    fixture.ticket("one").await;
    // A store that misses it waits for ever.
    fixture.store.wait_for_due().await;
    fixture.ticket("two").await;
    fixture.store.wait_for_due().await;
}

/// However many nodes look at the same time.
pub async fn each_alarm_is_told_once_however_many_nodes_sweep(fixture: &Fixture) {
    set(fixture, Priority::Normal, policy(Some(60), Some(120), Some(30))).await;
    sweep(fixture).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(fixture.ticket(&number.to_string()).await.id);
    }
    for _ in 0..3 {
        step(fixture, 60);
        let nodes: Vec<_> = (0..4)
            .map(|node| {
                let sweeper = fixture.node(50 + node).sweeper();
                tokio::spawn(async move { sweeper.sweep().await.expect("swept") })
            })
            .collect();
        for node in nodes {
            assert_eq!(node.await.expect("no panic").failed, 0);
        }
    }
    let mut told: Vec<_> =
        rung(&fixture.desk).await.into_iter().map(|(id, kind, metric, _)| (id, kind, metric)).collect();
    told.sort();
    let mut expected: Vec<_> = ids
        .iter()
        .flat_map(|id| {
            [EventType::TicketSlaWarning, EventType::TicketSlaBreached]
                .into_iter()
                .flat_map(|kind| ["first_response", "resolution"].map(|metric| (*id, kind, metric.to_owned())))
        })
        .collect();
    expected.sort();
    assert_eq!(told, expected);
}

/// A reply, a resolution or a pause that comes too late does not undo what nobody was there to notice.
pub async fn what_was_late_is_late_though_nobody_swept(fixture: &Fixture) {
    set(fixture, Priority::Normal, policy(Some(60), Some(120), None)).await;
    let made = fixture.ticket("one").await;
    let due = made.created_at + Duration::from_secs(60);
    assert_eq!(states(&made), [Some(SlaState::Running); 2]);
    fixture.clock.set(due);
    reply(fixture, made.id).await;
    assert_eq!(states(&ticket(fixture, made.id).await), [Some(SlaState::Breached), Some(SlaState::Running)]);
    step(fixture, 100);
    let resolved = go(fixture, made.id, Status::Resolved).await;
    assert_eq!(states(&resolved), [Some(SlaState::Breached); 2]);
    let told = rung(&fixture.desk).await;
    assert_eq!(told.iter().map(|told| told.3).collect::<Vec<_>>(), [due, fixture.tickets.now()]);
    assert_eq!(sweep(fixture).await.changed, 0);

    let reopened = go(fixture, made.id, Status::Open).await;
    assert_eq!(states(&reopened), [Some(SlaState::Breached); 2]);
    step(fixture, 10_000);
    assert_eq!(sweep(fixture).await.changed, 0, "it never fires again");
    let events: Vec<EventId> = fixture
        .desk
        .events(&PageRequest::first().limit(100))
        .await
        .expect("read")
        .data
        .iter()
        .map(|event| event.id)
        .collect();
    let quiet = fixture.desk.update_ticket(&key("nothing"), made.id, UpdateTicket::nothing()).await.expect("changed");
    assert_eq!(quiet.value, reopened);
    assert_eq!(fixture.desk.events(&PageRequest::first().limit(100)).await.expect("read").data.len(), events.len());
}

/// Another priority's policy applies as if it had from the start.
pub async fn a_change_of_priority_takes_the_used_time_along(fixture: &Fixture) {
    set(fixture, Priority::Urgent, policy(Some(100), Some(100), None)).await;
    set(fixture, Priority::High, policy(None, Some(1_000), None)).await;
    let made = fixture.ticket("one").await;
    assert_eq!(made.sla, None);
    let to = async |priority| {
        let update = UpdateTicket { priority: Change(Some(priority)), ..UpdateTicket::nothing() };
        let key = key(&format!("{priority} {}", fixture.tickets.now()));
        fixture.desk.update_ticket(&key, made.id, update).await.expect("changed").value
    };
    step(fixture, 30);
    let pending = go(fixture, made.id, Status::Pending).await;
    assert_eq!(pending.sla, None);
    step(fixture, 50);
    let urgent = to(Priority::Urgent).await;
    assert_eq!(states(&urgent), [Some(SlaState::Running), Some(SlaState::Paused)]);
    let sla = urgent.sla.expect("a policy");
    assert_eq!(sla.first_response.expect("a clock").due_at, Some(made.created_at + Duration::from_secs(100)));
    assert_eq!(sla.resolution.expect("a clock").due_at, None);
    let open = go(fixture, made.id, Status::Open).await;
    let due_at = |ticket: &Ticket| ticket.sla.and_then(|sla| sla.resolution).and_then(|clock| clock.due_at);
    assert_eq!(due_at(&open), Some(open.updated_at + Duration::from_secs(70)), "the pause is given back");
    let high = to(Priority::High).await;
    assert_eq!(states(&high), [None, Some(SlaState::Running)]);
    assert_eq!(due_at(&high), Some(open.updated_at + Duration::from_secs(970)));
    step(fixture, 71);
    let late = to(Priority::Urgent).await;
    assert_eq!(states(&late), [Some(SlaState::Breached); 2], "all of it was used up");
    assert_eq!(to(Priority::Low).await.sla, late.sla, "what has ended stays as it ended");
    assert_eq!(rung(&fixture.desk).await.len(), 2);
}

/// To the millisecond, by the system; not if it was opened again.
pub async fn a_resolved_ticket_is_closed_in_time(fixture: &Fixture) {
    let [one, other] = [fixture.ticket("one").await.id, fixture.ticket("other").await.id];
    for id in [one, other] {
        go(fixture, id, Status::Resolved).await;
    }
    let week = Duration::from_secs(crate::limits::AUTO_CLOSE_DEFAULT_SECS);
    let at = fixture.tickets.now() + week;
    assert_eq!(sweep(fixture).await.next, Some(at));
    step(fixture, 1_000);
    go(fixture, other, Status::Open).await;
    assert_eq!(timers(fixture, &fixture.desk, other).await.auto_close_at, None);
    fixture.clock.set(Timestamp::from_millis(at.as_millis() - 1));
    assert_eq!(sweep(fixture).await.changed, 0);
    // Nor by a sweeper that saw it due before it was opened and resolved again.
    let by_chance = fixture.tickets.perform(fixture.desk.realm(), one, Chore::Sweep).await;
    assert!(!by_chance.expect("looked at"), "it is not due yet");
    fixture.tick();
    assert_eq!(sweep(fixture).await.changed, 1);
    let closed = ticket(fixture, one).await;
    assert_eq!((closed.status, closed.closed_at), (Status::Closed, Some(at)));
    assert_eq!(ticket(fixture, other).await.status, Status::Open);
    let told = fixture.desk.events(&PageRequest::first().limit(1)).await.expect("read").data.remove(0);
    let payload: Value = serde_json::from_slice(&told.payload).expect("JSON");
    assert_eq!(payload["type"], "ticket.status_changed");
    assert_eq!(
        (&payload["data"]["reason"], &payload["data"]["actor"]["type"]),
        (&"auto_close".into(), &"system".into())
    );
    assert_eq!(sweep(fixture).await.changed, 0);
}

/// A create for this priority.
pub(super) fn of(priority: Priority, subject: &str) -> CreateTicket {
    CreateTicket { priority: Some(priority), ..CreateTicket::new(subject).expect("lawful") }
}
