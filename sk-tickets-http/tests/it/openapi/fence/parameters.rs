//! The same for parameters: in the path, the query and headers.

use std::collections::BTreeMap;

use http::HeaderValue;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Described, Sides, operations,
    values::{around_number, mutations, sample},
};
use crate::{
    app::{Answer, Ask, TestApp},
    openapi::contract::{DOCUMENT, faults, resolve},
};

const HEADERS: [&str; 3] = ["idempotency-key", "if-match", "if-none-match"];

/// What says that a parameter is at fault.
const OF_PARAMETERS: [&str; 3] = ["invalid_parameter", "idempotency_key_invalid", "idempotency_key_required"];

/// Parameters that may be any text.
const UNBOUNDED: [&str; 1] = ["cursor"];

#[tokio::test]
async fn the_server_and_the_document_agree_on_both_sides_of_each_bound_of_a_parameter() {
    let client = TestApp::start().await.admin().await;
    let mut bounds: BTreeMap<(String, String), Sides> = BTreeMap::new();
    let mut sent = 0;
    for described in operations() {
        for parameter in described.operation["parameters"].as_array().expect("parameters") {
            let name = parameter["name"].as_str().expect("a name");
            let schema = match &parameter["schema"]["items"] {
                Value::Null => resolve(&DOCUMENT, &parameter["schema"]),
                items => resolve(&DOCUMENT, items),
            };
            for text in candidates(schema) {
                let Some(ask) = ask(&described, parameter, &text) else { continue };
                let answer = client.send(ask).await;
                sent += 1;
                let is_lawful = faults(schema, &value(schema, &text)).is_empty();
                let sides = bounds.entry((described.id().to_owned(), name.to_owned())).or_default();
                let what = format!("{} {name}={text:?}", described.id());
                // What is none of a few names in a path is not there.
                let is_missing = parameter["in"] == "path" && schema["enum"].is_array() && answer.status == 404;
                if !is_lawful && is_missing {
                    sides.outside = true;
                } else if is_lawful {
                    assert!(!is_at_fault(&answer), "{what} is refused: {answer:?}");
                    sides.inside = true;
                } else {
                    assert!(is_at_fault(&answer) && answer.status == 400, "{what} is taken: {answer:?}");
                    let detail = answer.json()["detail"].as_str().expect("a detail").to_lowercase();
                    assert!(detail.contains(&name.to_lowercase()), "{what} is refused for something else: {detail}");
                    sides.outside = true;
                }
            }
        }
    }
    eprintln!("{} parameters, {sent} requests", bounds.len());
    assert!(bounds.len() > 60, "{} parameters", bounds.len());
    for ((operation, name), sides) in &bounds {
        assert!(sides.inside, "{operation}: nothing was inside of {name}");
        assert!(sides.outside != UNBOUNDED.contains(&name.as_str()), "{operation}: outside of {name}: {sides:?}");
    }
}

#[tokio::test]
async fn what_is_required_is_required() {
    let client = TestApp::start().await.admin().await;
    for described in operations() {
        for parameter in described.operation["parameters"].as_array().expect("parameters") {
            if parameter["in"] == "header" && parameter["required"] == true {
                assert_eq!(parameter["name"], "Idempotency-Key");
                let answer = client.send(Ask::new(described.method.clone(), &described.path)).await;
                answer.problem(400, "idempotency_key_required");
            }
        }
        if described.operation["requestBody"]["required"] == true {
            client.send(described.ask()).await.problem(422, "validation_failed");
        } else if described.method != http::Method::GET {
            let answer = client.send(described.ask()).await;
            assert_ne!(answer.status, 400, "{answer:?}");
            assert_ne!(answer.status, 422, "{answer:?}");
        }
    }
}

fn is_at_fault(answer: &Answer) -> bool {
    answer.status == 400 && OF_PARAMETERS.contains(&answer.code().as_str())
}

/// Texts around the bounds of a parameter.
fn candidates(schema: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for bound in ["minimum", "maximum"].map(|keyword| &schema[keyword]).into_iter().filter(|bound| bound.is_i64()) {
        all.extend(around_number(bound).iter().map(Value::to_string));
    }
    for length in ["minLength", "maxLength"].into_iter().filter_map(|keyword| schema[keyword].as_u64()) {
        let length = usize::try_from(length).expect("fits");
        all.extend((length - 1..=length + 1).map(|length| "k".repeat(length)));
    }
    for word in schema["enum"].as_array().into_iter().flatten() {
        all.push(word.as_str().expect("text").to_owned());
    }
    match sample(schema) {
        Value::String(text) => all.extend(mutations(&text)),
        other => all.extend(mutations(&other.to_string())),
    }
    all
}

/// What a text is by a schema.
fn value(schema: &Value, text: &str) -> Value {
    let is_number = schema["type"] == "integer";
    if is_number && let Ok(number) = text.parse::<u64>() { json!(number) } else { json!(text) }
}

/// A request with a parameter, and a lawful body if it has any; none if no client can send it.
fn ask(described: &Described, parameter: &Value, text: &str) -> Option<Ask> {
    let name = parameter["name"].as_str().expect("a name");
    let encoded = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let ask = match parameter["in"].as_str().expect("a place") {
        "query" => {
            let path = format!("{}?{name}={encoded}", described.path);
            Described { path, ..described.clone() }.ask()
        }
        // An empty part of a path is another path.
        "path" if text.is_empty() => return None,
        "path" => {
            let sample = sample(&parameter["schema"]);
            let path = described.path.replacen(sample.as_str().expect("text"), &encoded, 1);
            Described { path, ..described.clone() }.ask()
        }
        "header" => {
            // Space around a header is none of its value.
            let value = HeaderValue::from_str(text).ok().filter(|_| text.trim() == text)?;
            let is_key = name == "Idempotency-Key";
            let ask = if is_key { Ask::new(described.method.clone(), &described.path) } else { described.ask() };
            let name = HEADERS.into_iter().find(|known| known.eq_ignore_ascii_case(name)).expect("a known header");
            ask.header(name, value)
        }
        other => panic!("a parameter in {other}"),
    };
    let schema = &described.operation["requestBody"]["content"]["application/json"]["schema"];
    Some(if schema.is_null() { ask } else { ask.json(&resolve(&DOCUMENT, schema)["examples"][0]) })
}
