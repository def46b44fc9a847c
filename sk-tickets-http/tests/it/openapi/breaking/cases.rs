//! One change of each kind, and what it does.

use serde_json::{Value, json};

use super::{Break, breaks, undeclared};

/// A small document.
fn document() -> Value {
    json!({
        "paths": {"/things": {"post": {
            "operationId": "create_thing",
            "security": [{"apiKey": ["things"]}],
            "parameters": [
                {"name": "limit", "in": "query", "required": false, "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
            ],
            "requestBody": {"required": false, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Make"}}}},
            "responses": {
                "201": {
                    "headers": {"Location": {}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "404": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem", "properties": {"code": {"enum": ["a"]}}}}}},
            },
        }}},
        "webhooks": {"thing.made": {"post": {
            "operationId": "on_thing_made",
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        }}},
        "components": {"schemas": {
            "Problem": {},
            "Make": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 200},
                    "color": {"enum": ["red", "blue"]},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 20},
                },
                "required": ["name"],
                "additionalProperties": false,
            },
            "Thing": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "color": {"enum": ["red", "blue"]},
                    "parent": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
                },
                "required": ["id", "color", "parent"],
            },
        }},
    })
}

/// What setting a place of the document to a value breaks, in words; null takes the place away.
fn after(pointer: &str, value: Value) -> Vec<String> {
    let (old, mut new) = (document(), document());
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let name = &name.replace("~1", "/");
    let parent = new.pointer_mut(parent).expect("the place is there");
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(name).expect("it is there")),
        (Value::Object(members), value) => drop(members.insert(name.to_owned(), value)),
        (Value::Array(items), Value::Null) => drop(items.remove(name.parse().expect("an index"))),
        (Value::Array(items), value) => items.push(value),
        (other, _) => panic!("{other} has no members"),
    }
    breaks(&old, &new).into_iter().map(|Break { what, how }| format!("{what}: {how}")).collect()
}

const OPERATION: &str = "/paths/~1things/post";

#[track_caller]
fn assert_breaks(pointer: &str, value: Value, wanted: &str) {
    let found = after(pointer, value);
    assert!(found.iter().any(|how| how.contains(wanted)), "{pointer}: {found:?}");
}

#[test]
fn what_breaks_an_operation_is_found() {
    for (place, value, wanted) in [
        ("", Value::Null, "create_thing: POST /things is gone"),
        ("/operationId", json!("make_thing"), "is now called"),
        ("/security", json!([{"apiKey": ["admin"]}]), "wants another scope"),
        ("/parameters/0", Value::Null, "the parameter \"query\" \"limit\" is gone"),
        ("/parameters/0/schema/maximum", json!(50), "the parameter \"query\" \"limit\" has another `maximum`"),
        ("/parameters/0/required", json!(true), "the parameter \"query\" \"limit\" is required"),
        ("/parameters/1", json!({"name": "x", "in": "header", "required": true}), "a new parameter"),
        ("/requestBody/required", json!(true), "a body is required"),
        ("/responses/201", Value::Null, "does not answer 201"),
        ("/responses/201/headers/Location", Value::Null, "the header Location of 201 is gone"),
        ("/responses/201/content/application~1json", Value::Null, "is no application/json"),
    ] {
        assert_breaks(&format!("{OPERATION}{place}"), value, wanted);
    }
    assert_breaks("/webhooks/thing.made", Value::Null, "on_thing_made: POST thing.made is gone");
}

#[test]
fn what_narrows_a_request_is_found() {
    for (place, value, wanted) in [
        ("/properties/tags", Value::Null, "the body has no `tags`"),
        ("/required", json!(["name", "color"]), "`color` of the body is required"),
        ("/properties/name/maxLength", json!(199), "`name` of the body has another `maxLength`: 199 instead of 200"),
        ("/properties/name/minLength", json!(2), "`name` of the body has another `minLength`"),
        ("/properties/name/pattern", json!("^a"), "`name` of the body has another `pattern`"),
        ("/properties/name/type", json!("integer"), "`name` of the body was"),
        ("/properties/color/enum", json!(["red"]), "`color` of the body does not take"),
        ("/properties/tags/items/maxLength", json!(63), "an item of `tags` of the body has another `maxLength`"),
        ("/not", json!({}), "the body has another `not`"),
    ] {
        assert_breaks(&format!("/components/schemas/Make{place}"), value, wanted);
    }
}

