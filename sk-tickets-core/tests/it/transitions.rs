//! Every pair of a status and a trigger: what the table says, written down, and a desk that does just that.

use std::{fmt::Write, time::Duration};

use sk_tickets_core::{
    AssignTicket, EntryId, Error, IdempotencyKey, PageRequest, PostEntry, RedactEntry, Status, Ticket,
    TransitionTicket, UpdateTicket,
    limits::AUTO_CLOSE_DEFAULT_SECS,
    model::thread::EntryDetail,
    platform::input::Change,
    transition::{self, Guard, Trigger, Verdict, verdict},
};

use crate::{
    golden,
    stage::{Added, Seen, Stage, because, by_contact, message, note, resolved, user},
};

/// All pairs as `(from, trigger, verdict)`, in words.
pub(crate) fn table() -> Vec<[String; 3]> {
    pairs().map(|(from, trigger)| [from.to_string(), trigger.to_string(), in_words(verdict(from, trigger))]).collect()
}

fn pairs() -> impl Iterator<Item = (Status, Trigger)> {
    Status::ALL.iter().flat_map(|&from| Trigger::ALL.into_iter().map(move |trigger| (from, trigger)))
}

fn in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Moves { to, guard, reason } => {
            let mut words = format!("moves to {to}");
            if guard != Guard::default() {
                let _ = write!(words, ", needs {}", needs(guard).join(" and "));
            }
            if let Some(reason) = reason {
                let _ = write!(words, ", because {}", reason.as_str());
            }
            words
        }
        Verdict::Stays => "stays".to_owned(),
        Verdict::Illegal => "409 illegal_transition".to_owned(),
        Verdict::Closed => "409 ticket_closed".to_owned(),
    }
}

/// What a guard asks for, in the order in which it is asked for.
pub(crate) fn needs(guard: Guard) -> Vec<&'static str> {
    let Guard { owner, reason, resolution_note } = guard;
    [(owner, "owner"), (reason, "reason"), (resolution_note, "resolution note")]
        .into_iter()
        .filter_map(|(needed, name)| needed.then_some(name))
        .collect()
}

#[test]
fn the_golden_file_has_every_pair() {
    let mut text = String::from(
        "# What becomes of a ticket, by its status and by what happens to it.\n\
         # Made from sk_tickets_core::transition::verdict; UPDATE_GOLDEN=1 writes it anew.\n",
    );
    let mut last = String::new();
    for [from, trigger, verdict] in table() {
        if from != last {
            text.push('\n');
        }
        let _ = writeln!(text, "{from:<10}{trigger:<26}{verdict}");
        last = from;
    }
    golden::check("sk-tickets-core/tests/it/golden/transitions.txt", &text);
}

#[test]
fn every_status_has_a_transition_to_all_that_are_allowed_and_to_no_other() {
    use Status::{Closed, New, OnHold, Open, Pending, Resolved};
    // By hand from the design, so that the table is not only compared with itself.
    for (from, allowed) in [
        (New, vec![Open, Pending, OnHold, Resolved, Closed]),
        (Open, vec![Pending, OnHold, Resolved, Closed]),
        (Pending, vec![Open, OnHold, Resolved, Closed]),
        (OnHold, vec![Open, Pending, Resolved, Closed]),
        (Resolved, vec![Open, Closed]),
        (Closed, vec![]),
    ] {
        assert_eq!(transition::allowed(from), allowed, "{from}");
    }
}

/// A command that says nothing that is not needed.
#[derive(Debug, Clone)]
enum Act {
    Transition(TransitionTicket),
    Assign(AssignTicket),
    Post(PostEntry),
    Update(UpdateTicket),
    /// Of the first entry.
    Redact(RedactEntry),
    /// Long enough is waited.
    Wait,
}

impl Act {
    /// The barest command that pulls the trigger; a transition says what `guard` asks for.
    fn of(trigger: Trigger, guard: Guard) -> Self {
        match trigger {
            Trigger::Transition(to) => Self::Transition(TransitionTicket {
                owner_id: guard.owner.then(|| user(2).into()),
                reason: if guard.reason { because("Vendor is out", to).reason } else { None },
                resolution_note: if guard.resolution_note { resolved("Replaced it").resolution_note } else { None },
                ..TransitionTicket::to(to)
            }),
            Trigger::Assign => Self::Assign(AssignTicket::to(user(2))),
            Trigger::Unassign => Self::Assign(AssignTicket::to_nobody()),
            Trigger::ContactMessage => Self::Post(by_contact("Any news?")),
            Trigger::Message => Self::Post(message("We are on it")),
            Trigger::Note => Self::Post(note("Called the vendor")),
            Trigger::Update => {
                let subject = Change(Some("Part is late".parse().expect("a lawful subject")));
                Self::Update(UpdateTicket { subject, ..UpdateTicket::nothing() })
            }
            Trigger::Redact => {
                Self::Redact(RedactEntry { reason: "privacy".parse().expect("a lawful reason"), actor_id: None })
            }
            Trigger::AutoClose => Self::Wait,
        }
    }

