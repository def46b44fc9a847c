//! What commands do: given a ticket, when a command comes, then these entries, these events, this ticket.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use sk_tickets_core::{
    Actor, AssignTicket, CallId, Command, ContactId, CreateTicket, Environment, Evidence, EvidenceKind, InlineContact,
    MailTemplate, PostEntry, Realm, Request, Status, TicketCommand, TicketId, Timestamp, TransitionTicket,
    UpdateTicket, Version,
    decide::{Context, Decision, Rejection, decide},
    model::{
        metadata::{MetadataKey, MetadataPatch, MetadataValue},
        thread::EntryDetail,
    },
    platform::{
        id::IdGenerator,
        input::{Change, Fault, Patch},
        seal::Keyring,
        system::SeededEntropy,
        text::List,
        webhook::TargetPolicy,
    },
    store::{Expectation, Loaded, TicketChange},
};

use crate::stage::{Seen, Stage, because, by_contact, contact, create, message, note, payload, resolved, user};

/// What `decide` is given beside the command: at this time, ids that follow from a seed.
pub(crate) fn at<T>(millis: i64, then: impl FnOnce(&Context<'_>) -> T) -> T {
    let entropy = Arc::new(SeededEntropy::new(7));
    then(&Context {
        realm: &Realm::assume("acme".parse().expect("lawful"), Environment::Live),
        now: Timestamp::from_millis(millis),
        actor: Actor::User(user(5)),
        ids: &IdGenerator::new(Arc::clone(&entropy) as _),
        entropy: &*entropy,
        keyring: &Keyring::default(),
        targets: TargetPolicy::Public,
        mail: &MailTemplate::default(),
        auto_close_after: None,
    })
}

fn known(seen: &Seen) -> Loaded {
    Loaded {
        ticket: Some(seen.ticket.clone()),
        thread_length: seen.thread.len().try_into().expect("a short thread"),
        ..Loaded::default()
    }
}

fn changed(decided: Result<Decision, Rejection>) -> TicketChange {
    match decided {
        Ok(Decision::Changed(change)) => *change,
        other => panic!("a change, not {other:?}"),
    }
}

fn faults(decided: Result<Decision, Rejection>) -> Vec<(String, String)> {
    let rejection = decided.expect_err("refused");
    assert_eq!((rejection.problem().status(), rejection.problem().code()), (422, "validation_failed"));
    let Rejection::Invalid(faults) = rejection else { panic!("faults, not {rejection:?}") };
    faults.into_iter().map(|Fault { pointer, code, .. }| (pointer, code)).collect()
}

fn metadata(pairs: &[(&str, Option<&str>)]) -> MetadataPatch {
    let pair = |(name, value): &(&str, Option<&str>)| {
        let name: MetadataKey = name.parse().expect("a lawful name");
        let value = value.map(|value| value.parse::<MetadataValue>().expect("a lawful value"));
        (name, value)
    };
    MetadataPatch::new(pairs.iter().map(pair).collect()).expect("few enough")
}

fn set_metadata(patch: MetadataPatch) -> UpdateTicket {
    UpdateTicket { metadata: Patch::Set(patch), ..UpdateTicket::nothing() }
}

mod making {
    use super::*;

    #[test]
    fn a_ticket_with_a_subject_alone_is_new_and_waits() {
        let command = TicketCommand::Create(Box::new(create("Part delayed")));
        let change = at(1_000, |cx| changed(decide(&Loaded::default(), &command, cx)));
        assert_eq!(change.expect, Expectation::Absent);
        assert_eq!(change.ticket.status, Status::New);
        assert_eq!(change.ticket.version, Version::FIRST);
        assert_eq!(change.ticket.environment, Environment::Live);
        assert_eq!(change.ticket.queue, "default");
        assert_eq!(change.ticket.queued_at, Some(change.ticket.created_at));
        assert_eq!(change.entries.len(), 1, "create writes the first entry");
        assert_eq!(change.entries[0].sequence, 1);
        assert_eq!(change.entries[0].actor, Actor::User(user(5)));
        assert_eq!(change.events.len(), 1);
    }

    #[tokio::test]
    async fn with_an_owner_it_starts_open_and_three_events_show_the_same_ticket() {
        let stage = Stage::new();
        let made = stage.create(CreateTicket { owner_id: Some(user(1).into()), ..create("Part delayed") }).await;
        assert_eq!(made.ticket.status, Status::Open);
        assert_eq!(made.ticket.version, Version::FIRST);
        assert_eq!(made.ticket.queued_at, None);

        let told: Vec<_> = made.events.iter().map(|event| event.event_type.as_str()).collect();
        assert_eq!(told, ["ticket.created", "ticket.assigned", "ticket.status_changed"]);
        let ticket = serde_json::to_value(&made.ticket).unwrap();
        for event in &made.events {
            assert_eq!(event.ticket_version, Some(Version::FIRST));
            assert_eq!(payload(event)["ticket_version"], 1);
            assert_eq!(payload(event)["data"]["ticket"], ticket, "the ticket as the commit left it");
        }
        assert!(made.events.is_sorted_by_key(|event| event.id), "ids order the events of one version");

        let data = |index: usize| payload(&made.events[index])["data"].clone();
        assert_eq!(data(0)["entry"], serde_json::to_value(&made.thread[0]).unwrap());
        assert_eq!(data(1)["owner_id"], user(1).to_string());
        assert_eq!(data(1)["previous_owner_id"], Value::Null);
        assert_eq!(data(1)["cause"], "create");
        assert_eq!((&data(2)["from"], &data(2)["to"]), (&json!("new"), &json!("open")));
        assert_eq!(data(2)["reason"], "assigned");
    }

    #[tokio::test]
    async fn a_call_is_evidence_once() {
        let stage = Stage::new();
        let call = CallId::from_bytes([3; 16]);
        let recording = Evidence::new(EvidenceKind::Recording, "https://example.com/call.mp3");
        let with = |evidence: Vec<Evidence>| CreateTicket {
            call_id: Some(call),
            evidence: List::new(evidence).expect("few enough"),
            ..create("Part delayed")
        };

        for given in [vec![recording.clone()], vec![recording.clone(), Evidence::call(call)]] {
            let made = stage.create(with(given)).await;
            assert_eq!(made.ticket.call_id, Some(call));
            assert_eq!(made.thread[0].evidence, [recording.clone(), Evidence::call(call)]);
            let evidence = &payload(&made.events[0])["data"]["evidence"];
            assert_eq!(*evidence, serde_json::to_value(&made.thread[0].evidence).unwrap(), "created carries all of it");
        }

        let another = Evidence::call(CallId::from_bytes([4; 16]));
        let made = stage.create(with(vec![another.clone()])).await;
        assert_eq!(
            made.thread[0].evidence,
            [another, Evidence::call(call)],
            "of two calls neither stands for the other"
        );
    }

    #[tokio::test]
    async fn the_same_tag_twice_is_one_tag() {
        let tags = ["late", "vip", "late"].map(|tag| tag.parse().expect("a lawful tag"));
        let tags = List::new(tags.into()).expect("few enough");
        let made = Stage::new().create(CreateTicket { tags, ..create("Part delayed") }).await;
        assert_eq!(made.ticket.tags, ["late", "vip"]);
    }

    #[test]
    fn an_unknown_queue_is_named() {
        let queue = Some("billing".parse().expect("a lawful key"));
        let command = TicketCommand::Create(Box::new(CreateTicket { queue, ..create("Part delayed") }));
        let faults = at(1_000, |cx| faults(decide(&Loaded::default(), &command, cx)));
        assert_eq!(faults, [("/queue".to_owned(), "unknown_queue".to_owned())]);
    }

    #[tokio::test]
    async fn a_follow_up_names_the_ticket_it_follows() {
        let stage = Stage::new();
        let closed = stage.ticket_in(Status::Closed, Some(user(1))).await;
        let after = |id: TicketId| CreateTicket { follow_up_of: Some(id), ..create("Again") };
        let made = stage.create(after(closed.ticket.id)).await;
        assert_eq!(made.ticket.follow_up_of, Some(closed.ticket.id));
        assert_eq!(stage.see(closed.ticket.id).await, closed, "the closed ticket stays as it is");

        let unknown = TicketId::from_bytes([1; 16]);
        let error = stage.desk.create_ticket(&stage.key(), after(unknown)).await.unwrap_err();
        assert_eq!((error.problem().status(), error.code()), (422, "validation_failed"));
        assert_eq!(error.problem().errors()[0].pointer, "/follow_up_of");
        assert_eq!(error.problem().errors().len(), 1);
    }
}

mod owners {
    use super::*;

    #[tokio::test]
    async fn assigning_a_new_ticket_opens_it_in_the_same_commit() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let reason = Some("She knows the vendor".parse().unwrap());
        let open = stage.assign(new.ticket.id, AssignTicket { reason, ..AssignTicket::to(user(1)) }).await;
        assert_eq!((open.ticket.status, open.ticket.version), (Status::Open, Version(2)));
        assert_eq!(open.ticket.queued_at, None);

        let added = open.since(&new);
        assert_eq!(added.told(), ["ticket.assigned", "ticket.status_changed"]);
        assert_eq!(added.data("ticket.assigned")["reason"], "She knows the vendor");
        assert_eq!(added.data("ticket.status_changed")["reason"], "assigned");
        assert!(added.events.iter().all(|event| event.ticket_version == Some(Version(2))));
    }

    #[tokio::test]
    async fn unassigning_queues_at_the_end_of_the_lane() {
        let stage = Stage::new();
        let mine = stage.ticket_in(Status::Open, Some(user(1))).await;
        assert_eq!(mine.ticket.queued_at, None, "who is somebody's does not wait");
        let waiting = stage.ticket_in(Status::New, None).await;
        assert_eq!(waiting.ticket.queued_at, Some(waiting.ticket.created_at));

        let back = stage.assign(mine.ticket.id, AssignTicket::to_nobody()).await;
        assert_eq!(back.ticket.status, Status::Open, "the status is kept");
        assert_eq!(back.ticket.queued_at, Some(back.ticket.updated_at));
        let added = back.since(&mine);
        assert_eq!(added.told(), ["ticket.unassigned"]);
        assert_eq!(added.data("ticket.unassigned")["previous_owner_id"], user(1).to_string());

        let position = async |id| stage.desk.ticket(id).await.unwrap().unwrap().queue_position;
        assert_eq!(position(waiting.ticket.id).await, Some(1));
        assert_eq!(position(mine.ticket.id).await, Some(2), "made earlier, but behind who waited all along");
    }

    #[tokio::test]
    async fn waiting_goes_on_from_when_it_began() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let noted = stage.post(new.ticket.id, note("Seen")).await;
        assert!(noted.ticket.updated_at > new.ticket.updated_at);
        assert_eq!(noted.ticket.queued_at, new.ticket.queued_at);
    }

    #[tokio::test]
    async fn who_is_done_waits_for_nobody() {
        let stage = Stage::new();
        for status in [Status::Resolved, Status::Closed] {
            let done = stage.ticket_in(status, None).await;
            assert_eq!((done.ticket.owner_id, done.ticket.queued_at), (None, None), "{status}");
        }
    }

    #[tokio::test]
    async fn a_reopened_ticket_of_nobodys_queues_anew() {
        let stage = Stage::new();
        let done = stage.ticket_in(Status::Resolved, None).await;
        let open = stage.transition(done.ticket.id, because("It came back", Status::Open)).await;
        assert_eq!((open.ticket.status, open.ticket.owner_id), (Status::Open, None));
        assert_eq!(open.ticket.queued_at, Some(open.ticket.updated_at));
    }

    #[tokio::test]
    async fn a_reopened_ticket_of_somebodys_stays_theirs() {
        let stage = Stage::new();
        let done = stage.ticket_in(Status::Resolved, Some(user(1))).await;
        let open = stage.transition(done.ticket.id, because("It came back", Status::Open)).await;
        assert_eq!((open.ticket.owner_id, open.ticket.queued_at), (Some(user(1).into()), None));
    }
}