#[test]
fn what_an_answer_no_longer_keeps_is_found() {
    for (place, value, wanted) in [
        ("/properties/id", Value::Null, "create_thing: the answer 201 has no `id`"),
        ("/properties/id", Value::Null, "on_thing_made: the body has no `id`"),
        ("/properties/id/type", json!(["string", "null"]), "`id` of the answer 201 was"),
        ("/properties/id/type", json!("integer"), "`id` of the answer 201 was"),
        ("/properties/color/enum", json!(["red", "blue", "green"]), "`color` of the answer 201 may be"),
        ("/required", json!(["id", "parent"]), "`color` of the answer 201 may be left out"),
        ("/properties/parent/anyOf/2", json!({"type": "string"}), "`parent` of the answer 201 has another `anyOf`"),
    ] {
        assert_breaks(&format!("/components/schemas/Thing{place}"), value, wanted);
    }
}

#[test]
fn what_harms_nobody_is_let_through() {
    assert_eq!(breaks(&document(), &document()), []);
    for (place, value) in [
        ("/paths/~1things/get", json!({"operationId": "list_things"})),
        ("/paths/~1things/post/summary", json!("Make a thing")),
        ("/paths/~1things/post/parameters/1", json!({"name": "x", "in": "query", "required": false})),
        ("/paths/~1things/post/parameters/0/schema/maximum", json!(200)),
        ("/paths/~1things/post/responses/202", json!({})),
        ("/paths/~1things/post/responses/404", Value::Null),
        ("/paths/~1things/post/responses/201/headers/ETag", json!({})),
        ("/webhooks/thing.gone", json!({"post": {"operationId": "on_thing_gone"}})),
        ("/components/schemas/Make/properties/size", json!({"type": "integer"})),
        ("/components/schemas/Make/required", json!([])),
        ("/components/schemas/Make/properties/name/maxLength", json!(201)),
        ("/components/schemas/Make/properties/name/minLength", json!(0)),
        ("/components/schemas/Make/properties/name/type", json!(["string", "null"])),
        ("/components/schemas/Make/properties/color/enum", json!(["red", "blue", "green"])),
        ("/components/schemas/Make/description", json!("More words.")),
        ("/components/schemas/Thing/properties/size", json!({"type": "integer"})),
        ("/components/schemas/Thing/properties/color/enum", json!(["red"])),
        ("/components/schemas/Thing/properties/id/maxLength", json!(30)),
    ] {
        assert_eq!(after(place, value), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn a_new_code_of_a_problem_breaks_nothing() {
    let schema = "/paths/~1things/post/responses/404/content/application~1problem+json/schema/properties/code/enum";
    assert_eq!(after(schema, json!(["a", "b"])), Vec::<String>::new());
}

#[test]
fn what_the_changelog_declares_may_break() {
    let found = [Break { what: "create_thing".into(), how: "is gone".into() }];
    let changelog =
        "# Changelog\n\n## Unreleased\n\n### Breaking\n- `create_thing` is gone.\n\n### Added\n- A thing.\n";
    assert_eq!(undeclared(&found, changelog), []);
    for (elsewhere, instead) in [
        ("- `create_thing` is gone.", "- It is gone."),
        ("### Breaking", "### Fixed"),
        ("## Unreleased", "## Unreleased\n\n## 1.0.0"),
    ] {
        assert_eq!(undeclared(&found, &changelog.replace(elsewhere, instead)), found, "{instead}");
    }
}
