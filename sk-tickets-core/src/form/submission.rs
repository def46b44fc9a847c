use crate::{
    limits::{BODY_MAX, CONTACT_NAME_MAX, EMAIL_MAX, SUBJECT_MAX},
    model::{
        contact::{ContactName, Email, InlineContact},
        evidence::{Evidence, EvidenceKind},
        form::Form,
        queue::{DEFAULT_QUEUE, QueueKey},
        ticket::{Body, CreateTicket, Source, Subject, Topic},
    },
    platform::text::{List, Text, TextError},
    words,
};

words! {
    /// A field that customers fill in, by the name that it is sent under.
    pub enum SubmissionField {
        /// What they are called.
        Name = "name",
        /// Where they get mail.
        Email = "email",
        /// What it is about, in a word.
        Topic = "topic",
        /// What it is about, in a line.
        Subject = "subject",
        /// What they have to say.
        Message = "message",
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct SubmissionFault {
    /// Which field.
    pub field: SubmissionField,
    /// What is wrong with it.
    pub kind: SubmissionFaultKind,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum SubmissionFaultKind {
    /// It has to be filled in.
    Missing,
    /// It has more characters than this.
    TooLong {
        /// The most allowed.
        max: usize,
    },
    /// It is not what it should be, such as an e-mail address.
    Invalid,
}

/// What a customer sent, field by field, as it came. What was not sent is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by naming its fields")]
pub struct SentFields<'a> {
    /// What they are called.
    pub name: &'a str,
    /// Where they get mail.
    pub email: &'a str,
    /// What it is about, in a word.
    pub topic: &'a str,
    /// What it is about, in a line.
    pub subject: &'a str,
    /// What they have to say.
    pub message: &'a str,
}

/// What a customer has to say, as lawful values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by naming its fields")]
pub struct Submission {
    /// What they are called.
    pub name: Option<ContactName>,
    /// Where they get mail.
    pub email: Email,
    /// What it is about, in a word.
    pub topic: Option<Topic>,
    /// What it is about, in a line.
    pub subject: Subject,
    /// What they have to say.
    pub message: Body,
}

impl Submission {
    /// Reads what was sent. White space around it does not count, and what is no topic is none: nobody types one.
    ///
    /// # Errors
    /// Every fault, in the order of the fields.
    pub fn read(sent: &SentFields<'_>) -> Result<Self, Vec<SubmissionFault>> {
        let mut faults = Vec::new();
        let mut note = |field, kind| faults.push(SubmissionFault { field, kind });
        let name = match sent.name.trim() {
            "" => None,
            name => text::<CONTACT_NAME_MAX>(name).map_err(|kind| note(SubmissionField::Name, kind)).ok(),
        };
        let email = email(sent.email.trim()).map_err(|kind| note(SubmissionField::Email, kind)).ok();
        let topic = Topic::new(sent.topic.trim()).ok();
        let subject =
            text::<SUBJECT_MAX>(sent.subject.trim()).map_err(|kind| note(SubmissionField::Subject, kind)).ok();
        // Forms send line breaks as HTTP has them.
        let message = sent.message.replace("\r\n", "\n");
        let message = text::<BODY_MAX>(message.trim()).map_err(|kind| note(SubmissionField::Message, kind)).ok();
        match (email, subject, message) {
            (Some(email), Some(subject), Some(message)) if faults.is_empty() => {
                Ok(Self { name, email, topic, subject, message })
            }
            _ => Err(faults),
        }
    }

    /// The ticket that this is to be, sent by a form. A topic that the form does not offer stays on the ticket, but leads
    /// nowhere: strangers do not choose among all queues.
    #[must_use]
    pub fn into_ticket(self, form: &Form) -> CreateTicket {
        let Self { name, email, topic, subject, message } = self;
        let is_stray = topic.as_ref().is_some_and(|topic| !form.offers(topic.as_str()));
        CreateTicket {
            subject,
            contact_id: None,
            contact: Some(InlineContact { name, email: Some(email), phone: None }),
            source: Some(Source::Form),
            topic,
            // The name of that queue is not too long for one.
            queue: if is_stray { QueueKey::new(DEFAULT_QUEUE).ok() } else { None },
            priority: None,
            owner_id: None,
            call_id: None,
            body: Some(message),
            // One piece is not too many.
            evidence: List::new(vec![Evidence::new(EvidenceKind::Form, form.id.to_string())]).unwrap_or_default(),
            tags: List::default(),
            metadata: None,
            follow_up_of: None,
            actor_id: None,
        }
    }
}

fn text<const MAX: usize>(text: &str) -> Result<Text<1, MAX>, SubmissionFaultKind> {
    Text::new(text).map_err(|error| match error {
        TextError::TooShort { .. } => SubmissionFaultKind::Missing,
        TextError::TooLong { max } => SubmissionFaultKind::TooLong { max },
        TextError::Nul => SubmissionFaultKind::Invalid,
    })
}

fn email(text: &str) -> Result<Email, SubmissionFaultKind> {
    if text.is_empty() {
        return Err(SubmissionFaultKind::Missing);
    }
    if text.chars().count() > EMAIL_MAX {
        return Err(SubmissionFaultKind::TooLong { max: EMAIL_MAX });
    }
    text.parse().map_err(|_| SubmissionFaultKind::Invalid)
}
