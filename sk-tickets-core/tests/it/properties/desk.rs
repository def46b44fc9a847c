//! Whatever is asked of a desk, in whatever order, these things hold.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use sk_tickets_core::{
    Answer, AssignTicket, Command, CreateTicket, Event, PostEntry, Priority, Request, Status, ThreadEntry, Ticket,
    TicketCommand, TicketId, Timestamp, TransitionTicket, UpdateTicket,
    model::thread::EntryDetail,
    platform::{
        input::{Change, Patch},
        text::List,
    },
    transition::{Trigger, Verdict, verdict},
};

use super::seeded;
use crate::stage::{Seen, Stage, by_contact, contact, create, message, note, payload, resolved, user};

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create { owner: Option<u8> },
    Transition { to: Status, owner: Option<u8>, reason: bool, resolution_note: bool },
    Assign { owner: Option<u8> },
    Post { kind: u8, reopen: Option<bool> },
    Update { subject: Option<u8>, priority: Option<Priority>, tag: Option<u8> },
    Clock { seconds: i64 },
    Again,
}

fn any_owner() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![1 => Just(None), 2 => (1_u8..4).prop_map(Some)]
}

fn any_step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(Status::ALL);
    prop_oneof![
        1 => any_owner().prop_map(|owner| Step::Create { owner }),
        6 => (status, any_owner(), prop::bool::weighted(0.8), prop::bool::weighted(0.8)).prop_map(
            |(to, owner, reason, resolution_note)| Step::Transition { to, owner, reason, resolution_note }
        ),
        3 => any_owner().prop_map(|owner| Step::Assign { owner }),
        3 => (0_u8..3, any::<Option<bool>>()).prop_map(|(kind, reopen)| Step::Post { kind, reopen }),
        2 => (any_owner(), prop::option::of(prop::sample::select(Priority::ALL)), any_owner())
            .prop_map(|(subject, priority, tag)| Step::Update { subject, priority, tag }),
        1 => (-100_i64..100).prop_map(|seconds| Step::Clock { seconds }),
        2 => Just(Step::Again),
    ]
}

/// A desk, what was asked of it, and how often each ticket changed.
struct Play {
    stage: Stage,
    asked: Vec<(Request, Answer)>,
    changes: BTreeMap<TicketId, u64>,
}

impl Play {
    fn new() -> Self {
        Self { stage: Stage::new(), asked: Vec::new(), changes: BTreeMap::new() }
    }

    /// Does a step; `pick` says to which ticket, or which request is made again.
    async fn step(&mut self, step: Step, pick: prop::sample::Index) {
        let tickets: Vec<_> = self.changes.keys().copied().collect();
        match step {
            Step::Clock { seconds } if seconds >= 0 => {
                self.stage.clock.advance(Duration::from_secs(seconds.unsigned_abs()));
            }
            Step::Clock { seconds } => {
                let now = self.stage.tickets.now().as_millis();
                self.stage.clock.set(Timestamp::from_millis(now + seconds * 1_000));
            }
            Step::Again if self.asked.is_empty() => {}
            Step::Again => self.again(pick.index(self.asked.len())).await,
            Step::Create { owner } => self.create(owner).await,
            other => {
                let id = tickets[pick.index(tickets.len())];
                self.ask(command(id, other), Some(id)).await;
            }
        }
    }

    async fn create(&mut self, owner: Option<u8>) {
        let owner_id = owner.map(|number| user(number).into());
        let command = CreateTicket { owner_id, contact_id: Some(contact()), ..create("Part delayed") };
        self.ask(TicketCommand::Create(Box::new(command)), None).await;
    }

    /// Asks for something new, and looks at what became of the ticket.
    async fn ask(&mut self, command: TicketCommand, id: Option<TicketId>) {
        let before = match id {
            Some(id) => Some(self.stage.see(id).await),
            None => None,
        };
        let request = Request::new(&self.stage.key(), Command::Ticket(command));
        let Ok(answer) = self.stage.desk.execute(request.clone()).await else { panic!("nothing is in the way") };
        assert!(!answer.replayed);
        let id = id.unwrap_or_else(|| {
            let made: Ticket = serde_json::from_slice(&answer.response.body).expect("a ticket");
            made.id
        });
        let after = self.stage.see(id).await;
        match &before {
            None => assert_eq!(answer.response.status, 201),
            Some(before) if answer.response.status >= 400 => assert_eq!(after, *before, "a refusal leaves no trace"),
            Some(_) => {}
        }
        if before.as_ref() != Some(&after) {
            *self.changes.entry(id).or_default() += 1;
            let (thread, events) = before.as_ref().map_or((0, 0), |seen| (seen.thread.len(), seen.events.len()));
            judge_change(
                before.as_ref().map(|seen| &seen.ticket),
                &after.ticket,
                &after.thread[thread..],
                &after.events[events..],
            );
        }
        self.asked.push((request, answer));
        self.judge(id, &after);
    }

    /// Asks for something that was asked for before.
    async fn again(&self, which: usize) {
        let (request, first) = &self.asked[which];
        let before = self.world().await;
        let answer = self.stage.desk.execute(request.clone()).await.expect("answered");
        assert!(answer.replayed);
        assert_eq!(answer.response, first.response);
        assert_eq!(answer.response.body, first.response.body, "byte for byte");
        assert!(self.world().await == before, "nothing is done twice");
    }

    async fn world(&self) -> (Vec<Seen>, Vec<Event>) {
        let mut tickets = Vec::new();
        for id in self.changes.keys() {
            tickets.push(self.stage.see(*id).await);
        }
        (tickets, self.stage.feed().await)
    }

