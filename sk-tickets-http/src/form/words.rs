//! Every word that a form says to people, once for each language. A language that lacks one does not compile.

use sk_tickets_core::{
    Status,
    form::{SubmissionFault, SubmissionFaultKind, SubmissionField},
    model::form::Locale,
};

/// All that is said in one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The language, as HTML names it (BCP 47).
    pub(super) lang: &'static str,
    /// Beside the heading of a form in a test realm.
    pub(super) test: &'static str,
    pub(super) fields: Fields,
    pub(super) faults: Faults,
    pub(super) refusals: Refusals,
    pub(super) receipt: ReceiptWords,
    pub(super) absent: Absent,
}

/// What fields and buttons are called.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) topic: &'static str,
    pub(super) no_topic: &'static str,
    pub(super) subject: &'static str,
    pub(super) message: &'static str,
    /// After the label of a field that may be left empty.
    pub(super) optional: &'static str,
    /// The label of what only programs fill in.
    pub(super) trap: &'static str,
    pub(super) send: &'static str,
}

/// What is wrong with what was typed.
#[derive(Debug)]
pub(super) struct Faults {
    /// Before the title of a page that tells of faults.
    pub(super) title: &'static str,
    /// Over all of them.
    pub(super) heading: &'static str,
    no_email: &'static str,
    not_an_email: &'static str,
    no_subject: &'static str,
    no_message: &'static str,
    /// That a field, by its label, is to be filled in; for those that have no sentence of their own.
    missing: fn(&str) -> String,
    /// That a field has more characters than this.
    too_long: fn(&str, usize) -> String,
    /// That a field has something in it that cannot be kept.
    invalid: fn(&str) -> String,
}

/// Why something was not sent: a heading, and what to do.
#[derive(Debug)]
pub(super) struct Refusals {
    pub(super) automatic: (&'static str, &'static str),
    pub(super) foreign: (&'static str, &'static str),
    pub(super) stale: (&'static str, &'static str),
    pub(super) unavailable: (&'static str, &'static str),
    pub(super) too_many: &'static str,
    /// To wait so many seconds.
    pub(super) wait: fn(u64) -> String,
    pub(super) sent_before: (&'static str, &'static str),
    pub(super) to_receipt: &'static str,
    pub(super) send_anew: &'static str,
}

/// What a receipt says.
#[derive(Debug)]
pub(super) struct ReceiptWords {
    pub(super) heading: &'static str,
    pub(super) number: &'static str,
    pub(super) sent: &'static str,
    pub(super) status: &'static str,
    pub(super) keep: &'static str,
    pub(super) link: &'static str,
    pub(super) another: &'static str,
    pub(super) new: &'static str,
    pub(super) open: &'static str,
    pub(super) pending: &'static str,
    pub(super) on_hold: &'static str,
    pub(super) resolved: &'static str,
    pub(super) closed: &'static str,
}

/// What is said where there is nothing, or nothing that can be read.
#[derive(Debug)]
pub(super) struct Absent {
    pub(super) no_form: (&'static str, &'static str),
    pub(super) no_receipt: (&'static str, &'static str),
    pub(super) too_large: (&'static str, &'static str),
    pub(super) not_a_form: (&'static str, &'static str),
    pub(super) unavailable: (&'static str, &'static str),
    /// The link to the empty form.
    pub(super) to_form: &'static str,
}

impl Fields {
    /// The label of a field.
    pub(super) const fn of(&self, field: SubmissionField) -> &'static str {
        match field {
            SubmissionField::Name => self.name,
            SubmissionField::Email => self.email,
            SubmissionField::Topic => self.topic,
            SubmissionField::Subject => self.subject,
            SubmissionField::Message => self.message,
        }
    }
}

