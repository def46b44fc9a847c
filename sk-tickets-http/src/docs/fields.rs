//! Schemas for people: what a value may be in words, and the fields of an object as a list.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::layout::markdown;

/// The id of a schema on the page.
pub(super) fn anchor(name: &str) -> String {
    format!("schema-{name}")
}

/// The fields of an object, those that must be there first.
pub(super) fn fields(schema: &Value) -> Markup {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let nothing = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&nothing);
    let (first, rest): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required.contains(&name.as_str()));
    html! {
        dl.fields {
            @for (name, property) in first.into_iter().chain(rest) {
                (field(name, property, required.contains(&name.as_str())))
            }
        }
    }
}

/// One field or parameter.
pub(super) fn field(name: &str, schema: &Value, required: bool) -> Markup {
    html! {
        dt {
            code.name { (name) }
            @if required { span.required { "required" } }
            span.type { (kind(schema)) }
        }
        dd {
            @if let Some(about) = schema["description"].as_str() { (markdown(about)) }
            @if schema["properties"].is_object() { (fields(schema)) }
        }
    }
}

/// What a value may be.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = referred(schema) {
        return html! { a href={ "#" (anchor(name)) } { (name) } };
    }
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(schemas) = schema[alternatives].as_array().filter(|_| schema["type"].is_null()) {
            return html! {
                @for (number, one) in schemas.iter().enumerate() {
                    @if number > 0 { " or " }
                    (kind(one))
                }
            };
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return html! {
            @for (number, word) in words.iter().enumerate() {
                @if number > 0 { " · " }
                code { (plain(word)) }
            }
        };
    }
    if !schema["const"].is_null() {
        return html! { code { (plain(&schema["const"])) } };
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    html! {
        @if types.is_empty() { "any" }
        @for (number, name) in types.iter().enumerate() {
            @if number > 0 { " or " }
            @if *name == "array" { "list of " (kind(&schema["items"])) } @else { (name) }
        }
        @for bound in bounds(schema) { ", " (bound) }
    }
}

/// The bounds of a value, in words.
fn bounds(schema: &Value) -> Vec<String> {
    let range = |min: &str, max: &str, unit: &str| match (schema[min].as_u64(), schema[max].as_u64()) {
        (None | Some(0), None) => None,
        (None | Some(0), Some(max)) => Some(format!("at most {max}{unit}")),
        (Some(min), None) => Some(format!("at least {min}{unit}")),
        (Some(min), Some(max)) => Some(format!("{min} to {max}{unit}")),
    };
    let mut bounds: Vec<_> = [
        range("minLength", "maxLength", " characters"),
        range("minimum", "maximum", ""),
        range("minItems", "maxItems", " items"),
        range("minProperties", "maxProperties", " pairs"),
    ]
    .into_iter()
    .flatten()
    .collect();
    bounds.extend(schema["format"].as_str().map(str::to_owned));
    if !schema["default"].is_null() {
        bounds.push(format!("{} unless given", plain(&schema["default"])));
    }
    bounds
}

/// The name of the schema that is referred to.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
