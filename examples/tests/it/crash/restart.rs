//! The process ends, one way or the other: nothing that was acknowledged is lost.

use std::{fs, path::Path};

use sk_tickets_core::{Clock, SignatureHeaders, SystemClock, WebhookSecret, verify};
use sk_tickets_postgres::testing::free_port;

use crate::{process::Server, receiver::Receiving};

const TICKET: &str = r#"{"subject":"Part delayed","source":"voice"}"#;

fn hook(server: &Server, url: &str) -> WebhookSecret {
    let endpoint = server.post("/webhook_endpoints", "hook", &format!(r#"{{"url":"{url}"}}"#));
    assert_eq!(endpoint.status, 201, "{endpoint:?}");
    WebhookSecret::parse(endpoint.json()["secret"].as_str().unwrap()).unwrap()
}

#[test]
fn killed_right_after_an_answer_everything_is_there_and_the_webhook_arrives() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at first, so that the delivery is still to be made when the process dies.
    let receiving = Receiving::start(200);
    let unreachable = format!("http://127.0.0.1:{}/", free_port().unwrap());
    let mut server = Server::start(folder.path(), &["--webhook-schedule", "1s,1s,1s,1s,1s,1s,1s"]);
    hook(&server, &unreachable);
    let endpoint = server.get("/webhook_endpoints").json()["data"][0]["id"].as_str().unwrap().to_owned();
    let created = server.post("/tickets", "one", TICKET);
    server.process.signal("KILL");
    assert_eq!(created.status, 201);
    assert!(!server.process.ended().success());

    let server = Server::start(folder.path(), &["--webhook-schedule", "1s,1s,1s,1s,1s,1s,1s"]);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/tickets/{id}")).json()["subject"], "Part delayed");
    let events = server.get("/events").json();
    assert_eq!((events["data"].as_array().unwrap().len(), events["data"][0]["ticket_id"].as_str()), (1, Some(&*id)));
    let deliveries = server.get("/deliveries").json();
    assert_eq!(deliveries["data"].as_array().unwrap().len(), 1);

    let again = server.post("/tickets", "one", TICKET);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, created.body);

    let moved = server
        .send(
            "PATCH",
            &format!("/webhook_endpoints/{endpoint}"),
            Some("move"),
            &format!(r#"{{"url":"{}"}}"#, receiving.url),
        )
        .unwrap();
    assert_eq!(moved.status, 200);
    let webhook = receiving.next();
    assert_eq!(webhook.id, events["data"][0]["id"].as_str().unwrap());
}

#[test]
fn killed_in_the_middle_of_a_burst_each_acknowledged_write_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut server = Server::start(folder.path(), &[]);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (authority, key) = (server.authority.clone(), server.key.clone());
                std::thread::spawn(move || {
                    let authorization = format!("Bearer {key}");
                    let mut done = Vec::new();
                    for number in 0.. {
                        let name = format!("{round}-{writer}-{number}");
                        let headers = [
                            ("authorization", authorization.as_str()),
                            ("content-type", "application/json"),
                            ("idempotency-key", name.as_str()),
                        ];
                        let answer =
                            crate::client::send(&authority, "POST", "/tickets/v1/tickets", &headers, TICKET.as_bytes());
                        match answer {
                            Ok(answer) => {
                                assert_eq!(answer.status, 201);
                                done.push((name, Some(answer.body)));
                            }
                            // The server is dead; whether this one was written is not known.
                            Err(_) => {
                                done.push((name, None));
                                break;
                            }
                        }
                    }
                    done
                })
            })
            .collect();
        while server.get("/events?limit=100").json()["data"].as_array().unwrap().len() < 20 * (round + 1) {}
        server.process.signal("KILL");
        server.process.ended();
        for writer in writers {
            acknowledged.extend(writer.join().expect("no writer failed"));
        }
    }

    let server = Server::start(folder.path(), &[]);
    for (name, body) in &acknowledged {
        let answer = server.post("/tickets", name, TICKET);
        assert_eq!(answer.status, 201);
        if let Some(body) = body {
            assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{name} was acknowledged");
            assert_eq!(&answer.body, body);
        }
    }
    assert_eq!(count(&server, "/tickets"), acknowledged.len(), "one effect each, whether or not the answer arrived");
    assert_eq!(count(&server, "/events"), acknowledged.len());
}

fn count(server: &Server, path: &str) -> usize {
    let mut count = 0;
    let mut page = server.get(&format!("{path}?limit=100")).json();
    loop {
        count += page["data"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(cursor) => page = server.get(&format!("{path}?limit=100&cursor={cursor}")).json(),
            None => return count,
        }
    }
}

#[test]
fn told_to_stop_it_ends_with_0_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let receiving = Receiving::start(200);
    for (round, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let mut server = Server::start(folder.path(), &[]);
        let secret = hook(&server, &receiving.url);
        assert_eq!(server.post("/tickets", &format!("ticket {round}").replace(' ', "-"), TICKET).status, 201);
        server.process.signal(signal);
        assert!(server.process.ended().success());
        // Delivered by this server before it ended, or by the next one.
        let next = Server::start(folder.path(), &[]);
        let webhook = receiving.next();
        let headers =
            SignatureHeaders { id: &webhook.id, timestamp: &webhook.timestamp, signature: &webhook.signature };
        verify(&secret, headers, &webhook.body, SystemClock.now()).unwrap();
        drop(next);
    }
}

#[test]
fn no_secret_is_ever_logged_or_left_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let receiving = Receiving::start(500);
    let mut server = Server::start(folder.path(), &["--webhook-schedule", "1ms,1ms"]);
    let secret = hook(&server, &receiving.url);
    server.post("/tickets", "one", TICKET);
    for _ in 0..3 {
        receiving.next();
    }
    server.process.signal("TERM");
    assert!(server.process.ended().success());
    let logs = server.process.stderr();
    assert!(logs.contains("webhook attempted"), "{logs}");
    assert!(logs.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "JSON off a terminal");
    for hidden in [server.key.as_str(), "sk_test_tk_", &secret.expose(), "whsec_"] {
        assert!(!logs.contains(hidden), "{hidden} is in the logs");
    }
    assert!(!files(folder.path()).windows(server.key.len()).any(|window| window == server.key.as_bytes()));
}

fn files(folder: &Path) -> Vec<u8> {
    fs::read_dir(folder).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}
