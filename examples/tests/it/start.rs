//! The first minute.

use std::{fs, process::Command};

use sk_tickets_core::{Clock, SignatureHeaders, SystemClock, WebhookSecret, verify};
use sk_tickets_postgres::testing::free_port;

use crate::{
    client::send,
    process::{Process, SERVER, Server, command, create_key},
    receiver::Receiving,
};

/// The lines of the curl call that the first start prints.
fn printed_curl(stdout: &str) -> String {
    let start = stdout.find("curl ").expect("there is one");
    stdout[start..].split("\n\n").next().expect("it ends").to_owned()
}

#[test]
fn the_printed_curl_line_answers_201_and_its_webhook_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(command(folder.path(), &["--listen", "127.0.0.1:0"]));
    let stdout = server.wait_for("call_id");
    let mut listener = Process::start(command(folder.path(), &["listen", "--port", "0"]));
    listener.wait_for("waiting for webhooks");

    let curl = printed_curl(&server.wait_for("\n\n"));
    assert!(stdout.contains("sk_test_tk_"));
    let run = || Command::new("sh").args(["-c", &curl]).output().expect("sh and curl are there");
    let first = String::from_utf8(run().stdout).unwrap();
    assert!(first.starts_with("HTTP/1.1 201"), "{first}");
    listener.wait_for("verified ticket.created evt_");
    let again = String::from_utf8(run().stdout).unwrap();
    assert!(again.starts_with("HTTP/1.1 201") && again.contains("idempotent-replayed: true"), "{again}");
    assert_eq!(first.lines().last(), again.lines().last());
}

#[test]
fn a_public_url_leads_to_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["--listen", "127.0.0.1:0", "--public-url", "https://help.example/"];
    let stdout = Process::start(command(folder.path(), &serve)).wait_for("call_id");
    assert!(stdout.contains("curl -i -X POST https://help.example/tickets/v1/tickets "), "{stdout}");
}

#[test]
fn a_second_start_shows_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &[]);
    assert!(first.process.stdout().contains("sk_test_tk_"));
    drop(first);
    let second = Server::start(folder.path(), &[]);
    assert!(!second.process.stdout().contains("sk_test_tk_"));
}

#[test]
fn the_quickstart_performs_the_three_moves() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(SERVER).arg("quickstart").current_dir(folder.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    for part in ["sk_test_tk_", "201 \"tkt_", "its HMAC is right", "\"type\": \"ticket.created\""] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn listen_refuses_what_is_not_signed_with_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let mut listener = Process::start(command(folder.path(), &["listen", "--port", "0", "--secret", secret]));
    let stdout = listener.wait_for("waiting for webhooks at http://");
    let url = stdout.split("at http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let headers = [("webhook-id", "x"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")];
    let answer = send(&url, "POST", "/", &headers, b"{}").unwrap();
    assert_eq!(answer.status, 400);
    listener.wait_for("refused: ");
    assert!(!folder.path().join("tickets.db").exists(), "with a secret it needs no database");
}

