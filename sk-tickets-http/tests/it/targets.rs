//! Webhooks are no way into the network of the server (server-side request forgery): what is refused when an endpoint is
//! made, and under which name.

use serde_json::json;
use sk_tickets_core::{Scope, TargetPolicy};

use crate::app::{ACME, ACME_LIVE, Answer, TestApp, text};

const URL: &str = "invalid_url";
const HTTPS: &str = "https_required";
const CREDENTIALS: &str = "credentials_in_url";
const PORT: &str = "port_not_allowed";
const ADDRESS: &str = "address_not_allowed";
const HOST: &str = "host_not_allowed";

/// Refused for the same reason in live and in test, whether loopback is let through in test or not.
const HOSTILE: &[(&str, &str)] = &[
    // Addresses that lead inside.
    ("https://0.0.0.0/", ADDRESS),
    ("https://10.0.0.1/", ADDRESS),
    ("https://100.64.0.1/", ADDRESS),
    ("https://169.254.169.254/latest/meta-data/iam/security-credentials/", ADDRESS),
    ("https://172.16.0.1/", ADDRESS),
    ("https://192.168.0.1/", ADDRESS),
    ("https://198.18.0.1/", ADDRESS),
    ("https://224.0.0.1/", ADDRESS),
    ("https://255.255.255.255/", ADDRESS),
    ("https://[::]/", ADDRESS),
    ("https://[fc00::1]/", ADDRESS),
    ("https://[fd00:ec2::254]/latest/meta-data/", ADDRESS),
    ("https://[fe80::1]/", ADDRESS),
    ("https://[ff02::1]/", ADDRESS),
    ("https://[::127.0.0.1]/", ADDRESS),
    ("https://[::ffff:0:127.0.0.1]/", ADDRESS),
    ("https://[::ffff:127.0.0.1]/", ADDRESS),
    ("https://[::ffff:7f00:1]/", ADDRESS),
    ("https://[::FFFF:169.254.169.254]/", ADDRESS),
    ("https://[0:0:0:0:0:ffff:a9fe:a9fe]/", ADDRESS),
    ("https://[2002:7f00:1::]/", ADDRESS),
    ("https://[64:ff9b::7f00:1]/", ADDRESS),
    ("https://[64:ff9b:1::a00:1]/", ADDRESS),
    ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", ADDRESS),
    // Addresses at all: a certificate is for a name.
    ("https://8.8.8.8/", ADDRESS),
    ("https://[2606:4700::1111]/", ADDRESS),
    // Link-local metadata in every spelling that a resolver may understand.
    ("https://2852039166/", ADDRESS),
    ("https://0xa9fea9fe/", ADDRESS),
    ("https://0XA9FEA9FE/", ADDRESS),
    ("https://025177524776/", ADDRESS),
    ("https://0xa9.0xfe.0xa9.0xfe/", ADDRESS),
    ("https://0251.0376.0251.0376/", ADDRESS),
    ("https://169.0xfe.0251.254/", ADDRESS),
    ("https://169.254.43518/", ADDRESS),
    ("https://169.16689662/", ADDRESS),
    ("https://169.254.169.254./", ADDRESS),
    ("https://\u{ff11}\u{ff16}\u{ff19}.254.169.254/", ADDRESS),
    ("https://\u{2460}\u{2465}\u{2468}.254.169.254/", ADDRESS),
    ("https://169\u{3002}254\u{3002}169\u{3002}254/", ADDRESS),
    ("https://169\u{ff0e}254\u{ff61}169.254/", ADDRESS),
    ("https://169.254.169.25\u{ad}4/", ADDRESS),
    ("https://%31%36%39.254.169.254/", ADDRESS),
    ("https://169%2E254%2E169%2E254/", ADDRESS),
    ("https://10.0.0.1?@example.com/", ADDRESS),
    ("https://10.0.0.1#@example.com/", ADDRESS),
    ("https://10.0.0.1/.example.com", ADDRESS),
    ("https://10.0.0.1/@example.com/", ADDRESS),
    // What looks like an address and is none.
    ("https://256.256.256.256/", URL),
    ("https://127.0.0.1.1/", URL),
    ("https://4294967296/", URL),
    ("https://0x100000000/", URL),
    ("https://[fe80::1%25eth0]/", URL),
    ("https://[::1%lo]/", URL),
    ("https://[::1/", URL),
    ("https://::1/", URL),
    ("https://[127.0.0.1]/", URL),
    ("https://127.0.0.1../", HOST),
    // Names that are known only inside.
    ("https://metadata.google.internal/computeMetadata/v1/", HOST),
    ("https://METADATA.GOOGLE.INTERNAL/", HOST),
    ("https://metadata.google.internal./", HOST),
    ("https://metadata.google.\u{24d8}nternal/", HOST),
    ("https://metadata.google.%69nternal/", HOST),
    ("https://db.internal/", HOST),
    ("https://internal./", HOST),
    ("https://printer.local/", HOST),
    ("https://kubernetes.default.svc.cluster.local/", HOST),
    ("https://kubernetes.default.svc/", HOST),
    ("https://app.localhost/", HOST),
    ("https://localhost.localdomain/", HOST),
    ("https://router.lan/", HOST),
    ("https://nas.home.arpa/", HOST),
    ("https://wiki.corp/", HOST),
    ("https://wiki.intranet/", HOST),
    ("https://redis/", HOST),
    ("https://redis./", HOST),
    ("https://metadata/", HOST),
    ("https://kubernetes/", HOST),
    ("https://com/", HOST),
    ("https://localhost../", HOST),
    ("https://example..com/", HOST),
    ("https://.example.com/", HOST),
    ("https://*.example.com/", HOST),
    ("https://10.0.0.1,example.com/", HOST),
    ("https://example.com,10.0.0.1/", URL),
    ("https://a123456789b123456789c123456789d123456789e123456789f123456789g123.example.com/", HOST),
    // Credentials, and what makes one host look like another.
    ("https://user@example.com/", CREDENTIALS),
    ("https://user:password@example.com/", CREDENTIALS),
    ("https://:password@example.com/", CREDENTIALS),
    ("https://@example.com/", CREDENTIALS),
    ("https://:@example.com/", CREDENTIALS),
    ("https://example.com@127.0.0.1/", CREDENTIALS),
    ("https://example.com:443@169.254.169.254/", CREDENTIALS),
    ("https://127.0.0.1@example.com/", CREDENTIALS),
    ("https://example.com%2f@10.0.0.1/", CREDENTIALS),
    ("https://example.com@@10.0.0.1/", CREDENTIALS),
    ("https://127.0.0.1\\@example.com/", URL),
    ("https://example.com\\@127.0.0.1/", URL),
    ("https://example.com\\.internal/", URL),
    ("https:\\\\127.0.0.1\\", URL),
    ("https:/\\127.0.0.1/", URL),
    ("https://example.com/\\..\\", URL),
    // What a parser made for browsers forgives.
    ("https://exa\tmple.com/", URL),
    ("https://exa\nmple.com/", URL),
    ("ht\ntps://example.com/", URL),
    ("https://example.com/\r\nHost: 127.0.0.1", URL),
    ("https://example.com/ HTTP/1.1", URL),
    ("\u{1}https://example.com/", URL),
    (" https://example.com/", URL),
    ("https://example.com/ ", URL),
    ("https:///example.com/", URL),
    ("https:////127.0.0.1/", URL),
    ("https:example.com", URL),
    ("https:/example.com", URL),
    ("https://ex ample.com/", URL),
    ("https://exa%00mple.com/", URL),
    ("https://example.com%2f.evil/", URL),
    ("https://example.com%40127.0.0.1/", URL),
    ("https://exa<mple.com/", URL),
    ("https://xn--a/", URL),
    ("https://", URL),
    ("https://:443/", URL),
    ("https://?/", URL),
    // Other schemes, and none.
    ("ftp://example.com/", URL),
    ("file:///etc/passwd", URL),
    ("file://example.com/etc/passwd", URL),
    ("gopher://127.0.0.1:6379/_FLUSHALL", URL),
    ("dict://127.0.0.1:11211/stat", URL),
    ("ldap://127.0.0.1/", URL),
    ("ws://example.com/", URL),
    ("wss://example.com/", URL),
    ("javascript:alert(1)", URL),
    ("javascript://example.com/%0aalert(1)", URL),
    ("data:text/plain,hello", URL),
    ("data://text/plain,hello", URL),
    ("unix:///var/run/docker.sock", URL),
    ("about:blank", URL),
    ("blob:https://example.com/1", URL),
    ("httpss://example.com/", URL),
    ("//example.com/", URL),
    ("example.com", URL),
    ("example.com:443/hook", URL),
    ("/hook", URL),
    ("hook", URL),
    // Ports on which something else answers.
    ("https://example.com:22/", PORT),
    ("https://example.com:25/", PORT),
    ("https://example.com:1023/", PORT),
    ("https://example.com:0/", PORT),
    ("https://example.com:65536/", URL),
    ("https://example.com:-1/", URL),
    ("https://example.com:4 43/", URL),
];