mod replies {
    use super::*;

    #[tokio::test]
    async fn the_customer_opens_what_waited_for_them() {
        let stage = Stage::new();
        let pending = stage.ticket_in(Status::Pending, Some(user(1))).await;
        let open = stage.post(pending.ticket.id, by_contact("Here is the number")).await;
        assert_eq!(open.ticket.status, Status::Open);
        let added = open.since(&pending);
        assert_eq!(added.told(), ["ticket.message_added", "ticket.status_changed"]);
        let data = added.data("ticket.status_changed");
        assert_eq!(data["reason"], "customer_replied");
        assert_eq!(data["actor"], json!({"type": "contact", "id": contact().to_string()}));
        assert_eq!(added.data("ticket.message_added")["entry"], serde_json::to_value(&added.entries[0]).unwrap());
    }

    #[tokio::test]
    async fn the_customer_reopens_what_was_resolved() {
        let stage = Stage::new();
        let done = stage.ticket_in(Status::Resolved, Some(user(1))).await;
        assert_eq!(done.ticket.resolution_note.as_deref(), Some("given"));
        let open = stage.post(done.ticket.id, by_contact("It broke again")).await;
        let ticket = &open.ticket;
        assert_eq!((ticket.status, ticket.reopen_count), (Status::Open, 1));
        assert_eq!((&ticket.resolution_note, ticket.resolved_at), (&None, None));
        assert_eq!(ticket.first_resolved_at, done.ticket.resolved_at, "when it was first resolved is kept");

        let added = open.since(&done);
        assert_eq!(added.told(), ["ticket.message_added", "ticket.status_changed", "ticket.reopened"]);
        assert_eq!(added.data("ticket.reopened")["reopen_count"], 1);
        assert_eq!(added.data("ticket.reopened")["reason"], "customer_replied");
        let note_in_thread = open.thread.iter().any(|entry| {
            matches!(&entry.detail, EntryDetail::Transition { resolution_note: Some(note), .. } if note == "given")
        });
        assert!(note_in_thread, "the note stays in the thread");

        let _ = stage.transition(ticket.id, resolved("given again")).await;
        let again = stage.post(ticket.id, by_contact("And again")).await;
        assert_eq!(again.ticket.reopen_count, 2);
    }

