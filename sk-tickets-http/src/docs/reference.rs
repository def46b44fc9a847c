//! The reference: one page, made from the document, that needs nothing else.

use maud::{Markup, html};
use serde_json::{Map, Value};
use sk_tickets_core::BASE_PATH;

use super::{
    fields::{anchor, field, fields, kind, referred},
    layout::{self, markdown},
    pages,
};
use crate::{
    api::{NOUNS, Operation, TABLE},
    open::OpenRoute,
    openapi::{OPEN_ABOUT, OPEN_TAG, resolve},
};

/// The reference of a document, with examples for the API at `base`.
pub(super) fn page(document: &Value, base: &str) -> String {
    let content = html! {
        header.bar {
            a.brand href="#top" { "SK Tickets " span.version { (document["info"]["version"].as_str().unwrap_or_default()) } }
            a href={ (BASE_PATH) "/openapi.json" } { "openapi.json" }
        }
        div.frame #top {
            (navigation(document))
            main #content {
                h1 { "API reference" }
                (rules(document, base))
                @for (noun, title, about) in NOUNS { (section(document, base, noun, title, about)) }
                (service(document))
                (webhooks(document))
                (objects(document))
                (errors())
            }
        }
    };
    layout::page("API reference", &content)
}

fn navigation(document: &Value) -> Markup {
    let webhooks = members(&document["webhooks"]);
    html! {
        details.contents #contents open {
            summary { "Contents" }
            nav aria-label="Contents" {
                label.filter #filter hidden { "Filter" input #filter-text type="search" autocomplete="off"; }
                ul { li { a href="#rules" { "Rules" } } }
                @for (noun, title, _) in NOUNS {
                    a.noun href={ "#noun-" (noun) } { (title) }
                    ul {
                        @for operation in TABLE.iter().filter(|operation| operation.noun == noun) {
                            li { a href={ "#op-" (operation.id) } { (badge(operation.method.as_str())) span { (operation.summary()) } } }
                        }
                    }
                }
                a.noun href="#webhooks" { "Webhooks" }
                ul { @for name in webhooks.keys() { li { a href={ "#event-" (name) } { (name) } } } }
                ul {
                    li { a href={ "#noun-" (OPEN_TAG) } { "The service" } }
                    li { a href="#objects" { "Objects" } }
                    li { a href="#errors" { "Errors" } }
                }
            }
        }
    }
}

fn rules(document: &Value, base: &str) -> Markup {
    html! {
        section #rules {
            h2 { "Rules" }
            (markdown(document["info"]["description"].as_str().unwrap_or_default()))
            p { "Paths are under " code { (BASE_PATH) } ", but for those of the service. The examples want your key, and for "
                "what a path has in braces a variable of that name:" }
            pre #setup { code { "KEY=sk_test_tk_…\nID=tkt_…\ncurl -i " (base) "/tickets/$ID -H \"Authorization: Bearer $KEY\"" } }
        }
    }
}

fn section(document: &Value, base: &str, noun: &str, title: &str, about: &str) -> Markup {
    html! {
        section #{ "noun-" (noun) } {
            h2 { (title) }
            p { (about) }
            @for operation in TABLE.iter().filter(|operation| operation.noun == noun) {
                (article(document, base, operation))
            }
        }
    }
}

fn article(document: &Value, base: &str, operation: &Operation) -> Markup {
    let method = operation.method.as_str();
    let described = &document["paths"][format!("{BASE_PATH}{}", operation.path)][method.to_lowercase()];
    let body = body(document, described);
    html! {
        article.operation #{ "op-" (operation.id) } {
            (heading(method, operation.path, operation.summary()))
            (markdown(described["description"].as_str().unwrap_or_default()))
            (parameters(described))
            (fields_of_body(body))
            h4 { "Example" }
            pre { code { (curl(base, operation, &body["examples"][0])) } }
            (answers(document, described))
        }
    }
}

/// The schema of what is sent, as whatever media type; null if nothing is.
fn body<'a>(document: &'a Value, described: &'a Value) -> &'a Value {
    let content = described["requestBody"]["content"].as_object().and_then(|content| content.values().next());
    content.map_or(&Value::Null, |content| resolve(document, &content["schema"]))
}

fn fields_of_body(body: &Value) -> Markup {
    html! {
        @if body.is_object() {
            h4 { "Body" }
            (fields(body))
        }
    }
}

fn heading(method: &str, path: &str, summary: &str) -> Markup {
    html! {
        h3 { (summary) }
        p.call { (badge(method)) code { (path) } }
    }
}

