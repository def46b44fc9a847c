//! Holds every answer that any test gets against the document.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use http::{HeaderMap, Method};
use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(sk_tickets_http::openapi);

/// What a value is, or refers to.
pub(crate) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

/// What is wrong with a value by a schema of the document.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let key = schema.to_string();
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let validator = known.unwrap_or_else(|| {
        let mut whole = schema.clone();
        whole["components"] = json!({"schemas": DOCUMENT["components"]["schemas"]});
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole);
        let validator = Arc::new(validator.unwrap_or_else(|error| panic!("{schema} is no schema: {error}")));
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&validator));
        validator
    });
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The operation that a request asks for, if the document has one.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<_> = template.split('/').collect();
        template.len() == parts.len()
            && template.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    // A path without braces comes before one with.
    let template = paths.keys().filter(|template| fits(template)).min_by_key(|template| template.matches('{').count());
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    paths[template?].get(method)
}

/// Holds an answer against the document: its status, its headers, its body.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
    let Some(operation) = operation(method, path) else {
        assert!(matches!(status, 404 | 405 | 413), "{method} {path} is not in the document and answers {status}");
        return;
    };
    let what = format!("{method} {path} answers {status}");
    // What the frame answers, it answers everywhere: too large, or sent with what is not asked for.
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if is_read && matches!(status, 413 | 415) {
        return;
    }
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{what}, which is not in the document");
    let response = resolve(&DOCUMENT, response);

    let declared = response["headers"].as_object().expect("headers");
    for (name, header) in declared {
        let header = resolve(&DOCUMENT, header);
        let Some(value) = headers.get(name) else {
            assert!(header["required"] != true, "{what} without {name}");
            continue;
        };
        let text = value.to_str().expect("text");
        let value = if header["schema"]["type"] == "integer" {
            json!(text.parse::<u64>().expect("a number"))
        } else {
            json!(text)
        };
        assert_eq!(faults(&header["schema"], &value), Vec::<String>::new(), "{what} with {name}: {text}");
    }
    let mentioned: BTreeSet<_> = declared.keys().map(|name| name.to_lowercase()).collect();
    for name in ["etag", "location", "idempotent-replayed", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(!headers.contains_key(name) || mentioned.contains(name), "{what} with {name}, undocumented");
    }

    let Some(content) = response["content"].as_object() else {
        assert!(body.is_empty(), "{what} with a body, which is not in the document");
        return;
    };
    if *method == Method::HEAD {
        return;
    }
    let media_type = headers["content-type"].to_str().expect("text");
    let schema = &content.get(media_type).unwrap_or_else(|| panic!("{what} as {media_type}, undocumented"))["schema"];
    if media_type.contains("json") {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(faults(schema, &value), Vec::<String>::new(), "{what}: {value:#}");
    }
}