    /// What holds for a ticket at any time.
    fn judge(&self, id: TicketId, Seen { ticket, thread, events }: &Seen) {
        assert_eq!(ticket.version.0, self.changes[&id], "one version for each commit that changed something");
        let sequences: Vec<_> = thread.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, (1..).take(thread.len()).collect::<Vec<_>>(), "no gaps in a thread");
        assert!(thread.is_sorted_by_key(|entry| entry.created_at), "no time runs backwards");
        let versions: Vec<_> = events.iter().filter_map(|event| event.ticket_version).collect();
        assert!(versions.is_sorted(), "events come in the order of versions");
        for version in 1..=ticket.version.0 {
            assert!(versions.iter().any(|told| told.0 == version), "version {version} was told of");
        }

        let done = matches!(ticket.status, Status::Resolved | Status::Closed);
        assert_eq!(ticket.queued_at.is_some(), ticket.owner_id.is_none() && !done, "it waits if it is nobody's to do");
        assert!(ticket.status != Status::New || ticket.owner_id.is_none(), "who has an owner is not new");
        assert_eq!(ticket.closed_at.is_some(), ticket.status == Status::Closed);
        match ticket.status {
            Status::Resolved => assert!(ticket.resolution_note.is_some() && ticket.resolved_at.is_some()),
            Status::Closed => {}
            Status::New | Status::Open | Status::Pending | Status::OnHold => {
                assert_eq!((&ticket.resolution_note, ticket.resolved_at), (&None, None));
            }
        }
        let reopened = |entry: &&ThreadEntry| {
            matches!(entry.detail, EntryDetail::Transition { from: Status::Resolved, to: Status::Open, .. })
        };
        assert_eq!(thread.iter().filter(reopened).count(), usize::try_from(ticket.reopen_count).expect("small"));
    }
}

/// What holds for each commit that changes a ticket.
fn judge_change(before: Option<&Ticket>, after: &Ticket, entries: &[ThreadEntry], events: &[Event]) {
    assert_eq!(after.version.0, before.map_or(0, |before| before.version.0) + 1);
    assert!(!events.is_empty(), "every change is told of");
    let frozen = serde_json::to_value(after).expect("JSON");
    for event in events {
        assert_eq!(event.ticket_version, Some(after.version));
        assert_eq!(payload(event)["data"]["ticket"], frozen, "an event shows the ticket as its commit left it");
    }
    let from = before.map_or(Status::New, |before| before.status);
    let moved: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.detail {
            EntryDetail::Transition { from, to, reason, .. } => Some((*from, *to, reason.is_some())),
            _ => None,
        })
        .collect();
    if from == after.status {
        assert_eq!(moved, []);
    } else {
        let Verdict::Moves { to, guard, .. } = verdict(from, Trigger::Transition(after.status)) else {
            panic!("{from} became {}", after.status);
        };
        assert_eq!(to, after.status);
        assert!(!guard.owner || after.owner_id.is_some(), "{from} became {to} without an owner");
        assert!(!guard.resolution_note || after.resolution_note.is_some(), "{from} became {to} without a note");
        let [(told_from, told_to, reason)] = moved[..] else { panic!("one move: {moved:?}") };
        assert_eq!((told_from, told_to), (from, to));
        assert!(!guard.reason || reason, "{from} became {to} without a reason");
        let told = events.iter().filter(|event| event.event_type.as_str() == "ticket.status_changed").count();
        assert_eq!(told, 1, "every move is told of");
    }
}

fn command(id: TicketId, step: Step) -> TicketCommand {
    let owner_of = |owner: Option<u8>| owner.map(|number| user(number).into());
    match step {
        Step::Transition { to, owner, reason, resolution_note } => {
            let reason = reason.then(|| "Because".parse().expect("a lawful reason"));
            // Given with another status it is refused before anything is decided.
            let resolution_note =
                resolved("Done").resolution_note.filter(|_| resolution_note && to == Status::Resolved);
            let owner_id = owner_of(owner);
            TicketCommand::Transition(
                id,
                TransitionTicket { reason, resolution_note, owner_id, ..TransitionTicket::to(to) },
            )
        }
        Step::Assign { owner: Some(number) } => TicketCommand::Assign(id, AssignTicket::to(user(number))),
        Step::Assign { owner: None } => TicketCommand::Assign(id, AssignTicket::to_nobody()),
        Step::Post { kind, reopen } => {
            let entry = [by_contact("Any news?"), message("Soon"), note("Vendor is slow")][usize::from(kind)].clone();
            TicketCommand::Post(id, PostEntry { reopen, ..entry })
        }
        Step::Update { subject, priority, tag } => {
            let subject = subject.map(|number| format!("Part {number}").parse().expect("a lawful subject"));
            let tags = tag.map_or(Patch::Keep, |number| {
                let tag = format!("tag {number}").parse().expect("a lawful tag");
                Patch::Set(List::new(vec![tag]).expect("few enough"))
            });
            let change =
                UpdateTicket { subject: Change(subject), priority: Change(priority), tags, ..UpdateTicket::nothing() };
            TicketCommand::Update(id, change)
        }
        Step::Create { .. } | Step::Clock { .. } | Step::Again => unreachable!("not about a ticket that is there"),
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn whatever_is_asked_the_invariants_hold(
        steps in prop::collection::vec((any_step(), any::<prop::sample::Index>()), 1..30),
    ) {
        tokio_test::block_on(async {
            let mut play = Play::new();
            play.create(None).await;
            for (step, pick) in steps {
                play.step(step, pick).await;
            }
            // Long after, every key still has its first answer.
            for which in 0..play.asked.len() {
                play.again(which).await;
            }
        });
    }
}
