//! The official Standard Webhooks libraries for Python and Node take our webhooks, and refuse what was tampered with.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sk_tickets_core::{
    Clock, CreateEndpoint, CreateTicket, DeliveryFilter, Environment, IdempotencyKey, MemoryStore, PageRequest, Realm,
    SystemClock, TargetPolicy, Tickets, Timestamp, WebhookRequest,
    testing::{ManualClock, ScriptedSender},
};

use crate::{
    client::send,
    process::{Process, Server},
    tools::{python_tool, root},
};

const PORT_LINE: &str = "waiting for webhooks at http://";

/// The receivers of the examples, each started with a secret.
fn receivers(secret: &str) -> [(&'static str, Process, String); 2] {
    ["python", "node"].map(|library| {
        let (process, authority) = receiver(library, secret);
        (library, process, authority)
    })
}

/// The receiver with a library, started with a secret, and where it listens.
fn receiver(library: &str, secret: &str) -> (Process, String) {
    let examples = root().join("examples/verify-webhook");
    let mut command = if library == "python" {
        let mut python = python_tool("python");
        python.arg("-u").arg(examples.join("receiver.py"));
        python
    } else {
        assert!(examples.join("node_modules").exists(), "the Node library is missing: ./scripts/test installs it");
        let mut node = Command::new("node");
        node.arg(examples.join("receiver.mjs"));
        node
    };
    command.env("WEBHOOK_SECRET", secret).env("PORT", "0");
    let mut process = Process::start(command);
    let stdout = process.wait_for(PORT_LINE);
    let authority = stdout.split(PORT_LINE).nth(1).unwrap().split('/').next().unwrap().to_owned();
    (process, authority)
}

fn post(authority: &str, webhook: &WebhookRequest, body: &[u8]) -> u16 {
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", webhook.id.as_str()),
        ("webhook-timestamp", webhook.timestamp.as_str()),
        ("webhook-signature", webhook.signature.as_str()),
    ];
    send(authority, "POST", "/", &headers, body).unwrap().status
}

/// The code of the guide in this language.
fn snippet(language: &str) -> String {
    let guide = fs::read_to_string(root().join("docs/webhooks.md")).unwrap();
    let (_, code) = guide.split_once(&format!("```{language}\n")).unwrap();
    code.split_once("```\n").unwrap().0.to_owned()
}

/// Gives a webhook to the code of the guide: what it prints is the id that it was to keep, if any, and the status.
fn printed_by(language: &str, secret: &str, webhook: &WebhookRequest, body: &[u8]) -> String {
    let mut command = match language {
        "python" => {
            let mut command = python_tool("python");
            command.arg("-c").arg(format!(
                "import json, sys\n\
                 def enqueue(id, event): print(id)\n\
                 {}\n\
                 print(receive(sys.stdin.buffer.read(), json.loads(os.environ['HEADERS'])))",
                snippet("python")
            ));
            command
        }
        "js" => {
            let mut command = Command::new("node");
            command.args(["--input-type=module", "--eval"]).arg(format!(
                "{}\n\
                 import {{ readFileSync }} from 'node:fs';\n\
                 function enqueue(id, event) {{ console.log(id); }}\n\
                 console.log(receive(readFileSync(0), JSON.parse(process.env.HEADERS)));",
                snippet("js")
            ));
            command
        }
        other => panic!("{other} is not run"),
    };
    let headers = serde_json::json!({
        "webhook-id": webhook.id,
        "webhook-timestamp": webhook.timestamp,
        "webhook-signature": webhook.signature,
    });
    command
        // Where Node finds its library.
        .current_dir(root().join("examples/verify-webhook"))
        .env("WEBHOOK_SECRET", secret)
        .env("HEADERS", headers.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(body).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "the code in {language} does not run");
    String::from_utf8(output.stdout).unwrap()
}

