use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::platform::realm::Environment;

/// Which targets webhooks may be sent to. By default only public ones: a webhook must not be a way to reach what only
/// this machine can reach (server-side request forgery).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum TargetPolicy {
    /// Public addresses; live by https on 443, test by http or https on 443, 80, or 1024 and up.
    #[default]
    Public,
    /// As above, and in test loopback too: for trying things on one's own machine.
    LoopbackInTest,
    /// Anything, for development.
    Anything,
}

/// Why a URL is not taken as a webhook's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not an absolute http or https URL.
    #[error("must be an absolute http or https URL")]
    Url,
    /// Plain http in live.
    #[error("must be https")]
    HttpsRequired,
    /// A user name or password in the URL.
    #[error("must not have a user name or password")]
    Credentials,
    /// A port that is not for webhooks.
    #[error("must use port 443, or in test also 80 or a port from 1024 up")]
    Port,
    /// An address instead of a name, or one that is not public.
    #[error("must be a public host name, not an IP address")]
    Address,
    /// A name that is only known inside.
    #[error("must be a public host name")]
    Host,
}

impl TargetError {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "invalid_url",
            Self::HttpsRequired => "https_required",
            Self::Credentials => "credentials_in_url",
            Self::Port => "port_not_allowed",
            Self::Address => "address_not_allowed",
            Self::Host => "host_not_allowed",
        }
    }
}

/// Names that only ever mean something inside; so does every name without a dot.
const INTERNAL_SUFFIXES: [&str; 6] = ["localhost", "internal", "local", "localdomain", "lan", "home.arpa"];

impl TargetPolicy {
    /// Judges the text of a URL. The URL that is given back is normalised: an address in whatever spelling has become
    /// an address, and it is this form that must be dialled.
    ///
    /// # Errors
    /// [`TargetError`] if the URL is not to be sent to.
    pub fn judge(self, text: &str, environment: Environment) -> Result<Url, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError::Url)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(TargetError::Url),
        };
        let host = url.host().ok_or(TargetError::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if self == Self::Anything {
            return Ok(url);
        }
        let live = environment == Environment::Live;
        if live && !https {
            return Err(TargetError::HttpsRequired);
        }
        let port = url.port_or_known_default().ok_or(TargetError::Port)?;
        if port != 443 && (live || (port != 80 && port < 1024)) {
            return Err(TargetError::Port);
        }
        let loopback = match host {
            Host::Ipv4(address) => Some(self.permits(IpAddr::V4(address), environment) && address.is_loopback()),
            Host::Ipv6(address) => Some(self.permits(IpAddr::V6(address), environment) && address.is_loopback()),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                let inside =
                    |suffix: &str| name == suffix || name.strip_suffix(suffix).is_some_and(|head| head.ends_with('.'));
                if name == "localhost" && self.permits(IpAddr::V4(Ipv4Addr::LOCALHOST), environment) {
                    Some(true)
                } else if !name.contains('.') || INTERNAL_SUFFIXES.iter().any(|suffix| inside(suffix)) {
                    return Err(TargetError::Host);
                } else {
                    None
                }
            }
        };
        if loopback == Some(false) { Err(TargetError::Address) } else { Ok(url) }
    }

    /// Whether this address may be dialled. To be asked of every address that a name resolves to, at the moment of
    /// dialling.
    #[must_use]
    pub fn permits(self, address: IpAddr, environment: Environment) -> bool {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
            v4 @ IpAddr::V4(_) => v4,
        };
        match self {
            Self::Anything => true,
            Self::LoopbackInTest if environment == Environment::Test && address.is_loopback() => true,
            Self::LoopbackInTest | Self::Public => is_public(address),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|(network, bits)| {
            let mask = u32::MAX << (32 - bits);
            address.to_bits() & mask == network.to_bits() & mask
        }),
        // Global unicast is 2000::/3; everything outside of it is special, and so are these parts of it.
        IpAddr::V6(address) => {
            address.segments()[0] & 0xE000 == 0x2000
                && !PRIVATE_V6.iter().any(|(network, bits)| {
                    let mask = u128::MAX << (128 - bits);
                    address.to_bits() & mask == network.to_bits() & mask
                })
        }
    }
}

/// The IANA IPv4 special-purpose registry, and multicast.
const PRIVATE_V4: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Parts of `2000::/3` that are not public: IETF assignments with Teredo and documentation, 6to4, documentation.
const PRIVATE_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3FFF, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn code(policy: TargetPolicy, url: &str, environment: Environment) -> &'static str {
        policy.judge(url, environment).map_or_else(TargetError::code, |_| "ok")
    }

    #[test]
    fn what_is_refused_and_why() {
        let table = [
            ("https://example.com/hook", "ok"),
            ("https://example.com:443/hook?x=1", "ok"),
            ("http://example.com/hook", "https_required"),
            ("https://example.com:8443/", "port_not_allowed"),
            ("https://user@example.com/", "credentials_in_url"),
            ("https://user:pass@example.com/", "credentials_in_url"),
            ("ftp://example.com/", "invalid_url"),
            ("example.com", "invalid_url"),
            ("https://localhost/", "host_not_allowed"),
            ("https://localhost./", "host_not_allowed"),
            ("https://LOCALHOST/", "host_not_allowed"),
            ("https://a.localhost/", "host_not_allowed"),
            ("https://metadata.google.internal/", "host_not_allowed"),
            ("https://printer.local/", "host_not_allowed"),
            ("https://redis/", "host_not_allowed"),
            ("https://xn--!-vtd/", "host_not_allowed"),
            ("https://127.0.0.1/", "address_not_allowed"),
            ("https://2130706433/", "address_not_allowed"),
            ("https://0x7f.1/", "address_not_allowed"),
            ("https://0177.0.0.1/", "address_not_allowed"),
            ("https://127.1/", "address_not_allowed"),
            ("https://127.0.0.1./", "address_not_allowed"),
            ("https://1.1.1.1/", "address_not_allowed"),
            ("https://[::1]/", "address_not_allowed"),
            ("https://[::ffff:127.0.0.1]/", "address_not_allowed"),
            ("https://[2606:4700::1111]/", "address_not_allowed"),
            ("https://169.254.169.254/latest/meta-data", "address_not_allowed"),
        ];
        for (url, wanted) in table {
            assert_eq!(code(TargetPolicy::Public, url, Environment::Live), wanted, "{url}");
        }
    }

    #[test]
    fn test_allows_more_ports_and_only_the_example_server_loopback() {
        let test = |policy, url| code(policy, url, Environment::Test);
        assert_eq!(test(TargetPolicy::Public, "http://example.com:8080/"), "ok");
        assert_eq!(test(TargetPolicy::Public, "http://example.com:22/"), "port_not_allowed");
        assert_eq!(test(TargetPolicy::Public, "http://127.0.0.1:9000/"), "address_not_allowed");
        for url in ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/"] {
            assert_eq!(test(TargetPolicy::LoopbackInTest, url), "ok", "{url}");
            assert_ne!(code(TargetPolicy::LoopbackInTest, url, Environment::Live), "ok", "{url}");
            assert_eq!(code(TargetPolicy::Anything, url, Environment::Live), "ok", "{url}");
        }
        assert_eq!(test(TargetPolicy::LoopbackInTest, "http://10.0.0.1:9000/"), "address_not_allowed");
    }

    #[test]
    fn addresses_that_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!TargetPolicy::Public.permits(address.parse().unwrap(), Environment::Test), "{address}");
        }
        for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(TargetPolicy::Public.permits(address.parse().unwrap(), Environment::Live), "{address}");
        }
    }
}
