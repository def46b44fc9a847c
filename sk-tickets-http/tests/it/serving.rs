//! The router on a socket: who is too slow is hung up on and keeps nobody else waiting, and there is room for so many.

use std::{net::SocketAddr, time::Duration};

use http::Method;
use serde_json::json;
use sk_tickets_core::limits::HEAD_BYTES_MAX;
use sk_tickets_http::{RouterOptions, ServeOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::app::{ACME, Ask, PATIENCE, TestApp};

/// How long clients may take here.
const SHORT: Duration = Duration::from_millis(300);
const HEAD: &str =
    "POST /tickets/v1/tickets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n";

fn impatient() -> ServeOptions {
    ServeOptions::default().patience(SHORT)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it listens")
}

/// Whatever the server says until it hangs up.
async fn until_hung_up(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let reading = async {
        let mut buffer = [0; 4_096];
        // An error says that it is closed, too.
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            said.extend_from_slice(&buffer[..count]);
        }
    };
    timeout(PATIENCE, reading).await.expect("the server hangs up");
    String::from_utf8(said).expect("text")
}

/// Sends a beginning and then a letter now and then, without an end.
async fn drip(address: SocketAddr, beginning: &str) -> String {
    let (mut reader, mut writer) = connect(address).await.into_split();
    writer.write_all(beginning.as_bytes()).await.expect("sent");
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"a").await.is_ok() {
            sleep(SHORT / 10).await;
        }
    });
    let mut said = Vec::new();
    // An error says that it is closed, too.
    let _ = timeout(PATIENCE, reader.read_to_end(&mut said)).await.expect("the server hangs up");
    timeout(PATIENCE, dripping).await.expect("it cannot go on").expect("no panic");
    String::from_utf8(said).expect("text")
}

#[tokio::test]
async fn who_does_not_say_what_they_want_is_hung_up_on() {
    let app = TestApp::start().await;
    let server = app.serve_with(impatient()).await;
    for beginning in ["", "GET /heal", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = connect(server.address).await;
        stream.write_all(beginning.as_bytes()).await.expect("sent");
        assert_eq!(until_hung_up(&mut stream).await, "", "{beginning:?}");
    }
    assert_eq!(drip(server.address, "GET /healthz HTTP/1.1\r\nx-slow: ").await, "");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_come_to_an_end_is_told_and_hung_up_on() {
    let app = TestApp::start().await;
    let server = app.serve_with(impatient()).await;
    let mut stream = connect(server.address).await;
    stream.write_all(format!("{HEAD}\r\n{{").as_bytes()).await.expect("sent");
    let whole = until_hung_up(&mut stream).await;
    let with_length = format!("{HEAD}\r\n");
    let in_chunks = with_length.replace("content-length: 1000", "transfer-encoding: chunked");
    let too_large = with_length.replace("content-length: 1000", "content-length: 1000000");
    let (chunked, dripped, large) = tokio::join!(
        drip(server.address, &in_chunks),
        drip(server.address, &with_length),
        drip(server.address, &too_large)
    );
    assert!(large.starts_with("HTTP/1.1 413 ") && large.contains("\r\nconnection: close\r\n"), "{large}");
    for said in [whole, dripped] {
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("\"malformed_json\""), "{said}");
        assert!(said.contains("took too long"), "{said}");
    }
    assert!(chunked.starts_with("HTTP/1.1 400 "), "a chunk without an end: {chunked}");
    server.stop().await;
}

/// Sends the whole of a request, and another one after it.
async fn send_twice(address: SocketAddr, first: &[u8]) -> String {
    let mut stream = connect(address).await;
    stream.write_all(first).await.expect("all of it is taken");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    until_hung_up(&mut stream).await
}