/// A ticket whose webhook failed an hour ago and is tried again now: what was sent both times.
async fn an_hour_apart() -> (String, Vec<WebhookRequest>) {
    let hour = Duration::from_secs(3_600);
    let start = Timestamp::from_millis(SystemClock.now().as_millis() - 3_600_000);
    let clock = Arc::new(ManualClock::new(start));
    let tickets = Tickets::builder(Arc::new(MemoryStore::new()))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .targets(TargetPolicy::LoopbackInTest)
        .schedule("1h".parse().unwrap())
        .build();
    let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let endpoint = CreateEndpoint::new("http://127.0.0.1:9000/".parse().unwrap());
    let endpoint = desk.create_endpoint(&IdempotencyKey::system("hook"), endpoint).await.unwrap().value;
    let ticket = CreateTicket::new("Teil verspätet – 部品の遅れ 📦").unwrap();
    desk.create_ticket(&IdempotencyKey::system("ticket"), ticket).await.unwrap();

    let sender = Arc::new(ScriptedSender::new(Arc::clone(&clock) as Arc<dyn Clock>, [500], 200));
    let dispatcher = tickets.dispatcher(Arc::clone(&sender) as _);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(async move {
        dispatcher
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    let due = async || {
        let all = desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.unwrap().data;
        all[0].next_attempt_at
    };
    while let Some(due) = due().await {
        if due == start + hour {
            clock.set(due);
        }
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    worker.await.unwrap();
    let secret = endpoint.secret.unwrap().expose().to_owned();
    (secret, sender.sent().into_iter().map(|(_, webhook)| webhook).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn they_take_a_retry_an_hour_later_and_refuse_a_changed_body() {
    let (secret, sent) = an_hour_apart().await;
    let [first, retry] = sent.as_slice() else { panic!("{} attempts", sent.len()) };
    assert_eq!(first.id, retry.id);
    for (name, _process, authority) in receivers(&secret) {
        assert_eq!(post(&authority, retry, &retry.body), 204, "{name} takes the retry: it is signed anew");
        assert_eq!(post(&authority, first, &first.body), 400, "{name} refuses a signature that is an hour old");
        let mut changed = retry.body.clone();
        let position = changed.iter().position(|byte| *byte == b'T').unwrap();
        changed[position] = b't';
        assert_eq!(post(&authority, retry, &changed), 400, "{name} refuses a changed body");
    }
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    for (name, _process, authority) in receivers(other) {
        assert_eq!(post(&authority, retry, &retry.body), 400, "{name} refuses another secret");
    }
}

/// A server, and an endpoint that a receiver of one library is given in turn.
struct Endpoint<'a> {
    server: &'a Server,
    library: &'a str,
    id: String,
    steps: usize,
}

impl<'a> Endpoint<'a> {
    /// At an address where nobody listens; with its secret.
    fn make(server: &'a Server, library: &'a str) -> (Self, String) {
        let made = server.post("/webhook_endpoints", library, &format!(r#"{{"url":"{NOBODY}"}}"#)).json();
        let id = made["id"].as_str().unwrap().to_owned();
        (Self { server, library, id, steps: 0 }, made["secret"].as_str().unwrap().to_owned())
    }

    fn key(&mut self) -> String {
        self.steps += 1;
        format!("{}-{}", self.library, self.steps)
    }

    fn point_to(&mut self, url: &str) {
        let (path, key) = (format!("/webhook_endpoints/{}", self.id), self.key());
        let moved = self.server.send("PATCH", &path, Some(&key), &format!(r#"{{"url":"{url}"}}"#)).unwrap();
        assert_eq!(moved.status, 200, "{moved:?}");
    }

    /// A receiver that knows this secret, and its URL. Started before it is sent to, however long that takes: there are few
    /// attempts.
    fn receiver(&self, secret: &str) -> (Process, String) {
        let (process, authority) = receiver(self.library, secret);
        (process, format!("http://{authority}/"))
    }

    /// Makes a ticket; its id.
    fn ticket(&mut self) -> String {
        let key = self.key();
        let made = self.server.post("/tickets", &key, r#"{"subject":"Part delayed"}"#).json();
        made["id"].as_str().unwrap().to_owned()
    }

    fn rotate_secret(&mut self, body: &str) -> String {
        let (path, key) = (format!("/webhook_endpoints/{}/rotate_secret", self.id), self.key());
        self.server.post(&path, &key, body).json()["secret"].as_str().unwrap().to_owned()
    }

    /// Waits until the deliveries of a ticket stand so; the id of the first.
    fn wait_until(&self, ticket: &str, status: &str, attempts: usize) -> String {
        let begun = Instant::now();
        loop {
            let path = format!("/deliveries?endpoint_id={}&status={status}", self.id);
            let listed = self.server.get(&path).json();
            let found = listed["data"].as_array().unwrap().iter().find(|delivery| delivery["ticket_id"] == ticket);
            if let Some(found) = found.filter(|found| found["attempts"].as_array().unwrap().len() >= attempts) {
                return found["id"].as_str().unwrap().to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{ticket} is not {status}: {listed}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Nothing listens on the port that is kept for that (RFC 863).
const NOBODY: &str = "http://127.0.0.1:1999/";

fn verified(ticket: &str) -> String {
    format!("verified ticket.created {ticket}")
}

#[test]
fn they_take_first_attempts_retries_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--webhook-schedule", "1s,1s,1s"]);
    for library in ["python", "node"] {
        let (mut endpoint, secret) = Endpoint::make(&server, library);
        let (mut receiver, url) = endpoint.receiver(&secret);
        let retried = endpoint.ticket();
        endpoint.wait_until(&retried, "pending", 1);
        endpoint.point_to(&url);
        receiver.wait_for(&verified(&retried));

        let first = endpoint.ticket();
        receiver.wait_for(&verified(&first));

        endpoint.point_to(NOBODY);
        let replayed = endpoint.ticket();
        let letter = endpoint.wait_until(&replayed, "dead", 4);
        endpoint.point_to(&url);
        let answer = server.post(&format!("/dead_letters/{letter}/replay"), &endpoint.key(), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        receiver.wait_for(&verified(&replayed));
        // So that the other library's tickets are no concern of this endpoint.
        let deleted = format!("/webhook_endpoints/{}", endpoint.id);
        assert_eq!(server.send("DELETE", &deleted, Some(&endpoint.key()), "").unwrap().status, 204);
    }
}

#[test]
fn they_take_either_secret_while_one_replaces_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--webhook-schedule", "1s,1s,1s"]);
    for library in ["python", "node"] {
        let (mut endpoint, old) = Endpoint::make(&server, library);
        let new = endpoint.rotate_secret("{}");
        assert_ne!(old, new);
        for secret in [&old, &new] {
            let (mut receiver, url) = endpoint.receiver(secret);
            endpoint.point_to(NOBODY);
            let retried = endpoint.ticket();
            endpoint.wait_until(&retried, "pending", 1);
            endpoint.point_to(&url);
            receiver.wait_for(&verified(&retried));
            let first = endpoint.ticket();
            receiver.wait_for(&verified(&first));
        }

        let newest = endpoint.rotate_secret(r#"{"overlap_seconds":0}"#);
        let (mut late, url) = endpoint.receiver(&old);
        endpoint.point_to(&url);
        let ticket = endpoint.ticket();
        late.wait_for(&verified(&ticket));
        let newer = endpoint.rotate_secret(r#"{"overlap_seconds":0}"#);
        let (mut outdated, outdated_url) = endpoint.receiver(&newest);
        let (mut receiver, url) = endpoint.receiver(&newer);
        endpoint.point_to(&outdated_url);
        let ticket = endpoint.ticket();
        outdated.wait_for("refused");
        assert!(!outdated.stdout().contains(&verified(&ticket)), "it was replaced without an overlap");
        endpoint.point_to(&url);
        receiver.wait_for(&verified(&ticket));
        let deleted = format!("/webhook_endpoints/{}", endpoint.id);
        assert_eq!(server.send("DELETE", &deleted, Some(&endpoint.key()), "").unwrap().status, 204);
    }
}

#[tokio::test]
async fn the_code_of_the_guide_takes_what_is_signed_and_refuses_the_rest() {
    let (secret, sent) = an_hour_apart().await;
    let [old, fresh] = sent.as_slice() else { panic!("{} attempts", sent.len()) };
    for language in ["python", "js"] {
        let taken = format!("{}\n204\n", fresh.id);
        assert_eq!(printed_by(language, &secret, fresh, &fresh.body), taken, "{language}");
        let rotated = WebhookRequest { signature: format!("v1,AAAA {}", fresh.signature), ..fresh.clone() };
        assert_eq!(
            printed_by(language, &secret, &rotated, &fresh.body),
            taken,
            "{language} takes one of two signatures"
        );
        assert_eq!(printed_by(language, &secret, fresh, b"{}"), "400\n", "{language}");
        assert_eq!(printed_by(language, &secret, old, &old.body), "400\n", "{language}");
    }
}