#[test]
fn listen_knows_the_secret_of_its_endpoint_whatever_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let port = free_port().unwrap().to_string();
    let endpoints = || server.get("/webhook_endpoints").json()["data"].as_array().unwrap().clone();
    let verifies = |key: &str| {
        let mut listener = Process::start(command(folder.path(), &["listen", "--port", &port]));
        listener.wait_for("waiting for webhooks");
        assert_eq!(endpoints().len(), 1);
        assert_eq!(server.post("/tickets", key, r#"{"subject":"Part delayed"}"#).status, 201);
        listener.wait_for("verified ticket.created evt_");
        assert!(!listener.stdout().contains("refused"), "{}", listener.stdout());
        listener.signal("TERM");
        assert!(listener.ended().success());
        format!("/webhook_endpoints/{}", endpoints()[0]["id"].as_str().unwrap())
    };
    let first = verifies("made");
    assert_eq!(verifies("again"), first);
    assert_eq!(server.post(&format!("{first}/rotate_secret"), "rotate", r#"{"overlap_seconds":0}"#).status, 200);
    assert_eq!(verifies("rotated"), first);
    assert_eq!(server.post(&format!("{first}/disable"), "disable", "").status, 200);
    assert_eq!(verifies("disabled"), first);
    for round in ["deleted", "deleted once more"] {
        let path = format!("/webhook_endpoints/{}", endpoints()[0]["id"].as_str().unwrap());
        assert_eq!(server.send("DELETE", &path, Some(&round.replace(' ', "-")), "").unwrap().status, 204);
        assert!(verifies(&format!("{round}, a ticket").replace([' ', ','], "-")) != path);
    }
}

#[test]
fn listen_ends_well_by_either_signal_even_while_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    for signal in ["INT", "TERM"] {
        let mut listener = Process::start(command(folder.path(), &["listen", "--port", "0", "--secret", secret]));
        let stdout = listener.wait_for("waiting for webhooks at http://");
        let url = stdout.split("at http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        for _ in 0..20 {
            send(&url, "POST", "/", &[], b"{}").unwrap();
        }
        listener.signal(signal);
        assert!(listener.ended().success(), "{signal}: {}", listener.stderr());
    }
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let failed = |arguments: &[&str]| {
        let output = Command::new(SERVER).args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(failed(&["--listen", &address]).contains("choose another address with --listen"));
    assert!(failed(&["--database", "mysql://user:hunter2@host/db"]).contains("sqlite:FILE"));
    assert!(!failed(&["--database", "mysql://user:hunter2@host/db"]).contains("hunter2"));
    assert!(failed(&["--database", "sqlite:no/such/folder/x.db", "migrate"]).contains("error: "));
    assert!(failed(&["--listen", "127.0.0.1:0", "keys", "list"]).contains("put it after the command"));
    assert!(failed(&["--public-url", "notaurl"]).contains("a URL such as https://help.example.com"));
    assert!(failed(&["--client-patience", "0s"]).contains("in no time"));
    assert!(failed(&["--webhook-schedule", "soon"]).contains("1s,4s,16s"));
    assert!(
        failed(&["keys", "create", "--tenant", "No Slug", "--environment", "test"]).contains("a tenant is named by")
    );
    assert!(failed(&["keys", "create", "--tenant", "a", "--environment", "prod"]).contains("`test` or `live`"));
    assert!(failed(&["keys", "revoke", "key_00000000000000000000000000"]).contains("could be revoked"));
}

#[test]
fn what_is_a_flag_is_said_by_its_environment_variable_too() {
    let folder = tempfile::tempdir().unwrap();
    let key = create_key(folder.path(), &["--tenant", "acme", "--environment", "live"]);
    let authorization = format!("Bearer {key}");
    for (value, is_allowed) in [("1", true), ("true", true), ("0", false), ("false", false), ("", false)] {
        let mut serve = command(folder.path(), &["--listen", "127.0.0.1:0"]);
        serve.env("SK_TICKETS_ALLOW_PRIVATE_WEBHOOKS", value);
        let mut server = Process::start(serve);
        let stdout = server.wait_for("listening on http://");
        let authority = stdout.trim().rsplit('/').next().unwrap();
        let key = format!("hook-{value}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ];
        let body = br#"{"url":"http://127.0.0.1:9/"}"#;
        let answer = send(authority, "POST", "/tickets/v1/webhook_endpoints", &headers, body).unwrap();
        assert_eq!(answer.status == 201, is_allowed, "{value:?}: {answer:?}");
    }
    for flag in ["SK_TICKETS_INVARIANTS", "SK_TICKETS_LETTERS_JSON"] {
        for arguments in [&["doctor"][..], &["dead-letters", "list"]] {
            assert!(command(folder.path(), arguments).env(flag, "1").output().unwrap().status.success(), "{flag}");
        }
    }
}

#[test]
fn an_empty_environment_variable_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let empty =
        ["DATABASE_URL", "SK_TICKETS_SMTP_URL", "SK_TICKETS_SCOPES", "SK_TICKETS_RETAIN", "SK_TICKETS_PUBLIC_URL"];
    let start = |arguments: &[&str]| {
        let mut command = Command::new(SERVER);
        command.args(arguments).current_dir(folder.path()).envs(empty.map(|name| (name, "")));
        command
    };
    let made = start(&["keys", "create", "--tenant", "acme", "--environment", "test"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(folder.path().join("sk-tickets.db").exists(), "the default is where it is");
    Process::start(start(&["--listen", "127.0.0.1:0"])).wait_for("listening on http://");
}

#[test]
fn a_schedule_can_be_chosen_and_each_attempt_is_signed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--webhook-schedule", "1100ms,1100ms"]);
    let receiving = Receiving::start(500);
    let body = format!(r#"{{"url":"{}"}}"#, receiving.url);
    let endpoint = server.post("/webhook_endpoints", "hook", &body).json();
    let secret = WebhookSecret::parse(endpoint["secret"].as_str().unwrap()).unwrap();
    assert_eq!(server.post("/tickets", "one", r#"{"subject":"Part delayed"}"#).status, 201);
    let attempts: Vec<_> = (0..3).map(|_| receiving.next()).collect();
    for attempt in &attempts {
        assert_eq!((&attempt.id, &attempt.body), (&attempts[0].id, &attempts[0].body));
        let headers =
            SignatureHeaders { id: &attempt.id, timestamp: &attempt.timestamp, signature: &attempt.signature };
        verify(&secret, headers, &attempt.body, SystemClock.now()).unwrap();
    }
    assert!(attempts[0].signature != attempts[1].signature && attempts[1].signature != attempts[2].signature);
    let letter = loop {
        let letters = server.get("/dead_letters").json();
        if let Some(letter) = letters["data"].get(0) {
            break letter.clone();
        }
    };
    assert_eq!(letter["reason"], "exhausted");
    assert_eq!(letter["attempts"].as_array().unwrap().len(), 3);
}

#[test]
fn the_demo_is_made_when_it_is_looked_at_and_the_start_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert!(server.process.stdout().contains(&format!("http://{}/demo\n", server.authority)));
    let count = |path: &str| server.get(path).json()["data"].as_array().unwrap().len();
    assert_eq!((count("/forms"), count("/queues"), count("/events")), (0, 1, 0));

    let demo = || send(&server.authority, "GET", "/demo", &[], b"").unwrap();
    let (page, again) = (demo(), demo());
    assert_eq!((page.status, &page.body), (200, &again.body));
    let form = server.get("/forms").json()["data"][0].clone();
    let script = format!("<script src=\"/tickets/v1/forms/{}/embed.js\" async>", form["id"].as_str().unwrap());
    assert!(String::from_utf8(page.body).unwrap().contains(&script));
    assert_eq!((count("/forms"), count("/queues"), count("/events")), (1, 3, 0));
}

#[test]
fn there_is_no_demo_without_the_tenant_of_a_first_start_and_none_for_other_machines() {
    let status = |authority: &str| send(authority, "GET", "/demo", &[], b"").unwrap().status;
    let folder = tempfile::tempdir().unwrap();
    create_key(folder.path(), &["--tenant", "acme", "--environment", "live"]);
    let mut process = Process::start(command(folder.path(), &["--listen", "127.0.0.1:0"]));
    let stdout = process.wait_for("listening on http://");
    assert!(!stdout.contains("/demo"));
    assert_eq!(status(stdout.trim().rsplit('/').next().unwrap()), 404);

    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(command(folder.path(), &["--listen", "0.0.0.0:0"]));
    let stdout = process.wait_for("call_id");
    assert!(!stdout.contains("/demo"));
    let port = stdout.lines().next().unwrap().rsplit(':').next().unwrap();
    assert_eq!(status(&format!("127.0.0.1:{port}")), 404);
}
