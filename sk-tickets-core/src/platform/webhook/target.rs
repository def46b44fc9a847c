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
const INTERNAL_SUFFIXES: [&str; 11] = [
    "localhost",
    "internal",
    "local",
    "localdomain",
    "lan",
    "home.arpa",
    // Used inside, and never to be delegated (RFC 6762, appendix G); and the services of a Kubernetes cluster.
    "corp",
    "home",
    "intranet",
    "private",
    "svc",
];

impl TargetPolicy {
    /// Judges the text of a URL. The URL that is given back is normalised: an address in whatever spelling has become
    /// an address, and it is this form that must be dialled.
    ///
    /// # Errors
    /// [`TargetError`] if the URL is not to be sent to.
    pub fn judge(self, text: &str, environment: Environment) -> Result<Url, TargetError> {
        let authority = authority(text).ok_or(TargetError::Url)?;
        let url = Url::parse(text).map_err(|_| TargetError::Url)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(TargetError::Url),
        };
        let host = url.host().ok_or(TargetError::Url)?;
        // The parser forgets a user name that is empty.
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
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
                let name = name.strip_suffix('.').unwrap_or(name);
                let inside =
                    |suffix: &str| name == suffix || name.strip_suffix(suffix).is_some_and(|head| head.ends_with('.'));
                if name == "localhost" && self.permits(IpAddr::V4(Ipv4Addr::LOCALHOST), environment) {
                    Some(true)
                } else if !is_name(name) || !name.contains('.') || INTERNAL_SUFFIXES.iter().any(|suffix| inside(suffix))
                {
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

/// What stands between `//` and the path. None if the text is not written as a URL with one: the parser, made for what
/// people type into browsers, would take `https:example.com`, drop tabs and line ends, and read `\` as `/`, where others
/// read on to another host.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let lawful = !rest.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    lawful.then(|| rest.split(['/', '?', '#']).next().unwrap_or(rest))
}

/// Whether this can be looked up in DNS: labels of 1 to 63 characters, 253 in all.
fn is_name(name: &str) -> bool {
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(lawful))
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

/// The IANA IPv4 special-purpose registry, multicast, and the host of an Azure machine, which answers only from inside
/// though its address looks public.
const PRIVATE_V4: [(Ipv4Addr, u32); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
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

/// Parts of `2000::/3` that are not public, by the IANA IPv6 special-purpose registry: IETF assignments with Teredo,
/// benchmarking and ORCHID, documentation, 6to4, AS112, documentation.
const PRIVATE_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4F, 0x8000, 0, 0, 0, 0, 0), 48),
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
            ("https://@example.com/", "credentials_in_url"),
            ("https://example.com@127.0.0.1/", "credentials_in_url"),
            ("ftp://example.com/", "invalid_url"),
            ("example.com", "invalid_url"),
            ("https:example.com", "invalid_url"),
            ("https:///example.com", "invalid_url"),
            // The parser takes one slash for two, and so another host than stands behind the two.
            ("https:/example.com/://example.org/", "invalid_url"),
            ("https:/@example.com/://example.org/", "invalid_url"),
            ("https:example.com/://example.org/", "invalid_url"),
            ("https://exa\tmple.com/", "invalid_url"),
            ("https://example.com/\n", "invalid_url"),
            (" https://example.com/", "invalid_url"),
            ("https://example.com\\@127.0.0.1/", "invalid_url"),
            ("https://localhost/", "host_not_allowed"),
            ("https://localhost./", "host_not_allowed"),
            ("https://LOCALHOST/", "host_not_allowed"),
            ("https://a.localhost/", "host_not_allowed"),
            ("https://metadata.google.internal/", "host_not_allowed"),
            ("https://printer.local/", "host_not_allowed"),
            ("https://redis/", "host_not_allowed"),
            ("https://redis.default.svc/", "host_not_allowed"),
            ("https://wiki.corp/", "host_not_allowed"),
            ("https://127.0.0.1../", "host_not_allowed"),
            ("https://a..example.com/", "host_not_allowed"),
            ("https://*.example.com/", "host_not_allowed"),
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

    /// First and last address of each range that webhooks may not reach, and the addresses just outside of it, where
    /// those are public. From the IANA registries of IPv4 and IPv6 special-purpose addresses and of multicast, and the
    /// addresses at which clouds tell machines their secrets.
    #[rustfmt::skip]
    const RANGES: [(&str, &str, &str, &str, &str); 52] = [
        // what,                    before,               first,               last,              after
        ("this network",            "",                   "0.0.0.0",           "0.255.255.255",   "1.0.0.0"),
        ("private 10/8",            "9.255.255.255",      "10.0.0.0",          "10.255.255.255",  "11.0.0.0"),
        ("carrier-grade NAT",       "100.63.255.255",     "100.64.0.0",        "100.127.255.255", "100.128.0.0"),
        ("metadata of Alibaba",     "",                   "100.100.100.200",   "100.100.100.200", ""),
        ("loopback",                "126.255.255.255",    "127.0.0.0",         "127.255.255.255", "128.0.0.0"),
        ("host of Azure",           "168.63.129.15",      "168.63.129.16",     "168.63.129.16",   "168.63.129.17"),
        ("link-local",              "169.253.255.255",    "169.254.0.0",       "169.254.255.255", "169.255.0.0"),
        ("metadata of most clouds", "",                   "169.254.169.254",   "169.254.169.254", ""),
        ("tasks of AWS ECS",        "",                   "169.254.170.2",     "169.254.170.2",   ""),
        ("private 172.16/12",       "172.15.255.255",     "172.16.0.0",        "172.31.255.255",  "172.32.0.0"),
        ("IETF assignments",        "191.255.255.255",    "192.0.0.0",         "192.0.0.255",     "192.0.1.0"),
        ("metadata of Oracle",      "",                   "192.0.0.192",       "192.0.0.192",     ""),
        ("documentation 1",         "192.0.1.255",        "192.0.2.0",         "192.0.2.255",     "192.0.3.0"),
        ("AS112",                   "192.31.195.255",     "192.31.196.0",      "192.31.196.255",  "192.31.197.0"),
        ("AMT",                     "192.52.192.255",     "192.52.193.0",      "192.52.193.255",  "192.52.194.0"),
        ("6to4 relays",             "192.88.98.255",      "192.88.99.0",       "192.88.99.255",   "192.88.100.0"),
        ("private 192.168/16",      "192.167.255.255",    "192.168.0.0",       "192.168.255.255", "192.169.0.0"),
        ("AS112 by delegation",     "192.175.47.255",     "192.175.48.0",      "192.175.48.255",  "192.175.49.0"),
        ("benchmarks",              "198.17.255.255",     "198.18.0.0",        "198.19.255.255",  "198.20.0.0"),
        ("documentation 2",         "198.51.99.255",      "198.51.100.0",      "198.51.100.255",  "198.51.101.0"),
        ("documentation 3",         "203.0.112.255",      "203.0.113.0",       "203.0.113.255",   "203.0.114.0"),
        ("multicast",               "223.255.255.255",    "224.0.0.0",         "239.255.255.255", ""),
        ("reserved",                "",                   "240.0.0.0",         "255.255.255.254", ""),
        ("broadcast",               "",                   "255.255.255.255",   "255.255.255.255", ""),
        ("v4 in v6, old way",       "",                   "::",                "::ffff:ffff",     ""),
        ("unspecified",             "",                   "::",                "::",              ""),
        ("loopback",                "",                   "::1",               "::1",             ""),
        ("translated v4",           "",                   "::ffff:0:0:0",      "::ffff:0:ffff:ffff", ""),
        ("mapped loopback",         "::ffff:126.255.255.255", "::ffff:127.0.0.0", "::ffff:127.255.255.255", "::ffff:128.0.0.0"),
        ("mapped private",          "::ffff:9.255.255.255", "::ffff:10.0.0.0", "::ffff:10.255.255.255", "::ffff:11.0.0.0"),
        ("mapped metadata",         "",                   "::ffff:169.254.169.254", "::ffff:169.254.169.254", ""),
        ("NAT64",                   "",                   "64:ff9b::",         "64:ff9b::ffff:ffff", ""),
        ("NAT64 of one's own",      "",                   "64:ff9b:1::",       "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""),
        ("discard",                 "",                   "100::",             "100::ffff:ffff:ffff:ffff", ""),
        ("dummy prefix",            "",                   "100:0:0:1::",       "100:0:0:1:ffff:ffff:ffff:ffff", ""),
        ("up to global unicast",    "",                   "200::",             "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        ("IETF assignments",        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
        ("Teredo",                  "",                   "2001::",            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("benchmarks",              "",                   "2001:2::",          "2001:2:0:ffff:ffff:ffff:ffff:ffff", ""),
        ("ORCHID",                  "",                   "2001:10::",         "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("drones' remote id",       "",                   "2001:30::",         "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("documentation",           "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
        ("6to4",                    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
        ("AS112",                   "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"),
        ("documentation",           "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
        ("after global unicast",    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("segment routing",         "",                   "5f00::",            "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("unique local",            "",                   "fc00::",            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("metadata of AWS",         "",                   "fd00:ec2::254",     "fd00:ec2::254",   ""),
        ("link-local",              "",                   "fe80::",            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("site-local",              "",                   "fec0::",            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("multicast",               "",                   "ff00::",            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
    ];

    #[test]
    fn no_range_that_is_special_may_be_dialled_and_what_is_beside_it_may() {
        for (what, before, first, last, after) in RANGES {
            for environment in Environment::ALL {
                let permits = |address: &str| TargetPolicy::Public.permits(address.parse().unwrap(), environment);
                for address in [first, last] {
                    assert!(!permits(address), "{what}: {address}");
                }
                for address in [before, after] {
                    assert!(address.is_empty() || permits(address), "beside {what}: {address}");
                }
            }
        }
    }

    #[test]
    fn what_is_public_may_be_dialled() {
        for address in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(TargetPolicy::Public.permits(address.parse().unwrap(), Environment::Live), "{address}");
        }
    }

    #[test]
    fn loopback_in_test_permits_loopback_in_test_and_nothing_else() {
        let is_loopback = |address: IpAddr| address.is_loopback() || address.to_canonical().is_loopback();
        for address in RANGES.iter().flat_map(|&(_, _, first, last, _)| [first, last]) {
            let address: IpAddr = address.parse().unwrap();
            let permits = |environment| TargetPolicy::LoopbackInTest.permits(address, environment);
            assert_eq!(permits(Environment::Test), is_loopback(address), "{address}");
            assert!(!permits(Environment::Live), "{address}");
            assert!(TargetPolicy::Anything.permits(address, Environment::Live), "{address}");
        }
    }

    #[test]
    fn what_is_given_back_is_what_the_spelling_means() {
        for (spelt, meant) in [
            ("HTTPS://EXAMPLE.COM", "https://example.com/"),
            ("https://example.com:443/a", "https://example.com/a"),
            ("https://example.com.", "https://example.com./"),
            ("https://ex%61mple.com/", "https://example.com/"),
            ("https://example\u{3002}com/", "https://example.com/"),
            ("https://\u{24d4}xample.com/", "https://example.com/"),
            ("https://m\u{fc}nchen.example.com/", "https://xn--mnchen-3ya.example.com/"),
            ("https://example.com/@127.0.0.1", "https://example.com/@127.0.0.1"),
            ("https://example.com/?x=https://127.0.0.1/", "https://example.com/?x=https://127.0.0.1/"),
        ] {
            let url = TargetPolicy::Public.judge(spelt, Environment::Live).unwrap();
            assert_eq!(url.as_str(), meant, "{spelt}");
            // To judge it again, as is done when it is dialled, changes nothing.
            assert_eq!(TargetPolicy::Public.judge(meant, Environment::Live), Ok(url));
        }
    }
}
