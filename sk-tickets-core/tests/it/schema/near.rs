//! Bodies at random, made from the schema and then bent: whatever the schema refuses, reading refuses.

use proptest::{collection::vec, prelude::*, sample::select, strategy::Union, string::string_regex};
use serde_json::{Map, Value, json};

use super::requests;
use crate::properties::seeded;

/// Values near those that `schema` takes.
fn near(root: &Value, schema: &Value) -> BoxedStrategy<Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return near(root, root.pointer(&name[1..]).expect("in this document"));
    }
    let near = match (&schema["type"], &schema["anyOf"]) {
        (Value::Null, Value::Array(options)) => {
            Union::new(options.iter().map(|option| near(root, option)).collect::<Vec<_>>()).boxed()
        }
        (Value::Array(types), _) => of_type(root, schema, types[0].as_str().expect("a type")),
        (of_one, _) => of_type(root, schema, of_one.as_str().expect("a type")),
    };
    prop_oneof![60 => near, 1 => odd()].boxed()
}

fn odd() -> BoxedStrategy<Value> {
    select(vec![json!(null), json!(true), json!(-1), json!(0.5), json!("x"), json!([]), json!([null]), json!({})])
        .boxed()
}

fn of_type(root: &Value, schema: &Value, of_type: &str) -> BoxedStrategy<Value> {
    match of_type {
        "null" => Just(Value::Null).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => prop_oneof![(-1_i64..700_000).prop_map(Value::from), any::<f64>().prop_map(Value::from)].boxed(),
        "string" => match &schema["enum"] {
            Value::Array(words) => select(words.clone()).boxed(),
            _ => text(schema["pattern"].as_str().expect("every text has a pattern")),
        },
        "array" => vec(near(root, &schema["items"]), 0..4).prop_map(Value::from).boxed(),
        "object" if schema["additionalProperties"].is_object() => {
            let value = near(root, &schema["additionalProperties"]);
            vec((".{0,3}", value), 0..3).prop_map(|pairs| pairs.into_iter().collect::<Map<_, _>>().into()).boxed()
        }
        "object" => object(root, schema),
        other => panic!("{other} is not among the types of requests"),
    }
}

/// An object with some of its fields. Where it is one of several shapes, with the fields of one of them.
fn object(root: &Value, schema: &Value) -> BoxedStrategy<Value> {
    let shapes = [&schema["anyOf"], &schema["then"]["anyOf"]]
        .into_iter()
        .find_map(Value::as_array)
        .cloned()
        .unwrap_or_else(|| vec![json!({})]);
    Union::new(shapes.into_iter().map(|shape| {
        let mut fields = schema["properties"].as_object().expect("fields").clone();
        for (name, more) in shape["properties"].as_object().into_iter().flatten() {
            let field = fields[name].as_object_mut().expect("a schema");
            field.remove("$ref");
            field.extend(json!({ "type": "string" }).as_object().cloned().expect("an object"));
            field.extend(more.as_object().cloned().expect("a schema"));
        }
        let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.contains(&name.into()));
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, field)| {
                let there = if required(name) { 0.97 } else { 0.3 };
                let name = name.clone();
                let value = match name.as_str() {
                    // No pattern says what a URL is.
                    "url" => prop_oneof![Just(json!("https://example.com/")), near(root, field)].boxed(),
                    _ => near(root, field),
                };
                proptest::option::weighted(there, value.prop_map(move |value| (name.clone(), value)))
            })
            .collect();
        (fields, proptest::option::weighted(0.02, odd().prop_map(|value| ("unknown".to_owned(), value))))
            .prop_map(|(fields, unknown)| fields.into_iter().flatten().chain(unknown).collect::<Map<_, _>>().into())
    }))
    .boxed()
}

/// Texts that have the pattern, and some with a letter too many or too few.
fn text(pattern: &str) -> BoxedStrategy<Value> {
    let fitting = string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).expect("a pattern").boxed();
    let bent = (fitting.clone(), any::<prop::sample::Index>(), any::<Option<char>>()).prop_map(|(text, at, letter)| {
        let mut letters: Vec<_> = text.chars().collect();
        let at = at.index(letters.len() + 1);
        match letter {
            Some(letter) => letters.insert(at, letter),
            None if at < letters.len() => drop(letters.remove(at)),
            None => {}
        }
        letters.into_iter().collect::<String>()
    });
    prop_oneof![20 => fitting, 1 => bent].prop_map(Value::from).boxed()
}

#[test]
fn reading_takes_nothing_that_the_schema_refuses_and_refuses_little_that_it_takes() {
    for request in requests() {
        let bodies = near(&request.schema, &request.schema);
        let mut taken = 0;
        let mut seen = 0;
        let mut runner = proptest::test_runner::TestRunner::new(seeded());
        for _ in 0..runner.config().cases {
            let body = bodies.new_tree(&mut runner).expect("a body").current();
            seen += 1;
            taken += u32::from(request.takes(&body));
        }
        assert!(
            taken > seen / 20 && taken < seen,
            "{}: {taken} of {seen} are lawful: of both there are some",
            request.name
        );
    }
}
