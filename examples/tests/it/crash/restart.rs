//! What one server has answered, the next one has and tells of.

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
