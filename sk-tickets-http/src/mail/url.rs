//! What a URL says of a mail server.

use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{
        AsyncSmtpTransportBuilder,
        client::{Tls, TlsParameters},
    },
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::SmtpError;

const SMTP_PORT: u16 = 25;
const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;

/// When the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// From the first byte.
    Always,
    /// After STARTTLS; without it nothing is sent.
    Required,
    /// After STARTTLS, where the server offers it.
    Offered,
    /// Never.
    None,
}

/// Where a mail server is, and how it is spoken to. The URL itself may hold a password: it is in no error, and this is
/// not shown.
pub(super) struct Location {
    url: Url,
    host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
}

impl Location {
    /// Credentials never go over a connection that is not encrypted, unless `tls=none` asks for it.
    pub(super) fn parse(text: &str) -> Result<Self, SmtpError> {
        let url = Url::parse(text).map_err(|_| SmtpError::Url("is not a URL"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpError::Url("names no host"))?.to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SmtpError::Url("has more than a host and a port"));
        }
        if url.password().is_none() && !url.username().is_empty() {
            return Err(SmtpError::Url("has a user and no password"));
        }
        let mut tls = None;
        for (name, value) in url.query_pairs() {
            if name != "tls" || tls.is_some() {
                return Err(SmtpError::Url("has a parameter other than one `tls`"));
            }
            tls = Some(value.into_owned());
        }
        let has_credentials = url.password().is_some();
        let encryption = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => Encryption::Always,
            ("smtp", None) if has_credentials => Encryption::Required,
            ("smtp", None) => Encryption::Offered,
            ("smtp", Some("required")) => Encryption::Required,
            ("smtp", Some("none")) => Encryption::None,
            ("smtp" | "smtps", Some(_)) => return Err(SmtpError::Url("takes `tls=required` or `tls=none` with smtp")),
            _ => return Err(SmtpError::Url("must begin with smtp:// or smtps://")),
        };
        let usual = match encryption {
            Encryption::Always => SUBMISSIONS_PORT,
            Encryption::Required => SUBMISSION_PORT,
            Encryption::Offered | Encryption::None if has_credentials => SUBMISSION_PORT,
            Encryption::Offered | Encryption::None => SMTP_PORT,
        };
        Ok(Self { port: url.port().unwrap_or(usual), host, encryption, url })
    }

    /// Whom mails are from unless somebody says so: the user, if that is an address, else nobody in particular at the
    /// host.
    pub(super) fn sender(&self) -> String {
        let user = percent_decode_str(self.url.username()).decode_utf8_lossy().into_owned();
        if user.contains('@') {
            return user;
        }
        match self.url.host().map(|host| host.to_owned()) {
            // Of a scheme that the rules of browsers do not know, an address is a name like any other.
            Some(Host::Domain(name)) if name.contains('.') && name.parse::<std::net::Ipv4Addr>().is_err() => {
                format!("no-reply@{name}")
            }
            Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | None => "no-reply@localhost".to_owned(),
        }
    }

    pub(super) fn transport(&self) -> Result<AsyncSmtpTransportBuilder, SmtpError> {
        let tls = || TlsParameters::new(self.host.clone()).map_err(|error| SmtpError::Tls(error.to_string()));
        let tls = match self.encryption {
            Encryption::Always => Tls::Wrapper(tls()?),
            Encryption::Required => Tls::Required(tls()?),
            Encryption::Offered => Tls::Opportunistic(tls()?),
            Encryption::None => Tls::None,
        };
        let mut url = self.url.clone();
        url.set_query(None);
        // It takes the credentials from the URL; how to encrypt is said here.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|_| SmtpError::Url("has credentials that cannot be read"))?;
        Ok(builder.port(self.port).tls(tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_sent_in_the_clear_unless_that_is_asked_for() {
        for (url, encryption, port) in [
            ("smtps://ann:secret@mail.example.com", Encryption::Always, 465),
            ("smtp://ann:secret@mail.example.com", Encryption::Required, 587),
            ("smtp://ann:secret@mail.example.com:2525", Encryption::Required, 2525),
            ("smtp://ann:secret@127.0.0.1?tls=none", Encryption::None, 587),
            ("smtp://localhost", Encryption::Offered, 25),
            ("smtp://mail.example.com/?tls=required", Encryption::Required, 587),
            ("smtp://mail.example.com?tls=none", Encryption::None, 25),
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!((location.encryption, location.port), (encryption, port), "{url}");
            location.transport().unwrap();
        }
    }

    #[test]
    fn what_says_something_else_is_refused_without_being_shown() {
        for url in [
            "",
            "mail.example.com",
            "http://ann:secret@mail.example.com",
            "smtp://",
            "smtp://ann@mail.example.com",
            "smtp://ann:secret@mail.example.com/box",
            "smtp://ann:secret@mail.example.com#secret",
            "smtp://ann:secret@mail.example.com?tls=opportunistic",
            "smtps://ann:secret@mail.example.com?tls=none",
            "smtp://ann:secret@mail.example.com?tls=none&tls=required",
            "smtp://ann:secret@mail.example.com?starttls=1",
            "smtp://ann:secret@mail.example.com:secret",
        ] {
            let error = Location::parse(url).map(|_| ()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_sender_follows_from_the_url() {
        for (url, sender) in [
            ("smtps://support%40acme.example:x@smtp.example.com", "support@acme.example"),
            ("smtps://apikey:x@smtp.example.com", "no-reply@smtp.example.com"),
            ("smtp://localhost:2525", "no-reply@localhost"),
            ("smtp://127.0.0.1:2525", "no-reply@localhost"),
            ("smtp://[::1]:2525", "no-reply@localhost"),
        ] {
            assert_eq!(Location::parse(url).unwrap().sender(), sender);
        }
    }
}
