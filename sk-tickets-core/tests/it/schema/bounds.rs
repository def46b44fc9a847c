//! Every bound in the schema of a request is tried: at it, one to the inside, one to the outside. Bounds are looked for
//! in the schemas, so that none is forgotten.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Request, requests};

const BOUNDS: [&str; 7] = ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "maxProperties"];

/// A place in a body that is lawful but for what is there.
#[derive(Clone)]
struct Hole {
    body: Value,
    pointer: String,
}

impl Hole {
    fn filled(&self, value: Value) -> Value {
        let mut body = self.body.clone();
        *body.pointer_mut(&self.pointer).expect("the place is there") = value;
        body
    }

    /// The hole `name` of the array or object that is put into this one.
    fn within(&self, value: Value, name: &str) -> Self {
        Self { body: self.filled(value), pointer: format!("{}/{name}", self.pointer) }
    }
}

struct Walk<'a> {
    request: &'a Request,
    tried: BTreeSet<String>,
}

impl Walk<'_> {
    /// Tries the bounds of the schema at `at`, whose values go into `holes`.
    fn schema(&mut self, at: &str, holes: &[Hole]) {
        let schema = self.request.schema.pointer(at).expect("a schema").clone();
        if let Some(name) = schema["$ref"].as_str() {
            return self.schema(name.strip_prefix('#').expect("in this document"), holes);
        }
        if schema["anyOf"][1] == json!({ "type": "null" }) {
            return self.schema(&format!("{at}/anyOf/0"), holes);
        }
        for bound in BOUNDS {
            if let Some(limit) = schema[bound].as_u64() {
                self.bound(&format!("{at}/{bound}"), holes, &values(bound, limit, &self.item(&schema)));
            }
        }
        if let Some(properties) = schema["properties"].as_object() {
            let examples = schema["examples"].as_array().expect("an object has examples");
            for name in properties.keys() {
                let with = |example: &Value| {
                    let mut object = example.clone();
                    object[name] = Value::Null;
                    object
                };
                let inner: Vec<_> = holes
                    .iter()
                    .flat_map(|hole| examples.iter().map(move |example| hole.within(with(example), name)))
                    .collect();
                self.schema(&format!("{at}/properties/{name}"), &inner);
            }
        }
        if schema["items"].is_object() {
            let inner: Vec<_> = holes.iter().map(|hole| hole.within(json!([null]), "0")).collect();
            self.schema(&format!("{at}/items"), &inner);
        }
        if schema["additionalProperties"].is_object() {
            let inner: Vec<_> = holes.iter().map(|hole| hole.within(json!({ "name": null }), "name")).collect();
            self.schema(&format!("{at}/additionalProperties"), &inner);
            for bound in ["minLength", "maxLength"] {
                let limit = schema["propertyNames"][bound].as_u64().expect("names have bounds");
                let named = |name: Value| json!({ name.as_str().expect("a text"): "x" });
                let tries: Vec<_> = values(bound, limit, &Value::Null)
                    .into_iter()
                    .map(|(inside, outside)| (inside.into_iter().map(named).collect(), named(outside)))
                    .collect();
                self.bound(&format!("{at}/propertyNames/{bound}"), holes, &tries);
            }
        }
    }

    /// What is within the bound is taken in some hole, and what is not is refused in every.
    fn bound(&mut self, at: &str, holes: &[Hole], tries: &[(Vec<Value>, Value)]) {
        let mut taken = false;
        for hole in holes {
            for (inside, outside) in tries {
                let inside: Vec<_> =
                    inside.iter().map(|value| self.request.takes(&hole.filled(value.clone()))).collect();
                taken |= inside.iter().all(|taken| *taken);
                let outside = hole.filled(outside.clone());
                assert!(!self.request.takes(&outside), "{} {at}: what is outside is refused", self.request.name);
                assert!(!self.request.validator.is_valid(&outside), "{} {at}: by the schema too", self.request.name);
            }
        }
        // No reference and no URL is so short.
        let never = ["/ref/minLength", "/url/minLength"].iter().any(|short| at.ends_with(short));
        assert!(taken != never, "{} {at}: what is within is taken", self.request.name);
        self.tried.insert(at.to_owned());
    }

    /// An item of such an array.
    fn item(&self, schema: &Value) -> Value {
        let items = &schema["items"];
        let items = match items["$ref"].as_str() {
            Some(name) => self.request.schema.pointer(&name[1..]).expect("in this document"),
            None => items,
        };
        [&items["enum"][0], &items["examples"][0]]
            .into_iter()
            .find(|item| !item.is_null())
            .cloned()
            .unwrap_or("x".into())
    }
}

/// Values at a bound and one to the inside of it, and one to the outside. Texts are of several sorts, of which a pattern
/// may take only one.
fn values(bound: &str, limit: u64, item: &Value) -> Vec<(Vec<Value>, Value)> {
    let count = usize::try_from(limit).expect("small");
    let texts: [fn(usize) -> Value; 4] = [
        |length| "x".repeat(length).into(),
        |length| "😀".repeat(length).into(),
        |length| format!("{}@b.de", "x".repeat(length.saturating_sub(5))).into(),
        |length| format!("https://b.de/{}", "x".repeat(length.saturating_sub(13))).into(),
    ];
    // What has a key has another one each time.
    let numbered = |number: usize| {
        let mut item = item.clone();
        if let Some(key) = item.get_mut("key") {
            *key = number.to_string().into();
        }
        item
    };
    let list = |length| (0..length).map(numbered).collect::<Value>();
    let pairs = |length| Value::from((0..length).map(|name| (name.to_string(), "x".into())).collect::<Map<_, _>>());
    match bound {
        "maxLength" => texts.into_iter().map(|text| (vec![text(count), text(count - 1)], text(count + 1))).collect(),
        "minLength" => texts[..2].iter().map(|text| (vec![text(count), text(count + 1)], text(count - 1))).collect(),
        "maxItems" => vec![(vec![list(count), list(count - 1)], list(count + 1))],
        "minItems" => vec![(vec![list(count), list(count + 1)], list(count - 1))],
        "maximum" => vec![(vec![limit.into(), (limit - 1).into()], (limit + 1).into())],
        "minimum" => vec![(vec![limit.into(), (limit + 1).into()], (i64::try_from(limit).expect("small") - 1).into())],
        "maxProperties" => vec![(vec![pairs(count), pairs(count - 1)], pairs(count + 1))],
        other => panic!("{other} is none of the bounds"),
    }
}

/// Where the schema has bounds.
fn bounds(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let Some(members) = schema.as_object() else { return };
    for (name, value) in members {
        let at = format!("{at}/{name}");
        if BOUNDS.contains(&name.as_str()) && value.is_number() {
            found.insert(at);
        } else {
            bounds(value, &at, found);
        }
    }
}

#[test]
fn every_bound_is_kept_by_reading_as_by_the_schema() {
    for request in requests() {
        let mut walk = Walk { request: &request, tried: BTreeSet::new() };
        walk.schema("", &[Hole { body: Value::Null, pointer: String::new() }]);
        let mut found = BTreeSet::new();
        bounds(&request.schema, "", &mut found);
        assert_eq!(walk.tried, found, "{}", request.name);
    }
}

#[test]
fn a_subject_has_200_characters_and_no_more_however_many_bytes() {
    let request = Request::of::<sk_tickets_core::CreateTicket>();
    for (length, lawful) in [(0, false), (1, true), (200, true), (201, false)] {
        assert_eq!(request.takes(&json!({ "subject": "😀".repeat(length) })), lawful, "{length}");
    }
}
