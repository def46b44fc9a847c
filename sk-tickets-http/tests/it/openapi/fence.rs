//! Both sides of the fence: for each bound in the document of what is sent, a request just inside of it and one just
//! outside, and the server and the document agree on both.

mod parameters;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::Value;

use super::contract::{DOCUMENT, faults, resolve};
use crate::app::{Answer, Ask, Client, TestApp};
use values::Place;

/// What the server refuses for what is stored, and not for a bound.
const OF_STATE: [&str; 2] = ["unknown_queue", "not_found"];

/// What no schema says: whether a URL is one, and whether it leads where webhooks may be sent; whether one field is less
/// than another, and whether a member of two items is the same.
const BEYOND_SCHEMA: [&str; 10] = [
    "duplicate",
    "invalid_origin",
    "too_early",
    "invalid_url",
    "invalid_reference",
    "https_required",
    "credentials_in_url",
    "port_not_allowed",
    "address_not_allowed",
    "host_not_allowed",
];

/// Bounds that no request can be on the inner side of, and why.
const NO_INSIDE: [(&str, &str, &str); 4] = [
    ("CreateEndpoint/url", "minLength", "no URL has one character"),
    ("CreateTicket/evidence/0/ref", "minLength", "no id and no URL has one character"),
    ("PostEntry/evidence/0/ref", "minLength", "no id and no URL has one character"),
    ("UpdateEndpoint/url", "minLength", "no URL has one character"),
];

/// An operation, as the document describes it.
#[derive(Debug, Clone)]
struct Described {
    method: Method,
    /// With ids in it that nothing was ever made with.
    path: String,
    operation: &'static Value,
}

/// Every operation that asks for a key.
fn operations() -> Vec<Described> {
    let mut all = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty()) {
                let method = method.to_uppercase().parse().expect("a method");
                all.push(Described { method, path: fill(path, operation), operation });
            }
        }
    }
    assert!(all.len() > 20, "{} operations", all.len());
    all
}

/// A path with a lawful id for each of its parameters.
fn fill(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().expect("parameters");
    parameters.iter().filter(|parameter| parameter["in"] == "path").fold(path.to_owned(), |path, parameter| {
        let name = parameter["name"].as_str().expect("a name");
        let sample = values::sample(&parameter["schema"]);
        path.replace(&format!("{{{name}}}"), sample.as_str().expect("text"))
    })
}

impl Described {
    fn id(&self) -> &'static str {
        self.operation["operationId"].as_str().expect("an id")
    }

    fn ask(&self) -> Ask {
        let ask = Ask::new(self.method.clone(), &self.path);
        if self.method == Method::GET { ask } else { ask.fresh_key() }
    }

    async fn send(&self, client: &Client, body: &Value) -> Answer {
        client.send(self.ask().json(body)).await
    }
}

/// Which sides of a bound were seen.
#[derive(Debug, Default)]
struct Sides {
    inside: bool,
    outside: bool,
}

#[tokio::test]
async fn the_server_and_the_document_agree_on_both_sides_of_each_bound_of_a_body() {
    let client = TestApp::start().await.admin().await;
    let mut bounds: BTreeMap<(String, &str), Sides> = BTreeMap::new();
    let mut sent = 0;
    for described in operations() {
        let schema = &described.operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else { continue };
        let name = reference.rsplit('/').next().expect("a name");
        for place in Place::all(resolve(&DOCUMENT, schema)) {
            for (keyword, candidate) in place.candidates() {
                let body = place.body_with(&candidate);
                let is_lawful = faults(schema, &body).is_empty();
                let answer = described.send(&client, &body).await;
                sent += 1;
                let what = format!("{} {name}{} {keyword}: {body:.300}", described.id(), place.pointer);
                let refused = refusals(&answer);
                // What is lawful by itself may break a rule about the members of what it is in.
                let breaks_a_rule = !is_lawful && place.allows(&candidate);
                let where_from = if breaks_a_rule { place.parent() } else { &place.pointer };
                let here: Vec<_> = refused.iter().filter(|(pointer, _)| pointer.starts_with(where_from)).collect();
                let sides = bounds.entry((format!("{name}{}", place.pointer), keyword)).or_default();
                if is_lawful {
                    sides.inside |= here.is_empty();
                    let is_bound = |(_, code): &&&(String, String)| !BEYOND_SCHEMA.contains(&code.as_str());
                    assert_eq!(here.iter().find(is_bound), None, "{what} is refused");
                } else {
                    assert_eq!(answer.status, 422, "{what} is taken: {answer:?}");
                    assert!(!here.is_empty(), "{what} is refused for something else: {answer:?}");
                    sides.outside |= !breaks_a_rule;
                }
            }
        }
    }
    eprintln!("{} bounds of bodies, {sent} requests", bounds.len());
    assert!(bounds.len() > 100, "{} bounds", bounds.len());
    let half = |seen: fn(&Sides) -> bool| {
        let halves = bounds.iter().filter(|(_, sides)| !seen(sides));
        halves.map(|((place, keyword), _)| (place.as_str(), *keyword)).collect::<BTreeSet<_>>()
    };
    assert_eq!(half(|sides| sides.outside), BTreeSet::new(), "bounds that nothing was outside of");
    let known = NO_INSIDE.iter().map(|(place, keyword, _)| (*place, *keyword)).collect();
    assert_eq!(half(|sides| sides.inside), known, "bounds that nothing was inside of");
}

/// Where a body was found wanting, and how, apart from what is stored.
fn refusals(answer: &Answer) -> Vec<(String, String)> {
    if answer.status != 422 || answer.code() != "validation_failed" {
        return Vec::new();
    }
    answer.faults().into_iter().filter(|(_, code)| !OF_STATE.contains(&code.as_str())).collect()
}