/// Loopback in every spelling: lawful only in test, and only where the engine was told so.
const LOOPBACK: &[(&str, &str)] = &[
    ("https://127.0.0.1/", ADDRESS),
    ("https://127.0.0.1./", ADDRESS),
    ("https://127.255.255.254/", ADDRESS),
    ("https://127.1/", ADDRESS),
    ("https://127.0.1/", ADDRESS),
    ("https://2130706433/", ADDRESS),
    ("https://0x7f000001/", ADDRESS),
    ("https://0x7f.1/", ADDRESS),
    ("https://0x7F.0x0.0x0.0x1/", ADDRESS),
    ("https://0177.0.0.1/", ADDRESS),
    ("https://017700000001/", ADDRESS),
    ("https://0x7f.0.0.01/", ADDRESS),
    ("https://\u{2460}\u{2461}\u{2466}.0.0.1/", ADDRESS),
    ("https://%31%32%37.0.0.1/", ADDRESS),
    ("https://[::1]/", ADDRESS),
    ("https://[0:0:0:0:0:0:0:1]/", ADDRESS),
    ("https://[0000:0000:0000:0000:0000:0000:0000:0001]/", ADDRESS),
    ("https://localhost/", HOST),
    ("https://localhost./", HOST),
    ("https://LocalHost/", HOST),
    ("https://\u{24db}ocalhost/", HOST),
    ("https://%6cocalhost/", HOST),
    ("https://loc\u{ad}alhost/", HOST),
];

