//! The command line. Every flag has an environment variable too; `--help` says both.

use std::{env, ffi::OsStr, fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::FalseyValueParser, error::ErrorKind,
    parser::ValueSource,
};
use sk_tickets_core::{
    ApiKeyId, DeliveryId, EndpointId, Environment, EventType, Retention, Schedule, Scope, TargetPolicy, Tenant,
    Timestamp,
};
use url::Url;

/// SK Tickets: a ticketing server with idempotent writes and signed webhooks.
///
/// Without a command it serves. The first start on an empty database makes a test key and prints what to do with it.
#[derive(Debug, Parser)]
#[command(name = "sk-tickets-server", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) location: Location,

    #[command(flatten)]
    pub(crate) serve: Serve,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Args)]
pub(crate) struct Location {
    /// Where the data is: sqlite:FILE or postgres://…
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:sk-tickets.db",
        value_name = "URL"
    )]
    pub(crate) database: String,

    /// Where to listen for other nodes' work, if --database leads to a pooler that gives out a connection by the
    /// transaction (Postgres only)
    #[arg(long, global = true, env = "SK_TICKETS_LISTEN_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) listen_url: Option<String>,

    /// The master keys that webhook secrets are sealed with in the database: on each line the base 64 of 32 bytes. The
    /// first one seals, every one opens [default: they are not sealed]
    #[arg(long, global = true, env = "SK_TICKETS_MASTER_KEY_FILE", value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API, deliver webhooks and tell customers (the default)
    Serve(Serve),
    /// Make, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Receive webhooks on this machine: verify each and print it
    Listen(Listen),
    /// Show the three moves in one process: a key, a call, a verified webhook
    Quickstart,
    /// Deliver webhooks, tell customers, do what is due at tickets, and nothing else
    Worker(Worker),
    /// List, replay and discard dead letters
    DeadLetters(DeadLetters),
    /// Seal the webhook secrets with the first master key
    Reseal,
    /// Bring the database's schema up to date and leave
    Migrate,
    /// Serve one agent over standard input and output, by the Model Context Protocol
    Mcp(Mcp),
    /// Print the API as an OpenAPI 3.1 document
    Openapi,
    /// Say what speaks against serving from the database
    Doctor(Doctor),
    /// Copy the database into a new file, beside a running server too
    Backup {
        /// The file to make; it must not be there
        file: PathBuf,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "SK_TICKETS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) webhooks: Webhooks,

    #[command(flatten)]
    pub(crate) mail: Mail,

    /// What a customer is mailed when their ticket is resolved: a line `Subject: …`, an empty line, and the text, with
    /// `{{ticket.subject}}`, `{{ticket.id}}`, `{{contact.name|there}}` and `{{resolution_note}}` [default: a short one in
    /// English]
    #[arg(long, env = "SK_TICKETS_MAIL_TEMPLATE", value_name = "FILE")]
    pub(crate) mail_template: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) desk: DeskOptions,

    #[command(flatten)]
    pub(crate) retain: Retain,

    /// How many requests a second each API key may make, with a burst of twice as many; 0 for any number
    #[arg(long, env = "SK_TICKETS_RATE_LIMIT", default_value_t = 100, value_name = "N")]
    pub(crate) rate_limit: u32,

    /// How long a client may take to send a request, or to say nothing, before it is hung up on, such as 75s or 2m
    #[arg(long, env = "SK_TICKETS_CLIENT_PATIENCE", default_value = "75s", value_parser = some_time, value_name = "TIME")]
    pub(crate) client_patience: Time,

    /// How many proxies stand before this server; whom the first of them was asked by is who forms are sent by
    #[arg(long, env = "SK_TICKETS_TRUSTED_PROXIES", default_value_t = 0, value_name = "N")]
    pub(crate) trusted_proxies: u8,

    /// The URL that clients reach this server at; links in answers begin with it [default: that of ADDRESS]
    #[arg(long, env = "SK_TICKETS_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Doctor {
    /// Ask the rows, too, for whatever always holds; beside a running server, but reading everything there is
    #[arg(long, env = "SK_TICKETS_INVARIANTS", value_parser = FalseyValueParser::new())]
    pub(crate) invariants: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Worker {
    /// The address to tell at how it fares: /healthz, /readyz and /metrics [default: none]
    #[arg(long, env = "SK_TICKETS_WORKER_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) webhooks: Webhooks,

    #[command(flatten)]
    pub(crate) mail: Mail,

    #[command(flatten)]
    pub(crate) desk: DeskOptions,

    #[command(flatten)]
    pub(crate) retain: Retain,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Mcp {
    /// The API key that decides which tools the agent gets
    #[arg(long, env = "SK_TICKETS_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Secret,

    /// What a customer is mailed when the agent resolves their ticket: the template that the server has
    #[arg(long, env = "SK_TICKETS_MAIL_TEMPLATE", value_name = "FILE")]
    pub(crate) mail_template: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) desk: DeskOptions,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeskOptions {
    /// After how long a resolved ticket is closed if nobody opens it again, such as 7d or 12h; off for never
    #[arg(long, env = "SK_TICKETS_AUTO_CLOSE_AFTER", default_value = "7d", value_name = "TIME")]
    pub(crate) auto_close_after: AutoClose,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Retain {
    /// How long what is done with is kept, such as events=90d,deliveries=30d,idempotency=24h: events of the feed, deliveries
    /// that are delivered or dead, and recorded answers, whose keys stay used [default: everything for ever; but what
    /// receivers answered to webhooks always goes after 30 days]
    #[arg(long, env = "SK_TICKETS_RETAIN", value_name = "TIMES")]
    pub(crate) retain: Option<Retention>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Webhooks {
    /// When a failed webhook, or mail to a customer, is tried again; after the last delay it is a dead letter
    #[arg(long, env = "SK_TICKETS_WEBHOOK_SCHEDULE", default_value = "1s,4s,16s,1m,5m,30m,2h", value_name = "DELAYS")]
    pub(crate) webhook_schedule: Schedule,

    /// Send webhooks to private addresses too, by http and on every port (for development)
    #[arg(long, env = "SK_TICKETS_ALLOW_PRIVATE_WEBHOOKS", value_parser = FalseyValueParser::new())]
    pub(crate) allow_private_webhooks: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Mail {
    /// The mail server that customers are told through: `smtps://USER:PASSWORD@HOST`, or `smtp://…` with STARTTLS. Credentials
    /// are only sent encrypted, unless `?tls=none` is at the end [default: none; what is to be told waits]
    #[arg(long, env = "SK_TICKETS_SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) smtp_url: Option<Secret>,

    /// Whom mails are from, such as "Acme Support <support@acme.example>" [default: the user of the URL, if that is an
    /// address, else no-reply at its host]
    #[arg(long, env = "SK_TICKETS_MAIL_FROM", value_name = "ADDRESS")]
    pub(crate) mail_from: Option<String>,
}

/// A text that is not to be seen.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A length of time, such as 75s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no time such as 7d, 12h, 30m or 90s");
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 24 * 3_600,
            _ => return Err(wrong()),
        };
        Ok(Self(Duration::from_secs(number.checked_mul(seconds).ok_or_else(wrong)?)))
    }
}

/// A length of time that is not none at all.
fn some_time(text: &str) -> Result<Time, String> {
    match text.parse::<Time>()? {
        Time(Duration::ZERO) => Err("nobody can do anything in no time".to_owned()),
        time => Ok(time),
    }
}

/// Where clients reach the server: an http or https URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(pub(crate) String);

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "takes a URL such as https://help.example.com";
        let url: Url = text.parse().map_err(|_| WRONG)?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_plain || url.query().is_some() || url.fragment().is_some() {
            return Err(WRONG);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// After how long a resolved ticket is closed; none for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AutoClose(pub(crate) Option<Duration>);

impl FromStr for AutoClose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let Time(after) = text.parse::<Time>().map_err(|wrong| format!("{wrong}, and not off"))?;
        Ok(Self(Some(after)))
    }
}

