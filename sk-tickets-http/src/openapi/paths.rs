//! The operations.

use schemars::{SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use sk_tickets_core::{
    BASE_PATH,
    platform::problem::{PROBLEM_JSON, Problem, ProblemKind},
};

use super::{
    OPEN_TAG,
    components::{SECURITY, referred},
};
use crate::{
    api::{AnswerHeader, Answered, IF_NONE_MATCH, Operation, Parameter, Place, Spec, TABLE},
    open::OpenRoute,
};

const JSON: &str = "application/json";

/// The operations by path, and the refusals that they refer to by name.
pub(super) fn paths(generator: &mut SchemaGenerator) -> (Value, Value) {
    let (mut paths, mut refusals) = (Map::new(), Map::new());
    let mut add = |path: String, method: String, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation;
    };
    for operation in TABLE {
        let path = format!("{BASE_PATH}{}", operation.path);
        add(path, operation.method.as_str().to_lowercase(), of_operation(operation, generator, &mut refusals));
    }
    for route in OpenRoute::all() {
        add(route.full_path(), route.method.as_str().to_lowercase(), of_open_route(route, generator));
    }
    (paths.into(), refusals.into())
}

fn of_operation(operation: &Operation, generator: &mut SchemaGenerator, refusals: &mut Map<String, Value>) -> Value {
    let spec = operation.spec();
    let parameters: Vec<_> = spec.parameters.iter().map(|one| parameter(one, generator)).collect();
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.noun],
        "summary": operation.summary(),
        "description": format!("{}\n\nNeeds the scope `{}`.", operation.description(), operation.scope).trim(),
        "security": [{SECURITY: [operation.scope]}],
        "parameters": parameters,
        "responses": responses(operation, &spec, generator, refusals),
    });
    if let Some(body) = &spec.body {
        described["requestBody"] =
            json!({"required": body.required, "content": {JSON: {"schema": (body.schema)(generator)}}});
    }
    described
}

fn parameter(Parameter { place, declared }: &Parameter, generator: &mut SchemaGenerator) -> Value {
    let (place, required) = match place {
        Place::Path => ("path", true),
        Place::Query => ("query", false),
        Place::Header { required } => ("header", *required),
    };
    let mut schema = (declared.schema)(generator).to_value();
    if declared.repeatable {
        schema = json!({"type": "array", "items": schema});
    }
    json!({
        "name": declared.name,
        "in": place,
        "required": required,
        "description": declared.about,
        "schema": schema,
    })
}

fn responses(
    operation: &Operation,
    spec: &Spec,
    generator: &mut SchemaGenerator,
    refusals: &mut Map<String, Value>,
) -> Value {
    let mut responses = Map::new();
    for Answered { status, about, schema, headers } in &spec.answers {
        let headers = headers.iter().copied().chain(AFTER_THE_RATE).chain([AnswerHeader::RequestId]);
        let mut response = json!({"description": about, "headers": referred(headers)});
        if let Some(schema) = schema {
            response["content"] = json!({JSON: {"schema": schema(generator)}});
        }
        let links = links(operation, *status);
        if !links.is_empty() {
            response["links"] = links.into();
        }
        responses.insert(status.to_string(), response);
    }
    for problems in spec.problems.chunk_by(|one, next| one.status == next.status) {
        let status = problems[0].status;
        // Decided against what is stored, these are recorded, and may be given again.
        let is_recorded = operation.is_mutation() && matches!(status, 404 | 409 | 422);
        let mut name: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        name.extend(is_recorded.then_some("recorded"));
        let name = name.join(".");
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        refusals.entry(name).or_insert_with(|| refusal(problems, is_recorded, generator));
    }
    responses.into()
}

/// The headers of what is answered after the key and the rate were judged.
const AFTER_THE_RATE: [AnswerHeader; 2] = [AnswerHeader::RateLimit, AnswerHeader::RateLimitPolicy];