impl Words {
    /// What is wrong with a field, and so what to do.
    pub(super) fn fault(&self, SubmissionFault { field, kind }: SubmissionFault) -> String {
        let Faults { no_email, not_an_email, no_subject, no_message, missing, too_long, invalid, .. } = &self.faults;
        let label = self.fields.of(field);
        match (field, kind) {
            (SubmissionField::Email, SubmissionFaultKind::Missing) => (*no_email).to_owned(),
            (SubmissionField::Email, SubmissionFaultKind::Invalid) => (*not_an_email).to_owned(),
            (SubmissionField::Subject, SubmissionFaultKind::Missing) => (*no_subject).to_owned(),
            (SubmissionField::Message, SubmissionFaultKind::Missing) => (*no_message).to_owned(),
            (_, SubmissionFaultKind::Missing) => missing(label),
            (_, SubmissionFaultKind::TooLong { max }) => too_long(label, max),
            (_, SubmissionFaultKind::Invalid) => invalid(label),
        }
    }
}

impl ReceiptWords {
    /// A status, as the customer sees it.
    pub(super) const fn of(&self, status: Status) -> &'static str {
        match status {
            Status::New => self.new,
            Status::Open => self.open,
            Status::Pending => self.pending,
            Status::OnHold => self.on_hold,
            Status::Resolved => self.resolved,
            Status::Closed => self.closed,
        }
    }
}

impl Words {
    pub(super) const fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::En => &EN,
            Locale::De => &DE,
        }
    }
}

const EN: Words = Words {
    lang: "en",
    test: "Test",
    fields: Fields {
        name: "Name",
        email: "E-mail",
        topic: "Topic",
        no_topic: "Please choose",
        subject: "Subject",
        message: "Message",
        optional: "(optional)",
        trap: "Please leave this empty",
        send: "Send",
    },
    faults: Faults {
        title: "Error: ",
        heading: "Please check what you entered",
        no_email: "Enter your e-mail address",
        not_an_email: "Enter an e-mail address such as ann@example.com",
        no_subject: "Enter a subject",
        no_message: "Enter your message",
        missing: |field| format!("{field}: please fill this in"),
        too_long: |field, max| format!("{field}: use at most {max} characters"),
        invalid: |field| format!("{field}: there is a character in it that cannot be sent"),
    },
    refusals: Refusals {
        automatic: (
            "Not sent yet",
            "We could not tell whether a person or a program sent this. What you wrote is still here: please send it again.",
        ),
        foreign: (
            "Not sent yet",
            "This came from another website. What was written is below: if it is yours, please send it from here.",
        ),
        stale: (
            "Not sent yet",
            "This page had been open for a long time. What you wrote is still here: please send it again.",
        ),
        unavailable: (
            "Not sent yet",
            "Something went wrong on our side. What you wrote is still here: please send it again in a moment.",
        ),
        too_many: "Not sent yet",
        wait: |seconds| {
            let what = if seconds == 1 { "a second".to_owned() } else { format!("{seconds} seconds") };
            format!(
                "A lot was sent from here just now. What you wrote is still here: please wait {what} and send it again."
            )
        },
        sent_before: (
            "Already sent",
            "You have sent this form before, and what you changed since was not sent. To send it as another request, use the \
             button below.",
        ),
        to_receipt: "To the receipt of what you sent",
        send_anew: "Send as another request",
    },
    receipt: ReceiptWords {
        heading: "Thank you, we have your request",
        number: "Number",
        sent: "Sent",
        status: "Status",
        keep: "Keep this link. It shows how your request is getting on:",
        link: "Your request",
        another: "Send another request",
        new: "Received",
        open: "In progress",
        pending: "Waiting for your answer",
        on_hold: "Waiting for somebody else",
        resolved: "Solved",
        closed: "Closed",
    },
    absent: Absent {
        no_form: ("There is no form here", "Please check the address, or go back to where you came from."),
        no_receipt: ("There is nothing here", "Please check that the link is complete."),
        too_large: ("This is too long", "Please go back, shorten your message and send it again."),
        not_a_form: ("This could not be read", "Please send the form from its page."),
        unavailable: ("Something went wrong", "It is our fault. Please try again in a moment."),
        to_form: "To the form",
    },
};