impl Webhooks {
    /// Where webhooks may be sent to. In the test environment this machine is one of the places, so that one can try
    /// things.
    pub(crate) const fn targets(&self) -> TargetPolicy {
        if self.allow_private_webhooks { TargetPolicy::Anything } else { TargetPolicy::LoopbackInTest }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and print it, alone, on standard output
    Create {
        /// Whose key; made if there is no such tenant
        #[arg(long, env = "SK_TICKETS_TENANT")]
        tenant: Tenant,
        /// The world it opens: test or live
        #[arg(long, env = "SK_TICKETS_ENVIRONMENT")]
        environment: Environment,
        /// What it may do, separated by commas: tickets:read, tickets:write, tickets:triage, webhooks, admin
        /// [default: everything]
        #[arg(long, env = "SK_TICKETS_SCOPES", value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// What to call it
        #[arg(long, env = "SK_TICKETS_KEY_NAME")]
        name: Option<String>,
        /// From when on it opens nothing, such as 2027-01-01T00:00:00Z [default: never]
        #[arg(long, env = "SK_TICKETS_KEY_EXPIRES_AT", value_name = "TIME")]
        expires_at: Option<Timestamp>,
    },
    /// List all keys, without their secrets
    List,
    /// Make a key that does what another does, and print it, alone, on standard output; the other one expires after the
    /// overlap
    Rotate {
        /// The id of the key to replace: key_…
        id: ApiKeyId,
        /// How long the key that is replaced still opens, such as 24h or 30m
        #[arg(long, env = "SK_TICKETS_KEY_OVERLAP", default_value = "24h", value_name = "TIME")]
        overlap: Time,
        /// From when on the new key opens nothing, such as 2027-01-01T00:00:00Z [default: never]
        #[arg(long, env = "SK_TICKETS_KEY_EXPIRES_AT", value_name = "TIME")]
        expires_at: Option<Timestamp>,
    },
    /// Revoke a key; takes effect within five seconds
    Revoke {
        /// The id of the key: key_…
        id: ApiKeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    /// Whose dead letters
    #[arg(long, global = true, env = "SK_TICKETS_TENANT", default_value = "demo")]
    pub(crate) tenant: Tenant,

    /// In which world: test or live
    #[arg(long, global = true, env = "SK_TICKETS_ENVIRONMENT", default_value = "test")]
    pub(crate) environment: Environment,

    #[command(subcommand)]
    pub(crate) command: LettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LettersCommand {
    /// List dead letters, the newest first
    List {
        #[command(flatten)]
        letters: Letters,
        /// How many at most
        #[arg(long, env = "SK_TICKETS_LETTERS_LIMIT", default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Write each whole, as JSON on a line of its own
        #[arg(long, env = "SK_TICKETS_LETTERS_JSON", value_parser = FalseyValueParser::new())]
        json: bool,
    },
    /// Deliver again: one dead letter, or all that match
    Replay {
        /// The id of the one: dlv_…
        #[arg(conflicts_with = "Letters")]
        id: Option<DeliveryId>,
        #[command(flatten)]
        letters: Letters,
        /// The key to do it once with, however often it is asked for [default: a new one]
        #[arg(long, env = "SK_TICKETS_IDEMPOTENCY_KEY", value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Give a dead letter up
    Discard {
        /// Its id: dlv_…
        id: DeliveryId,
        /// Why
        #[arg(long, env = "SK_TICKETS_DISCARD_REASON")]
        reason: String,
        /// The key to do it once with, however often it is asked for [default: a new one]
        #[arg(long, env = "SK_TICKETS_IDEMPOTENCY_KEY", value_name = "KEY")]
        idempotency_key: Option<String>,
    },
}

/// Which dead letters are meant; all of them, if nothing is said.
#[derive(Debug, Args)]
pub(crate) struct Letters {
    /// Only those for this endpoint: whe_…
    #[arg(long, env = "SK_TICKETS_LETTERS_ENDPOINT", value_name = "ID")]
    pub(crate) endpoint: Option<EndpointId>,

    /// Only those of this type of event, such as ticket.created; may be given more than once
    #[arg(long = "type", env = "SK_TICKETS_LETTERS_TYPES", value_delimiter = ',', value_name = "TYPE")]
    pub(crate) types: Vec<EventType>,

    /// Only those of events since then, such as 2027-01-01T00:00:00Z
    #[arg(long, env = "SK_TICKETS_LETTERS_FROM", value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,

    /// Only those of events before then
    #[arg(long, env = "SK_TICKETS_LETTERS_TO", value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The port to listen on, at 127.0.0.1
    #[arg(long, env = "SK_TICKETS_LISTEN_PORT", default_value_t = 9000)]
    pub(crate) port: u16,

    /// The secret to verify with: whsec_… [default: that of an endpoint it makes for itself in the tenant's test world]
    #[arg(long, env = "SK_TICKETS_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,

    /// Whose webhooks to listen to, when no secret is given
    #[arg(long, env = "SK_TICKETS_TENANT", default_value = "demo")]
    pub(crate) tenant: Tenant,
}

/// Reads the command line; prints help or what is wrong with it, and leaves.
pub(crate) fn parse() -> Cli {
    let mut command = without_empty(Cli::command());
    let matches = command.get_matches_mut();
    // The flags of `serve` are taken with and without the word; before another command they would mean nothing.
    if let Some(name) = matches.subcommand_name() {
        let flags = Serve::augment_args(clap::Command::new("serve"));
        for flag in flags.get_arguments() {
            let id = flag.get_id().as_str();
            if matches.value_source(id) == Some(ValueSource::CommandLine) {
                let flag = flag.get_long().unwrap_or(id);
                let message = format!("--{flag} is a flag of `serve`; put it after the command, not before `{name}`");
                command.error(ErrorKind::ArgumentConflict, message).exit();
            }
        }
    }
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// An environment variable that is empty is as one that is not there: who starts servers often cannot leave one out.
fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    let unset = |arg: clap::Arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg };
    command.mut_args(unset).mut_subcommands(without_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_no_slash_at_its_end() {
        let parse = |text: &str| text.parse().map(|PublicUrl(url)| url);
        for text in ["https://help.example", "https://help.example/", "https://help.example//"] {
            assert_eq!(parse(text).unwrap(), "https://help.example");
        }
        assert_eq!(parse("http://127.0.0.1:8080/desk/").unwrap(), "http://127.0.0.1:8080/desk");
        for text in ["", "notaurl", "help.example", "ftp://help.example", "https://", "https://u@help.example"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("https://help.example/?a").is_err() && parse("https://help.example/#a").is_err());
    }
}