/// Asserts that the URL, and nothing else, was refused for this reason.
#[track_caller]
fn assert_refused(answer: &Answer, url: &str, code: &str) {
    answer.problem(422, "validation_failed");
    assert_eq!(answer.faults(), [("/url".to_owned(), code.to_owned())], "{url:?}");
}

#[tokio::test]
async fn a_hostile_url_makes_no_endpoint() {
    assert!(HOSTILE.len() + LOOPBACK.len() >= 150);
    for policy in [TargetPolicy::Public, TargetPolicy::LoopbackInTest] {
        let app = TestApp::builder().targets(policy).start().await;
        for realm in [ACME, ACME_LIVE] {
            let admin = app.client(realm, &[Scope::Admin]).await;
            let loopback_is_lawful = policy == TargetPolicy::LoopbackInTest && realm == ACME;
            let loopback = LOOPBACK.iter().filter(|_| !loopback_is_lawful);
            for &(url, code) in HOSTILE.iter().chain(loopback) {
                let answer = admin.post("/webhook_endpoints", json!({"url": url})).await;
                assert_refused(&answer, url, code);
            }
            assert_eq!(admin.all("/webhook_endpoints").await.len(), 0);
        }
    }
}

#[tokio::test]
async fn a_hostile_url_does_not_replace_a_lawful_one() {
    let app = TestApp::builder().targets(TargetPolicy::Public).start().await;
    for realm in [ACME, ACME_LIVE] {
        let admin = app.client(realm, &[Scope::Admin]).await;
        let made = admin.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201);
        let path = made.header("location").unwrap();
        // One in seven, so that each kind is among them.
        for &(url, code) in HOSTILE.iter().chain(LOOPBACK).step_by(7) {
            let answer = admin.patch(path, json!({"url": url})).await;
            assert_refused(&answer, url, code);
        }
        assert_eq!(text(&admin.get(path).await.expect(200).json(), "url"), "https://example.com/");
    }
}

