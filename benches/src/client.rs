//! As cheap an HTTP/1.1 client as will do, so that what is measured is the server.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
};

use crate::timed;

/// The bytes of a request.
#[must_use]
pub fn request(method: &str, path: &str, api_key: &str, idempotency_key: Option<&str>, body: &[u8]) -> Vec<u8> {
    let key = idempotency_key.map(|key| format!("idempotency-key: {key}\r\n")).unwrap_or_default();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {api_key}\r\n\
         content-type: application/json\r\n{key}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The head without the line of the status.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to a host and port.
    ///
    /// # Errors
    /// If nothing listens there.
    pub async fn open(authority: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and waits for all of the answer.
    ///
    /// # Errors
    /// If the connection breaks, or if what comes back is not HTTP with a `content-length`.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let (body_at, length) = loop {
            self.read().await?;
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break (end + 4, content_length(&self.answer[..end]).ok_or_else(not_http)?);
            }
        };
        while self.answer.len() < body_at + length {
            self.read().await?;
        }
        let head = std::str::from_utf8(&self.answer[..body_at - 4]).map_err(|_| not_http())?;
        let (line, head) = head.split_once("\r\n").ok_or_else(not_http)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(not_http)?;
        Ok(Answer { status, head, body: &self.answer[body_at..] })
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What the head says, however it spells the name; no body if it says nothing.
fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME));
    line.map_or(Some(0), |line| std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok())
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not HTTP with a content-length")
}

/// Sends `count` requests over so many connections, on each one after the other, and answers how long that took.
/// `request` makes one from its connection and its number there.
///
/// # Panics
/// If an answer does not come or is no success.
pub fn drive(
    runtime: &Runtime,
    authority: &str,
    connections: u32,
    count: u32,
    request: impl Fn(u32, u32) -> Vec<u8> + Send + Sync + 'static,
) -> Duration {
    let open = runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(authority).await.expect("it listens"));
        }
        open
    });
    let request = Arc::new(request);
    timed(|| {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (index, mut connection) in (0..).zip(open) {
                let request = Arc::clone(&request);
                tasks.spawn(async move {
                    for number in 0..count / connections {
                        let answer = connection.send(&request(index, number)).await.expect("an answer");
                        assert_eq!(answer.status / 100, 2, "{}", String::from_utf8_lossy(answer.body));
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.expect("no connection failed");
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_length_of_a_body_is_found() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nx: y"), Some(12));
        assert_eq!(content_length(b"HTTP/1.1 204 No Content\r\nx: y"), Some(0));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-length: many"), None);
    }

    #[test]
    fn an_answer_that_comes_in_pieces_is_put_together() {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let authority = listener.local_addr().unwrap().to_string();
            let serving = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 64];
                for piece in ["HTTP/1.1 201 Created\r\nconte", "nt-length: 5\r\n\r\nhe", "llo"] {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
                stream.read(&mut asked).await.unwrap()
            });
            let mut connection = Connection::open(&authority).await.unwrap();
            let answer = connection.send(b"x").await.unwrap();
            assert_eq!((answer.status, answer.body), (201, b"hello".as_slice()));
            assert_eq!(serving.await.unwrap(), 1);
        });
    }
}