    #[tokio::test]
    async fn thanks_need_not_reopen() {
        let stage = Stage::new();
        let done = stage.ticket_in(Status::Resolved, Some(user(1))).await;
        let thanks = PostEntry { reopen: Some(false), ..by_contact("Thank you") };
        let still = stage.post(done.ticket.id, thanks).await;
        assert_eq!((still.ticket.status, still.ticket.reopen_count), (Status::Resolved, 0));
        assert_eq!(still.ticket.resolution_note, done.ticket.resolution_note);
        assert_eq!(still.since(&done).told(), ["ticket.message_added"]);
    }

    #[tokio::test]
    async fn only_a_message_of_the_customers_moves_anything() {
        let stage = Stage::new();
        for status in [Status::Pending, Status::Resolved] {
            let given = stage.ticket_in(status, Some(user(1))).await;
            let note_by_contact = PostEntry { actor_id: Some(contact().into()), ..note("Calls in the evening") };
            for entry in [message("We will call"), note_by_contact] {
                let after = stage.post(given.ticket.id, entry).await;
                assert_eq!(after.ticket.status, status);
            }
        }
    }

    #[tokio::test]
    async fn a_closed_ticket_takes_notes_and_nothing_else() {
        let stage = Stage::new();
        let closed = stage.ticket_in(Status::Closed, Some(user(1))).await;
        let id = closed.ticket.id;
        let noted = stage.post(id, note("Refund was booked")).await;
        assert_eq!(noted.since(&closed).told(), ["ticket.message_added"]);
        assert_eq!(noted.ticket.status, Status::Closed);

        // Not even what would change nothing.
        let desk = &stage.desk;
        let same_owner = desk.assign_ticket(&stage.key(), id, AssignTicket::to(user(1))).await.unwrap_err();
        let nothing = desk.update_ticket(&stage.key(), id, UpdateTicket::nothing()).await.unwrap_err();
        let thanks = desk.post_to_thread(&stage.key(), id, by_contact("Thank you")).await.unwrap_err();
        for error in [same_owner, nothing, thanks] {
            assert_eq!((error.problem().status(), error.code()), (409, "ticket_closed"));
        }
        let transition = desk.transition_ticket(&stage.key(), id, because("Again", Status::Open)).await.unwrap_err();
        assert_eq!(transition.code(), "illegal_transition");
        assert_eq!(transition.problem().extension("allowed"), Some(&json!([])));
        assert_eq!(stage.see(id).await, noted);
    }
}

