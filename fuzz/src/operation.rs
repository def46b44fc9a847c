//! Every operation of the API that takes a body or could be sent one, as the document has it.

use std::sync::LazyLock;

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use sk_tickets_core::BASE_PATH;

/// An operation that changes something.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) method: Method,
    /// Under the base path, with names in braces.
    pub(crate) path: String,
    /// What a body is to be; none if there is to be none.
    pub(crate) schema: Option<Validator>,
    /// Bodies that are taken.
    pub(crate) examples: Vec<Value>,
}

pub(crate) static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(all);

fn all() -> Vec<Operation> {
    let document = sk_tickets_http::openapi();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let Some(path) = path.strip_prefix(BASE_PATH) else { continue };
        for (method, operation) in methods.as_object().expect("methods") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let content = &operation["requestBody"]["content"];
            let takes_json = content.is_null() || content["application/json"].is_object();
            // A body that comes along with a question is not looked at.
            if method != Method::GET && takes_json {
                let name = operation["operationId"].as_str().expect("a name").to_owned();
                let (schema, examples) = body(&document, &content["application/json"]["schema"]);
                operations.push(Operation { name, method, path: path.to_owned(), schema, examples });
            }
        }
    }
    assert!(operations.len() > 20, "the document was read");
    operations
}

fn body(document: &Value, schema: &Value) -> (Option<Validator>, Vec<Value>) {
    let Some(reference) = schema["$ref"].as_str() else { return (None, vec![json!({})]) };
    let named = document.pointer(reference.trim_start_matches('#')).expect("a schema of the document");
    let whole = json!({"$ref": reference, "components": {"schemas": document["components"]["schemas"]}});
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole);
    let examples = named["examples"].as_array().expect("examples").clone();
    (Some(validator.expect("a schema")), examples)
}