/// The problems of one status.
fn refusal(problems: &[ProblemKind], is_recorded: bool, generator: &mut SchemaGenerator) -> Value {
    let status = problems[0].status;
    let mut headers = vec![AnswerHeader::RequestId];
    match status {
        401 => headers.push(AnswerHeader::WwwAuthenticate),
        429 | 503 => headers.push(AnswerHeader::RetryAfter),
        _ => {}
    }
    if !matches!(status, 401 | 413 | 415) {
        headers.extend(AFTER_THE_RATE);
    }
    if is_recorded {
        headers.push(AnswerHeader::IdempotentReplayed);
    }
    let lines: Vec<_> = problems
        .iter()
        .map(|ProblemKind { code, title, status: _ }| format!("- [`{code}`]({BASE_PATH}/docs/errors/{code}): {title}."))
        .collect();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    let examples: Map<_, _> = codes
        .iter()
        .map(|code| ((*code).to_owned(), json!({"$ref": format!("#/components/examples/{code}")})))
        .collect();
    // Beside the reference and not by `allOf`, so that generators of clients have one type for all problems.
    let mut schema = generator.subschema_for::<Problem>();
    schema.insert("properties".to_owned(), json!({"status": {"const": status}, "code": {"enum": codes}}));
    json!({
        "description": lines.join("\n"),
        "headers": referred(headers),
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    })
}

/// Where an answer leads: to whatever takes what it tells a resource by.
fn links(operation: &Operation, status: u16) -> Map<String, Value> {
    let resource = match status {
        201 => "$response.body#",
        200 if operation.id.starts_with("list_") => "$response.body#/data/0",
        _ => return Map::new(),
    };
    let mut links = Map::new();
    for target in TABLE {
        let Some((name, _)) = target
            .path
            .strip_prefix(operation.path)
            .and_then(|rest| rest.strip_prefix("/{"))
            .and_then(|rest| rest.split_once('}'))
        else {
            continue;
        };
        // A parameter has the name of the field that it is; but in the path of its ticket an entry's id is called after it.
        let field = if name == "entry" { "id" } else { name };
        let told = (name.to_owned(), json!(format!("{resource}/{field}")));
        let known = operation.path_parameters().map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))));
        let parameters: Map<_, _> = known.chain([told]).collect();
        // A link to what takes another id besides would lead nowhere.
        if target.path_parameters().count() == parameters.len() {
            links.insert(target.id.to_owned(), json!({"operationId": target.id, "parameters": parameters}));
        }
    }
    links
}

fn of_open_route(route: &OpenRoute, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in route.answers {
        let headers = [AnswerHeader::RequestId].into_iter().chain(answer.headers.iter().copied());
        let mut response = json!({"description": answer.about, "headers": referred(headers)});
        if !answer.media_types.is_empty() {
            let content = answer.media_types.iter().map(|media_type| {
                let schema = match *media_type {
                    JSON => json_schema!({"type": "object"}),
                    PROBLEM_JSON => generator.subschema_for::<Problem>(),
                    _ => json_schema!({"type": "string"}),
                };
                ((*media_type).to_owned(), json!({"schema": schema}))
            });
            response["content"] = content.collect::<Map<_, _>>().into();
        }
        responses.insert(answer.status.to_string(), response);
    }
    let named = route.parameters.iter().map(|(name, about)| ("path", *name, *about));
    // Whatever it says that is no tag is not heeded.
    let known =
        route.answers.iter().any(|answer| answer.status == 304).then_some(("header", "If-None-Match", IF_NONE_MATCH));
    let parameters: Vec<_> = named
        .chain(known)
        .map(|(place, name, about)| {
            let required = place == "path";
            json!({"name": name, "in": place, "required": required, "description": about, "schema": {"type": "string"}})
        })
        .collect();
    let mut described = json!({
        "operationId": route.id,
        "tags": [OPEN_TAG],
        "summary": route.summary,
        "security": [],
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = &route.body {
        described["requestBody"] = json!({"required": true, "content": {body.media_type: {"schema": (body.schema)()}}});
    }
    described
}
