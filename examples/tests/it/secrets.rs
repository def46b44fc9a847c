//! Webhook secrets at rest: sealed with a master key that is not in the database.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
};

use sk_tickets_core::{Clock, SignatureHeaders, SystemClock, WebhookSecret, verify};
use sk_tickets_postgres::testing::Cluster;

use crate::{
    process::{Server, command, command_on},
    receiver::Receiving,
};

const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "//////////////////////////////////////////8=";
/// Where each test has its master keys.
const FILE: &str = "master-keys";
const WITH_KEYS: [&str; 2] = ["--master-key-file", FILE];
const CREATE: &str = "create the hook";
const ROTATE: &str = "rotate its secret";

/// Writes the file of master keys.
fn keys(folder: &Path, keys: &[&str]) {
    let file = folder.join(FILE);
    fs::write(&file, keys.join("\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks for the endpoint, the same each time, and gives its first secret.
fn first_secret(server: &Server, url: &str) -> WebhookSecret {
    let body = format!(r#"{{"url":"{url}"}}"#);
    let answer = server.post("/webhook_endpoints", &CREATE.replace(' ', "-"), &body);
    assert_eq!(answer.status, 201);
    WebhookSecret::parse(answer.json()["secret"].as_str().unwrap()).unwrap()
}

/// Asks for its second secret, the same each time.
fn second_secret(server: &Server) -> WebhookSecret {
    let endpoint = server.get("/webhook_endpoints").json()["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/webhook_endpoints/{endpoint}/rotate_secret");
    let answer = server.post(&path, &ROTATE.replace(' ', "-"), "");
    assert_eq!(answer.status, 200);
    WebhookSecret::parse(answer.json()["secret"].as_str().unwrap()).unwrap()
}

/// Asserts that what is told now is signed with both.
fn assert_signed(server: &Server, receiving: &Receiving, key: &str, secrets: &[WebhookSecret]) {
    assert_eq!(server.post("/tickets", key, r#"{"subject":"Part delayed"}"#).status, 201);
    let webhook = receiving.next();
    for secret in secrets {
        let headers =
            SignatureHeaders { id: &webhook.id, timestamp: &webhook.timestamp, signature: &webhook.signature };
        verify(secret, headers, &webhook.body, SystemClock.now()).unwrap();
    }
}

fn stop(mut server: Server) -> String {
    server.process.signal("TERM");
    assert!(server.process.ended().success());
    server.process.stderr()
}

/// All that is in the files of a folder.
fn files(folder: &Path) -> Vec<u8> {
    fs::read_dir(folder).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// A compact copy of the database.
fn copy(folder: &Path) -> Vec<u8> {
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.db");
    assert!(run(folder, &["backup", copy.to_str().unwrap()]).status.success());
    fs::read(copy).unwrap()
}

/// Whether a secret is in some bytes, as it is or in base 64.
fn is_in(secret: &WebhookSecret, bytes: &[u8]) -> bool {
    let told = secret.expose();
    let base64 = told.trim_start_matches("whsec_").as_bytes();
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    has(base64) || has(secret.as_bytes())
}

#[test]
fn with_a_master_key_no_secret_is_anywhere_in_the_files() {
    for (sealed, flags) in [(false, &[][..]), (true, &WITH_KEYS[..])] {
        let folder = tempfile::tempdir().unwrap();
        keys(folder.path(), &[OLD]);
        let receiving = Receiving::start(200);
        let server = Server::start(folder.path(), flags);
        let secrets = [first_secret(&server, &receiving.url), second_secret(&server)];
        assert_signed(&server, &receiving, "one", &secrets);
        let (running, copy) = (files(folder.path()), copy(folder.path()));
        let logs = stop(server);
        let stopped = files(folder.path());
        for secret in &secrets {
            assert!(!is_in(secret, logs.as_bytes()));
            // Without a master key it is there: that is what makes the search worth something.
            assert_eq!([&running, &copy, &stopped].map(|bytes| is_in(secret, bytes)), [!sealed; 3]);
        }
    }
}

#[test]
fn no_secret_is_ever_logged_or_left_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let receiving = Receiving::start(500);
    let server = Server::start(folder.path(), &["--webhook-schedule", "1ms,1ms"]);
    let (key, secret) = (server.key.clone(), first_secret(&server, &receiving.url));
    server.post("/tickets", "one", r#"{"subject":"Part delayed"}"#);
    for _ in 0..3 {
        receiving.next();
    }
    let logs = stop(server);
    assert!(logs.contains("webhook attempted"), "{logs}");
    assert!(logs.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "JSON off a terminal");
    for hidden in [key.as_str(), "sk_test_tk_", &secret.expose(), "whsec_"] {
        assert!(!logs.contains(hidden), "{hidden} is in the logs");
    }
    assert!(!files(folder.path()).windows(key.len()).any(|window| window == key.as_bytes()));
}

#[test]
fn without_its_master_key_nothing_starts_and_all_say_why() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path(), &[OLD]);
    let server = Server::start(folder.path(), &WITH_KEYS);
    first_secret(&server, "http://127.0.0.1:9999/");
    second_secret(&server);
    stop(server);

    keys(folder.path(), &[NEW]);
    let serve = ["--listen", "127.0.0.1:0"];
    for arguments in
        [&serve[..], &["worker"], &[&serve[..], &WITH_KEYS].concat(), &[&["worker"][..], &WITH_KEYS].concat()]
    {
        let refused = run(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let why = text(&refused.stderr);
        for part in ["error: 4 webhook secrets are sealed with the master key 66687aadf862bd77", "--master-key-file"] {
            assert!(why.contains(part), "{arguments:?}: {why}");
        }
    }
    let ill = run(folder.path(), &["doctor"]);
    assert!(!ill.status.success() && text(&ill.stdout).contains("- 4 webhook secrets are sealed"), "{ill:?}");
    let reseal = run(folder.path(), &[&["reseal"][..], &WITH_KEYS].concat());
    assert!(!reseal.status.success() && text(&reseal.stderr).contains("4 webhook secrets are sealed"), "{reseal:?}");
    assert!(text(&reseal.stdout).starts_with("0 of 4"), "{reseal:?}");
}

#[test]
fn on_sqlite_the_master_key_is_changed_beside_a_running_server() {
    change_the_master_key("sqlite:tickets.db");
}

#[tokio::test]
async fn on_postgres_the_master_key_is_changed_beside_a_running_server() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || change_the_master_key(&url)).await.unwrap();
}

fn change_the_master_key(database: &str) {
    let folder = tempfile::tempdir().unwrap();
    let receiving = Receiving::start(200);
    let start = |flags: &[&str]| Server::start_on(database, folder.path(), "127.0.0.1:0", flags);
    let with_keys =
        |name: &str| command_on(database, folder.path(), &[&[name][..], &WITH_KEYS].concat()).output().unwrap();
    let server = start(&[]);
    let secrets = [first_secret(&server, &receiving.url), second_secret(&server)];
    assert_signed(&server, &receiving, "plain", &secrets);
    stop(server);

    // The first master key, then another one: what is to seal comes first, what is to open after it.
    for (round, with) in [&[OLD][..], &[NEW, OLD]].into_iter().enumerate() {
        keys(folder.path(), with);
        let doctor = with_keys("doctor");
        assert!(text(&doctor.stdout).contains("- 4 webhook secrets are not sealed with the first"), "{doctor:?}");
        let server = start(&WITH_KEYS);
        assert_signed(&server, &receiving, &format!("before-{round}"), &secrets);
        let reseal = with_keys("reseal");
        assert!(reseal.status.success(), "{reseal:?}");
        assert_eq!(text(&reseal.stdout), "4 of 4 webhook secrets were sealed anew\n");
        assert_signed(&server, &receiving, &format!("after-{round}"), &secrets);
        let logs = stop(server);
        assert!(logs.contains("run `sk-tickets-server reseal`"), "{logs}");
    }

    keys(folder.path(), &[NEW]);
    assert!(with_keys("doctor").status.success());
    let server = start(&WITH_KEYS);
    assert_signed(&server, &receiving, "in-the-end", &secrets);
    assert_eq!(first_secret(&server, &receiving.url).expose(), secrets[0].expose());
    assert_eq!(second_secret(&server).expose(), secrets[1].expose());
    let logs = stop(server);
    assert!(!logs.contains("reseal"), "{logs}");
}

#[test]
fn a_file_that_holds_no_master_keys_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let says = |content: Option<&str>| {
        let file = folder.path().join(FILE);
        match content {
            Some(content) => fs::write(file, content).unwrap(),
            None => fs::remove_file(file).unwrap_or_default(),
        }
        let output = run(folder.path(), &[&["doctor"][..], &WITH_KEYS].concat());
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    assert!(run(folder.path(), &["migrate"]).status.success());
    assert!(says(None).contains("error: the master key file master-keys cannot be read: No such file"));
    assert!(says(Some("")).contains("error: the master key file master-keys: there is no key in it"));
    let wrong = says(Some(&format!("# the new one\n{NEW}\nAAAA\n")));
    assert!(wrong.contains("error: the master key file master-keys: line 3 is not the base 64 of 32 bytes"), "{wrong}");
    assert!(!wrong.contains("////"), "no key is told");
    let none = run(folder.path(), &["reseal"]);
    assert!(!none.status.success() && text(&none.stderr).contains("name a --master-key-file"), "{none:?}");

    keys(folder.path(), &[NEW]);
    let doctor = [&["doctor"][..], &WITH_KEYS].concat();
    assert!(!text(&run(folder.path(), &doctor).stderr).contains("chmod"));
    fs::set_permissions(folder.path().join(FILE), Permissions::from_mode(0o644)).unwrap();
    let open = run(folder.path(), &doctor);
    assert!(open.status.success() && text(&open.stderr).contains("everybody on this machine can read"), "{open:?}");
}
