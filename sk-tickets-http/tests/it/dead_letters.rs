//! Lists of deliveries and of dead letters, by endpoint, type and time.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    app::{ANN, Client, TestApp, UNKNOWN, text},
    receiver::Receiver,
};

/// Deliveries of each kind: two endpoints, several types, two times a minute apart, some delivered and some dead.
struct Deliveries {
    admin: Client,
    endpoints: [String; 2],
    /// The second time.
    later: String,
    _receiver: Receiver,
}

impl Deliveries {
    async fn make() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let receiver = Receiver::start().await;
        let mut endpoints = Vec::new();
        for events in [json!(["*"]), json!(["ticket.created"])] {
            let made = admin.post("/webhook_endpoints", json!({"url": receiver.url, "events": events})).await;
            endpoints.push(text(&made.expect(201).json(), "id").to_owned());
        }
        admin.ticket(json!({"subject": "Delivered"})).await;
        app.attempt(2).await;
        for id in &endpoints {
            admin.post(&format!("/webhook_endpoints/{id}/disable"), json!({})).await.expect(200);
        }
        admin.ticket(json!({"subject": "Dead", "owner_id": ANN})).await;
        app.clock.advance(Duration::from_secs(60));
        admin.ticket(json!({"subject": "Dead later", "owner_id": ANN})).await;
        admin.post(&format!("/webhook_endpoints/{}/enable", endpoints[0]), json!({})).await.expect(200);
        admin.ticket(json!({"subject": "Pending"})).await;
        let endpoints = endpoints.try_into().expect("two");
        Self { admin, endpoints, later: app.tickets.now().to_string(), _receiver: receiver }
    }

    /// Filters, and what holds for what they let through.
    fn filters(&self) -> Vec<(String, Filter)> {
        let [all, created] = self.endpoints.clone();
        let (from, to) = (self.later.clone(), self.later.clone());
        vec![
            (format!("endpoint_id={all}"), Box::new(move |row: &Value| row["endpoint_id"] == all.as_str()) as Filter),
            (format!("endpoint_id={created}"), Box::new(move |row| row["endpoint_id"] == created.as_str())),
            ("type=ticket.created".to_owned(), Box::new(|row| row["event_type"] == "ticket.created")),
            (
                "type=ticket.assigned&type=ticket.created".to_owned(),
                Box::new(|row| ["ticket.assigned", "ticket.created"].contains(&text(row, "event_type"))),
            ),
            (format!("from={from}"), Box::new(move |row| text(row, "created_at") >= from.as_str())),
            (format!("to={to}"), Box::new(move |row| text(row, "created_at") < to.as_str())),
        ]
    }
}

type Filter = Box<dyn Fn(&Value) -> bool>;

/// Every row, read page by page.
async fn by_pages(client: &Client, path: &str, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}?{query}&limit=2{cursor}")).await.expect(200).json();
        rows.extend(page["data"].as_array().expect("rows").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// Asserts that each filter lets through what it should, alone and with each other one.
async fn assert_filtered(client: &Client, path: &str, filters: &[(String, Filter)]) {
    let everything = client.all(path).await;
    for (query, holds) in filters {
        let expected: Vec<_> = everything.iter().filter(|row| holds(row)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < everything.len(), "{path} {query} tells something apart");
        assert_eq!(client.all(&format!("{path}?{query}")).await, expected, "{path}?{query}");
        assert_eq!(by_pages(client, path, query).await, expected, "{path}?{query} by pages");
    }
    for (one, holds) in filters {
        for (other, holds_too) in filters {
            let name = |query: &str| query.split('=').next().map(str::to_owned);
            if name(one) == name(other) {
                continue;
            }
            let expected: Vec<_> = everything.iter().filter(|row| holds(row) && holds_too(row)).cloned().collect();
            let query = format!("{path}?{one}&{other}");
            assert_eq!(client.all(&query).await, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn dead_letters_are_filtered() {
    let stage = Deliveries::make().await;
    assert_filtered(&stage.admin, "/dead_letters", &stage.filters()).await;
}

#[tokio::test]
async fn deliveries_are_filtered() {
    let stage = Deliveries::make().await;
    let mut filters = stage.filters();
    for status in ["pending", "delivered", "dead"] {
        filters.push((format!("status={status}"), Box::new(move |row| row["status"] == status)));
    }
    assert_filtered(&stage.admin, "/deliveries", &filters).await;
}

#[tokio::test]
async fn all_filters_at_once_find_the_one() {
    let stage = Deliveries::make().await;
    let (endpoint, from) = (&stage.endpoints[0], &stage.later);
    let query = format!("endpoint_id={endpoint}&type=ticket.assigned&from={from}&to=9999-01-01T00:00:00.000Z");
    for path in ["/dead_letters", "/deliveries?status=dead"] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let [found] = <[Value; 1]>::try_from(stage.admin.all(&format!("{path}{separator}{query}")).await).unwrap();
        assert_eq!((text(&found, "endpoint_id"), text(&found, "created_at")), (endpoint.as_str(), from.as_str()));
    }
    let nothing = format!("/dead_letters?endpoint_id=whe_{UNKNOWN}");
    assert_eq!(stage.admin.all(&nothing).await.len(), 0);
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let stage = Deliveries::make().await;
    for query in [
        "type=ticket.unheard_of",
        "type=*",
        "type=",
        "type=ticket.created&type=nonsense",
        "from=yesterday",
        "to=2027-01-01",
        "from=2027-01-01T00:00:00Z&from=2027-01-01T00:00:00Z",
        "endpoint_id=1",
        "reason=exhausted",
    ] {
        for path in ["/dead_letters", "/deliveries"] {
            stage.admin.get(&format!("{path}?{query}")).await.problem(400, "invalid_parameter");
        }
    }
    stage.admin.get("/deliveries?status=asleep").await.problem(400, "invalid_parameter");
    stage.admin.get("/dead_letters?status=dead").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_cursor_holds_for_its_filter_alone() {
    let stage = Deliveries::make().await;
    for path in ["/dead_letters", "/deliveries"] {
        let page = stage.admin.get(&format!("{path}?type=ticket.created&limit=1")).await.expect(200).json();
        let cursor = text(&page, "next_cursor");
        stage.admin.get(&format!("{path}?type=ticket.created&cursor={cursor}")).await.expect(200);
        let later = format!("type=ticket.created&from={}", stage.later);
        let endpoint = format!("type=ticket.created&endpoint_id={}", stage.endpoints[0]);
        for other in ["", "type=ticket.assigned", "type=ticket.created&type=ticket.assigned", &later, &endpoint] {
            let answer = stage.admin.get(&format!("{path}?{other}&cursor={cursor}")).await;
            answer.problem(400, "cursor_filter_mismatch");
        }
        let elsewhere = if path == "/deliveries" { "/dead_letters" } else { "/deliveries" };
        let answer = stage.admin.get(&format!("{elsewhere}?type=ticket.created&cursor={cursor}")).await;
        answer.problem(400, "invalid_cursor");
    }
}
