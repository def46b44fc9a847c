//! A way to Postgres that breaks: a connection can be cut just when a commit is on it, with its answer lost or not even given
//! yet.

use std::{
    collections::HashSet,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::retrying::Dice;

/// Statements that commit something.
const COMMITS: [&str; 5] =
    ["sk_tickets.commit_tickets(", "sk_tickets.commit(", "sk_tickets.settle(", "claim_due(", "COMMIT"];
/// What the last message of an answer begins with, and how long that is: it is then done.
const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];
const READY_LENGTH: usize = 6;
/// What a client asks first, before it says who it is: whether there is TLS.
const TLS_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// Where on its way a commit is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It never arrives.
    Before,
    /// It arrives, and nobody waits for the answer.
    During,
    /// It is done, and the answer is lost.
    After,
}

/// What is shared by all connections.
#[derive(Debug)]
struct State {
    dice: Mutex<Dice>,
    /// One commit in so many is lost; none, if 0.
    one_in: AtomicUsize,
    /// How many were, by where.
    cuts: [AtomicUsize; 3],
}

impl State {
    fn cut(&self) -> Option<Cut> {
        let one_in = self.one_in.load(Ordering::Relaxed);
        let mut dice = self.dice.lock().unwrap();
        if one_in == 0 || dice.roll(one_in) != 0 {
            return None;
        }
        let cut = [Cut::Before, Cut::During, Cut::After][dice.roll(3)];
        self.cuts[cut as usize].fetch_add(1, Ordering::Relaxed);
        Some(cut)
    }
}

/// A port that leads to a server, more or less.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Leads to where a URL does.
    pub(super) fn start(url: &str, seed: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { dice: Mutex::new(Dice::new(seed)), one_in: AtomicUsize::new(0), cuts: Default::default() };
        let proxy = Self { port, state: Arc::new(state) };
        let (to, state) = (authority(url).to_owned(), Arc::clone(&proxy.state));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (to, state) = (to.clone(), Arc::clone(&state));
                thread::spawn(move || {
                    // However it ends, both ends are closed by it.
                    let _ = lead(&client, &to, &state);
                });
            }
        });
        proxy
    }

    /// The URL that leads through here.
    pub(super) fn url(&self, url: &str) -> String {
        url.replace(authority(url), &format!("127.0.0.1:{}", self.port))
    }

    /// From now on one commit in so many is lost; none, if 0.
    pub(super) fn lose_one_in(&self, commits: usize) {
        self.state.one_in.store(commits, Ordering::Relaxed);
    }

    /// How many commits were lost: before they arrived, before they were answered, after that.
    pub(super) fn lost(&self) -> [usize; 3] {
        [0, 1, 2].map(|cut| self.state.cuts[cut].load(Ordering::Relaxed))
    }
}

fn authority(url: &str) -> &str {
    url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a URL of a test cluster")
}

/// Leads a connection until it ends or is cut.
fn lead(client: &TcpStream, to: &str, state: &State) -> io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let swallow = Arc::new(Mutex::new(false));
    let answers = {
        let (mut server, mut client) = (server.try_clone()?, client.try_clone()?);
        let swallow = Arc::clone(&swallow);
        thread::spawn(move || {
            let _ = answer(&mut server, &mut client, &swallow);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        })
    };
    let mut asking = Asking { client, server: &server, statements: HashSet::new() };
    let asked = asking.lead(state, &swallow);
    if asked.is_err() || !*swallow.lock().unwrap() {
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
    // Where an answer is to be lost, this ends when it has been given.
    answers.join().map_err(|_| io::Error::other("the answers ended"))
}

/// Passes on what the server answers; once that is to be swallowed, waits for the end of it instead.
fn answer(server: &mut TcpStream, client: &mut TcpStream, swallow: &Mutex<bool>) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    let mut tail = Vec::new();
    loop {
        let length = server.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        if *swallow.lock().unwrap() {
            tail.extend_from_slice(&bytes[..length]);
            if tail.len() >= READY_LENGTH && tail[tail.len() - READY_LENGTH..].starts_with(&READY) {
                return Ok(());
            }
        } else {
            client.write_all(&bytes[..length])?;
        }
    }
}

/// What a client asks, message by message.
struct Asking<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    /// The names of prepared statements that commit something.
    statements: HashSet<Vec<u8>>,
}

impl Asking<'_> {
    /// Passes on what is asked. Ends when the client does, or where a commit is lost.
    fn lead(&mut self, state: &State, swallow: &Mutex<bool>) -> io::Result<()> {
        // Before it says who it is, its messages have no type.
        loop {
            let message = self.message(Vec::new())?;
            self.server.write_all(&message)?;
            if message[4..] != TLS_REQUEST {
                break;
            }
        }
        let mut cut = None;
        loop {
            let mut kind = vec![0];
            self.client.read_exact(&mut kind)?;
            let message = self.message(kind)?;
            match message[0] {
                b'P' if is_commit(&message[5..]) => {
                    self.statements.insert(word(&message[5..]).to_vec());
                }
                // The portal's name comes first.
                b'B' if self.statements.contains(word(&message[5 + word(&message[5..]).len() + 1..])) => {
                    cut = state.cut();
                }
                _ => {}
            }
            match (message[0], cut) {
                (b'B', Some(Cut::Before)) => return Err(io::ErrorKind::ConnectionReset.into()),
                // Nothing of the answer has come: it comes after the end of what is asked.
                (b'S', Some(Cut::After)) => {
                    *swallow.lock().unwrap() = true;
                    return self.server.write_all(&message);
                }
                (b'S', Some(Cut::During)) => {
                    self.server.write_all(&message)?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                _ => self.server.write_all(&message)?,
            }
        }
    }

    /// Reads the rest of a message, whose beginning is there.
    fn message(&mut self, mut begun: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.client.read_exact(&mut length)?;
        let rest = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?.saturating_sub(4);
        begun.extend_from_slice(&length);
        let start = begun.len();
        begun.resize(start + rest, 0);
        self.client.read_exact(&mut begun[start..])?;
        Ok(begun)
    }
}

/// A text as messages have it, up to its zero.
fn word(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether a statement is prepared that commits something: its name, then its text.
fn is_commit(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(word(&message[word(message).len() + 1..])).into_owned();
    COMMITS.iter().any(|commit| text.contains(commit))
}
