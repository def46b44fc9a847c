//! A stranger learns nothing, not even that there is something to learn.

use http::Method;
use serde_json::{Value, json};
use sk_tickets_core::Scope;

use crate::app::{ACME, ACME_LIVE, ANN, Answer, Ask, Client, GLOBEX, TestApp, UNKNOWN, text};

/// One of each thing in a realm.
#[derive(Debug)]
struct Things {
    ticket: String,
    entry: String,
    event: String,
    queue: String,
    form: String,
    contact: String,
    notification: String,
    endpoint: String,
    delivery: String,
    dead_letter: String,
    job: String,
}

impl Things {
    async fn make(client: &Client) -> Self {
        let endpoint =
            client.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201).json();
        let endpoint = text(&endpoint, "id").to_owned();
        let path = format!("/webhook_endpoints/{endpoint}");
        let ticket = client.ticket(json!({"subject": "Told", "body": "Hello"})).await;
        let ticket = text(&ticket, "id").to_owned();
        // In every realm another one.
        let queue = ticket.to_lowercase();
        client.post("/queues", json!({"key": queue})).await.expect(201);
        let form = id(&client.post("/forms", json!({"name": "Contact us"})).await.expect(201).json());
        let contact = id(&client.post("/contacts", json!({"name": "Ann"})).await.expect(201).json());
        let told = client.ticket(json!({"subject": "Resolved", "contact_id": contact, "owner_id": ANN})).await;
        let resolve = json!({"to": "resolved", "resolution_note": "Replaced"});
        client.post(&format!("/tickets/{}/transitions", text(&told, "id")), resolve).await.expect(200);
        let notification = id(&client.all("/notifications").await[0]);
        let delivery = id(&client.all("/deliveries").await[0]);
        let event = id(&client.all("/events").await[0]);
        let entry = id(&client.all(&format!("/tickets/{ticket}/thread")).await[0]);
        let disabled = client.post(&format!("{path}/disable"), json!({})).await.expect(200).json();
        assert_eq!(disabled["status"], "disabled");
        client.ticket(json!({"subject": "Not told"})).await;
        let dead_letter = id(&client.all("/dead_letters").await[0]);
        let job = id(&client.post("/dead_letters/replay", json!({})).await.expect(202).json());
        Self { ticket, entry, event, queue, form, contact, notification, endpoint, delivery, dead_letter, job }
    }

    /// Things that are nowhere.
    fn unknown() -> Self {
        Self {
            ticket: format!("tkt_{UNKNOWN}"),
            entry: format!("ent_{UNKNOWN}"),
            event: format!("evt_{UNKNOWN}"),
            queue: "unknown".to_owned(),
            form: format!("frm_{UNKNOWN}"),
            contact: format!("ctc_{UNKNOWN}"),
            notification: format!("ntf_{UNKNOWN}"),
            endpoint: format!("whe_{UNKNOWN}"),
            delivery: format!("dlv_{UNKNOWN}"),
            dead_letter: format!("dlv_{UNKNOWN}"),
            job: format!("job_{UNKNOWN}"),
        }
    }

    /// Every request that names one of them.
    fn requests(&self) -> Vec<Ask> {
        let Self { ticket, entry, event, queue, form, contact, notification, endpoint, delivery, dead_letter, job } =
            self;
        let get = |path: String| Ask::get(&path);
        let send = |method, path: String, body: Value| Ask::new(method, &path).fresh_key().json(&body);
        vec![
            get(format!("/tickets/{ticket}")),
            get(format!("/tickets/{ticket}/thread")),
            get(format!("/tickets/{ticket}/thread/{entry}")),
            get(format!("/events/{event}")),
            get(format!("/queues/{queue}")),
            get(format!("/queues/{queue}/overview")),
            get(format!("/forms/{form}")),
            get(format!("/contacts/{contact}")),
            get(format!("/notifications/{notification}")),
            get(format!("/webhook_endpoints/{endpoint}")),
            get(format!("/deliveries/{delivery}")),
            get(format!("/dead_letters/{dead_letter}")),
            get(format!("/dead_letters/jobs/{job}")),
            send(Method::PATCH, format!("/tickets/{ticket}"), json!({"subject": "Mine"})),
            send(Method::POST, format!("/tickets/{ticket}/assign"), json!({"owner_id": null})),
            send(Method::POST, format!("/tickets/{ticket}/transitions"), json!({"to": "closed", "reason": "spam"})),
            send(Method::POST, format!("/tickets/{ticket}/thread"), json!({"kind": "message", "body": "Hi"})),
            send(Method::POST, format!("/tickets/{ticket}/thread"), json!({"kind": "note", "body": "Hi"})),
            send(Method::POST, format!("/tickets/{ticket}/thread/{entry}/redact"), json!({"reason": "privacy"})),
            send(Method::PATCH, format!("/queues/{queue}"), json!({"name": "Mine"})),
            send(Method::POST, format!("/queues/{queue}/claim"), json!({"owner_id": ANN})),
            send(Method::PATCH, format!("/forms/{form}"), json!({"name": "Mine"})),
            send(Method::PATCH, format!("/contacts/{contact}"), json!({"name": "Mine"})),
            send(Method::POST, format!("/notifications/{notification}/replay"), json!({})),
            send(Method::PATCH, format!("/webhook_endpoints/{endpoint}"), json!({"events": ["ticket.created"]})),
            send(Method::POST, format!("/webhook_endpoints/{endpoint}/enable"), json!({})),
            send(Method::POST, format!("/webhook_endpoints/{endpoint}/disable"), json!({})),
            send(Method::POST, format!("/webhook_endpoints/{endpoint}/ping"), json!({})),
            send(Method::POST, format!("/webhook_endpoints/{endpoint}/rotate_secret"), json!({})),
            send(Method::POST, "/dead_letters/replay".to_owned(), json!({"endpoint_id": endpoint})),
            send(Method::POST, format!("/dead_letters/{dead_letter}/replay"), json!({})),
            send(Method::POST, format!("/dead_letters/{dead_letter}/discard"), json!({"reason": "spam"})),
            send(Method::DELETE, format!("/webhook_endpoints/{endpoint}"), json!({})),
        ]
    }

    /// Everything there is to see of them.
    async fn seen(&self, client: &Client) -> Vec<Value> {
        let mut seen = Vec::new();
        for ask in self.requests().into_iter().take(13) {
            seen.push(client.send(ask).await.expect(200).json());
        }
        for list in [
            "/tickets",
            "/events",
            "/queues",
            "/forms",
            "/contacts",
            "/notifications",
            "/webhook_endpoints",
            "/deliveries",
            "/dead_letters",
        ] {
            seen.extend(client.all(list).await);
        }
        seen
    }
}

