//! Every limit, in one place. The types of requests carry them, so validation and documents read them from here.

/// The longest subject, in characters.
pub const SUBJECT_MAX: usize = 200;
/// The longest body of a thread entry, in characters.
pub const BODY_MAX: usize = 65_536;
/// The longest reason, in characters.
pub const REASON_MAX: usize = 500;
/// The longest resolution note, in characters.
pub const RESOLUTION_NOTE_MAX: usize = 10_000;
/// The most pieces of evidence on one thread entry.
pub const EVIDENCE_MAX: usize = 50;
/// The longest reference to a piece of evidence, in characters.
pub const EVIDENCE_REF_MAX: usize = 2_048;
/// The longest label of a piece of evidence, in characters.
pub const EVIDENCE_LABEL_MAX: usize = 200;
/// The most tags on a ticket.
pub const TAGS_MAX: usize = 20;
/// The longest tag, in characters.
pub const TAG_MAX: usize = 64;
/// The most pairs of metadata on a ticket.
pub const METADATA_MAX: usize = 50;
/// The longest name of a pair of metadata, in characters.
pub const METADATA_KEY_MAX: usize = 40;
/// The longest value of a pair of metadata, in characters.
pub const METADATA_VALUE_MAX: usize = 500;
/// The longest topic, in characters.
pub const TOPIC_MAX: usize = 64;
/// The longest key of a queue, in characters.
pub const QUEUE_KEY_MAX: usize = 64;
/// The longest name of a queue, in characters.
pub const QUEUE_NAME_MAX: usize = 100;
/// The most topics of a queue.
pub const QUEUE_TOPICS_MAX: usize = 100;
/// The most queues in a realm, beside `default`.
pub const QUEUES_MAX: usize = 200;
/// The longest name of a form, in characters.
pub const FORM_NAME_MAX: usize = 200;
/// The most topics that a form offers.
pub const FORM_TOPICS_MAX: usize = 50;
/// The longest label of a topic on a form, in characters.
pub const FORM_TOPIC_LABEL_MAX: usize = 200;
/// The most origins whose pages may embed a form.
pub const FORM_ORIGINS_MAX: usize = 50;
/// The roundest that the corners of a form can be, in pixels.
pub const FORM_RADIUS_MAX: u64 = 32;
/// The most forms in a realm.
pub const FORMS_MAX: usize = 100;
/// How long a person needs at least to fill in a form, in milliseconds: what is sent sooner is treated as automated.
pub const FORM_FILL_MIN_MILLIS: u64 = 2_000;
/// For how long a form that was shown can be sent, in seconds: a day.
pub const FORM_SHOWN_MAX_SECS: u64 = 24 * 3_600;
/// How many forms one address can send at once.
pub const FORM_POSTS_BURST: u32 = 30;
/// After how long an address that has sent as many forms as it can may send one more, in seconds.
pub const FORM_POSTS_INTERVAL_SECS: u32 = 20;
/// The longest name of a contact, in characters.
pub const CONTACT_NAME_MAX: usize = 200;
/// The longest e-mail address, in characters (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX: usize = 254;
/// The longest subject of a mail, in characters; what is longer is cut.
pub const MAIL_SUBJECT_MAX: usize = 250;
/// The longest template of a mail, in characters.
pub const MAIL_TEMPLATE_MAX: usize = 10_000;
/// How much is kept of why a mail could not be sent, in characters.
pub const NOTIFY_ERROR_MAX: usize = 500;
/// How many mails a worker sends at a time.
pub const MAILS_IN_FLIGHT_MAX: usize = 8;
/// The longest time that an SLA policy can name, in seconds: a leap year.
pub const SLA_MAX_SECS: u64 = 366 * 24 * 3_600;
/// How long before the time runs out a warning can come, in seconds: thirty days.
pub const SLA_WARN_BEFORE_MAX_SECS: u64 = 30 * 24 * 3_600;
/// After how long a resolved ticket is closed unless told otherwise, in seconds: a week.
pub const AUTO_CLOSE_DEFAULT_SECS: u64 = 7 * 24 * 3_600;
/// How long what receivers answered to webhooks is kept, in seconds: thirty days.
pub const WEBHOOK_RESPONSES_KEPT_SECS: u64 = 30 * 24 * 3_600;
/// The most webhook endpoints in a realm.
pub const ENDPOINTS_MAX: usize = 50;
/// The longest URL of a webhook endpoint, in characters.
pub const ENDPOINT_URL_MAX: usize = 2_048;
/// The longest description of a webhook endpoint, in characters.
pub const ENDPOINT_DESCRIPTION_MAX: usize = 500;
/// The most event types that an endpoint can name.
pub const ENDPOINT_EVENTS_MAX: usize = 20;
/// The most event types that a replay of dead letters can name.
pub const EVENT_TYPES_MAX: usize = 20;
/// How long a secret goes on signing after it was replaced unless told otherwise, in seconds: a day.
pub const SECRET_OVERLAP_DEFAULT_SECS: u64 = 24 * 3_600;
/// The longest that a secret can go on signing after it was replaced, in seconds: a week.
pub const SECRET_OVERLAP_MAX_SECS: u64 = 7 * 24 * 3_600;
/// How many replaced secrets of an endpoint go on signing beside the new one, so that the header with the signatures stays
/// short: these are 431 bytes. Of more, the oldest gives way.
pub const OLD_SECRETS_MAX: usize = 8;
/// How many first attempts to one endpoint are made at a time, by all workers together.
pub const FIRST_IN_FLIGHT_MAX: usize = 8;
/// How many retries to one endpoint are made at a time, by all workers together.
pub const RETRIES_IN_FLIGHT_MAX: usize = 2;
/// How many attempts of whatever kind are made at a time to an endpoint that is failing.
pub const FAILING_IN_FLIGHT_MAX: usize = 1;
/// How many first attempts a worker makes at a time, whoever they are for: more than all endpoints of a tenant may have under
/// way, in test and in live, so that one whose endpoints are slow keeps no other waiting.
pub const FIRST_ATTEMPTS_AT_ONCE_MAX: usize = 1_024;
/// How many retries, likewise.
pub const RETRIES_AT_ONCE_MAX: usize = 256;
/// The longest name of an API key, in characters.
pub const API_KEY_NAME_MAX: usize = 100;
/// The largest request body, in bytes.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// The largest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many connections a server has at a time; others wait to be accepted.
pub const CONNECTIONS_MAX: usize = 4_096;
/// How many requests to the API are answered at a time; one more is told to try again.
pub const REQUESTS_AT_ONCE_MAX: usize = 1_024;
/// How long a client may take to send the head of a request, to send its body after that, and to go on taking the answer,
/// in seconds. Longer than proxies keep connections that have nothing to say, which is a minute with most.
pub const CLIENT_PATIENCE_SECS: u64 = 75;
/// How much of a receiver's answer is kept on an attempt, in bytes.
pub const ATTEMPT_RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// The longest text to search for, in characters.
pub const SEARCH_MAX: usize = 200;
/// The most different words in a text to search for. Scripts without spaces have one for each character.
pub const SEARCH_TERMS_MAX: usize = 32;
/// How much of a word is compared in a search, in characters: of a longer one, the beginning.
pub const TERM_MAX: usize = 64;
/// The most different words of one text that a ticket can be found by: the first ones.
pub const TEXT_TERMS_MAX: usize = 1_000;
/// Over how many days figures are, up to now, unless told otherwise.
pub const STATS_DAYS_DEFAULT: u32 = 30;
/// Over how many days figures are at most: a year.
pub const STATS_DAYS_MAX: u32 = 366;
/// The most rows on a page.
pub const PAGE_MAX: usize = 100;
/// The rows on a page when nothing else is asked for.
pub const PAGE_DEFAULT: usize = 25;
/// The most rows that a tool gives an agent at a time.
pub const AGENT_PAGE_MAX: usize = 50;
/// The rows that a tool gives an agent when nothing else is asked for.
pub const AGENT_PAGE_DEFAULT: usize = 20;
/// How much of the words of a thread a tool gives an agent at a time, in characters, shared evenly by the entries that were
/// asked for: one entry alone comes whole.
pub const AGENT_WORDS_MAX: usize = BODY_MAX + 8_192;
/// The most values of one filter that a tool takes.
pub const AGENT_FILTER_MAX: usize = 20;
/// The longest cursor that a tool takes, in characters: longer than any of ours.
pub const AGENT_CURSOR_MAX: usize = 4_096;
/// The most topics that a tool lists at a time.
pub const AGENT_TOPICS_MAX: usize = 200;
/// For how long the same call of an agent without a key of its own is a repetition, in seconds.
pub const AGENT_REPEAT_SECS: u64 = 600;
/// How often a command is decided anew when others changed its ticket meanwhile.
pub const CONTENTION_RETRIES_MAX: usize = 64;

const _: () = {
    assert!(PAGE_DEFAULT <= PAGE_MAX);
    assert!(AGENT_PAGE_DEFAULT <= AGENT_PAGE_MAX && AGENT_PAGE_MAX <= PAGE_MAX);
    // A tenant has two realms.
    assert!(2 * ENDPOINTS_MAX * FIRST_IN_FLIGHT_MAX < FIRST_ATTEMPTS_AT_ONCE_MAX);
    assert!(2 * ENDPOINTS_MAX * RETRIES_IN_FLIGHT_MAX < RETRIES_AT_ONCE_MAX);
    // The longest lawful body of an entry fits a request with room for the JSON around it, unless most of its characters
    // take four bytes.
    assert!(BODY_MAX * 3 + 4_096 <= REQUEST_BYTES_MAX);
};
