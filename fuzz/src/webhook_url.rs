use std::net::IpAddr;

use serde_json::json;
use sk_tickets_core::{Environment, TargetPolicy, limits::ENDPOINT_URL_MAX};
use url::{Host, Url};

use crate::{spoil, stage::Stage};

const LAWFUL: &str = "https://hooks.example.com:443/in?x=1";

/// URLs of webhooks. One that is accepted is so in its normalised form too, and means the same; it has no credentials and
/// leads to the host that stands in it; by the usual policy that has a public name and no address. What is accepted in live
/// is accepted in test, and what one policy accepts those that are wider do. The API answers as the policy judges.
///
/// # Panics
/// If one of that does not hold.
pub fn webhook_url(input: &[u8]) {
    let Some(tried) = spoil::tried(input, LAWFUL) else { return };
    let text = tried.text.as_str();
    let policies = [TargetPolicy::Public, TargetPolicy::LoopbackInTest, TargetPolicy::Anything];
    let [live, test] = [Environment::Live, Environment::Test].map(|environment| {
        let judged = policies.map(|policy| judge(policy, text, environment));
        assert!(judged.is_sorted(), "{text:?}: what is accepted by one policy is refused by a wider one");
        judged
    });
    for (live, test) in live.into_iter().zip(test) {
        assert!(test || !live, "{text:?} is accepted in live alone");
    }
    Stage::with(|stage| asked(stage, text));
}

/// Whether the policy accepts the text.
fn judge(policy: TargetPolicy, text: &str, environment: Environment) -> bool {
    let Ok(url) = policy.judge(text, environment) else { return false };
    assert_eq!(policy.judge(url.as_str(), environment).as_ref(), Ok(&url), "{text:?}");
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url), "{text:?}");
    let wrong = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\';
    assert!(!url.as_str().contains(wrong), "{text:?} has become {url}");
    let authority = url.authority();
    assert!(url.username().is_empty() && url.password().is_none() && !authority.contains('@'), "{url}");
    leads_where_it_says(text, &url);
    if policy != TargetPolicy::Anything {
        assert!(url.scheme() == "https" || (url.scheme() == "http" && environment == Environment::Test), "{url}");
        let port = url.port_or_known_default();
        let lawful = |port: u16| port == 443 || (environment == Environment::Test && (port == 80 || port >= 1_024));
        assert!(port.is_some_and(lawful), "{url}");
        let may_loop = policy == TargetPolicy::LoopbackInTest && environment == Environment::Test;
        assert!(is_public(&url) || (may_loop && loops(&url)), "{text:?} leads to {url}");
    }
    true
}

fn is_public(url: &Url) -> bool {
    url.domain().is_some_and(|name| {
        let name = name.strip_suffix('.').unwrap_or(name);
        let inside = ["localhost", "internal", "local", "home.arpa", "svc", "lan"];
        let last = |suffix: &&str| name == *suffix || name.ends_with(&format!(".{suffix}"));
        name.contains('.') && name.parse::<IpAddr>().is_err() && !inside.iter().any(last)
    })
}

fn loops(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// Who reads a URL without knowing the ways of browsers must find the same host in it.
fn leads_where_it_says(text: &str, url: &Url) {
    let Some((scheme, rest)) = text.split_once("://") else { panic!("{text:?} has no place for a host") };
    assert!(scheme.eq_ignore_ascii_case(url.scheme()), "{text:?} leads to {url}");
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if let Some(name) = url.domain()
        && is_plain
    {
        assert!(name.eq_ignore_ascii_case(host), "{text:?} leads to {name}");
    }
}

fn asked(stage: &mut Stage, text: &str) {
    if text.is_empty() || text.contains('\0') || text.chars().count() > ENDPOINT_URL_MAX {
        return;
    }
    let key = stage.fresh_key();
    let answer = stage.post("/webhook_endpoints", key, json!({"url": text}).to_string().as_bytes());
    match TargetPolicy::Public.judge(text, Environment::Test) {
        Ok(url) => assert_eq!((answer.status, &answer.json()["url"]), (201, &json!(url.as_str())), "{text:?}"),
        Err(error) => {
            let fault = &answer.json()["errors"][0];
            assert_eq!((answer.status, &fault["pointer"]), (422, &json!("/url")), "{text:?}: {answer:?}");
            assert_eq!(fault["code"], error.code(), "{text:?}");
        }
    }
}
