//! The document as it is kept, and that what it says of itself holds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::contract::{DOCUMENT, faults, resolve};
use crate::golden;

#[test]
fn the_kept_document_is_up_to_date() {
    golden::check("sk-tickets-http/openapi.json", &format!("{:#}\n", *DOCUMENT));
}

/// Every value in a tree, with where it is.
fn walk<'a>(at: &str, value: &'a Value, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| walk(&format!("{at}/{name}"), value, visit)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| walk(&format!("{at}/{index}"), value, visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    let mut seen = 0;
    walk("", &DOCUMENT, &mut |at, value| {
        // An `examples` of a schema is a list; that of an answer has names.
        for example in value["examples"].as_array().into_iter().flatten() {
            assert_eq!(faults(value, example), Vec::<String>::new(), "{at}: {example}");
            seen += 1;
        }
        if let (Some(examples), schema) = (value["examples"].as_object(), &value["schema"])
            && schema.is_object()
        {
            for example in examples.values() {
                let example = &resolve(&DOCUMENT, example)["value"];
                assert_eq!(faults(schema, example), Vec::<String>::new(), "{at}: {example}");
                seen += 1;
            }
        }
    });
    assert!(seen > 50, "only {seen} examples were found");
}

#[test]
fn every_body_has_an_example() {
    let mut without = BTreeSet::new();
    walk("", &DOCUMENT, &mut |at, value| {
        let body = &value["content"]["application/json"]["schema"];
        let examples = &resolve(&DOCUMENT, body)["examples"];
        if body["$ref"].is_string() && examples.as_array().is_none_or(Vec::is_empty) {
            without.insert(at.to_owned());
        }
    });
    assert_eq!(without, BTreeSet::new());
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    let mut referred = BTreeSet::new();
    walk("", &DOCUMENT, &mut |_, value| {
        if let Some(reference) = value["$ref"].as_str() {
            resolve(&DOCUMENT, value);
            referred.insert(reference.to_owned());
        }
    });
    for kind in ["headers", "responses", "schemas"] {
        for name in DOCUMENT["components"][kind].as_object().expect("components").keys() {
            assert!(referred.contains(&format!("#/components/{kind}/{name}")), "{kind} {name}");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_known_tag() {
    let tags: BTreeSet<_> =
        DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).map(Value::to_string).collect();
    let mut names = BTreeSet::new();
    walk("", &json!({"paths": DOCUMENT["paths"], "webhooks": DOCUMENT["webhooks"]}), &mut |at, value| {
        if value["responses"].is_object() {
            assert!(names.insert(value["operationId"].to_string()), "{at}: {} is there twice", value["operationId"]);
            assert!(tags.contains(&value["tags"][0].to_string()), "{at}: {}", value["tags"]);
            assert!(!value["summary"].as_str().unwrap_or_default().is_empty(), "{at} has a summary");
        }
    });
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn the_parameters_of_a_path_are_those_in_its_braces() {
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        let braces: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().expect("parameters").iter();
            let declared: BTreeSet<_> = parameters
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().expect("a name"))
                .collect();
            assert_eq!(declared, braces, "{method} {path}");
        }
    }
}

#[test]
fn what_can_be_unchanged_takes_the_tag_of_what_is_known() {
    let mut seen = BTreeSet::new();
    walk("", &DOCUMENT["paths"], &mut |at, value| {
        if value["responses"]["304"].is_object() {
            let parameters = value["parameters"].as_array().expect("parameters");
            assert!(parameters.iter().any(|one| one["name"] == "If-None-Match" && one["in"] == "header"), "{at}");
            seen.insert(value["operationId"].as_str().expect("an id"));
        }
    });
    for id in ["get_ticket", "get_openapi", "get_reference", "list_error_codes", "get_error_code", "get_form_script"] {
        assert!(seen.contains(id), "{id}: {seen:?}");
    }
}

/// The limits are read from where they are, not written down again.
#[test]
fn a_limit_is_in_the_document() {
    use sk_tickets_core::limits;

    let schemas = &DOCUMENT["components"]["schemas"];
    assert_eq!(schemas["CreateTicket"]["properties"]["subject"]["maxLength"], limits::SUBJECT_MAX);
    let parameters = DOCUMENT["paths"]["/tickets/v1/tickets"]["get"]["parameters"].as_array().expect("parameters");
    let limit = parameters.iter().find(|parameter| parameter["name"] == "limit").expect("a limit");
    assert_eq!(limit["schema"]["maximum"], limits::PAGE_MAX);
}