fn badge(method: &str) -> Markup {
    html! { span class={ "badge " (method.to_lowercase()) } { (method) } }
}

fn parameters(described: &Value) -> Markup {
    let parameters = described["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @if !parameters.is_empty() {
            h4 { "Parameters" }
            dl.fields {
                @for parameter in parameters {
                    @let mut schema = parameter["schema"].clone();
                    @let required = parameter["required"] == true;
                    @let _ = schema.as_object_mut().map(|schema| schema.insert("description".to_owned(), parameter["description"].clone()));
                    (field(parameter["name"].as_str().unwrap_or_default(), &schema, required))
                }
            }
        }
    }
}

fn answers(document: &Value, described: &Value) -> Markup {
    html! {
        h4 { "Answers" }
        dl.answers {
            @for (status, answer) in &members(&described["responses"]) {
                @let answer = resolve(document, answer);
                dt { code { (status) } }
                dd {
                    @for schema in members(&answer["content"]).values().map(|content| &content["schema"]) {
                        @if referred(schema).is_some() { p.type { (kind(schema)) } }
                    }
                    (markdown(answer["description"].as_str().unwrap_or_default()))
                    @let headers = members(&answer["headers"]);
                    p.headers {
                        @for name in headers.keys().filter(|name| !EVERYWHERE.contains(&name.as_str())) { code { (name) } " " }
                    }
                }
            }
        }
    }
}

/// The headers that are told of under the rules, and not with each answer.
const EVERYWHERE: [&str; 3] = ["Request-Id", "RateLimit", "RateLimit-Policy"];

/// A call that works when it is pasted, once the variables in it are set.
fn curl(base: &str, operation: &Operation, body: &Value) -> String {
    let path = operation.path_parameters().fold(operation.path.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), &format!("${}", name.to_uppercase()))
    });
    let method = match operation.method.as_str() {
        "GET" => String::new(),
        method => format!("-X {method} "),
    };
    let mut call = format!("curl -i {method}\"{base}{path}\" \\\n  -H \"Authorization: Bearer $KEY\"");
    if operation.is_mutation() {
        call += " \\\n  -H \"Idempotency-Key: $(date +%s)\"";
    }
    if body.is_object() {
        let body = body.to_string().replace('\'', r"'\''");
        call += &format!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'");
    }
    call
}

fn service(document: &Value) -> Markup {
    html! {
        section #{ "noun-" (OPEN_TAG) } {
            h2 { "The service" }
            p { (OPEN_ABOUT) }
            @for route in OpenRoute::all() {
                @let method = route.method.as_str();
                @let described = &document["paths"][route.full_path()][method.to_lowercase()];
                article.operation #{ "op-" (route.id) } {
                    (heading(method, &route.full_path(), route.summary))
                    (parameters(described))
                    (fields_of_body(body(document, described)))
                    (answers(document, described))
                }
            }
        }
    }
}

fn webhooks(document: &Value) -> Markup {
    let webhooks = members(&document["webhooks"]);
    html! {
        section #webhooks {
            h2 { "Webhooks" }
            p { "Events are posted to endpoints, signed by " a href="https://www.standardwebhooks.com" { "Standard Webhooks" }
                ", tried at once and then by a schedule; what is not taken is a dead letter. Answer with 2xx once you have it." }
            @if let Some(webhook) = webhooks.values().next() { (parameters(&webhook["post"])) }
            @for (name, webhook) in &webhooks {
                @let schema = &webhook["post"]["requestBody"]["content"]["application/json"]["schema"];
                article.operation #{ "event-" (name) } {
                    h3 { code { (name) } }
                    @if let Some(schema_name) = referred(schema) {
                        @let event = &document["components"]["schemas"][schema_name];
                        (markdown(event["description"].as_str().unwrap_or_default()))
                        p.type { (kind(schema)) }
                    }
                }
            }
        }
    }
}

fn objects(document: &Value) -> Markup {
    html! {
        section #objects {
            h2 { "Objects" }
            @for (name, schema) in &members(&document["components"]["schemas"]) {
                article.operation #(anchor(name)) {
                    h3 { (name) }
                    @if let Some(about) = schema["description"].as_str() { (markdown(about)) }
                    @if schema["properties"].is_object() { (fields(schema)) } @else { p.type { (kind(schema)) } }
                    @if !schema["examples"][0].is_null() {
                        h4 { "Example" }
                        pre { code { (format!("{:#}", schema["examples"][0])) } }
                    }
                }
            }
        }
    }
}

fn errors() -> Markup {
    // Its heading is one level further down here.
    html! { section #errors { (markdown(&format!("#{}", pages::index()))) } }
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