    async fn play(self, stage: &Stage, key: &IdempotencyKey, ticket: &Ticket) -> Result<(), Error> {
        stage.tick();
        let (desk, id) = (&stage.desk, ticket.id);
        match self {
            Self::Transition(transition) => desk.transition_ticket(key, id, transition).await.map(drop),
            Self::Assign(assignment) => desk.assign_ticket(key, id, assignment).await.map(drop),
            Self::Post(entry) => desk.post_to_thread(key, id, entry).await.map(drop),
            Self::Update(change) => desk.update_ticket(key, id, change).await.map(drop),
            Self::Redact(redact) => {
                let thread = desk.thread(id, &PageRequest::first()).await.expect("read");
                let first = thread.map_or(EntryId::from_bytes([1; 16]), |thread| thread.data[0].id);
                desk.redact_entry(key, id, first, redact).await.map(drop)
            }
            Self::Wait => {
                stage.clock.advance(Duration::from_secs(AUTO_CLOSE_DEFAULT_SECS));
                stage.tickets.sweeper().sweep().await.expect("swept");
                Ok(())
            }
        }
    }
}

/// Everything a transition could ask for.
const ALL_OF_IT: Guard = Guard { owner: true, reason: true, resolution_note: true };

/// The refusal of `act`, after which all is as it was.
async fn refused(stage: &Stage, before: &Seen, act: Act) -> Error {
    let key = stage.key();
    let error = act.clone().play(stage, &key, &before.ticket).await.expect_err("refused");
    assert_eq!(stage.see(before.ticket.id).await, *before, "a refusal leaves no trace");
    // The refusal is recorded: it is the answer to this key from now on.
    let again = act.play(stage, &key, &before.ticket).await.expect_err("refused again");
    assert_eq!(again.problem(), error.problem());
    error
}

/// What the thread got, in words.
fn written(added: &Added) -> Vec<String> {
    let words = |detail: &EntryDetail| match detail {
        EntryDetail::Message => "message".to_owned(),
        EntryDetail::Note => "note".to_owned(),
        EntryDetail::Assignment { owner_id, previous_owner_id, .. } => {
            format!("assignment {previous_owner_id:?} -> {owner_id:?}")
        }
        EntryDetail::Transition { from, to, reason, resolution_note } => {
            format!("transition {from} -> {to} {reason:?} {resolution_note:?}")
        }
        EntryDetail::Notification { outcome, .. } => format!("notification {outcome}"),
        EntryDetail::Redaction { .. } => "redaction".to_owned(),
        other => format!("{other:?}"),
    };
    added.entries.iter().map(|entry| words(&entry.detail)).collect()
}

/// Plays a lawful act and compares all that came of it with what the table says.
async fn accepted(stage: &Stage, before: &Seen, trigger: Trigger, act: Act) {
    let from = before.ticket.status;
    let had = before.ticket.owner_id;
    let gets = match &act {
        Act::Transition(transition) => transition.owner_id.or(had),
        Act::Assign(assignment) => assignment.owner_id.0,
        Act::Post(_) | Act::Update(_) | Act::Redact(_) | Act::Wait => had,
    };
    let said = match &act {
        Act::Transition(transition) => transition.reason.as_ref().map(ToString::to_string),
        Act::Assign(_) | Act::Post(_) | Act::Update(_) | Act::Redact(_) | Act::Wait => None,
    };
    let noted = match &act {
        Act::Transition(transition) => transition.resolution_note.as_ref().map(ToString::to_string),
        Act::Assign(_) | Act::Post(_) | Act::Update(_) | Act::Redact(_) | Act::Wait => None,
    };
    act.play(stage, &stage.key(), &before.ticket).await.expect("lawful");
    let after = stage.see(before.ticket.id).await;
    let added = after.since(before);

    let mut entries = Vec::new();
    let mut events = Vec::new();
    match trigger {
        Trigger::ContactMessage | Trigger::Message => {
            entries.push("message".to_owned());
            events.push("ticket.message_added");
        }
        Trigger::Note => {
            entries.push("note".to_owned());
            events.push("ticket.message_added");
        }
        Trigger::Update => events.push("ticket.updated"),
        Trigger::Redact => {
            entries.push("redaction".to_owned());
            events.push("ticket.message_added");
        }
        Trigger::Transition(_) | Trigger::Assign | Trigger::Unassign | Trigger::AutoClose => {}
    }
    if gets != had {
        entries.push(format!("assignment {had:?} -> {gets:?}"));
        events.push(if gets.is_some() { "ticket.assigned" } else { "ticket.unassigned" });
    }
    let mut status = from;
    if let Verdict::Moves { to, guard: _, reason } = verdict(from, trigger) {
        status = to;
        let reason = said.or_else(|| reason.map(|reason| reason.as_str().to_owned()));
        entries.push(format!("transition {from} -> {to} {reason:?} {noted:?}"));
        events.push("ticket.status_changed");
        match (from, to) {
            (_, Status::Resolved) => {
                // The stage's contact is another system's: nobody knows where to tell them.
                entries.push("notification no_address".to_owned());
                events.push("ticket.resolved");
            }
            (Status::Resolved, Status::Open) => events.push("ticket.reopened"),
            _ => {}
        }
    }

    let case = format!("{from} + {trigger}");
    assert_eq!(written(&added), entries, "{case}");
    assert_eq!(added.told(), events, "{case}");
    assert_eq!(after.ticket.status, status, "{case}");
    assert_eq!(after.ticket.owner_id, gets, "{case}");
    let version = before.ticket.version.0 + u64::from(!events.is_empty());
    assert_eq!(after.ticket.version.0, version, "{case}");
    assert!(added.events.iter().all(|event| event.ticket_version == Some(after.ticket.version)), "{case}");
}