fn id(row: &Value) -> String {
    text(row, "id").to_owned()
}

/// The body without the id of the request.
fn anonymous(answer: &Answer) -> String {
    let body = String::from_utf8(answer.body.to_vec()).expect("text");
    body.replace(answer.header("request-id").expect("an id"), "req_")
}

#[tokio::test]
async fn what_is_another_s_is_not_there_to_the_letter() {
    let app = TestApp::start().await;
    let acme = app.client(ACME, &[Scope::Admin]).await;
    let acme_live = app.client(ACME_LIVE, &[Scope::Admin]).await;
    let globex = app.client(GLOBEX, &[Scope::Admin]).await;
    let things = Things::make(&acme).await;
    // The strangers have things of their own, so that their realms are there.
    let of_live = Things::make(&acme_live).await;
    let of_globex = Things::make(&globex).await;
    let before = [things.seen(&acme).await, of_live.seen(&acme_live).await, of_globex.seen(&globex).await];

    let unknown = Things::unknown().requests();
    let asked = [
        ("unknown", &acme, unknown),
        ("another tenant's", &globex, things.requests()),
        ("a test id with a live key", &acme_live, things.requests()),
        ("a live id with a test key", &acme, of_live.requests()),
    ];
    let mut bodies = Vec::new();
    for (name, client, requests) in asked {
        for ask in requests {
            let answer = client.send(ask).await;
            answer.problem(404, "not_found");
            assert_eq!(answer.headers.len(), 3, "{name}: {answer:?}");
            bodies.push(anonymous(&answer));
        }
    }
    // And the same as of a path that leads nowhere.
    bodies.push(anonymous(&acme.get("/nothing").await.expect(404)));
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");

    let after = [things.seen(&acme).await, of_live.seen(&acme_live).await, of_globex.seen(&globex).await];
    assert_eq!(before, after);
    for ask in things.requests() {
        let answer = acme.send(ask).await;
        assert_ne!(answer.status, 404, "its owner gets an answer: {answer:?}");
    }
}

#[tokio::test]
async fn an_entry_is_found_only_in_its_own_thread() {
    let app = TestApp::start().await;
    let acme = app.admin().await;
    let things = Things::make(&acme).await;
    let other = acme.ticket(json!({"subject": "Other"})).await;
    let misplaced = format!("/tickets/{}/thread/{}", text(&other, "id"), things.entry);
    acme.get(&misplaced).await.problem(404, "not_found");
}

#[tokio::test]
async fn another_s_ticket_cannot_be_followed_up_on() {
    let app = TestApp::start().await;
    let acme = app.admin().await;
    let things = Things::make(&acme).await;
    let globex = app.client(GLOBEX, &[Scope::Admin]).await;
    let follow_up = |id: &str| json!({"subject": "Again", "follow_up_of": id});
    let foreign = globex.post("/tickets", follow_up(&things.ticket)).await;
    assert_eq!(foreign.faults(), [("/follow_up_of".to_owned(), "not_found".to_owned())]);
    let unknown = globex.post("/tickets", follow_up(&format!("tkt_{UNKNOWN}"))).await;
    assert_eq!(anonymous(&foreign), anonymous(&unknown));
    acme.post("/tickets", follow_up(&things.ticket)).await.expect(201);
}

#[tokio::test]
async fn a_delivery_that_is_no_dead_letter_is_not_found_among_them() {
    let app = TestApp::start().await;
    let acme = app.admin().await;
    acme.post("/webhook_endpoints", json!({"url": "https://example.com/"})).await.expect(201);
    acme.ticket(json!({"subject": "Told"})).await;
    let pending = id(&acme.all("/deliveries").await[0]);
    let path = format!("/dead_letters/{pending}");
    acme.get(&path).await.problem(404, "not_found");
    acme.post(&format!("{path}/replay"), json!({})).await.problem(409, "not_a_dead_letter");
    acme.post(&format!("{path}/discard"), json!({"reason": "stale"})).await.problem(409, "not_a_dead_letter");
    assert_eq!(acme.all("/dead_letters").await.len(), 0);
}
