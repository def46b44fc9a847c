//! What customers send with a form, and what becomes of it.

use std::time::Duration;

use sk_tickets_core::{
    Actor, AssignTicket, CreateForm, CreateQueue, EvidenceKind, Form, OwnerId, PublicForm, Status, Submission,
    Submitted, TransitionTicket, UpdateForm,
    form::{Nonce, RenderTokenError, SentFields, SubmissionFault, SubmissionFaultKind, SubmissionField},
    limits::{
        BODY_MAX, CONTACT_NAME_MAX, EMAIL_MAX, FORM_FILL_MIN_MILLIS, FORM_SHOWN_MAX_SECS, SUBJECT_MAX, TOPIC_MAX,
    },
    model::form::NewFormTopic,
    platform::{
        input::Patch,
        text::{List, Text},
    },
};

use crate::stage::{Stage, payload, user};

const SENT: SentFields<'_> = SentFields {
    name: "Ann Smith",
    email: "ann@example.com",
    topic: "delivery",
    subject: "Late",
    message: "Where is it?",
};

async fn form(stage: &Stage) -> Form {
    let topic = NewFormTopic { key: "delivery".parse().expect("lawful"), label: "Delivery".parse().expect("lawful") };
    let create =
        CreateForm { topics: List::new(vec![topic]).expect("one"), ..CreateForm::new("Help").expect("lawful") };
    stage.desk.create_form(&stage.key(), create).await.expect("made").value
}

async fn door(stage: &Stage) -> PublicForm {
    let id = form(stage).await.id;
    stage.tickets.form(id).await.expect("read").expect("there")
}

fn nonce(number: u8) -> Nonce {
    Nonce::from_bytes([number; 16])
}

fn read(sent: SentFields<'_>) -> Submission {
    Submission::read(&sent).expect("lawful")
}

#[test]
fn every_fault_of_a_submission_names_its_field() {
    use SubmissionFaultKind::{Invalid, Missing, TooLong};
    use SubmissionField::{Email, Message, Name, Subject};
    let faults = |sent: SentFields<'_>| Submission::read(&sent).expect_err("refused");
    let fault = |field, kind| SubmissionFault { field, kind };
    let missing = [fault(Email, Missing), fault(Subject, Missing), fault(Message, Missing)];
    assert_eq!(faults(SentFields::default()), missing);
    let blank = SentFields { name: " ", email: "\t", topic: " ", subject: "\u{2003}", message: "\r\n \r\n" };
    assert_eq!(faults(blank), missing, "white space is nothing");

    let long = |length: usize| "é".repeat(length + 1);
    let (name, email, subject, message) =
        (long(CONTACT_NAME_MAX), format!("{}@b.de", long(EMAIL_MAX)), long(SUBJECT_MAX), long(BODY_MAX));
    let too_long = SentFields { name: &name, email: &email, topic: "", subject: &subject, message: &message };
    let expected = [
        fault(Name, TooLong { max: CONTACT_NAME_MAX }),
        fault(Email, TooLong { max: EMAIL_MAX }),
        fault(Subject, TooLong { max: SUBJECT_MAX }),
        fault(Message, TooLong { max: BODY_MAX }),
    ];
    assert_eq!(faults(too_long), expected);

    let odd = SentFields { name: "A\0", email: "ann", topic: "a\0", subject: "L\0", message: "W\0" };
    let expected = [Name, Email, Subject, Message].map(|field| fault(field, Invalid));
    assert_eq!(faults(odd), expected, "a topic is never at fault");
    assert_eq!(faults(SentFields { email: "a@b@c", ..SENT }), [fault(Email, Invalid)]);
}

#[test]
fn what_is_lawful_is_read_as_it_was_meant() {
    let sent = SentFields { name: " Ann ", email: " Ann@Example.COM\n", message: "\r\nOne\r\n\r\ntwo\r\n", ..SENT };
    let submission = read(sent);
    assert_eq!(submission.name.as_ref().map(Text::as_str), Some("Ann"));
    assert_eq!((submission.email.as_str(), submission.message.as_str()), ("ann@example.com", "One\n\ntwo"));
    assert_eq!(read(SentFields { name: "", ..SENT }).name, None, "nobody has to give a name");
    for topic in ["", "  ", &"x".repeat(TOPIC_MAX + 1), "a\0"] {
        assert_eq!(read(SentFields { topic, ..SENT }).topic, None, "{topic:?}");
    }
    let (subject, message) = ("é".repeat(SUBJECT_MAX), "é".repeat(BODY_MAX));
    read(SentFields { subject: &subject, message: &message, ..SENT });
}