mod moves {
    use super::*;

    #[tokio::test]
    async fn a_new_ticket_is_resolved_in_one_call() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let transition = TransitionTicket { owner_id: Some(user(2).into()), ..resolved("Told them the date") };
        let done = stage.transition(new.ticket.id, transition).await;
        let ticket = &done.ticket;
        assert_eq!(
            (ticket.status, ticket.owner_id, ticket.version),
            (Status::Resolved, Some(user(2).into()), Version(2))
        );
        assert_eq!(ticket.resolution_note.as_deref(), Some("Told them the date"));
        assert_eq!((ticket.resolved_at, ticket.first_resolved_at), (Some(ticket.updated_at), Some(ticket.updated_at)));

        let added = done.since(&new);
        assert_eq!(added.told(), ["ticket.assigned", "ticket.status_changed", "ticket.resolved"]);
        assert_eq!(added.data("ticket.assigned")["cause"], "transition");
        assert_eq!(added.data("ticket.resolved")["resolution_note"], "Told them the date");
        assert!(added.events.iter().all(|event| event.ticket_version == Some(Version(2))));
    }

    #[test]
    fn the_owner_is_asked_for_first_and_then_the_rest() {
        let stage = Stage::new();
        let new = tokio_test::block_on(stage.ticket_in(Status::New, None));
        let rejection = |transition: TransitionTicket| {
            let command = TicketCommand::Transition(new.ticket.id, transition);
            at(1_000, |cx| decide(&known(&new), &command, cx).unwrap_err())
        };
        let mine = |to| TransitionTicket { owner_id: Some(user(1).into()), ..TransitionTicket::to(to) };
        assert_eq!(rejection(TransitionTicket::to(Status::Pending)), Rejection::OwnerRequired);
        assert_eq!(rejection(mine(Status::Pending)), Rejection::ReasonRequired);
        assert_eq!(rejection(TransitionTicket::to(Status::Resolved)), Rejection::OwnerRequired);
        assert_eq!(rejection(mine(Status::Resolved)), Rejection::ResolutionNoteRequired);
        // What is not lawful at all is said before what it would need.
        let twice = Rejection::IllegalTransition { from: Status::New, to: Status::New };
        assert_eq!(rejection(TransitionTicket::to(Status::New)), twice);
    }

    #[tokio::test]
    async fn closing_notes_when() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let closed = stage.transition(new.ticket.id, because("spam", Status::Closed)).await;
        assert_eq!(closed.ticket.closed_at, Some(closed.ticket.updated_at));
        assert_eq!((closed.ticket.resolved_at, closed.ticket.queued_at), (None, None));
        assert_eq!(closed.since(&new).data("ticket.status_changed")["reason"], "spam");
    }

    #[test]
    fn the_clock_may_run_backwards_but_a_ticket_never_does() {
        let stage = Stage::new();
        let open = tokio_test::block_on(stage.ticket_in(Status::Open, Some(user(1))));
        let before = open.ticket.updated_at;
        let commands = [
            TicketCommand::Transition(open.ticket.id, resolved("Done")),
            TicketCommand::Transition(open.ticket.id, because("spam", Status::Closed)),
            TicketCommand::Assign(open.ticket.id, AssignTicket::to_nobody()),
            TicketCommand::Post(open.ticket.id, message("On it")),
        ];
        for command in commands {
            let change = at(before.as_millis() - 60_000, |cx| changed(decide(&known(&open), &command, cx)));
            let ticket = &change.ticket;
            assert_eq!(ticket.updated_at, before);
            for time in [ticket.resolved_at, ticket.closed_at, ticket.queued_at].into_iter().flatten() {
                assert_eq!(time, before);
            }
            assert!(change.entries.iter().all(|entry| entry.created_at == before));
            assert!(change.events.iter().all(|event| event.at == before));
            assert!(change.events.iter().all(|event| payload(event)["timestamp"] == before.to_string()));
        }
    }

    #[tokio::test]
    async fn a_desk_whose_clock_was_set_back_goes_on() {
        let stage = Stage::new();
        let open = stage.ticket_in(Status::Open, Some(user(1))).await;
        stage.clock.set(Timestamp::from_millis(open.ticket.updated_at.as_millis() - 3_600_000));
        let noted = stage.post(open.ticket.id, note("An hour ago")).await;
        assert_eq!(noted.ticket.updated_at, open.ticket.updated_at);
        assert!(noted.thread.is_sorted_by_key(|entry| entry.created_at));
        assert!(noted.thread.is_sorted_by_key(|entry| entry.id), "ids keep growing too");
        assert!(noted.events.is_sorted_by_key(|event| event.id));
        stage.clock.advance(Duration::from_secs(7_200));
        let later = stage.post(open.ticket.id, note("Now")).await;
        assert!(later.ticket.updated_at > noted.ticket.updated_at);
    }
}

