use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::sleep,
};

/// How long until the next letter.
const DRIP: Duration = Duration::from_millis(300);

/// How a connection is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing is said.
    Idle,
    /// A letter of the head now and then.
    SlowHead,
    /// A letter of the body now and then.
    SlowBody,
}

/// Connections on which little is said.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slow(Arc<State>);

#[derive(Debug, Default)]
struct State {
    hung_up: AtomicUsize,
    said: Mutex<Vec<(Manner, String)>>,
}

impl Slow {
    /// Opens so many connections, a third of each manner.
    pub(crate) fn start(runtime: &Runtime, authority: &str, connections: usize) -> Self {
        let slow = Self::default();
        let manners = [Manner::Idle, Manner::SlowHead, Manner::SlowBody];
        for manner in manners.into_iter().cycle().take(connections) {
            let stream = runtime.block_on(TcpStream::connect(authority)).expect("it listens");
            let slow = slow.clone();
            runtime.spawn(async move {
                let said = manner.hold(stream).await;
                slow.0.said.lock().unwrap_or_else(PoisonError::into_inner).push((manner, said));
                slow.0.hung_up.fetch_add(1, Ordering::SeqCst);
            });
        }
        slow
    }

    /// How many the server has hung up on.
    pub(crate) fn hung_up(&self) -> usize {
        self.0.hung_up.load(Ordering::SeqCst)
    }

    /// What the server said on each before it did.
    pub(crate) fn said(&self) -> Vec<(Manner, String)> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Manner {
    /// Holds on until the server hangs up; whatever it says.
    async fn hold(self, stream: TcpStream) -> String {
        let (mut reader, mut writer) = stream.into_split();
        let beginning = match self {
            Self::Idle => "",
            Self::SlowHead => "POST /tickets/v1/tickets HTTP/1.1\r\nx-slow: ",
            Self::SlowBody => "POST /tickets/v1/tickets HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n",
        };
        writer.write_all(beginning.as_bytes()).await.expect("it listens");
        let dripping = async move {
            while self != Self::Idle && writer.write_all(b"a").await.is_ok() {
                sleep(DRIP).await;
            }
            // Whoever has nothing more to say goes on listening.
            std::future::pending::<()>().await;
        };
        let mut said = Vec::new();
        tokio::select! {
            // An error says that it hung up, too.
            _ = reader.read_to_end(&mut said) => {}
            () = dripping => {}
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}
