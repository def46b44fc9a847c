//! Whom a request comes from, as far as that can be known.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How much of an IPv6 address is given to one household.
const NETWORK_BITS: u32 = 64;

/// The network that a request comes from: an IPv4 address, or the 64 bits of an IPv6 address that one customer of a
/// provider has; none if the connection was not noted (`into_make_service_with_connect_info`).
///
/// Anybody can send an `X-Forwarded-For`. Only what the last so many proxies have added to it, and they know whom they were
/// asked by, is believed; with none of them it is not read.
pub(crate) fn network(extensions: &Extensions, headers: &HeaderMap, trusted_proxies: u8) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let told = usize::from(trusted_proxies).checked_sub(1).and_then(|back| forwarded(headers, back));
    Some(network_of(told.unwrap_or(peer.ip())))
}

/// What stands so many places before the end of `X-Forwarded-For`.
fn forwarded(headers: &HeaderMap, back: usize) -> Option<IpAddr> {
    let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let hop = hops.iter().rev().nth(back)?;
    hop.parse().ok().or_else(|| hop.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let kept = u128::MAX << (u128::BITS - NETWORK_BITS);
            Ipv6Addr::from_bits(address.to_bits() & kept).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&'static str], trusted_proxies: u8) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        let headers =
            forwarded.iter().map(|value| (FORWARDED_FOR, http::HeaderValue::from_static(value))).collect::<HeaderMap>();
        network(&extensions, &headers, trusted_proxies).unwrap().to_string()
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        assert_eq!(of("192.0.2.1", &["198.51.100.1"], 0), "192.0.2.1");
        assert_eq!(of("192.0.2.1", &["203.0.113.9, 198.51.100.1"], 1), "198.51.100.1");
        assert_eq!(of("192.0.2.1", &["203.0.113.9", "198.51.100.1"], 1), "198.51.100.1");
        assert_eq!(of("192.0.2.1", &["203.0.113.9, 198.51.100.1"], 2), "203.0.113.9");
        assert_eq!(of("192.0.2.1", &["198.51.100.1:80"], 1), "198.51.100.1");
        for malformed in [&["junk"][..], &[""], &[]] {
            assert_eq!(of("192.0.2.1", malformed, 1), "192.0.2.1");
        }
        assert_eq!(of("192.0.2.1", &["198.51.100.1"], 2), "192.0.2.1", "it came around a proxy");
    }

    #[test]
    fn a_household_is_one() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6", &[], 0), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1", &[], 0), "192.0.2.1");
        assert_eq!(network(&Extensions::new(), &HeaderMap::new(), 1), None);
    }
}