mod updates {
    use super::*;

    #[tokio::test]
    async fn what_changes_nothing_has_no_event_but_is_recorded() {
        let stage = Stage::new();
        let open = stage.ticket_in(Status::Open, Some(user(1))).await;
        let id = open.ticket.id;
        let desk = &stage.desk;
        let same = UpdateTicket {
            subject: Change(Some(open.ticket.subject.parse().unwrap())),
            priority: Change(Some(open.ticket.priority)),
            queue: Change(Some("default".parse().unwrap())),
            tags: Patch::Clear,
            topic: Patch::Clear,
            metadata: Patch::Set(metadata(&[("not there", None)])),
            actor_id: None,
        };

        stage.tick();
        let [first, second, third] = [stage.key(), stage.key(), stage.key()];
        let assigned = desk.assign_ticket(&first, id, AssignTicket::to(user(1))).await.unwrap();
        let updated = desk.update_ticket(&second, id, same.clone()).await.unwrap();
        let nothing = desk.update_ticket(&third, id, UpdateTicket::nothing()).await.unwrap();
        for receipt in [&assigned, &updated, &nothing] {
            assert_eq!((&receipt.value, receipt.replayed), (&open.ticket, false));
        }
        assert_eq!(stage.see(id).await, open);

        // Recorded: once the ticket has moved on, the key still has its first answer.
        let _ = stage.assign(id, AssignTicket::to(user(2))).await;
        let again = desk.assign_ticket(&first, id, AssignTicket::to(user(1))).await.unwrap();
        assert_eq!((again.value, again.replayed), (open.ticket.clone(), true));
        let reused = desk.update_ticket(&second, id, UpdateTicket::nothing()).await.unwrap_err();
        assert_eq!(reused.code(), "idempotency_key_reused");
    }