#[tokio::test]
async fn live_is_https_on_443_and_test_a_little_more() {
    let app = TestApp::builder().targets(TargetPolicy::Public).start().await;
    let (test, live) = (app.admin().await, app.client(ACME_LIVE, &[Scope::Admin]).await);
    for (url, in_live, in_test) in [
        ("https://example.com/", None, None),
        ("https://example.com:443/", None, None),
        ("http://example.com/", Some(HTTPS), None),
        ("HTTP://EXAMPLE.COM/", Some(HTTPS), None),
        ("http://example.com:443/", Some(HTTPS), None),
        ("https://example.com:80/", Some(PORT), None),
        ("https://example.com:1024/", Some(PORT), None),
        ("https://example.com:6379/", Some(PORT), None),
        ("https://example.com:8443/", Some(PORT), None),
        ("https://example.com:65535/", Some(PORT), None),
        ("http://example.com:22/", Some(HTTPS), Some(PORT)),
        ("http://example.com:0/", Some(HTTPS), Some(PORT)),
        ("http://10.0.0.1/", Some(HTTPS), Some(ADDRESS)),
        ("http://127.0.0.1:9000/", Some(HTTPS), Some(ADDRESS)),
        ("http://[::1]:9000/", Some(HTTPS), Some(ADDRESS)),
        ("http://localhost:9000/", Some(HTTPS), Some(HOST)),
        ("http://user@example.com/", Some(CREDENTIALS), Some(CREDENTIALS)),
    ] {
        for (client, refused) in [(&live, in_live), (&test, in_test)] {
            let answer = client.post("/webhook_endpoints", json!({"url": url})).await;
            match refused {
                Some(code) => assert_refused(&answer, url, code),
                None => _ = answer.expect(201),
            }
        }
    }
}

#[tokio::test]
async fn where_loopback_is_lawful_it_is_so_in_test_in_any_spelling() {
    let app = TestApp::builder().targets(TargetPolicy::LoopbackInTest).start().await;
    let test = app.admin().await;
    for &(url, _) in LOOPBACK {
        let made = test.post("/webhook_endpoints", json!({"url": url})).await.expect(201).json();
        let kept = text(&made, "url");
        assert!(
            kept.starts_with("https://127.") || kept == "https://[::1]/" || kept.starts_with("https://localhost"),
            "{url:?} is kept as {kept}"
        );
    }
    for url in ["http://127.0.0.1:1024/", "http://localhost:8080/", "http://[::1]/"] {
        test.post("/webhook_endpoints", json!({"url": url})).await.expect(201);
    }
    for url in ["http://127.0.0.1:22/", "http://localhost:6/", "http://[::1]:1023/"] {
        assert_refused(&test.post("/webhook_endpoints", json!({"url": url})).await, url, PORT);
    }
}

#[tokio::test]
async fn a_text_that_is_no_url_by_its_length_is_refused_as_such() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (url, code) in [
        (String::new(), "too_short"),
        (format!("https://example.com/{}", "a".repeat(2_048)), "too_long"),
        ("https://example.com/\0".to_owned(), "invalid_character"),
    ] {
        assert_refused(&admin.post("/webhook_endpoints", json!({"url": url})).await, &url, code);
    }
}
