//! Receivers of webhooks that do not behave: answers without an end, heads without an end, answers that drip.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sk_tickets_core::{TargetPolicy, WebhookSender};
use sk_tickets_http::WebhookClient;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::{
    app::{Client, PATIENCE, TestApp, text},
    receiver::Receiver,
};

const KEPT: usize = 16 * 1024;

/// Takes one webhook, says `start`, then `again` for as long as somebody listens.
struct Unruly {
    url: String,
    said_bytes: Arc<AtomicU64>,
    /// Ends when the connection has been closed by the other side.
    task: JoinHandle<()>,
}

impl Unruly {
    async fn start(start: &'static str, again: Vec<u8>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let said_bytes = Arc::new(AtomicU64::new(0));
        let said = Arc::clone(&said_bytes);
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody");
            let _ = stream.read(&mut [0; 64 * 1024]).await.expect("a webhook");
            stream.write_all(start.as_bytes()).await.expect("heard");
            while !again.is_empty() && stream.write_all(&again).await.is_ok() {
                said.fetch_add(u64::try_from(again.len()).expect("small"), Ordering::SeqCst);
            }
            until_closed(&mut stream).await;
        });
        Self { url, said_bytes, task }
    }

    /// Waits until the sender has hung up, and says how many bytes it let through.
    async fn hung_up(self) -> u64 {
        timeout(PATIENCE, self.task).await.expect("the sender hangs up").expect("no panic");
        self.said_bytes.load(Ordering::SeqCst)
    }
}

async fn until_closed(stream: &mut TcpStream) {
    // An error says that it is closed, too.
    while stream.read(&mut [0; 4_096]).await.is_ok_and(|count| count > 0) {}
}

/// An application with an endpoint at `url` that is owed one delivery.
async fn owing(url: &str) -> (TestApp, Client) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/webhook_endpoints", json!({"url": url})).await.expect(201);
    admin.ticket(json!({"subject": "A"})).await;
    (app, admin)
}

async fn delivery(client: &Client) -> Value {
    client.all("/deliveries").await.remove(0)
}

/// A worker that goes on until it is told to stop.
struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    fn start(app: &TestApp, policy: TargetPolicy) -> Self {
        let client = Arc::new(WebhookClient::new(policy).expect("a client"));
        let dispatcher = app.tickets.dispatcher(client as Arc<dyn WebhookSender>);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            dispatcher
                .run(async {
                    // Whether it was told or the test is over: either is the end.
                    let _ = stopped.await;
                })
                .await;
        });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).expect("the worker is there");
        self.task.await.expect("it stops");
    }
}

/// The first attempt, as soon as it is settled.
async fn first_attempt(client: &Client) -> Value {
    let attempt = async {
        loop {
            if let Some(attempt) = delivery(client).await["attempts"].get(0) {
                return attempt.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, attempt).await.expect("the attempt is settled")
}

#[tokio::test]
async fn of_an_answer_without_an_end_the_start_is_kept_and_the_connection_dropped() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    let receiver = Unruly::start(head, vec![b'a'; 64 * 1024]).await;
    let (app, admin) = owing(&receiver.url).await;
    app.attempt(1).await;
    let delivery = delivery(&admin).await;
    assert_eq!(text(&delivery, "status"), "delivered");
    assert_eq!(text(&delivery["attempts"][0], "response"), "a".repeat(KEPT));
    // What lies between is in the buffers of the two sockets.
    let said_bytes = receiver.hung_up().await;
    assert!(said_bytes < 32 * 1024 * 1024, "{said_bytes} bytes");
}

#[tokio::test]
async fn of_an_answer_in_chunks_without_an_end_too() {
    let head = "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Unruly::start(head, b"1\r\na\r\n".repeat(8 * 1024)).await;
    let (app, admin) = owing(&receiver.url).await;
    app.attempt(1).await;
    let delivery = delivery(&admin).await;
    assert_eq!((text(&delivery, "status"), &delivery["attempts"][0]["status_code"]), ("pending", &json!(500)));
    assert_eq!(text(&delivery["attempts"][0], "response"), "a".repeat(KEPT));
    receiver.hung_up().await;
}

#[tokio::test]
async fn a_head_without_an_end_is_a_failure() {
    for again in ["x-more: and more\r\n".to_owned(), format!("x-long: {}", "a".repeat(64 * 1024))] {
        let receiver = Unruly::start("HTTP/1.1 200 OK\r\n", again.into_bytes()).await;
        let (app, admin) = owing(&receiver.url).await;
        app.attempt(1).await;
        let delivery = delivery(&admin).await;
        let attempt = &delivery["attempts"][0];
        assert_eq!((text(&delivery, "status"), &attempt["status_code"]), ("pending", &Value::Null));
        assert!(text(attempt, "error").contains("head"), "{attempt}");
        let said_bytes = receiver.hung_up().await;
        assert!(said_bytes < 32 * 1024 * 1024, "{said_bytes} bytes");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_failure() {
    for (answer, what) in [("SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP"), ("+PONG\r\n", "HTTP")] {
        let receiver = Unruly::start(answer, Vec::new()).await;
        let (app, admin) = owing(&receiver.url).await;
        app.attempt(1).await;
        let attempt = &delivery(&admin).await["attempts"][0];
        assert!(text(attempt, "error").contains(what), "{attempt}");
        assert_eq!(attempt["response"], Value::Null, "nothing of it is shown: it may come from inside");
        receiver.hung_up().await;
    }
}

#[tokio::test]
async fn an_answer_that_drips_has_fifteen_seconds_in_all() {
    let receiver = Unruly::start("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nd", Vec::new()).await;
    let (app, admin) = owing(&receiver.url).await;
    let worker = Worker::start(&app, TargetPolicy::LoopbackInTest);
    let start = app.tickets.now();
    let mut hung_up = tokio::spawn(receiver.hung_up());
    timeout(PATIENCE, async {
        // Nothing but the clock of the engine ends the attempt; it goes slowly, so that the lease can be renewed.
        while !hung_up.is_finished() {
            app.clock.advance(Duration::from_millis(250));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the attempt is given up");
    (&mut hung_up).await.expect("no panic");
    let attempt = first_attempt(&admin).await;
    assert!(app.tickets.now().since(start) >= Duration::from_secs(15));
    assert_eq!((text(&attempt, "error"), &attempt["status_code"]), ("no answer within 15 s", &Value::Null));
    worker.stop().await;
}

#[tokio::test]
async fn a_redirect_leads_to_nobody() {
    for status in [301, 302, 303, 307, 308] {
        let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
        receiver.then(status, &[("location", &elsewhere.url)], "");
        let (app, admin) = owing(&receiver.url).await;
        app.attempt(1).await;
        assert_eq!(delivery(&admin).await["attempts"][0]["status_code"], status);
        assert_eq!((receiver.received().len(), elsewhere.received().len()), (1, 0));
    }
}

#[tokio::test]
async fn what_was_lawful_when_it_was_made_is_judged_again_when_it_is_dialled() {
    let receiver = Receiver::start().await;
    let (app, admin) = owing(&receiver.url).await;
    let worker = Worker::start(&app, TargetPolicy::Public);
    let attempt = first_attempt(&admin).await;
    assert_eq!(text(&attempt, "error"), "the URL must be a public host name, not an IP address");
    worker.stop().await;
    assert_eq!(receiver.received().len(), 0);
    app.clock.advance(Duration::from_secs(1));
    app.attempt(1).await;
    assert_eq!(delivery(&admin).await["status"], "delivered");
}