    #[tokio::test]
    async fn a_subject_that_changes_is_found_by_its_new_words_and_one_that_stays_is_left_alone() {
        let new = Stage::new().ticket_in(Status::New, None).await;
        let terms = |update: UpdateTicket| {
            let command = TicketCommand::Update(new.ticket.id, update);
            let terms = at(new.ticket.updated_at.as_millis(), |cx| changed(decide(&known(&new), &command, cx))).terms;
            let words = |of: BTreeMap<String, u32>| of.into_keys().collect::<Vec<_>>();
            (words(terms.gained), words(terms.lost))
        };
        let subject = Change(Some("Part lost".parse().unwrap()));
        let (gained, lost) = terms(UpdateTicket { subject, ..UpdateTicket::nothing() });
        assert_eq!((gained, lost), (vec!["lost".to_owned()], vec!["delayed".to_owned()]));
        let topic = Patch::Set("shipping".parse().unwrap());
        assert_eq!(terms(UpdateTicket { topic, ..UpdateTicket::nothing() }), (Vec::new(), Vec::new()));
    }

    #[tokio::test]
    async fn an_update_says_what_changed() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        stage.tick();
        let change = UpdateTicket {
            subject: Change(Some("Part is late".parse().unwrap())),
            priority: Change(Some(new.ticket.priority)),
            topic: Patch::Set("shipping".parse().unwrap()),
            ..UpdateTicket::nothing()
        };
        let _ = stage.desk.update_ticket(&stage.key(), new.ticket.id, change).await.unwrap();
        let after = stage.see(new.ticket.id).await;
        let added = after.since(&new);
        assert_eq!(added.told(), ["ticket.updated"]);
        assert_eq!(added.data("ticket.updated")["changed"], json!(["subject", "topic"]));
        assert_eq!(added.entries, [], "the thread is for what people say and do, not for every field");
        assert_eq!(after.ticket.queued_at, new.ticket.queued_at, "its place in the queue is kept");
    }

    #[tokio::test]
    async fn metadata_is_merged_and_null_removes() {
        let stage = Stage::new();
        let given = Some(metadata(&[("order", Some("4711")), ("region", Some("eu")), ("never", None)]));
        let made = stage.create(CreateTicket { metadata: given, ..create("Part delayed") }).await;
        let patch = set_metadata(metadata(&[("region", None), ("order", Some("4712")), ("vip", Some(""))]));
        let after = stage.desk.update_ticket(&stage.key(), made.ticket.id, patch).await.unwrap().value;
        let wanted = [("order", "4712"), ("vip", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(after.metadata, BTreeMap::from(wanted));

        let clear = UpdateTicket { metadata: Patch::Clear, ..UpdateTicket::nothing() };
        let cleared = stage.desk.update_ticket(&stage.key(), made.ticket.id, clear).await.unwrap().value;
        assert_eq!(cleared.metadata, BTreeMap::new());
    }

    #[tokio::test]
    async fn fifty_pairs_of_metadata_are_enough() {
        let stage = Stage::new();
        let pairs = |range: std::ops::Range<u32>| {
            let names: Vec<_> = range.map(|number| format!("name {number}")).collect();
            metadata(&names.iter().map(|name| (name.as_str(), Some("x"))).collect::<Vec<_>>())
        };
        let made = stage.create(CreateTicket { metadata: Some(pairs(0..30)), ..create("Part delayed") }).await;
        let id = made.ticket.id;

        let error = stage.desk.update_ticket(&stage.key(), id, set_metadata(pairs(30..51))).await.unwrap_err();
        assert_eq!((error.problem().status(), error.code()), (422, "validation_failed"));
        let [fault] = error.problem().errors() else { panic!("one fault: {error}") };
        assert_eq!((fault.pointer.as_str(), fault.code.as_str()), ("/metadata", "too_many"));
        assert_eq!(stage.see(id).await, made);

        let full = stage.desk.update_ticket(&stage.key(), id, set_metadata(pairs(30..50))).await.unwrap().value;
        assert_eq!(full.metadata.len(), 50);
        let swap = set_metadata(metadata(&[("name 0", None), ("one more", Some("x"))]));
        let swapped = stage.desk.update_ticket(&stage.key(), id, swap).await.unwrap().value;
        assert_eq!(swapped.metadata.len(), 50, "one out, one in");
    }

    #[tokio::test]
    async fn an_unknown_queue_is_named() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let queue = Change(Some("billing".parse().unwrap()));
        let change = UpdateTicket { queue, ..UpdateTicket::nothing() };
        let error = stage.desk.update_ticket(&stage.key(), new.ticket.id, change).await.unwrap_err();
        assert_eq!((error.problem().status(), error.code()), (422, "validation_failed"));
        assert_eq!(error.problem().errors()[0].pointer, "/queue");
    }
}

mod events {
    use super::*;

