use std::{collections::BTreeMap, time::Duration};

use http::header;
use sk_tickets_core::{
    Ticket,
    form::{SentFields, Submission},
    limits::{REQUEST_BYTES_MAX, SUBJECT_MAX, TOPIC_MAX},
    platform::text::Text,
};
use url::form_urlencoded;

use crate::stage::{Answer, Stage};

/// In the first byte: with the token of a page, after a while, declared as a form.
const WITH_TOKEN: u8 = 1;
const AFTER_A_WHILE: u8 = 2;
const AS_FORM: u8 = 4;

/// How markup begins that nobody but us is to write.
const MARKUP: [&str; 7] = ["<script", "<img", "<svg", "<iframe", "<style", "<base", "<form"];

/// What is sent with the form that customers have. It becomes one ticket, which says what was sent and keeps to the limits,
/// if it was sent with a page's token, not at once, by nobody who fills in the trap, and is lawful; else none. Sent again
/// it is the same ticket. A page that refuses it has no markup of the sender's.
///
/// The first byte of the input says with what it is sent, the others are the body.
///
/// # Panics
/// If one of that does not hold.
pub fn form_post(input: &[u8]) {
    let Some((&with, body)) = input.split_first() else { return };
    Stage::with(|stage| sent(stage, with, body));
}

fn sent(stage: &mut Stage, with: u8, body: &[u8]) {
    let is_set = |bit: u8| with & bit != 0;
    let token = if is_set(WITH_TOKEN) { format!("token={}&", stage.render_token()) } else { String::new() };
    if is_set(AFTER_A_WHILE) {
        stage.wait(Duration::from_secs(3));
    }
    let body = [token.as_bytes(), body].concat();
    let content_type = if is_set(AS_FORM) { "application/x-www-form-urlencoded" } else { "text/plain" };
    let typed = typed(&body);
    let before = stage.newest_ticket();
    let answer = stage.send_form(content_type, &body);
    let said = || format!("{with} {}: {answer:?}", body.escape_ascii());

    let field = |name: &str| typed.get(name).map(String::as_str).unwrap_or_default();
    let [name, email, topic, subject, message] = ["name", "email", "topic", "subject", "message"].map(field);
    let submission = Submission::read(&SentFields { name, email, topic, subject, message });
    let seems_a_person = is_set(WITH_TOKEN) && is_set(AFTER_A_WHILE) && field("website").is_empty();
    let expected = match submission {
        _ if body.len() > REQUEST_BYTES_MAX => 413,
        _ if !is_set(AS_FORM) => 415,
        Ok(_) if seems_a_person => 303,
        _ => 422,
    };
    assert_eq!(answer.status, expected, "{}", said());
    let after = stage.newest_ticket();
    match submission {
        Ok(submission) if expected == 303 => {
            assert_ne!(after.id, before.id, "{}", said());
            says(&after, &submission);
            leads_to_receipt(stage, &answer, &after);
            let again = stage.send_form(content_type, &body);
            assert_eq!((again.status, stage.newest_ticket().id), (303, after.id), "sent again: {}", said());
        }
        _ => {
            assert_eq!(after.id, before.id, "{}", said());
            has_markup_of_ours_alone(stage, &answer);
        }
    }
}

/// The fields of a form. Of one that is there twice the first counts, and U+0000 does not.
fn typed(body: &[u8]) -> BTreeMap<String, String> {
    let mut typed = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        typed.entry(name.into_owned()).or_insert_with(|| value.replace('\0', ""));
    }
    typed
}

fn says(ticket: &Ticket, submission: &Submission) {
    let Submission { topic, subject, .. } = submission;
    assert_eq!(ticket.subject, subject.as_str());
    assert_eq!(ticket.topic.as_deref(), topic.as_ref().map(Text::as_str));
    assert!((1..=SUBJECT_MAX).contains(&ticket.subject.chars().count()), "{ticket:?}");
    assert!(ticket.topic.as_ref().is_none_or(|topic| topic.chars().count() <= TOPIC_MAX), "{ticket:?}");
    assert!(!ticket.subject.contains('\0') && ticket.subject.trim() == ticket.subject, "{ticket:?}");
    assert!(ticket.contact_id.is_some(), "{ticket:?} is about somebody");
    let queue = if ticket.topic.as_deref() == Some("delivery") { "orders" } else { "default" };
    assert_eq!(ticket.queue, queue, "{ticket:?}");
}

fn leads_to_receipt(stage: &mut Stage, answer: &Answer, ticket: &Ticket) {
    let receipt = answer.header(&header::LOCATION).expect("a place").to_owned();
    let receipt = stage.follow(&receipt);
    let page = String::from_utf8_lossy(&receipt.body);
    assert!(receipt.status == 200 && page.contains(&ticket.id.to_string()), "{receipt:?}");
}

fn has_markup_of_ours_alone(stage: &mut Stage, answer: &Answer) {
    assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY), "{answer:?}");
    let empty = stage.send_form("application/x-www-form-urlencoded", b"");
    let [page, empty] = [answer, &empty].map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    for markup in MARKUP {
        let count = |page: &str| page.matches(markup).count();
        assert!(count(&page) <= count(&empty), "{markup} in {page}");
    }
}
