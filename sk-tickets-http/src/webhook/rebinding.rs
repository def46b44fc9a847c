//! Tests: names that change their mind between one look and the next (DNS rebinding), and addresses that need no look.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use sk_tickets_core::{Environment, SendError, TargetPolicy, WebhookReply, WebhookRequest, WebhookSender};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tower_service::Service;

use super::{
    client::WebhookClient,
    resolver::{Lookup, PolicyResolver},
};

/// A name server whose answer changes from question to question; the last one stays.
#[derive(Debug)]
struct Fickle {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Fickle {
    fn new<const N: usize>(answers: [&[SocketAddr]; N]) -> Arc<Self> {
        Arc::new(Self { answers: answers.map(<[_]>::to_vec).to_vec(), asked: AtomicUsize::new(0) })
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Lookup for Fickle {
    async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[asked.min(self.answers.len() - 1)].clone())
    }
}

/// Somebody on loopback, who answers 204 and ends the connection, so that the next attempt must dial.
struct Inside {
    address: SocketAddr,
    dialled: mpsc::UnboundedReceiver<SocketAddr>,
    task: JoinHandle<()>,
}

impl Inside {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (dial, dialled) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                dial.send(from).unwrap();
                // Whoever dialled may have gone; that it dialled is what counts.
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            }
        });
        Self { address, dialled, task }
    }

    /// How many connections were made since it was last asked.
    async fn times_dialled(&mut self) -> usize {
        // One of our own comes after whatever was dialled before: so nothing is still on its way.
        let own = TcpStream::connect(self.address).await.unwrap();
        let own_address = own.local_addr().unwrap();
        drop(own);
        let mut count = 0;
        while self.dialled.recv().await.unwrap() != own_address {
            count += 1;
        }
        count
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Public by the policy, and given to nobody by IANA: to dial it reaches no one.
fn nobody() -> SocketAddr {
    (Ipv6Addr::new(0x3000, 0, 0, 0, 0, 0, 0, 1), 0).into()
}

fn webhook(url: String, environment: Environment) -> WebhookRequest {
    WebhookRequest {
        url,
        environment,
        id: "evt_1".to_owned(),
        timestamp: "1".to_owned(),
        signature: "v1,".to_owned(),
        body: b"{}".to_vec(),
    }
}

fn said(outcome: Result<WebhookReply, SendError>) -> String {
    outcome.unwrap_err().0
}

/// A client that asks this name server.
fn asking(names: &Arc<Fickle>, policy: TargetPolicy) -> WebhookClient {
    WebhookClient::with_lookup(policy, &(Arc::clone(names) as Arc<dyn Lookup>)).unwrap()
}

const REFUSED: &str = "the name has no address that webhooks may be sent to";

#[tokio::test]
async fn a_name_that_turns_from_public_to_loopback_is_not_followed_inside() {
    let mut inside = Inside::start().await;
    let url = format!("http://hooks.example.com:{}/", inside.address.port());
    for policy in [TargetPolicy::Public, TargetPolicy::LoopbackInTest] {
        // In live the port would be refused before the name is looked up.
        let names = Fickle::new([&[nobody()], &[inside.address]]);
        let mut resolver = PolicyResolver { policy, environment: Environment::Live, lookup: names };
        let mut resolve = async || {
            let name = "hooks.example.com".parse().unwrap();
            resolver.call(name).await.map(Iterator::collect::<Vec<_>>)
        };
        assert_eq!(resolve().await.unwrap(), [nobody()]);
        assert_eq!(resolve().await.unwrap_err().to_string(), REFUSED);
    }

    let names = Fickle::new([&[nobody()], &[inside.address]]);
    let client = asking(&names, TargetPolicy::Public);
    // The first attempt looks once, and dials what it saw. Had it looked again to dial, it would have come inside.
    assert_ne!(said(client.send(webhook(url.clone(), Environment::Test)).await), REFUSED);
    assert_eq!(names.times_asked(), 1);
    for _ in 0..3 {
        assert_eq!(said(client.send(webhook(url.clone(), Environment::Test)).await), REFUSED);
    }
    assert_eq!(inside.times_dialled().await, 0);
}

#[tokio::test]
async fn a_name_that_turns_from_lawful_to_private_is_refused_at_the_next_dial() {
    let mut receiver = Inside::start().await;
    let private = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 0));
    let metadata = SocketAddr::from((Ipv4Addr::new(169, 254, 169, 254), 0));
    let names = Fickle::new([&[receiver.address], &[private, metadata], &[receiver.address]]);
    let client = asking(&names, TargetPolicy::LoopbackInTest);
    let send =
        || client.send(webhook(format!("http://hooks.example.com:{}/", receiver.address.port()), Environment::Test));
    assert_eq!(send().await.unwrap().status_code, 204);
    assert_eq!(said(send().await), REFUSED);
    assert_eq!(send().await.unwrap().status_code, 204);
    assert_eq!(receiver.times_dialled().await, 2);
}

#[tokio::test]
async fn of_a_mixed_answer_only_what_is_lawful_is_dialled() {
    let mut receiver = Inside::start().await;
    let url = format!("http://hooks.example.com:{}/", receiver.address.port());
    let unlawful =
        ["10.0.0.1", "192.168.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "[fd00::1]", "[64:ff9b::7f00:1]"]
            .map(|address| format!("{address}:0").parse().unwrap());
    let mixed = [&unlawful[..], &[receiver.address], &unlawful[..]].concat();
    let client = asking(&Fickle::new([&mixed]), TargetPolicy::LoopbackInTest);
    assert_eq!(client.send(webhook(url.clone(), Environment::Test)).await.unwrap().status_code, 204);
    assert_eq!(receiver.times_dialled().await, 1);

    let mixed = [&unlawful[..], &[receiver.address, nobody()]].concat();
    let client = asking(&Fickle::new([&mixed]), TargetPolicy::Public);
    assert_ne!(said(client.send(webhook(url, Environment::Test)).await), REFUSED);
    assert_eq!(receiver.times_dialled().await, 0);
}

/// The connector does not ask the resolver about an address that stands in the URL.
#[tokio::test]
async fn an_address_in_a_url_that_was_kept_is_judged_when_it_is_dialled() {
    let mut inside = Inside::start().await;
    let port = inside.address.port();
    let names = Fickle::new([&[nobody()]]);
    let client = asking(&names, TargetPolicy::Public);
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
    {
        for environment in Environment::ALL {
            let error = said(client.send(webhook(format!("http://{host}:{port}/"), environment)).await);
            assert!(error.starts_with("the URL must"), "{host}: {error}");
        }
    }
    assert_eq!(inside.times_dialled().await, 0);
}