    /// The names of an object's members, sorted.
    fn names(value: &Value) -> Vec<&str> {
        let mut names: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn the_envelope_is_as_the_contract_has_it() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let done = stage
            .transition(new.ticket.id, TransitionTicket { owner_id: Some(user(2).into()), ..resolved("Told them") })
            .await;
        let open = stage.transition(done.ticket.id, because("It came back", Status::Open)).await;
        let back = stage.assign(open.ticket.id, AssignTicket::to_nobody()).await;
        let last = stage.post(back.ticket.id, note("Seen")).await;
        let priority = Change(Some(sk_tickets_core::Priority::High));
        let change = UpdateTicket { priority, ..UpdateTicket::nothing() };
        let _ = stage.desk.update_ticket(&stage.key(), last.ticket.id, change).await.unwrap();
        let seen = stage.see(last.ticket.id).await;

        let mut told = BTreeMap::new();
        for event in &seen.events {
            let json = payload(event);
            assert_eq!(
                names(&json),
                ["data", "environment", "id", "object", "ticket_id", "ticket_version", "timestamp", "type"]
            );
            assert_eq!(json["id"], event.id.to_string());
            assert_eq!(json["object"], "event");
            assert_eq!(json["type"], event.event_type.as_str());
            assert_eq!(json["timestamp"], event.at.to_string());
            assert_eq!(json["environment"], "test");
            assert_eq!(json["ticket_id"], seen.ticket.id.to_string());
            assert_eq!(json["ticket_version"], event.ticket_version.unwrap().0);
            assert_eq!(json["data"]["ticket"]["version"], json["ticket_version"], "the ticket as of this event");
            told.insert(event.event_type.as_str(), json["data"].clone());
        }
        let data: Vec<_> = told.iter().map(|(event_type, data)| (*event_type, names(data))).collect();
        assert_eq!(
            data,
            [
                ("ticket.assigned", vec!["actor", "cause", "owner_id", "previous_owner_id", "reason", "ticket"]),
                ("ticket.created", vec!["actor", "entry", "evidence", "ticket"]),
                ("ticket.message_added", vec!["actor", "entry", "ticket"]),
                ("ticket.reopened", vec!["actor", "from", "reason", "reopen_count", "ticket", "to"]),
                ("ticket.resolved", vec!["actor", "from", "reason", "resolution_note", "ticket", "to"]),
                ("ticket.status_changed", vec!["actor", "from", "reason", "ticket", "to"]),
                ("ticket.unassigned", vec!["actor", "previous_owner_id", "reason", "ticket"]),
                ("ticket.updated", vec!["actor", "changed", "ticket"]),
            ]
        );
    }

    #[tokio::test]
    async fn the_bytes_that_are_frozen_are_the_bytes_that_are_served() {
        let stage = Stage::new();
        // Text that JSON can write in more than one way.
        let made = stage.create(create("Straße \"5\" \\ / \u{7} 😀")).await;
        let event = &made.events[0];
        assert_eq!(serde_json::to_vec(event).unwrap(), event.payload);

        let frozen = event.payload.clone();
        let _ = stage.assign(made.ticket.id, AssignTicket::to(user(1))).await;
        let read = stage.desk.event(event.id).await.unwrap().unwrap();
        assert_eq!(read.payload, frozen, "a receiver never sees a later state than the event's");
        assert_eq!(payload(&read)["data"]["ticket"]["subject"], "Straße \"5\" \\ / \u{7} 😀");
    }
}

mod replays {
    use sk_tickets_core::{
        Command, CreateEndpoint, Request,
        decide::EndpointCommand,
        platform::{input::Input, json::Json},
    };

    use super::*;

    #[tokio::test]
    async fn a_retry_is_answered_before_anything_is_judged() {
        let stage = Stage::new();
        let open = stage.ticket_in(Status::Open, Some(user(1))).await;
        let command = Command::Ticket(TicketCommand::Transition(open.ticket.id, resolved("Done")));
        let request = Request::new(&stage.key(), command).if_match(Some(vec![open.ticket.version]));
        let first = stage.desk.execute(request.clone()).await.unwrap();
        assert_eq!((first.response.status, first.replayed), (200, false));

        // By now its version is another, and it could not be resolved either.
        let closed = stage.transition(open.ticket.id, because("Done and dusted", Status::Closed)).await;
        stage.tick();
        let again = stage.desk.execute(request).await.unwrap();
        assert_eq!((&again.response, again.replayed), (&first.response, true));
        assert_eq!(stage.see(open.ticket.id).await, closed);
    }

