//! Keys by the command line, beside a running server.

use std::{
    path::Path,
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

/// What is listed of the newest key of this name: all nine columns.
fn listed(folder: &Path, name: &str) -> [String; 9] {
    let listed = String::from_utf8(command(folder, &["keys", "list"]).output().unwrap().stdout).unwrap();
    let line = listed.lines().rfind(|line| line.contains(name)).expect("it is listed");
    let columns = line.split("  ").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    columns.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn a_rotated_key_works_beside_the_new_one_until_the_overlap_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    let old = create_key(
        folder.path(),
        &["--tenant", "acme", "--environment", "live", "--name", "the agent's", "--scopes", "tickets:triage"],
    );
    let [id, _, _, state, _, expires, used, _, _] = listed(folder.path(), "the agent's");
    assert_eq!([state.as_str(), &expires, &used], ["valid", "-", "-"]);

    let rotate = |flags: &[&str]| command(folder.path(), &[&["keys", "rotate", &id], flags].concat()).output().unwrap();
    let rotated = rotate(&["--expires-at", "2999-01-01T00:00:00Z"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let new = String::from_utf8(rotated.stdout).unwrap().trim_end_matches('\n').to_owned();
    assert!(new.starts_with("sk_live_tk_") && new != old, "the key, alone");
    for key in [&old, &new] {
        server.key.clone_from(key);
        assert_eq!(server.get("/tickets").status, 200);
        assert_eq!(server.post("/webhook_endpoints", "one", r#"{"url":"http://127.0.0.1:9/"}"#).status, 403);
    }
    let [_, tenant, _, _, _, expires, _, _, scopes] = listed(folder.path(), "the agent's");
    assert_eq!([tenant.as_str(), &expires, &scopes], ["acme", "2999-01-01T00:00:00.000Z", "tickets:triage"]);

    // Again, with no overlap: what it was given is cut short.
    assert!(rotate(&["--overlap", "0s"]).status.success());
    let start = Instant::now();
    server.key = old;
    while server.get("/tickets").status == 200 {
        assert!(start.elapsed() < Duration::from_secs(5), "an end takes effect within five seconds");
        thread::sleep(Duration::from_millis(50));
    }
    let none = rotate(&[]);
    assert!(!none.status.success() && none.stdout.is_empty(), "{none:?}");
    assert!(String::from_utf8_lossy(&none.stderr).contains("no key"), "{none:?}");
}

#[test]
fn a_key_that_would_open_nothing_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let create =
        ["keys", "create", "--tenant", "acme", "--environment", "test", "--expires-at", "2020-01-01T00:00:00Z"];
    let refused = command(folder.path(), &create).output().unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--expires-at 2020-01-01T00:00:00.000Z is past"));
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
