//! Customers are told, through a mail server that others made.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sk_tickets_postgres::testing::{Cluster, free_port};
use tempfile::TempDir;

use crate::{
    process::{Process, SERVER, Server, command_on, create_key_on},
    tools::{python_tool, root, run},
};

const PATIENCE: Duration = Duration::from_secs(30);
const SQLITE: &str = "sqlite:tickets.db";
const ANN: &str = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC";
/// Steps that are short, and enough of them for whatever a test has to wait for.
const SHORT_STEPS: &str = "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s";

/// A mail server, and what it took.
struct MailServer {
    process: Process,
    port: u16,
}

impl MailServer {
    /// At a port, or at a free one if that is 0.
    fn start(port: u16, arguments: &[&str]) -> Self {
        const AT: &str = "taking mail at 127.0.0.1:";
        let mut python = python_tool("python");
        python.arg("-u").arg(root().join("examples/tests/mail/server.py")).arg(port.to_string()).args(arguments);
        let mut process = Process::start(python);
        let stdout = process.wait_for(AT);
        let port = stdout.split(AT).nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    fn taken(&self) -> Vec<Value> {
        let stdout = self.process.stdout();
        stdout
            .lines()
            .filter_map(|line| line.strip_prefix("mail "))
            .map(|mail| serde_json::from_str(mail).unwrap())
            .collect()
    }

    /// What it took, once that is so many.
    fn wait(&self, count: usize) -> Vec<Value> {
        until("the mail comes", || Some(self.taken()).filter(|taken| taken.len() >= count))
    }
}

/// What `look` finds, once it does.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// An idempotency key that was not used before.
fn fresh_key() -> String {
    static USED: AtomicUsize = AtomicUsize::new(0);
    format!("key-{}", USED.fetch_add(1, Ordering::Relaxed))
}

fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap().iter();
    headers
        .filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

/// A text as it is read: lines end in one way, and the last one need not.
fn shown(text: &Value) -> String {
    text.as_str().unwrap().replace("\r\n", "\n").trim_end().to_owned()
}

/// A server whose requests are in the live world of the tenant.
struct Live {
    server: Server,
    test_key: String,
    database: String,
    folder: TempDir,
}

impl Live {
    fn start(database: &str, arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), database, arguments)
    }

    fn start_in(folder: TempDir, database: &str, arguments: &[&str]) -> Self {
        let mut server = Server::start_on(database, folder.path(), "127.0.0.1:0", arguments);
        let live = create_key_on(database, folder.path(), &["--tenant", "demo", "--environment", "live"]);
        let test_key = std::mem::replace(&mut server.key, live);
        Self { server, test_key, database: database.to_owned(), folder }
    }

    /// Dies without a word; the same database under a server of its own after that.
    fn killed(mut self, arguments: &[&str]) -> Self {
        self.server.process.signal("KILL");
        assert!(!self.server.process.ended().success());
        Self::start_in(self.folder, &self.database, arguments)
    }

    /// Makes a ticket of somebody's and resolves it; its id.
    fn resolve(&self, subject: &str, email: &str, note: &str) -> String {
        let contact = json!({"name": "Ann", "email": email});
        let made = json!({"subject": subject, "owner_id": ANN, "contact": contact}).to_string();
        let ticket = self.server.post("/tickets", &fresh_key(), &made).json()["id"].as_str().unwrap().to_owned();
        let resolve = json!({"to": "resolved", "resolution_note": note}).to_string();
        let path = format!("/tickets/{ticket}/transitions");
        assert_eq!(self.server.post(&path, &fresh_key(), &resolve).status, 200);
        ticket
    }

    /// The one notification about a ticket.
    fn notification(&self, ticket: &str) -> Value {
        let list = self.server.get(&format!("/notifications?ticket_id={ticket}")).json();
        list["data"][0].clone()
    }

    /// The same, once this came of it.
    fn wait(&self, ticket: &str, outcome: &str) -> Value {
        until(&format!("{ticket} is {outcome}"), || {
            Some(self.notification(ticket)).filter(|notification| notification["outcome"] == outcome)
        })
    }

    /// What the thread says came of it.
    fn told(&self, ticket: &str) -> Vec<String> {
        let thread = self.server.get(&format!("/tickets/{ticket}/thread")).json();
        let entries = thread["data"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "notification");
        entries.map(|entry| entry["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

/// Runs a test on both databases.
async fn on_postgres(test: impl FnOnce(&str) + Send + 'static) {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || test(&url)).await.unwrap();
}

#[test]
fn on_sqlite_a_live_customer_is_told_and_a_test_one_is_not() {
    a_live_customer_is_told(SQLITE);
}

#[tokio::test]
async fn on_postgres_a_live_customer_is_told_and_a_test_one_is_not() {
    on_postgres(a_live_customer_is_told).await;
}

fn a_live_customer_is_told(database: &str) {
    let mails = MailServer::start(0, &[]);
    let from = "\"Acme, Support\" <support@acme.example>";
    let mut live = Live::start(database, &["--smtp-url", &mails.url(), "--mail-from", from]);
    let live_key = std::mem::replace(&mut live.server.key, live.test_key.clone());
    let captured = live.resolve("A test", "test@example.com", "Nothing happens.");
    assert_eq!(live.notification(&captured)["outcome"], "captured");
    live.server.key = live_key;

    // What would add a line of its own or a recipient, if anything could.
    let subject = "Part delayed\r\nBcc: eve@example.com, <bob@example.com> \u{202E}✓";
    let ticket = live.resolve(subject, "ann@example.com", "Replaced.\n.\r\nSubject: Ünïcode ✓");
    let sent = live.wait(&ticket, "sent");
    let taken = mails.wait(1);
    let [mail] = taken.as_slice() else { panic!("one mail: {taken:?}") };
    assert_eq!((&mail["from"], &mail["to"]), (&json!("support@acme.example"), &json!(["ann@example.com"])));
    assert_eq!(header(mail, "to"), ["ann@example.com"]);
    assert_eq!(header(mail, "from"), [from]);
    assert_eq!(header(mail, "subject"), ["Resolved: Part delayed Bcc: eve@example.com, <bob@example.com> ✓"]);
    assert_eq!(header(mail, "message-id"), [format!("<{}@acme.example>", sent["id"].as_str().unwrap())]);
    for none in ["bcc", "cc", "reply-to"] {
        assert_eq!(header(mail, none), [""; 0]);
    }
    assert_eq!(shown(&mail["text"]), shown(&sent["text"]));
    assert!(shown(&mail["text"]).contains("Replaced.\n.\nSubject: Ünïcode ✓"), "{mail}");
    assert_eq!((&sent["attempts"], live.told(&ticket)), (&json!(1), vec!["sent".to_owned()]));

    live.server.process.signal("TERM");
    assert!(live.server.process.ended().success());
    assert_eq!(mails.taken().len(), 1, "nobody was told of the test");
}

#[test]
fn with_the_mail_server_down_the_mail_arrives_after_it_is_back() {
    let port = free_port().unwrap();
    let url = format!("smtp://127.0.0.1:{port}");
    let live = Live::start(SQLITE, &["--smtp-url", &url, "--webhook-schedule", SHORT_STEPS]);
    let ticket = live.resolve("Part delayed", "ann@example.com", "Replaced.");
    let failed = until("it is tried", || Some(live.notification(&ticket)).filter(|one| one["attempts"] != 0));
    assert_eq!(failed["outcome"], "pending");
    assert!(failed["last_error"].is_string() && failed["next_attempt_at"].is_string(), "{failed}");
    assert_eq!(live.told(&ticket), [""; 0]);

    let mails = MailServer::start(port, &[]);
    assert_eq!(mails.wait(1)[0]["to"], json!(["ann@example.com"]));
    live.wait(&ticket, "sent");
    assert_eq!(live.told(&ticket), ["sent"]);
}

#[test]
fn killed_after_the_mail_was_taken_it_is_sent_again_with_the_same_message_id() {
    let port = free_port().unwrap();
    let url = format!("smtp://127.0.0.1:{port}");
    let arguments = ["--smtp-url", &url, "--webhook-schedule", SHORT_STEPS];
    let holding = MailServer::start(port, &["--hold"]);
    let live = Live::start(SQLITE, &arguments);
    let ticket = live.resolve("Part delayed", "ann@example.com", "Replaced.");
    let first = holding.wait(1).remove(0);
    assert_eq!(live.notification(&ticket)["outcome"], "pending");
    drop(holding);
    let mails = MailServer::start(port, &[]);
    let live = live.killed(&arguments);
    let second = mails.wait(1).remove(0);
    assert_eq!(header(&second, "message-id"), header(&first, "message-id"));
    assert_eq!((&second["text"], &second["to"]), (&first["text"], &first["to"]));
    live.wait(&ticket, "sent");
    assert_eq!(live.told(&ticket), ["sent"], "it is told of once");
    assert_eq!(mails.taken().len(), 1);
}

#[test]
fn on_sqlite_a_dead_notification_is_seen_and_replayed() {
    a_dead_notification_is_replayed(SQLITE);
}

#[tokio::test]
async fn on_postgres_a_dead_notification_is_seen_and_replayed() {
    on_postgres(a_dead_notification_is_replayed).await;
}

fn a_dead_notification_is_replayed(database: &str) {
    let mails = MailServer::start(0, &[]);
    let live = Live::start(database, &["--smtp-url", &mails.url(), "--webhook-schedule", "1s"]);
    // The one runs through the schedule, the other one need not.
    let busy = live.resolve("Busy", "busy@example.com", "Replaced.");
    let nobody = live.resolve("Nobody", "nobody@example.com", "Replaced.");
    let refused = live.wait(&nobody, "dead");
    assert_eq!(refused["attempts"], 1);
    assert!(refused["last_error"].as_str().unwrap().contains("nobody of that name"), "{refused}");
    let exhausted = live.wait(&busy, "dead");
    assert_eq!(exhausted["attempts"], 2);
    let dead = live.server.get("/notifications?outcome=dead").json();
    assert_eq!(dead["data"].as_array().unwrap().len(), 2);
    let doctor = run(&mut command_on(database, live.folder.path(), &["doctor"]));
    assert!(doctor.contains("2 notifications could not be sent\n"), "{doctor}");

    let contact = format!("/contacts/{}", refused["contact_id"].as_str().unwrap());
    let moved = r#"{"email":"ann@example.com"}"#;
    assert_eq!(live.server.send("PATCH", &contact, Some("moved"), moved).unwrap().status, 200);
    let path = format!("/notifications/{}/replay", refused["id"].as_str().unwrap());
    let replayed = live.server.post(&path, "replay", "");
    assert_eq!((replayed.status, &replayed.json()["outcome"]), (200, &json!("pending")));
    assert_eq!(mails.wait(1)[0]["to"], json!(["ann@example.com"]));
    live.wait(&nobody, "sent");
    assert_eq!(live.told(&nobody), ["dead", "sent"]);
}

#[test]
fn where_there_is_no_mail_server_it_waits_and_a_worker_sends_it() {
    let mut live = Live::start(SQLITE, &[]);
    let ticket = live.resolve("Part delayed", "ann@example.com", "Replaced.");
    assert_eq!(live.notification(&ticket)["outcome"], "pending");
    let doctor = run(&mut command_on(SQLITE, live.folder.path(), &["doctor"]));
    assert!(doctor.contains("1 notification waits to be sent, since 20"), "{doctor}");

    let mails = MailServer::start(0, &[]);
    let url = mails.url();
    let mut worker = Process::start(command_on(SQLITE, live.folder.path(), &["worker", "--smtp-url", &url]));
    assert_eq!(header(&mails.wait(1)[0], "from"), ["no-reply@localhost"]);
    live.wait(&ticket, "sent");
    for process in [&mut worker, &mut live.server.process] {
        process.signal("TERM");
        assert!(process.ended().success());
    }
}

/// A certificate for `localhost`, its key, and that of who signed it.
fn certificates(folder: &Path) -> [PathBuf; 3] {
    let [certificate, key, root] = ["server.pem", "server.key", "root.pem"].map(|name| folder.join(name));
    let openssl = |arguments: &str| {
        run(Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()));
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout root.key -out root.pem -days 2 -subj /CN=tests",
    );
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.pem -days 2 \
         -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
         -CA root.pem -CAkey root.key",
    );
    [certificate, key, root]
}

/// A server that trusts who signed these certificates.
fn trusting(folder: &Path, root: &Path, url: &str) -> Process {
    let mut command = Command::new(SERVER);
    command.current_dir(folder).args(["--database", SQLITE, "worker", "--smtp-url", url]);
    command.args(["--webhook-schedule", SHORT_STEPS]).env("SSL_CERT_FILE", root).env("RUST_LOG", "trace");
    Process::start(command)
}

#[test]
fn credentials_go_over_tls_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, root] = certificates(folder.path());
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let login = ["--login", "ann", "pass word"];
    let tls = [&["--tls"], &files[..]].concat();
    let starttls = [&["--starttls"], &files[..], &login].concat();
    for (scheme, arguments, encrypted_from_the_start) in [("smtp", starttls, false), ("smtps", tls, true)] {
        let mails = MailServer::start(0, &arguments);
        let live = Live::start(SQLITE, &[]);
        let credentials = if encrypted_from_the_start { "" } else { "ann:pass%20word@" };
        let url = format!("{scheme}://{credentials}localhost:{}", mails.port);
        let mut worker = trusting(live.folder.path(), &root, &url);
        let ticket = live.resolve("Part delayed", "ann@example.com", "Replaced.");
        let mail = mails.wait(1).remove(0);
        assert_eq!((&mail["encrypted"], &mail["login"]), (&json!(true), &json!(!encrypted_from_the_start)));
        live.wait(&ticket, "sent");
        worker.signal("TERM");
        assert!(worker.ended().success());
        let log = worker.stderr() + &worker.stdout();
        assert!(log.contains("mail attempted") && !log.contains("pass word") && !log.contains("pass%20word"), "{log}");
    }
}