const DE: Words = Words {
    lang: "de",
    test: "Test",
    fields: Fields {
        name: "Name",
        email: "E-Mail",
        topic: "Thema",
        no_topic: "Bitte wählen",
        subject: "Betreff",
        message: "Nachricht",
        optional: "(freiwillig)",
        trap: "Bitte leer lassen",
        send: "Absenden",
    },
    faults: Faults {
        title: "Fehler: ",
        heading: "Bitte prüfen Sie Ihre Angaben",
        no_email: "Geben Sie Ihre E-Mail-Adresse ein",
        not_an_email: "Geben Sie eine E-Mail-Adresse wie ann@example.com ein",
        no_subject: "Geben Sie einen Betreff ein",
        no_message: "Geben Sie Ihre Nachricht ein",
        missing: |field| format!("{field}: bitte ausfüllen"),
        too_long: |field, max| format!("{field}: höchstens {max} Zeichen"),
        invalid: |field| format!("{field}: ein Zeichen darin kann nicht gesendet werden"),
    },
    refusals: Refusals {
        automatic: (
            "Noch nicht gesendet",
            "Wir konnten nicht erkennen, ob das ein Mensch oder ein Programm gesendet hat. Was Sie geschrieben haben, steht \
             noch da: bitte senden Sie es noch einmal.",
        ),
        foreign: (
            "Noch nicht gesendet",
            "Das kam von einer anderen Website. Was geschrieben wurde, steht unten: wenn es von Ihnen ist, senden Sie es \
             bitte von hier.",
        ),
        stale: (
            "Noch nicht gesendet",
            "Diese Seite war lange offen. Was Sie geschrieben haben, steht noch da: bitte senden Sie es noch einmal.",
        ),
        unavailable: (
            "Noch nicht gesendet",
            "Bei uns ist etwas schiefgegangen. Was Sie geschrieben haben, steht noch da: bitte senden Sie es gleich noch \
             einmal.",
        ),
        too_many: "Noch nicht gesendet",
        wait: |seconds| {
            let what = if seconds == 1 { "eine Sekunde".to_owned() } else { format!("{seconds} Sekunden") };
            format!(
                "Von hier wurde gerade viel gesendet. Was Sie geschrieben haben, steht noch da: bitte warten Sie {what} und \
                 senden Sie es dann noch einmal."
            )
        },
        sent_before: (
            "Schon gesendet",
            "Sie haben dieses Formular schon gesendet; was Sie seither geändert haben, wurde nicht gesendet. Um es als neue \
             Anfrage zu senden, benutzen Sie den Knopf unten.",
        ),
        to_receipt: "Zur Bestätigung dessen, was Sie gesendet haben",
        send_anew: "Als neue Anfrage senden",
    },
    receipt: ReceiptWords {
        heading: "Danke, Ihre Anfrage ist da",
        number: "Nummer",
        sent: "Gesendet",
        status: "Stand",
        keep: "Heben Sie diesen Link auf. Er zeigt, wie es mit Ihrer Anfrage steht:",
        link: "Ihre Anfrage",
        another: "Noch eine Anfrage senden",
        new: "Eingegangen",
        open: "In Arbeit",
        pending: "Wartet auf Ihre Antwort",
        on_hold: "Wartet auf jemand anderen",
        resolved: "Gelöst",
        closed: "Geschlossen",
    },
    absent: Absent {
        no_form: ("Hier ist kein Formular", "Bitte prüfen Sie die Adresse, oder gehen Sie zurück, woher Sie kamen."),
        no_receipt: ("Hier ist nichts", "Bitte prüfen Sie, ob der Link vollständig ist."),
        too_large: (
            "Das ist zu lang",
            "Bitte gehen Sie zurück, kürzen Sie Ihre Nachricht und senden Sie sie noch einmal.",
        ),
        not_a_form: ("Das konnte nicht gelesen werden", "Bitte senden Sie das Formular von seiner Seite."),
        unavailable: ("Etwas ist schiefgegangen", "Es liegt an uns. Bitte versuchen Sie es gleich noch einmal."),
        to_form: "Zum Formular",
    },
};