/// The act without one of the things its guard asks for.
fn without(act: &Act, need: &str) -> Act {
    let Act::Transition(transition) = act else { panic!("only transitions are guarded") };
    let mut less = transition.clone();
    match need {
        "owner" => less.owner_id = None,
        "reason" => less.reason = None,
        "resolution note" => less.resolution_note = None,
        other => panic!("no such guard: {other}"),
    }
    Act::Transition(less)
}

/// One pair, from a ticket of somebody's and from one of nobody's.
async fn try_pair(from: Status, trigger: Trigger) {
    for owner in [Some(user(1)), None] {
        if owner.is_some() && from == Status::New {
            // To have an owner is to be open.
            continue;
        }
        let given = || async {
            let stage = Stage::new();
            let before = stage.ticket_in(from, owner).await;
            assert_eq!((before.ticket.status, before.ticket.owner_id), (from, owner.map(Into::into)));
            (stage, before)
        };
        let (stage, before) = given().await;
        match (verdict(from, trigger), trigger) {
            (Verdict::Illegal, Trigger::Transition(_)) => {
                // With all that any guard could ask for: it is the move itself that is refused.
                for guard in [Guard::default(), ALL_OF_IT] {
                    let error = refused(&stage, &before, Act::of(trigger, guard)).await;
                    assert_eq!((error.problem().status(), error.code()), (409, "illegal_transition"));
                    let allowed: Vec<_> = transition::allowed(from).into_iter().map(Status::as_str).collect();
                    assert_eq!(error.problem().extension("allowed"), Some(&allowed.into()), "{from} + {trigger}");
                }
            }
            (Verdict::Illegal, other) => panic!("{other} is no transition"),
            (Verdict::Closed, _) => {
                let error = refused(&stage, &before, Act::of(trigger, Guard::default())).await;
                assert_eq!((error.problem().status(), error.code()), (409, "ticket_closed"), "{from} + {trigger}");
            }
            (Verdict::Stays, _) => accepted(&stage, &before, trigger, Act::of(trigger, Guard::default())).await,
            (Verdict::Moves { guard, .. }, _) => {
                let act = Act::of(trigger, guard);
                for need in needs(guard) {
                    if need == "owner" && owner.is_some() {
                        let (stage, before) = given().await;
                        accepted(&stage, &before, trigger, without(&act, need)).await;
                        continue;
                    }
                    let error = refused(&stage, &before, without(&act, need)).await;
                    let code = format!("{}_required", need.replace(' ', "_"));
                    assert_eq!((error.problem().status(), error.code()), (422, code.as_str()), "{from} + {trigger}");
                }
                accepted(&stage, &before, trigger, act).await;
                if let Trigger::Transition(_) = trigger {
                    // What nobody asks for is no hindrance, and is kept.
                    let (stage, before) = given().await;
                    accepted(&stage, &before, trigger, Act::of(trigger, ALL_OF_IT)).await;
                }
            }
        }
    }
}

macro_rules! from_each_status {
    ($($test:ident: $from:expr;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                for trigger in Trigger::ALL {
                    try_pair($from, trigger).await;
                }
            }
        )*

        #[test]
        fn no_status_is_left_out() {
            assert_eq!([$($from),*], Status::ALL);
        }
    };
}

from_each_status! {
    a_new_ticket_does_as_the_table_says: Status::New;
    an_open_ticket_does_as_the_table_says: Status::Open;
    a_pending_ticket_does_as_the_table_says: Status::Pending;
    a_ticket_on_hold_does_as_the_table_says: Status::OnHold;
    a_resolved_ticket_does_as_the_table_says: Status::Resolved;
    a_closed_ticket_does_as_the_table_says: Status::Closed;
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_not_found_whatever_happens_to_it() {
    let stage = Stage::new();
    let elsewhere = Stage::new().ticket_in(Status::Open, Some(user(1))).await.ticket;
    for trigger in Trigger::ALL.into_iter().filter(|trigger| *trigger != Trigger::AutoClose) {
        let act = Act::of(trigger, Guard::default());
        let error = act.play(&stage, &stage.key(), &elsewhere).await.expect_err("not found");
        assert_eq!((error.problem().status(), error.code()), (404, "not_found"), "{trigger}");
    }
    assert!(stage.desk.events(&PageRequest::first()).await.expect("read").data.is_empty());
}