    #[tokio::test]
    async fn a_refusal_stays_what_it_was() {
        let stage = Stage::new();
        let new = stage.ticket_in(Status::New, None).await;
        let command = Command::Ticket(TicketCommand::Transition(new.ticket.id, resolved("Done")));
        let request = Request::new(&stage.key(), command);
        let first = stage.desk.execute(request.clone()).await.unwrap();
        assert_eq!(first.response.status, 422);

        // By now it would be lawful, but the key has its answer, down to the id of the request in it.
        let open = stage.assign(new.ticket.id, AssignTicket::to(user(1))).await;
        let again = stage.desk.clone().for_request(stage.tickets.request_id()).execute(request).await.unwrap();
        assert_eq!((&again.response, again.replayed), (&first.response, true));
        assert_eq!(stage.see(new.ticket.id).await, open);
    }

    #[tokio::test]
    async fn what_is_not_lawful_in_itself_is_not_recorded() {
        let stage = Stage::new();
        let key = stage.key();
        let contact = InlineContact { name: None, email: Some("ann@example.com".parse().unwrap()), phone: None };
        let lawful = CreateTicket { contact: Some(contact), ..CreateTicket::new("Part delayed").unwrap() };
        let odd = CreateTicket { contact_id: Some(ContactId::from_bytes([1; 16])), ..lawful.clone() };
        let error = stage.desk.create_ticket(&key, odd).await.unwrap_err();
        assert_eq!((error.code(), error.problem().errors()[0].pointer.as_str()), ("validation_failed", "/contact"));
        assert!(!stage.desk.create_ticket(&key, lawful).await.unwrap().replayed);
    }

    #[tokio::test]
    async fn a_call_from_within_and_the_same_as_json_are_one_request() {
        let stage = Stage::new();
        let key = stage.key();
        let body = r#"{ "priority": "high", "tags": ["late"], "subject": "Part \u0064elayed" }"#;
        let json = Json::parse(body.as_bytes()).unwrap();
        let sent = CreateTicket::from_json(&json).unwrap();
        let as_json = Request::as_sent(&key, Command::Ticket(TicketCommand::Create(Box::new(sent))), &json);
        let made = stage.desk.execute(as_json).await.unwrap();

        let tags = List::new(vec!["late".parse().unwrap()]).unwrap();
        let priority = Some(sk_tickets_core::Priority::High);
        let within = CreateTicket { tags, priority, ..create("Part delayed") };
        let receipt = stage.desk.create_ticket(&key, within).await.unwrap();
        assert!(receipt.replayed);
        assert_eq!(serde_json::to_vec(&receipt.value).unwrap(), made.response.body);
    }

    #[tokio::test]
    async fn another_operation_and_another_path_are_another_request() {
        let stage = Stage::new();
        let mut made = Vec::new();
        for _ in 0..2 {
            let endpoint = CreateEndpoint::new("https://example.com/".parse().unwrap());
            made.push(stage.desk.create_endpoint(&stage.key(), endpoint).await.unwrap().value.id);
        }
        let (one, other) = (made[0], made[1]);
        // Each without a body.
        let key = stage.key();
        assert!(!stage.desk.disable_endpoint(&key, one).await.unwrap().replayed);
        for reused in [stage.desk.enable_endpoint(&key, one).await, stage.desk.disable_endpoint(&key, other).await] {
            assert_eq!(reused.unwrap_err().code(), "idempotency_key_reused");
        }
        assert!(stage.desk.disable_endpoint(&key, one).await.unwrap().replayed);
        // Keys are kept for ever, and so the name that an operation has in what they stand for.
        let disable = Command::Endpoint(EndpointCommand::Disable(one));
        assert_eq!((disable.operation(), disable.path_parameters()), ("endpoint_disable", vec![one.to_string()]));
    }
}

mod all_at_once {
    use super::*;

    #[test]
    fn a_create_that_names_no_queue_and_no_ticket_is_told_both() {
        let request = CreateTicket {
            queue: Some("billing".parse().expect("lawful")),
            follow_up_of: Some(TicketId::from_bytes([1; 16])),
            ..create("Part delayed")
        };
        let command = TicketCommand::Create(Box::new(request));
        let refused = at(1_000, |cx| faults(decide(&Loaded::default(), &command, cx)));
        let expected = [("/queue", "unknown_queue"), ("/follow_up_of", "not_found")];
        assert_eq!(refused, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    }

    #[tokio::test]
    async fn if_match_on_a_create_is_not_judged_by_the_ticket_that_it_follows_up_on() {
        let stage = Stage::new();
        let closed = stage.ticket_in(Status::Closed, Some(user(1))).await;
        let request = CreateTicket { follow_up_of: Some(closed.ticket.id), ..create("Again") };
        let command = Command::Ticket(TicketCommand::Create(Box::new(request)));
        let request = Request::new(&stage.key(), command).if_match(Some(vec![Version(99)]));
        assert_eq!(stage.desk.execute(request).await.expect("made").response.status, 201);
    }
}
