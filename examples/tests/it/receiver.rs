//! A receiver of webhooks that hands on every request as it came.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A webhook as it came.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
}

/// Answers every request with one status.
#[derive(Debug)]
pub(crate) struct Receiving {
    pub(crate) url: String,
    received: Receiver<Webhook>,
}

impl Receiving {
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
        let (sender, received) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || serve(&stream, status, &sender));
            }
        });
        Self { url, received }
    }

    /// The next webhook; none once the receiver is gone.
    pub(crate) fn try_next(&self) -> Option<Webhook> {
        self.received.recv().ok()
    }

    /// A webhook that has come already.
    pub(crate) fn try_now(&self) -> Option<Webhook> {
        self.received.try_recv().ok()
    }

    /// The next webhook.
    pub(crate) fn next(&self) -> Webhook {
        self.received.recv_timeout(PATIENCE).expect("a webhook comes")
    }
}

/// Serves one connection for as long as it lasts.
fn serve(stream: &TcpStream, status: u16, sender: &Sender<Webhook>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            headers.extend(
                line.trim().split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())),
            );
        }
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let webhook = Webhook {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body,
        };
        sender.send(webhook).ok()?;
        let mut stream = stream;
        stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
    }
}
