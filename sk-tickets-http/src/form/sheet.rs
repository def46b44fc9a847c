//! The form itself: what was typed, what is wrong with it, and the page that shows both.

use http::StatusCode;
use maud::{Markup, html};
use sk_tickets_core::{
    form::{PublicForm, SentFields, SubmissionFault, SubmissionField},
    limits::{BODY_MAX, CONTACT_NAME_MAX, EMAIL_MAX, SUBJECT_MAX},
    model::form::Form,
};

use super::{
    page::{Keeping, Look, Page, badge},
    words::Words,
};

/// The name of the field with the render token.
pub(super) const TOKEN: &str = "token";
/// The name of the field that only programs fill in. It sounds as if it wanted to be.
pub(super) const TRAP: &str = "website";

/// What somebody typed, as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) topic: String,
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) token: String,
    pub(super) trap: String,
}

impl Typed {
    /// Reads the body of a form (`application/x-www-form-urlencoded`). Of a field that is there twice the first counts.
    /// U+0000, which no browser lets anybody type, is left out.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut typed = Self::default();
        let mut seen = Vec::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            let field = match &*name {
                "name" => &mut typed.name,
                "email" => &mut typed.email,
                "topic" => &mut typed.topic,
                "subject" => &mut typed.subject,
                "message" => &mut typed.message,
                TOKEN => &mut typed.token,
                TRAP => &mut typed.trap,
                _ => continue,
            };
            if !seen.contains(&name) {
                *field = value.replace('\0', "");
                seen.push(name);
            }
        }
        typed
    }

    pub(super) fn sent(&self) -> SentFields<'_> {
        let Self { name, email, topic, subject, message, token: _, trap: _ } = self;
        SentFields { name, email, topic, subject, message }
    }
}

/// What stands over the form.
#[derive(Debug, Default)]
pub(super) enum Above {
    #[default]
    Nothing,
    /// What is wrong, to be mended.
    Faults(Vec<SubmissionFault>),
    /// Why it was not sent: a heading, and what to do.
    Refused(&'static str, String),
    /// It was sent before: where the receipt is.
    SentBefore(String),
}

/// The page with the form. `token` is the text of the render token that it is to carry.
pub(super) fn page<'a>(
    form: &'a PublicForm,
    typed: &Typed,
    token: &str,
    above: &Above,
    status: StatusCode,
) -> Page<'a> {
    let look = Look::of(form.form());
    let words = look.words;
    let is_fresh = matches!(above, Above::Nothing);
    let name = &form.form().name;
    let title = if is_fresh { name.clone() } else { format!("{}{name}", words.faults.title) };
    let send = if matches!(above, Above::SentBefore(_)) { words.refusals.send_anew } else { words.fields.send };
    let content = html! {
        (badge(form.environment(), words))
        h1 { (name) }
        (notice(above, words))
        // Relative, so that it is right wherever the router is nested. With a query, since browsers forget the page at an
        // address that something is sent to: going back would get a new one, and what is sent from there would be new.
        form method="post" action="page?send" novalidate {
            input type="hidden" name=(TOKEN) value=(token);
            (fields(form.form(), typed, above, words))
            // Hidden from sight, from the keyboard and from what reads pages aloud.
            div.more aria-hidden="true" {
                label for=(TRAP) { (words.fields.trap) }
                input #(TRAP) name=(TRAP) tabindex="-1" autocomplete="off";
            }
            button type="submit" { (send) }
        }
    };
    Page { status, title, content, look, keeping: if is_fresh { Keeping::ToGoBack } else { Keeping::Never } }
}

fn notice(above: &Above, words: &Words) -> Markup {
    html! {
        @match above {
            Above::Nothing => {}
            Above::Faults(faults) => {
                div.notice.bad #errors role="alert" tabindex="-1" autofocus {
                    h2 { (words.faults.heading) }
                    ul {
                        @for fault in faults { li { a href={ "#" (fault.field) } { (words.fault(*fault)) } } }
                    }
                }
            }
            Above::Refused(heading, text) => {
                div.notice role="alert" tabindex="-1" autofocus { h2 { (heading) } p { (text) } }
            }
            Above::SentBefore(receipt) => {
                @let (heading, text) = words.refusals.sent_before;
                div.notice role="alert" tabindex="-1" autofocus {
                    h2 { (heading) }
                    p { (text) }
                    p { a href=(receipt) { (words.refusals.to_receipt) } }
                }
            }
        }
    }
}

fn fields(form: &Form, typed: &Typed, above: &Above, words: &Words) -> Markup {
    let faults = if let Above::Faults(faults) = above { faults.as_slice() } else { &[] };
    let row = |field: SubmissionField, is_optional: bool, control: &dyn Fn(Attributes) -> Markup| {
        let fault = faults.iter().find(|fault| fault.field == field);
        let fault_id = format!("{field}-fault");
        let attributes = Attributes {
            is_invalid: fault.map(|_| "true"),
            described_by: fault.map(|_| fault_id.clone()),
            is_required: !is_optional,
        };
        html! {
            div.field {
                label for=(field) {
                    (words.fields.of(field))
                    @if is_optional { " " span.optional { (words.fields.optional) } }
                }
                @if let Some(fault) = fault { p.fault id=(fault_id) { (words.fault(*fault)) } }
                (control(attributes))
            }
        }
    };
    html! {
        div.pair {
            (row(SubmissionField::Name, true, &|at| html! {
                input #name name="name" value=(typed.name) autocomplete="name" maxlength=(CONTACT_NAME_MAX)
                    required[at.is_required] aria-invalid=[at.is_invalid] aria-describedby=[at.described_by];
            }))
            (row(SubmissionField::Email, false, &|at| html! {
                input #email name="email" type="email" value=(typed.email) autocomplete="email" maxlength=(EMAIL_MAX)
                    required[at.is_required] aria-invalid=[at.is_invalid] aria-describedby=[at.described_by];
            }))
        }
        @if !form.topics.is_empty() {
            (row(SubmissionField::Topic, true, &|at| html! {
                select #topic name="topic" required[at.is_required] aria-invalid=[at.is_invalid]
                    aria-describedby=[at.described_by]
                {
                    option value="" { (words.fields.no_topic) }
                    @for topic in &form.topics {
                        option value=(topic.key) selected[topic.key == typed.topic] { (topic.label) }
                    }
                }
            }))
        }
        (row(SubmissionField::Subject, false, &|at| html! {
            input #subject name="subject" value=(typed.subject) autocomplete="off" maxlength=(SUBJECT_MAX)
                required[at.is_required] aria-invalid=[at.is_invalid] aria-describedby=[at.described_by];
        }))
        (row(SubmissionField::Message, false, &|at| html! {
            // A line break right after the tag would be taken for part of the source.
            textarea #message name="message" rows="7" maxlength=(BODY_MAX) required[at.is_required]
                aria-invalid=[at.is_invalid] aria-describedby=[at.described_by] { "\n" (typed.message) }
        }))
    }
}

/// What a control says about itself.
struct Attributes {
    is_invalid: Option<&'static str>,
    described_by: Option<String>,
    is_required: bool,
}