#[tokio::test]
async fn a_submission_is_told_of_with_its_evidence() {
    let stage = Stage::new();
    let queue = CreateQueue {
        topics: List::new(vec!["delivery".parse().expect("lawful")]).expect("one"),
        default_owner_id: Some(OwnerId::User(user(1))),
        ..CreateQueue::new("shipping".parse().expect("lawful"))
    };
    stage.desk.create_queue(&stage.key(), queue).await.expect("made");
    let door = door(&stage).await;
    let Submitted::Made(ticket) = door.submit(nonce(1), read(SENT)).await.expect("answered") else { panic!("new") };
    assert_eq!((ticket.queue.as_str(), ticket.owner_id), ("shipping", Some(OwnerId::User(user(1)))));
    let seen = stage.see(ticket.id).await;
    let told: Vec<_> = seen.events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(told, ["ticket.created", "ticket.assigned", "ticket.status_changed"]);
    let data = payload(&seen.events[0])["data"].clone();
    assert_eq!(data["evidence"][0]["kind"], EvidenceKind::Form.as_str());
    assert_eq!(data["evidence"][0]["ref"], door.form().id.to_string());
    assert_eq!((&data["ticket"]["source"], &data["entry"]["body"]), (&"form".into(), &"Where is it?".into()));
    assert_eq!(seen.thread[0].actor, Actor::System, "nobody who is known here");
}

#[tokio::test]
async fn the_same_nonce_leads_to_the_first_ticket_whatever_has_happened_since() {
    let stage = Stage::new();
    let door = door(&stage).await;
    let submit = async |number, sent| door.submit(nonce(number), read(sent)).await.expect("answered");
    let Submitted::Made(first) = submit(1, SENT).await else { panic!("new") };
    stage.desk.assign_ticket(&stage.key(), first.id, AssignTicket::to(user(1))).await.expect("assigned");
    let close =
        TransitionTicket { reason: Some("spam".parse().expect("lawful")), ..TransitionTicket::to(Status::Closed) };
    stage.desk.transition_ticket(&stage.key(), first.id, close).await.expect("closed");
    assert_eq!(submit(1, SENT).await, Submitted::Replayed(first.clone()));
    let other = SentFields { message: "Never mind", ..SENT };
    assert_eq!(submit(1, other).await, Submitted::AlreadySent(first.clone()));
    assert_eq!(submit(1, SENT).await, Submitted::Replayed(first.clone()), "what was refused changed nothing");
    assert!(matches!(submit(2, other).await, Submitted::Made(second) if second.id != first.id));

    let token = door.status_token(&first);
    let now = door.ticket_by_status_token(&token).await.expect("read").expect("there");
    assert_eq!((now.ticket.id, now.ticket.status), (first.id, Status::Closed), "as it stands now");
    assert_eq!(door.ticket_by_status_token(&door.sign(&door.render_token())).await.expect("read"), None);
    assert_eq!(door.ticket_by_status_token(&first.id.to_string()).await.expect("read"), None);
    assert_eq!(door.read_render_token(&token), Err(RenderTokenError::Invalid));
}

#[tokio::test]
async fn a_topic_that_is_no_longer_offered_leads_to_the_default_queue() {
    let stage = Stage::new();
    let queue = CreateQueue {
        topics: List::new(vec!["delivery".parse().expect("lawful")]).expect("one"),
        ..CreateQueue::new("shipping".parse().expect("lawful"))
    };
    stage.desk.create_queue(&stage.key(), queue).await.expect("made");
    let id = form(&stage).await.id;
    let change = UpdateForm { topics: Patch::Clear, ..UpdateForm::nothing() };
    stage.desk.update_form(&stage.key(), id, change).await.expect("changed");
    let door = stage.tickets.form(id).await.expect("read").expect("there");
    let Submitted::Made(ticket) = door.submit(nonce(1), read(SENT)).await.expect("answered") else { panic!("new") };
    assert_eq!((ticket.queue.as_str(), ticket.topic.as_deref()), ("default", Some("delivery")));
}

#[tokio::test]
async fn a_form_that_is_shown_can_be_sent_for_a_day_but_not_in_no_time() {
    let stage = Stage::new();
    let door = door(&stage).await;
    let text = door.sign(&door.render_token());
    let is_too_fast = || door.read_render_token(&text).map(|token| token.is_too_fast(stage.tickets.now()));
    assert_eq!(is_too_fast(), Ok(true));
    stage.clock.advance(Duration::from_millis(FORM_FILL_MIN_MILLIS - 1));
    assert_eq!(is_too_fast(), Ok(true));
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(is_too_fast(), Ok(false));
    stage.clock.advance(Duration::from_secs(FORM_SHOWN_MAX_SECS));
    assert_eq!(is_too_fast(), Err(RenderTokenError::Expired));
    assert_eq!(door.read_render_token("junk"), Err(RenderTokenError::Invalid));
    let two = [door.render_token(), door.render_token()];
    assert_ne!(two[0].nonce, two[1].nonce, "each showing has a nonce of its own");
}
