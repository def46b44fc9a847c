//! Keys by the command line, beside a running server.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::send,
    process::{Process, Server, command, create_key},
};

#[test]
fn a_key_works_at_once_and_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.key = create_key(folder.path(), &["--tenant", "acme", "--environment", "live", "--name", "the shop's"]);
    assert!(server.key.starts_with("sk_live_tk_"));
    assert_eq!(server.get("/tickets").status, 200);

    let listed = String::from_utf8(command(folder.path(), &["keys", "list"]).output().unwrap().stdout).unwrap();
    let line = listed.lines().find(|line| line.contains("the shop's")).expect("it is listed");
    assert!(line.contains("acme") && line.contains("live") && line.contains("valid"), "{line}");
    assert!(!listed.contains(&server.key));
    let id = line.split_whitespace().next().unwrap();
    assert!(command(folder.path(), &["keys", "revoke", id]).output().unwrap().status.success());

    let start = Instant::now();
    while server.get("/tickets").status == 200 {
        assert!(start.elapsed() < Duration::from_secs(5), "a revocation takes effect within five seconds");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.get("/tickets").json()["code"], "unauthorized");
}

#[test]
fn each_key_has_its_rate_and_is_told_how_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(command(folder.path(), &["--listen", "127.0.0.1:0", "--rate-limit", "2"]));
    let stdout = server.wait_for("listening on http://");
    let authority = stdout.split("listening on http://").nth(1).unwrap().lines().next().unwrap().to_owned();
    let key = |name: &str| create_key(folder.path(), &["--tenant", name, "--environment", "test"]);
    let get = |key: &str| {
        let authorization = format!("Bearer {key}");
        send(&authority, "GET", "/tickets/v1/tickets", &[("authorization", &authorization)], b"").unwrap()
    };
    let (busy, other) = (key("busy"), key("other"));
    let first = get(&busy);
    assert_eq!((first.status, first.header("ratelimit-policy")), (200, Some("\"default\";q=4;w=2")));
    let refused =
        (0..50).map(|_| get(&busy)).find(|answer| answer.status != 200).expect("at some point it is too much");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("rate_limited")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"default\";r=0;"));
    assert_eq!(get(&other).status, 200, "another key is not held up");
}

#[test]
fn a_key_may_only_do_what_its_scopes_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.key =
        create_key(folder.path(), &["--tenant", "acme", "--environment", "test", "--scopes", "tickets:read,webhooks"]);
    assert_eq!(server.get("/tickets").status, 200);
    assert_eq!(server.get("/webhook_endpoints").status, 200);
    let refused = server.post("/tickets", "one", r#"{"subject":"Part delayed"}"#);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("insufficient_scope")));
}
