use std::fmt;

use crate::{
    limits::{MAIL_SUBJECT_MAX, MAIL_TEMPLATE_MAX},
    model::{contact::Contact, ticket::Ticket},
};

const SUBJECT: &str = "Resolved: {{ticket.subject}}";
const TEXT: &str = "\
Hello {{contact.name|there}},

your request \"{{ticket.subject}}\" has been resolved:

{{resolution_note}}

If anything is still open, please tell us and name {{ticket.id}}.
";

/// How a mail reads that tells a customer that their ticket was resolved: a subject and a text, both plain.
///
/// `{{ticket.subject}}`, `{{ticket.id}}`, `{{contact.name}}` and `{{resolution_note}}` stand for what they name;
/// `{{contact.name|there}}` for `there`, where a contact has no name. Nothing else is a sign of anything, and what is put
/// in is not looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTemplate {
    subject: Pattern,
    text: Pattern,
}

/// Why a text is no template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}, line {line}, column {column}: {fault}")]
#[non_exhaustive]
pub struct TemplateError {
    /// `subject` or `text`.
    pub part: &'static str,
    /// The line of it, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: TemplateFault,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// A placeholder that stands for nothing.
    #[error("there is no {{{{{0}}}}}; there are {known}", known = Value::known())]
    Unknown(String),
    /// A placeholder without its end.
    #[error("{{{{ is not closed by }}}}")]
    Unclosed,
    /// More than a template may have.
    #[error("has more than {MAIL_TEMPLATE_MAX} characters")]
    TooLong,
    /// A file that does not begin with its subject.
    #[error("must begin with a line `Subject: …`, then an empty line, then the text")]
    NoSubject,
}

impl MailTemplate {
    /// A template of a subject and a text.
    ///
    /// # Errors
    /// [`TemplateError`]: a placeholder is unknown or not closed, or there are more than
    /// [`MAIL_TEMPLATE_MAX`] characters.
    pub fn parse(subject: &str, text: &str) -> Result<Self, TemplateError> {
        Ok(Self { subject: Pattern::parse("subject", subject)?, text: Pattern::parse("text", text)? })
    }

    /// A template as a file has it: a line `Subject: …`, an empty line, and the text.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), with lines counted from the beginning of each part; or the file does not begin so.
    pub fn parse_file(file: &str) -> Result<Self, TemplateError> {
        let file = file.replace("\r\n", "\n");
        let parts = file.split_once("\n\n").and_then(|(head, text)| Some((head.strip_prefix("Subject:")?, text)));
        match parts {
            Some((subject, text)) if !subject.contains('\n') => Self::parse(subject.trim(), text),
            Some(_) | None => {
                Err(TemplateError { part: "subject", line: 1, column: 1, fault: TemplateFault::NoSubject })
            }
        }
    }

    /// Subject and text for a ticket that is resolved. The subject is one line, whatever is put in.
    pub(crate) fn render(&self, ticket: &Ticket, contact: Option<&Contact>) -> (String, String) {
        let mut subject = one_line(&self.subject.render(ticket, contact));
        if let Some((end, _)) = subject.char_indices().nth(MAIL_SUBJECT_MAX) {
            subject.truncate(end);
        }
        (subject, self.text.render(ticket, contact))
    }
}