#[test]
fn a_mail_server_without_tls_is_told_no_password() {
    let mails = MailServer::start(0, &[]);
    let url = format!("smtp://ann:secret@127.0.0.1:{}", mails.port);
    let live = Live::start(SQLITE, &["--smtp-url", &url, "--webhook-schedule", "1s"]);
    let ticket = live.resolve("Part delayed", "ann@example.com", "Replaced.");
    let dead = live.wait(&ticket, "dead");
    assert_eq!(mails.taken(), Vec::<Value>::new());
    let shown = dead.to_string() + &live.server.process.stderr();
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_template_is_read_at_the_start_and_a_bad_one_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.txt");
    let mails = MailServer::start(0, &[]);
    std::fs::write(
        &file,
        "Subject: Erledigt: {{ticket.subject}}\n\nHallo {{contact.name|Kunde}}\n\n{{resolution_note}}\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let live = Live::start(SQLITE, &["--smtp-url", &mails.url(), "--mail-template", path]);
    live.resolve("Teil fehlt", "ann@example.com", "Ersetzt.");
    let mail = mails.wait(1).remove(0);
    assert_eq!(header(&mail, "subject"), ["Erledigt: Teil fehlt"]);
    assert_eq!(shown(&mail["text"]), "Hallo Ann\n\nErsetzt.");

    std::fs::write(&file, "Subject: Done\n\nHello\n{{customer}}\n").unwrap();
    let mut refused = command_on(SQLITE, folder.path(), &["--mail-template", path]);
    let output = refused.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("text, line 2, column 1: there is no {{customer}}"), "{said}");
}
