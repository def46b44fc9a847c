//! Every route, from the table: what it asks of a key, and that it tells strangers nothing.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

use http::Method;
use http_body_util::BodyExt;
use sk_tickets_core::{
    Clock, ContactId, CreateContact, CreateEndpoint, CreateForm, CreateQueue, CreateTicket, DeliveryFilter,
    Environment, MemoryStore, NotificationFilter, PageRequest, Realm, ReplayDeadLetters, Scope, Status, Timestamp,
    TransitionTicket, UserId, testing::ManualClock,
};
use tower::ServiceExt;

use super::*;

/// An id of no thing, lawful wherever an id is wanted.
const ULID: &str = "01J9X2M3N4P5Q6R7S8T9VAWBXC";

struct Stage {
    tickets: Tickets,
    router: Router,
}

impl Stage {
    fn new() -> Self {
        let tickets = Tickets::new(Arc::new(MemoryStore::new()));
        Self { router: router(tickets.clone()), tickets }
    }

    async fn key(&self, scopes: &[Scope]) -> String {
        self.key_of("acme", Environment::Test, scopes).await
    }

    async fn key_of(&self, tenant: &str, environment: Environment, scopes: &[Scope]) -> String {
        let realm = Realm::assume(tenant.parse().unwrap(), environment);
        let made = self.tickets.create_api_key(realm, None, scopes.iter().copied(), None).await;
        format!("Bearer {}", made.unwrap().1.expose())
    }

