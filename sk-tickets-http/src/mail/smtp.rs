use std::{fmt, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{self, PoolConfig, extension::ClientId},
};
use sk_tickets_core::{Mail, Notifier, NotifyError, limits::MAILS_IN_FLIGHT_MAX};

use super::{message, url::Location};

/// How long the server may take for each answer.
const TIME_OUT: Duration = Duration::from_secs(30);
/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Sends mails to customers through one SMTP server, over connections that are used again.
///
/// `smtps://user:password@host` is encrypted from the first byte. `smtp://user:password@host` is after STARTTLS, and a
/// server that does not offer that is sent nothing. Without credentials, `smtp://host` uses STARTTLS where it is offered.
/// `?tls=required` always asks for it; `?tls=none` never does, and sends even credentials in the clear: for a server on the
/// same machine. A user or password with special characters is percent-encoded. Certificates are verified by what the
/// machine trusts.
pub struct SmtpNotifier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why a mail server cannot be spoken to as it was asked for. The URL is not in it, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpError {
    /// What is wrong with the URL.
    Url(&'static str),
    /// The sender is not an address.
    From(String),
    /// There is nothing to verify certificates with.
    Tls(String),
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(what) => write!(f, "the URL of the mail server {what}"),
            Self::From(error) => write!(f, "mails cannot be from that sender: {error}"),
            Self::Tls(error) => write!(f, "certificates cannot be verified: {error}"),
        }
    }
}

impl std::error::Error for SmtpError {}

impl SmtpNotifier {
    /// Mails through the server at `url`, from `from`: an address, or a name with one in angle brackets. Without it they
    /// are from the user of the URL, if that is an address, else from `no-reply` at the host. It does not connect yet.
    ///
    /// # Errors
    /// [`SmtpError`]: one of them cannot be read, or the machine trusts no certificates.
    pub fn new(url: &str, from: Option<&str>) -> Result<Self, SmtpError> {
        let location = Location::parse(url)?;
        let from = from.map_or_else(|| location.sender(), str::to_owned);
        let from: Mailbox =
            from.parse().map_err(|error: lettre::address::AddressError| SmtpError::From(error.to_string()))?;
        let pool =
            PoolConfig::new().max_size(u32::try_from(MAILS_IN_FLIGHT_MAX).unwrap_or(u32::MAX)).idle_timeout(IDLE);
        let transport = location
            .transport()?
            .timeout(Some(TIME_OUT))
            .pool_config(pool)
            // What the server knows of us anyway; some refuse a name that is no domain's.
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .build();
        Ok(Self { transport, from })
    }
}

impl fmt::Debug for SmtpNotifier {
    // Without the transport, which has the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpNotifier").field("from", &self.from.to_string()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    async fn notify(&self, mail: &Mail) -> Result<(), NotifyError> {
        let message = message::write(&self.from, mail).map_err(NotifyError::Permanent)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if is_for_good(&error) => Err(NotifyError::Permanent(error.to_string())),
            Err(error) => Err(NotifyError::Passing(error.to_string())),
        }
    }
}

/// Whether the server said that there is nobody at the address: the mailbox is not there (550), is elsewhere (551), is not
/// a name for one (553), or its domain takes no mail (556). Not where it gives a policy for the reason (5.7): that is about
/// who sends, and other codes are about the server or about us.
fn is_for_good(error: &smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    matches!(code, Some(550 | 551 | 553 | 556)) && !error.to_string().contains(": 5.7.")
}