impl Default for MailTemplate {
    fn default() -> Self {
        Self { subject: Pattern::lawful(SUBJECT), text: Pattern::lawful(TEXT) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A value, and what stands in its place where there is none.
    Value(Value, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    TicketSubject,
    TicketId,
    ContactName,
    ResolutionNote,
}

impl Value {
    const ALL: [(&'static str, Self); 4] = [
        ("ticket.subject", Self::TicketSubject),
        ("ticket.id", Self::TicketId),
        ("contact.name", Self::ContactName),
        ("resolution_note", Self::ResolutionNote),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn known() -> impl fmt::Display {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// All but the note is one line: a name must not look like more of the text.
    fn of(self, ticket: &Ticket, contact: Option<&Contact>) -> Option<String> {
        match self {
            Self::TicketSubject => Some(one_line(&ticket.subject)),
            Self::TicketId => Some(ticket.id.to_string()),
            Self::ContactName => contact.and_then(|contact| contact.name.as_deref()).map(one_line),
            Self::ResolutionNote => ticket.resolution_note.clone(),
        }
    }
}

impl Pattern {
    fn parse(part: &'static str, pattern: &str) -> Result<Self, TemplateError> {
        let error = |at: usize, fault| {
            let before = pattern.get(..at).unwrap_or(pattern);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            TemplateError { part, line, column, fault }
        };
        if pattern.chars().count() > MAIL_TEMPLATE_MAX {
            return Err(error(0, TemplateFault::TooLong));
        }
        let mut pieces = Vec::new();
        let mut at = 0;
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once("{{") {
            let place = at + text.len();
            let (inside, after) = after.split_once("}}").ok_or_else(|| error(place, TemplateFault::Unclosed))?;
            let (name, otherwise) = inside.split_once('|').unwrap_or((inside, ""));
            let value =
                Value::named(name.trim()).ok_or_else(|| error(place, TemplateFault::Unknown(name.trim().into())))?;
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(Piece::Value(value, otherwise.trim().to_owned()));
            at = pattern.len() - after.len();
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// One of ours.
    fn lawful(pattern: &str) -> Self {
        // Its tests parse them; were one not lawful, it would stand for itself.
        Self::parse("", pattern).unwrap_or_else(|_| Self(vec![Piece::Text(pattern.to_owned())]))
    }

    fn render(&self, ticket: &Ticket, contact: Option<&Contact>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(value, otherwise) => {
                value.of(ticket, contact).filter(|value| !value.is_empty()).unwrap_or_else(|| otherwise.clone())
            }
        };
        self.0.iter().map(piece).collect()
    }
}

/// A text on one line: without control characters, and without those that make a line read in another order than it is
/// written.
fn one_line(text: &str) -> String {
    let is_order = |c: char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let is_break = |c: char| c.is_control() || c.is_whitespace();
    let visible: String = text.chars().filter(|c| !is_order(*c)).collect();
    visible.split(is_break).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::id::ContactId, platform::time::Timestamp};

    fn ticket(subject: &str, note: &str) -> Ticket {
        let mut ticket: Ticket = serde_json::from_str(
            r#"{"object":"ticket","id":"tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC","environment":"live","version":1,"subject":"s",
            "status":"resolved","priority":"low","source":"api","topic":null,"queue":"default","queued_at":null,
            "owner_id":null,"contact_id":null,"call_id":null,"tags":[],"metadata":{},"resolution_note":null,
            "reopen_count":0,"follow_up_of":null,"sla":null,"created_at":"2026-11-24T06:00:00.000Z",
            "updated_at":"2026-11-24T06:00:00.000Z","first_resolved_at":null,"resolved_at":null,"closed_at":null}"#,
        )
        .unwrap();
        subject.clone_into(&mut ticket.subject);
        ticket.resolution_note = Some(note.to_owned());
        ticket
    }

    fn named(name: Option<&str>) -> Contact {
        Contact {
            id: ContactId::from_bytes([1; 16]),
            name: name.map(str::to_owned),
            email: None,
            phone: None,
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn the_default_tells_what_was_resolved_and_how() {
        let (subject, text) = MailTemplate::default().render(&ticket("Part delayed", "Replaced."), None);
        assert_eq!(subject, "Resolved: Part delayed");
        assert_eq!(
            text,
            "Hello there,\n\nyour request \"Part delayed\" has been resolved:\n\nReplaced.\n\nIf anything is still open, \
             please tell us and name tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC.\n"
        );
        let (_, text) = MailTemplate::default().render(&ticket("Part delayed", "Replaced."), Some(&named(Some("Ann"))));
        assert!(text.starts_with("Hello Ann,\n"), "{text}");
    }

    #[test]
    fn what_is_put_in_is_not_read_again() {
        let template = MailTemplate::parse("{{ticket.subject}}", "{{contact.name}}|{{resolution_note}}").unwrap();
        let ticket = ticket("a\r\nBcc: eve@example.com\u{2028}{{ticket.id}} \u{202E}b", "{{ticket.id}}\n%s");
        let (subject, text) = template.render(&ticket, Some(&named(Some("Ann\n\n{{resolution_note}}"))));
        assert_eq!(subject, "a Bcc: eve@example.com {{ticket.id}} b");
        assert_eq!(text, "Ann {{resolution_note}}|{{ticket.id}}\n%s");
        assert_eq!(template.render(&ticket, Some(&named(None))).1, "|{{ticket.id}}\n%s");
        let (long, _) = template.render(&self::ticket(&"ü".repeat(300), ""), None);
        assert_eq!(long.chars().count(), MAIL_SUBJECT_MAX);
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let message = |subject: &str, text: &str| MailTemplate::parse(subject, text).unwrap_err().to_string();
        assert_eq!(
            message("ok", "Hello\nü {{contact.mail}}"),
            "text, line 2, column 3: there is no {{contact.mail}}; there are ticket.subject, ticket.id, contact.name, \
             resolution_note"
        );
        assert_eq!(message("a {{ticket.id", ""), "subject, line 1, column 3: {{ is not closed by }}");
        assert!(message("", &"x".repeat(MAIL_TEMPLATE_MAX + 1)).contains("10000 characters"));
    }

    #[test]
    fn a_file_has_its_subject_first() {
        let parsed = MailTemplate::parse_file("Subject: Done: {{ticket.subject}}\r\n\r\nHello\n\nBye\n").unwrap();
        assert_eq!(parsed, MailTemplate::parse("Done: {{ticket.subject}}", "Hello\n\nBye\n").unwrap());
        for bad in ["", "Hello\n\nyou", "Subject: a\nHello\n\nyou"] {
            let error = MailTemplate::parse_file(bad).unwrap_err();
            assert_eq!(error.fault, TemplateFault::NoSubject, "{bad}");
        }
    }
}