#[tokio::test]
async fn who_sends_too_much_hears_so_and_can_go_on() {
    const MIB: usize = 1024 * 1024;
    let app = TestApp::start().await;
    let server = app.serve().await;
    let head = "POST /tickets/v1/tickets HTTP/1.1\r\nhost: x\r\n";
    let body = vec![b' '; MIB];
    let declared = [format!("{head}content-length: {MIB}\r\n\r\n").as_bytes(), &body].concat();
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{MIB:x}\r\n");
    let chunked = [chunked.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for request in [declared, chunked] {
        let said = send_twice(server.address, &request).await;
        assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("\"payload_too_large\""), "{said}");
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_sends_too_much_without_an_end_is_told_and_hung_up_on() {
    let app = TestApp::start().await;
    let server = app.serve().await;
    let (mut reader, mut writer) = connect(server.address).await.into_split();
    let sending = tokio::spawn(async move {
        let head = "POST /tickets/v1/tickets HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        writer.write_all(head.as_bytes()).await.expect("sent");
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x1_0000], b"\r\n"].concat();
        while writer.write_all(&chunk).await.is_ok() {}
    });
    let mut said = Vec::new();
    // An error says that it is closed, too.
    let _ = timeout(PATIENCE, reader.read_to_end(&mut said)).await.expect("the server hangs up");
    timeout(PATIENCE, sending).await.expect("it cannot go on").expect("no panic");
    let said = String::from_utf8(said).expect("text").to_lowercase();
    assert!(said.starts_with("http/1.1 413 ") && said.contains("\r\nconnection: close\r\n"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_take_their_answers_is_hung_up_on() {
    let app = TestApp::start().await;
    let server = app.serve_with(impatient()).await;
    let mut stream = connect(server.address).await;
    // Each is answered with hundreds of kilobytes, which soon fill whatever lies between.
    let asking = async {
        while stream.write_all(b"GET /tickets/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {
            sleep(SHORT / 30).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("the server hangs up");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while() {
    let app = TestApp::start().await;
    let server = app.serve_with(impatient()).await;
    let mut stream = connect(server.address).await;
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    }
    let said = until_hung_up(&mut stream).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
    server.stop().await;
}

/// What is known is not made, so its length is not known either.
#[tokio::test]
async fn what_is_known_is_answered_without_a_length() {
    let app = TestApp::start().await;
    let server = app.serve().await;
    for method in ["HEAD", "GET"] {
        let known = format!("{method} /tickets/v1/openapi.json HTTP/1.1\r\nhost: x\r\nif-none-match: *\r\n\r\n");
        let said = send_twice(server.address, known.as_bytes()).await.to_lowercase();
        let (unchanged, after) = said.split_once("\r\n\r\n").expect("a head");
        assert!(unchanged.starts_with("http/1.1 304 "), "{said}");
        assert!(!unchanged.contains("content-length") && !unchanged.contains("transfer-encoding"), "{method}: {said}");
        assert!(after.starts_with("http/1.1 200 ok"), "the connection goes on: {said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_head_of_a_request_is_bounded() {
    let app = TestApp::start().await;
    let server = app.serve().await;
    for (bytes, status) in [(HEAD_BYTES_MAX / 2, 200), (HEAD_BYTES_MAX * 2, 431)] {
        let mut stream = connect(server.address).await;
        let head = format!("GET /healthz HTTP/1.1\r\nconnection: close\r\nx-long: {}\r\n\r\n", "a".repeat(bytes));
        // It may hang up before all is sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let said = until_hung_up(&mut stream).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes} bytes: {said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let app = TestApp::start().await;
    let server = app.serve_with(ServeOptions::default().connections(2)).await;
    let first = connect(server.address).await;
    let second = connect(server.address).await;
    let mut third = connect(server.address).await;
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut byte = [0];
    assert!(timeout(SHORT, third.read(&mut byte)).await.is_err(), "it has to wait");
    drop(first);
    let heard = timeout(PATIENCE, third.read(&mut byte)).await.expect("its turn");
    assert_eq!(heard.expect("an answer"), 1);
    drop((second, third));
    server.stop().await;
}

#[tokio::test]
async fn what_there_is_no_room_for_is_told_when_to_try_again() {
    let mut app = TestApp::start().await;
    let roomy = app.admin().await;
    app.router = RouterOptions::new(app.tickets.clone()).requests_at_once(0).build();
    let admin = app.admin().await;
    let asks = [
        Ask::get("/tickets"),
        Ask::post("/tickets").key("once").json(&json!({"subject": "A"})),
        Ask::post("/tickets").text("{"),
    ];
    for ask in asks {
        let answer = admin.send(ask).await;
        answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // Who looks after the process is not kept out.
    admin.send(Ask::outside(Method::GET, "/healthz")).await.expect(200);
    admin.send(Ask::outside(Method::GET, "/readyz")).await.expect(200);

    // Nothing was done, so the same can be sent again.
    let again = roomy.send(Ask::post("/tickets").key("once").json(&json!({"subject": "A"}))).await.expect(201);
    assert!(!again.is_replay());
    assert_eq!(roomy.all("/tickets").await.len(), 1);
}

#[tokio::test]
async fn a_place_is_given_back() {
    let mut app = TestApp::start().await;
    app.router = RouterOptions::new(app.tickets.clone()).requests_at_once(1).build();
    let key = app.key(ACME, &[sk_tickets_core::Scope::Admin]).await;
    let client = app.anonymous().with_key(&key);
    for number in 0..3 {
        client.ticket(json!({"subject": number.to_string()})).await;
        client.post("/tickets", json!({})).await.expect(422);
        app.anonymous().get("/tickets").await.expect(401);
    }
}