    /// The status and the body that a route answers with, asked for something lawful.
    async fn act(&self, route: &Operation, path: &str, key: &str, idempotency_key: &str) -> (u16, serde_json::Value) {
        let request = http::Request::builder()
            .method(&route.method)
            .uri(path)
            .header(header::AUTHORIZATION, key)
            .header(header::CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, idempotency_key)
            .body(Body::from(body(route)));
        let (head, body) = self.router.clone().oneshot(request.unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The status, the headers and the problem's code.
    async fn ask(&self, method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> (u16, HeaderMap, String) {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body: serde_json::Value =
            serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
        (head.status.as_u16(), head.headers, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// The ids that paths are made with.
struct Ids {
    ticket: String,
    entry: String,
    event: String,
    queue: String,
    form: String,
    contact: String,
    notification: String,
    endpoint: String,
    delivery: String,
    job: String,
}

impl Ids {
    /// Of no things.
    fn of_nothing() -> Self {
        let id = |prefix: &str| format!("{prefix}_{ULID}");
        Self {
            ticket: id("tkt"),
            entry: id("ent"),
            event: id("evt"),
            queue: "nothing".to_owned(),
            form: id("frm"),
            contact: id("ctc"),
            notification: id("ntf"),
            endpoint: id("whe"),
            delivery: id("dlv"),
            job: id("job"),
        }
    }

    /// Of a tenant's things, one of each kind; the delivery is a dead letter.
    async fn of_acme(tickets: &Tickets) -> Self {
        let desk = tickets.desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
        let key = |text: &str| IdempotencyKey::system(text);
        let hook = CreateEndpoint::new("https://example.com/".parse().unwrap());
        let endpoint = desk.create_endpoint(&key("hook"), hook).await.unwrap().value.id;
        desk.disable_endpoint(&key("off"), endpoint).await.unwrap();
        let ticket = desk.create_ticket(&key("ticket"), CreateTicket::new("Mine").unwrap()).await.unwrap().value.id;
        desk.enable_endpoint(&key("on"), endpoint).await.unwrap();
        let queue = CreateQueue::new("billing".parse().unwrap());
        let queue = desk.create_queue(&key("queue"), queue).await.unwrap().value;
        let form = desk.create_form(&key("form"), CreateForm::new("Contact us").unwrap()).await.unwrap().value.id;
        let contact = CreateContact { id: None, name: Some("Ann".parse().unwrap()), email: None, phone: None };
        let contact = desk.create_contact(&key("contact"), contact).await.unwrap().value.id;
        // It names somebody who is not known here.
        let told = CreateTicket {
            contact_id: Some(ContactId::from_bytes([1; 16])),
            owner_id: Some(UserId::from_bytes([1; 16]).into()),
            ..CreateTicket::new("Told").unwrap()
        };
        let told = desk.create_ticket(&key("told"), told).await.unwrap().value.id;
        let note = Some("Replaced".parse().unwrap());
        let resolve = TransitionTicket { resolution_note: note, ..TransitionTicket::to(Status::Resolved) };
        desk.transition_ticket(&key("resolve"), told, resolve).await.unwrap();
        let first = PageRequest::first();
        let notification = desk.notifications(&NotificationFilter::default(), &first).await.unwrap().data[0].id;
        let entry = desk.thread(ticket, &first).await.unwrap().unwrap().data[0].id;
        let letter = desk.deliveries(&DeliveryFilter::default(), &first).await.unwrap().data.remove(0);
        let job = desk.replay_dead_letters(&key("job"), ReplayDeadLetters::ALL).await.unwrap().value.id;
        Self {
            ticket: ticket.to_string(),
            entry: entry.to_string(),
            event: letter.event_id.to_string(),
            queue: queue.key,
            form: form.to_string(),
            contact: contact.to_string(),
            notification: notification.to_string(),
            endpoint: endpoint.to_string(),
            delivery: letter.id.to_string(),
            job: job.to_string(),
        }
    }

    /// The path of a route with these ids in it.
    fn path(&self, route: &Operation) -> String {
        let id = match route.path.split('/').nth(1).unwrap() {
            // Of statistics there are none to name by an id.
            "tickets" | "stats" => &self.ticket,
            "queues" => &self.queue,
            "forms" => &self.form,
            "sla_policies" => "urgent",
            "contacts" => &self.contact,
            "notifications" => &self.notification,
            "events" => &self.event,
            "webhook_endpoints" => &self.endpoint,
            "dead_letters" if route.path.contains("/jobs/") => &self.job,
            "deliveries" | "dead_letters" => &self.delivery,
            other => panic!("which ids do {other} have?"),
        };
        let path = route
            .path
            .replace("{id}", id)
            .replace("{key}", id)
            .replace("{priority}", id)
            .replace("{entry}", &self.entry);
        assert!(!path.contains('{'), "{path}");
        format!("{BASE_PATH}{path}")
    }
}

/// The path of a route, with ids of no things.
fn concrete(route: &Operation) -> String {
    Ids::of_nothing().path(route)
}

/// A body that a route takes.
fn body(route: &Operation) -> &'static str {
    match (route.method.as_str(), route.path.rsplit('/').next().unwrap()) {
        ("POST", "assign") => r#"{"owner_id":null}"#,
        ("POST", "transitions") => r#"{"to":"closed","reason":"spam"}"#,
        ("POST", "thread") => r#"{"kind":"note","body":"x"}"#,
        ("POST", "claim") => r#"{"owner_id":"usr_01J9X2M3N4P5Q6R7S8T9VAWBXC"}"#,
        ("POST", "discard" | "redact") => r#"{"reason":"x"}"#,
        ("PATCH", "{id}") if route.path.starts_with("/tickets") => r#"{"subject":"x"}"#,
        ("PATCH", "{id}") if route.path.starts_with("/contacts") => r#"{"name":"x"}"#,
        ("PATCH", "{id}") if route.path.starts_with("/forms") => r#"{"name":"x"}"#,
        ("PATCH", "{key}") => r#"{"name":"x"}"#,
        ("PATCH", "{id}") => r#"{"description":"x"}"#,
        _ => "",
    }
}

#[tokio::test]
async fn no_route_tells_another_tenants_thing_from_no_thing() {
    let stage = Stage::new();
    let theirs = Ids::of_acme(&stage.tickets).await;
    let nothing = Ids::of_nothing();
    let stranger = stage.key_of("stranger", Environment::Test, Scope::ALL).await;
    let live = stage.key_of("acme", Environment::Live, Scope::ALL).await;
    // Each realm has its own policy for each priority, or none: there is no id to try.
    let with_id: Vec<_> =
        api::TABLE.iter().filter(|route| route.path.contains('{') && !route.path.contains("{priority}")).collect();
    for (number, route) in with_id.iter().enumerate() {
        let mut told = Vec::new();
        for (who, key) in [&stranger, &live].into_iter().enumerate() {
            for (which, ids) in [&theirs, &nothing].into_iter().enumerate() {
                let idempotency_key = format!("{number}-{who}-{which}");
                let (status, mut problem) = stage.act(route, &ids.path(route), key, &idempotency_key).await;
                assert_eq!(status, 404, "{} {}", route.method, route.path);
                problem.as_object_mut().unwrap().remove("request_id").unwrap();
                told.push(problem);
            }
        }
        assert!(told.iter().all(|problem| *problem == told[0]), "{} {}: {told:?}", route.method, route.path);
    }
    // To whom they belong they are there, or all of the above would say nothing.
    let owner = stage.key_of("acme", Environment::Test, Scope::ALL).await;
    for (number, route) in with_id.iter().enumerate() {
        let (status, answer) = stage.act(route, &theirs.path(route), &owner, &format!("owner-{number}")).await;
        let is_gone = ["/dead_letters/{id}", "/webhook_endpoints"].iter().any(|path| route.path.starts_with(path));
        assert!(status != 404 || is_gone, "{} {}: {answer}", route.method, route.path);
    }
}

#[tokio::test]
async fn the_rate_is_judged_after_the_key_and_before_the_scope() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let tickets = Tickets::builder(Arc::new(MemoryStore::new())).clock(Arc::clone(&clock) as Arc<dyn Clock>).build();
    let limit = RateLimit::per_second(NonZeroU32::MIN);
    let router = RouterOptions::new(tickets.clone()).rate_limit(Some(limit)).build();
    let stage = Stage { tickets, router };
    let powerless = stage.key(&[]).await;
    let path = format!("{BASE_PATH}/tickets");
    let ask = async |key: &str| stage.ask(&Method::GET, &path, &[(header::AUTHORIZATION, key)]).await;

    let (status, headers, _) = ask("Bearer junk").await;
    assert_eq!(status, 401);
    assert!(!headers.contains_key("ratelimit"), "nobody's requests are not counted");
    for remaining in [1, 0] {
        let (status, headers, _) = ask(&powerless).await;
        assert_eq!(status, 403);
        assert!(headers["ratelimit"].to_str().unwrap().contains(&format!("r={remaining};")), "{headers:?}");
    }
    let (status, headers, code) = ask(&powerless).await;
    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    assert_eq!(headers[header::RETRY_AFTER], "1");
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&powerless).await.0, 403);
    assert_eq!(ask(&powerless).await.0, 429);
}

#[tokio::test]
async fn every_route_wants_a_key_with_its_scope() {
    let stage = Stage::new();
    for route in api::TABLE {
        let (method, path) = (&route.method, concrete(route));
        let (status, headers, code) = stage.ask(method, &path, &[]).await;
        assert_eq!((status, code.as_str()), (401, "unauthorized"), "{method} {path}");
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");

        for scope in [None].into_iter().chain(Scope::ALL.iter().copied().map(Some)) {
            let key = stage.key(scope.as_slice()).await;
            let (status, _, code) = stage.ask(method, &path, &[(header::AUTHORIZATION, &key)]).await;
            let is_refused = (status, code.as_str()) == (403, "insufficient_scope");
            let is_contained = scope.is_some_and(|scope| scope.contains(route.scope));
            assert_ne!(is_refused, is_contained, "{method} {path} with {scope:?}: {status} {code}");
        }
    }
}

#[tokio::test]
async fn every_mutation_wants_an_idempotency_key() {
    let stage = Stage::new();
    let key = stage.key(Scope::ALL).await;
    for route in api::TABLE {
        let (method, path) = (&route.method, concrete(route));
        let (status, _, code) = stage.ask(method, &path, &[(header::AUTHORIZATION, &key)]).await;
        if *method == Method::GET {
            assert!(matches!(status, 200 | 404), "{method} {path}: {status} {code}");
        } else {
            assert_eq!((status, code.as_str()), (400, "idempotency_key_required"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_refuses_a_parameter_that_it_does_not_know() {
    let stage = Stage::new();
    let key = stage.key(Scope::ALL).await;
    for route in api::TABLE {
        let (method, path) = (&route.method, format!("{}?unknown=1", concrete(route)));
        let headers = [(header::AUTHORIZATION, key.as_str()), (IDEMPOTENCY_KEY, "k")];
        let (status, _, code) = stage.ask(method, &path, &headers).await;
        assert_eq!((status, code.as_str()), (400, "invalid_parameter"), "{method} {path}");
    }
}

#[tokio::test]
async fn every_path_names_the_methods_it_has() {
    let stage = Stage::new();
    let mut by_path: HashMap<String, BTreeSet<String>> = HashMap::new();
    for route in api::TABLE {
        let methods = by_path.entry(concrete(route)).or_default();
        methods.insert(route.method.to_string());
        if route.method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
    }
    for (path, methods) in by_path {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let (status, headers, code) = stage.ask(&method.parse().unwrap(), &path, &[]).await;
            if methods.contains(method) {
                assert_eq!(status, 401, "{method} {path}");
                continue;
            }
            assert_eq!(status, 405, "{method} {path}");
            // An answer to HEAD has no body.
            assert!(code == "method_not_allowed" || method == "HEAD", "{method} {path}: {code}");
            let allow = headers[header::ALLOW].to_str().unwrap();
            assert_eq!(allow.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), methods, "{path}");
        }
    }
}

/// The paths that a router has. It tells them only where it is printed for debugging; what it falls back to is there too.
fn paths(router: &Router) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let quoted = printed.split('"').filter(|text| text.starts_with('/'));
    quoted.filter(|path| *path != "/" && !path.contains("{*")).map(str::to_owned).collect()
}

#[tokio::test]
async fn no_route_is_without_an_operation_and_no_operation_without_a_route() {
    let stage = Stage::new();
    let document = crate::openapi();
    let documented = document["paths"].as_object().unwrap();
    let mut expected: BTreeSet<_> = documented.keys().cloned().collect();
    // The door for agents describes itself.
    #[cfg(feature = "mcp")]
    expected.insert(format!("{BASE_PATH}{}", crate::mcp::PATH));
    assert_eq!(paths(&stage.router), expected);

    let of_table: HashMap<_, _> =
        api::TABLE.iter().map(|operation| (format!("{BASE_PATH}{}", operation.path), concrete(operation))).collect();
    for (path, item) in documented {
        let concrete = of_table.get(path).cloned().unwrap_or_else(|| path.replace("{code}", "internal"));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            let (status, _, code) = stage.ask(&method.parse().unwrap(), &concrete, &[]).await;
            let is_documented = item.get(method.to_lowercase()).is_some();
            assert_eq!(status != 405, is_documented, "{method} {path}: {status}");
            // A page for people that says that something is not there has no code.
            assert!(!is_documented || code != "not_found", "{method} {path}: {status}");
        }
    }
}
