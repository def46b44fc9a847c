//! Where a web page comes from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::{
    input::{Faults, Input, Pointer, read_parsed},
    json::Json,
};

/// The longest name of a host (RFC 1035, section 2.3.4, in characters as it is written).
const HOST_MAX: usize = 253;
/// The longest text that is read as an origin: a scheme, a host and a port.
pub const ORIGIN_MAX: usize = "https://".len() + HOST_MAX + ":65535".len();

/// An origin in its ASCII serialization ([RFC 6454](https://www.rfc-editor.org/rfc/rfc6454), section 6.2), as browsers
/// send it: `https://shop.example`, `http://localhost:5000`. In lower case, without the port that the scheme implies.
///
/// It has no other characters than a to z, digits and `:/.-_`, so it goes into a header or a policy as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the faults an origin can have")]
pub enum OriginError {
    /// It does not begin with a scheme that pages are served by.
    #[error("must begin with https:// or http://, as in https://shop.example")]
    Scheme,
    /// It stands for several.
    #[error("must name one origin, without a wildcard")]
    Wildcard,
    /// Something follows the host and the port.
    #[error("must end after the host and the port, without a path or a slash, as in https://shop.example")]
    Path,
    /// It has a name or a password in it.
    #[error("must not have a user name or a password in it")]
    Credentials,
    /// There is no such host.
    #[error("must name a host, by its name or its IPv4 address")]
    Host,
    /// There is no such port.
    #[error("must have a port from 1 to 65535, if any")]
    Port,
}

impl Origin {
    /// The origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https" | "http") {
            return Err(OriginError::Scheme);
        }
        // A parser for URLs mends much of what is wrong, so it only sees what needs no mending.
        let says = |found: fn(char) -> bool, error| if rest.contains(found) { Err(error) } else { Ok(()) };
        says(|c| matches!(c, '/' | '\\' | '?' | '#'), OriginError::Path)?;
        says(|c| c == '@', OriginError::Credentials)?;
        says(|c| c == '*', OriginError::Wildcard)?;
        says(|c| c.is_whitespace() || c.is_control() || c == '%', OriginError::Host)?;
        if let Some((_, port)) = rest.rsplit_once(':')
            && !is_port(port)
        {
            return Err(if rest.starts_with('[') { OriginError::Host } else { OriginError::Port });
        }
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| OriginError::Host)?;
        // The parser lets characters pass in a host that would end a directive of a policy.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() || host.len() > HOST_MAX || !host.bytes().all(plain) {
            return Err(OriginError::Host);
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

// Wider than what is read: which names of hosts there are is found out by reading one.
#[cfg(feature = "schema")]
super::schema::inline_schema!([] Origin, |_| schemars::json_schema!({
    "type": "string",
    "pattern": r"^[hH][tT][tT][pP][sS]?://[^\x00-\x20/\\?#@*%\[\]:]+(:[0-9]+)?$",
    "examples": ["https://shop.example"],
}));

impl Input for Origin {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_origin", at, faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for (text, origin) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:443", "https://shop.example"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:5000", "http://localhost:5000"),
            ("https://shop.example:80", "https://shop.example:80"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://a_b.shop-1.example", "https://a_b.shop-1.example"),
        ] {
            let read: Origin = text.parse().unwrap();
            assert_eq!(read.as_str(), origin, "{text}");
            assert_eq!(origin.parse(), Ok(read), "what was written is read again");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_reason() {
        use OriginError::{Credentials, Host, Path, Port, Scheme, Wildcard};
        for (text, error) in [
            ("", Scheme),
            ("null", Scheme),
            ("*", Scheme),
            ("shop.example", Scheme),
            ("//shop.example", Scheme),
            ("ftp://shop.example", Scheme),
            ("javascript://shop.example", Scheme),
            (" https://shop.example", Scheme),
            ("https://", Host),
            ("https://shop.example/", Path),
            ("https://shop.example/a", Path),
            ("https://shop.example?a", Path),
            ("https://shop.example#a", Path),
            ("https:///shop.example", Path),
            ("https://shop.example\\a", Path),
            ("https://*.shop.example", Wildcard),
            ("https://*", Wildcard),
            ("https://ann@shop.example", Credentials),
            ("https://shop.example:0", Port),
            ("https://shop.example:", Port),
            ("https://shop.example:65536", Port),
            ("https://shop.example:+80", Port),
            ("https://shop.example:*", Wildcard),
            ("https://:443", Host),
            ("https://[::1]", Host),
            ("https://[::1]:5000", Host),
            ("https://shop example", Host),
            ("https://shop.example ", Host),
            ("https://shop.example\r\nSet-Cookie: a", Host),
            ("https://shop.example;script-src", Host),
            ("https://shop.example,https", Host),
            ("https://'self'", Host),
            ("https://shop%2eexample", Host),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text:?}");
        }
        assert!(format!("https://{}.example", "a.".repeat(130)).parse::<Origin>().is_err());
    }
}
