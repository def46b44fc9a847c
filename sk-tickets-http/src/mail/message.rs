//! A mail as it is sent.

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use sk_tickets_core::Mail;

/// Tells machines not to answer (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The mail, or why it cannot be written, which will not change.
///
/// It goes to the bare address: a name would have to be quoted right. Whatever subject and text say, they add no header
/// and no recipient.
pub(super) fn write(from: &Mailbox, mail: &Mail) -> Result<Message, String> {
    let Mail { id, realm: _, ticket_id: _, to, subject, text, at } = mail;
    let to: Address = to.parse().map_err(|error| format!("mail cannot be sent to this address: {error}"))?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(one_line(subject))
        .date(at)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(text.clone())
        .map_err(|error| format!("the mail cannot be written: {error}"))
}

/// Subjects are one line when they come from the engine; here nobody need rely on it.
fn one_line(subject: &str) -> String {
    subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;
    use proptest::prelude::*;
    use sk_tickets_core::{Environment, NotificationId, Realm, TicketId, Timestamp};

    use super::*;

    fn mail(to: &str, subject: &str, text: &str) -> Mail {
        Mail {
            id: NotificationId::from_bytes([1; 16]),
            realm: Realm::assume("acme".parse().unwrap(), Environment::Live),
            ticket_id: TicketId::from_bytes([2; 16]),
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            at: Timestamp::from_millis(1_800_000_000_000),
        }
    }

    fn from() -> Mailbox {
        "\"Acme, Support\" <support@acme.example>".parse().unwrap()
    }

    /// What one would try to get a line of one's own into a mail with.
    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\r\nBcc: eve@example.com\r\n".to_owned()),
            Just("\nTo: eve@example.com".to_owned()),
            Just("\r".to_owned()),
            Just("\r\n\r\n".to_owned()),
            Just("\r\n.\r\nMAIL FROM:<eve@example.com>\r\n".to_owned()),
            Just(", <eve@example.com>".to_owned()),
            Just("=?utf-8?q?=0D=0ABcc:_eve@example.com?=".to_owned()),
            Just("\u{202E}\u{200F}\u{2028}\u{85}".to_owned()),
            Just("Ünï ✓ 多字节 \u{1F600}".to_owned()),
            Just(";\"\\:<>()@,".to_owned()),
            "[ -~]{0,90}",
            "\\PC{0,20}",
            any::<String>(),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat().replace('\0', ""))
    }

    /// As a reader shows it: line ends of one kind, and none at the end.
    fn shown(text: &str) -> String {
        text.replace("\r\n", "\n").replace('\r', "\n").trim_end().to_owned()
    }

    proptest! {
        #[test]
        fn nothing_adds_a_header_or_a_recipient(subject in nasty(), text in nasty()) {
            let message = write(&from(), &mail("ann@example.com", &subject, &text)).unwrap();
            let recipients: Vec<_> = message.envelope().to().iter().map(ToString::to_string).collect();
            prop_assert_eq!(recipients, ["ann@example.com"]);
            let bytes = message.formatted();
            let parsed = MessageParser::default().parse(&bytes).unwrap();
            let names: Vec<_> = parsed.headers().iter().map(|header| header.name().to_ascii_lowercase()).collect();
            let mut expected = vec![
                "from", "to", "subject", "date", "message-id", "auto-submitted", "content-type",
                "content-transfer-encoding",
            ];
            let mut sorted = names.clone();
            sorted.sort();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), names.len(), "each header is there once: {:?}", names);
            expected.sort_unstable();
            // Without a subject there is no such header, or an empty one.
            sorted.retain(|name| name != "subject");
            expected.retain(|name| *name != "subject");
            prop_assert_eq!(sorted, expected);
            let to = parsed.to().unwrap();
            prop_assert_eq!(to.iter().filter_map(|address| address.address()).collect::<Vec<_>>(), ["ann@example.com"]);
            prop_assert!(parsed.cc().is_none() && parsed.bcc().is_none());
            prop_assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999), "lines are short enough");
            prop_assert_eq!(shown(&parsed.body_text(0).unwrap_or_default()), shown(&text));
        }

        #[test]
        fn whatever_address_it_is_there_is_one_recipient_or_no_mail(to in nasty()) {
            for to in [to.clone(), format!("{to}@example.com"), format!("ann@{to}")] {
                if let Ok(message) = write(&from(), &mail(&to, "Part delayed", "Replaced.")) {
                    prop_assert_eq!(message.envelope().to().len(), 1);
                    let bytes = message.formatted();
                    let parsed = MessageParser::default().parse(&bytes).unwrap();
                    prop_assert_eq!(parsed.to().map_or(0, |to| to.iter().count()), 1, "{}", String::from_utf8_lossy(&bytes));
                    prop_assert!(parsed.cc().is_none() && parsed.bcc().is_none());
                    prop_assert_eq!(parsed.headers().len(), 8);
                }
            }
        }
    }

    #[test]
    fn a_mail_says_who_it_is_from_and_which_it_is() {
        let id = NotificationId::from_bytes([1; 16]);
        let message = write(&from(), &mail("ann@example.com", "Resolved: Ünïcode ✓", "Hello Ann,\n")).unwrap();
        let bytes = message.formatted();
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.subject(), Some("Resolved: Ünïcode ✓"));
        assert_eq!(parsed.message_id(), Some(format!("{id}@acme.example").as_str()));
        let from = parsed.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("Acme, Support"), Some("support@acme.example")));
        assert_eq!(parsed.date().unwrap().to_timestamp(), 1_800_000_000);
        assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), "Hello Ann,");
    }
}
