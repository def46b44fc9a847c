//! Values on both sides of what a schema allows.

use serde_json::{Map, Value, json};

use super::super::contract::{DOCUMENT, faults, resolve};

/// A place in a request body, and what may be there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As a problem names it.
    pub(super) pointer: String,
    schema: Value,
    /// Of the whole body.
    root: Value,
    /// Lawful bodies that have something at this place, at least one.
    bodies: Vec<Value>,
}

/// Members of a schema that bound nothing.
const NOTES: [&str; 4] = ["description", "examples", "default", "$ref"];

/// Something of each kind of text that requests have, the choosy before the rest.
const SAMPLES: [&str; 21] = [
    "tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "whe_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "dlv_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "ent_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "evt_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "job_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "ntf_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "frm_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "2026-11-24T06:00:00.123456789Z",
    "ann@example.com",
    "+49 30 123456",
    "\"3\"",
    "none",
    "#0b6e4f",
    "https://example.com/",
    "order-4711",
    "que_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "x",
];

/// Something lawful.
pub(super) fn sample(schema: &Value) -> Value {
    let schema = resolve(&DOCUMENT, schema);
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    if let Some(example) = schema["examples"].get(0) {
        return example.clone();
    }
    if schema["items"].is_object() {
        return json!([sample(&schema["items"])]);
    }
    // Text that is bounded by its length alone may be a URL too.
    let is_plain = schema["pattern"].is_null() || schema["pattern"] == "^[^\\x00]*$";
    let first = json!(if is_plain { "https://example.com/" } else { SAMPLES[0] });
    let texts = SAMPLES.iter().map(|text| json!(text));
    let others = [json!({}), json!(7), json!(true)];
    [first].into_iter().chain(texts).chain(others).find(|value| faults(schema, value).is_empty()).unwrap_or_else(|| {
        panic!("no sample is lawful by {schema}: add one");
    })
}

impl Place {
    /// Every place in a body.
    pub(super) fn all(schema: &Value) -> Vec<Self> {
        let bodies = schema["examples"].as_array().expect("examples").clone();
        let mut all = vec![Self { pointer: String::new(), schema: schema.clone(), root: schema.clone(), bodies }];
        let mut next = 0;
        while next < all.len() {
            let within = all[next].within();
            all.extend(within);
            next += 1;
        }
        all
    }

    /// The places within this one.
    fn within(&self) -> Vec<Self> {
        let mut places = Vec::new();
        for (name, schema) in self.schema["properties"].as_object().into_iter().flatten() {
            places.push(self.at(name, schema));
        }
        if self.schema["items"].is_object() {
            let one = self.body_with(&json!([sample(&self.schema["items"])]));
            places.push(Self { bodies: vec![one], ..self.clone() }.at("0", &self.schema["items"]));
        }
        if self.schema["additionalProperties"].is_object() {
            let one = self.body_with(&json!({"order": "4711"}));
            places.push(Self { bodies: vec![one], ..self.clone() }.at("order", &self.schema["additionalProperties"]));
        }
        places
    }

    fn at(&self, name: &str, schema: &Value) -> Self {
        // What may be null is described by what else it may be.
        let other = schema["anyOf"].as_array().filter(|other| other.len() == 2 && other[1]["type"] == "null");
        let mut described = resolve(&DOCUMENT, other.map_or(schema, |other| &other[0])).clone();
        if other.is_some() {
            described["type"] = json!([described["type"], "null"]);
        }
        let pointer = format!("{}/{name}", self.pointer);
        let something = sample(&described);
        // Not every body can have it: some members exclude each other.
        let bodies: Vec<_> = self
            .bodies
            .iter()
            .map(|body| match body.pointer(&pointer) {
                None | Some(Value::Null) => put(body, &pointer, &something),
                Some(_) => body.clone(),
            })
            .filter(|body| faults(&self.root, body).is_empty())
            .collect();
        assert!(!bodies.is_empty(), "no body can have {pointer}");
        Self { pointer, schema: described, root: self.root.clone(), bodies }
    }

    /// A body with another value at this place.
    pub(super) fn body_with(&self, value: &Value) -> Value {
        put(&self.bodies[0], &self.pointer, value)
    }

    /// What this place is in.
    pub(super) fn parent(&self) -> &str {
        self.pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// Whether a value may be here, as far as this place is concerned.
    pub(super) fn allows(&self, value: &Value) -> bool {
        faults(&self.schema, value).is_empty()
    }

    fn now(&self) -> &Value {
        self.bodies[0].pointer(&self.pointer).expect("it is there")
    }

    /// Values around each bound of this place, by the bound.
    pub(super) fn candidates(&self) -> Vec<(&'static str, Value)> {
        let schema = self.schema.as_object().expect("a schema");
        let bounds = schema.keys().filter(|keyword| !NOTES.contains(&keyword.as_str()));
        bounds.flat_map(|keyword| self.around(keyword, &schema[keyword])).collect()
    }

    fn around(&self, keyword: &str, bound: &Value) -> Vec<(&'static str, Value)> {
        let number = || usize::try_from(bound.as_u64().expect("a number")).expect("fits");
        let now = self.now();
        let (keyword, values): (&'static str, Vec<Value>) = match keyword {
            "type" => (
                "type",
                KINDS.iter().map(|kind| serde_json::from_str(kind).expect("JSON")).chain([now.clone()]).collect(),
            ),
            "enum" => (
                "enum",
                bound.as_array().expect("words").iter().cloned().chain([json!("nonsense"), json!("")]).collect(),
            ),
            "pattern" | "format" => (
                if keyword == "format" { "format" } else { "pattern" },
                mutations(now.as_str().expect("text")).into_iter().map(Value::from).collect(),
            ),
            "minLength" => ("minLength", texts(now, number())),
            "maxLength" => ("maxLength", texts(now, number())),
            "minimum" => ("minimum", around_number(bound)),
            "maximum" => ("maximum", around_number(bound)),
            "minItems" => ("minItems", around(number(), |length| self.items(length))),
            "maxItems" => ("maxItems", around(number(), |length| self.items(length))),
            "maxProperties" => ("maxProperties", around(number(), pairs)),
            "propertyNames" => {
                let lengths = ["minLength", "maxLength"]
                    .map(|name| usize::try_from(bound[name].as_u64().expect("a number")).expect("fits"));
                let names = lengths.into_iter().flat_map(|length| around(length, |length| json!("k".repeat(length))));
                let names = names.chain([json!("\0")]);
                ("propertyNames", names.map(|name| json!({name.as_str().expect("text"): "v"})).collect())
            }
            "required" => (
                "required",
                bound
                    .as_array()
                    .expect("names")
                    .iter()
                    .map(|name| without(now, name.as_str().expect("a name")))
                    .chain([now.clone()])
                    .collect(),
            ),
            // Objects of any names are probed by the places within them.
            "additionalProperties" if bound.is_object() => return Vec::new(),
            "additionalProperties" => {
                let mut more = now.clone();
                more["no_such_field"] = json!(1);
                ("additionalProperties", vec![now.clone(), more])
            }
            "properties" | "items" => return Vec::new(),
            "not" => ("not", CONTACTS.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()),
            "if" if self.pointer.ends_with("/contact") => {
                ("if", vec![json!({"email": "ann@example.com"}), json!({"name": "Ann"}), json!({})])
            }
            "if" if self.schema["properties"].get("phone").is_some() => {
                ("if", vec![json!({"phone": "+4930123456"}), json!({"name": "Ann"}), json!({"name": null}), json!({})])
            }
            "if" if self.pointer.contains("/evidence/") => ("if", evidence()),
            "if" => ("if", MOVES.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()),
            // What `if` leads to.
            "then" => return Vec::new(),
            other => panic!("{} has the bound {other}, which is not probed", self.pointer),
        };
        values.into_iter().map(|value| (keyword, value)).collect()
    }

    fn items(&self, length: usize) -> Value {
        // What has a key has another one each time.
        let item = |number: usize| {
            let mut item = sample(&self.schema["items"]);
            if let Some(key) = item.get_mut("key") {
                *key = json!(format!("key {number}"));
            }
            item
        };
        (0..length).map(item).collect()
    }
}

/// A body with another value at a place.
fn put(body: &Value, pointer: &str, value: &Value) -> Value {
    let mut body = body.clone();
    match pointer.rsplit_once('/') {
        None => body = value.clone(),
        Some((parent, name)) => match body.pointer_mut(parent).expect("it is there") {
            Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value.clone(),
            parent => parent[name] = value.clone(),
        },
    }
    body
}

/// A value of each kind.
const KINDS: [&str; 7] = ["null", "true", "7", "0.5", "\"\"", "[]", "{}"];

/// A ticket is about one contact at most.
const CONTACTS: [&str; 3] = [
    r#"{"subject": "x", "contact_id": "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC"}"#,
    r#"{"subject": "x", "contact_id": "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC", "contact": {"email": "ann@example.com"}}"#,
    r#"{"subject": "x", "contact_id": null, "contact": {"email": "ann@example.com"}}"#,
];

/// A resolution has a note, and nothing else has.
const MOVES: [&str; 3] = [
    r#"{"to": "resolved", "resolution_note": "Sent a new part"}"#,
    r#"{"to": "open", "resolution_note": "Sent a new part"}"#,
    r#"{"to": "open", "resolution_note": null}"#,
];

/// Evidence of each kind, with a reference of each kind.
fn evidence() -> Vec<Value> {
    let ids = ["rec", "trn", "cal", "xyz"].map(|prefix| format!("{prefix}_01J9X2M3N4P5Q6R7S8T9VAWBXC"));
    let references: Vec<_> = ids.into_iter().chain(["https://example.com/".to_owned(), "x".to_owned()]).collect();
    let kinds = DOCUMENT["components"]["schemas"]["EvidenceKind"]["enum"].as_array().expect("words");
    let all =
        kinds.iter().flat_map(|kind| references.iter().map(move |reference| json!({"kind": kind, "ref": reference})));
    all.collect()
}

/// Just below a bound, on it and just above.
fn around(bound: usize, value: impl Fn(usize) -> Value) -> Vec<Value> {
    (bound.saturating_sub(1)..=bound + 1).map(value).collect()
}

pub(super) fn around_number(bound: &Value) -> Vec<Value> {
    let bound = bound.as_i64().expect("a number");
    (bound - 1..=bound + 1).map(Value::from).collect()
}

/// Texts of just below a length, of it and of just above, that begin as one that is there, or as a URL.
fn texts(like: &Value, length: usize) -> Vec<Value> {
    let beginnings = [like.as_str().expect("text"), "https://example.com/"];
    // What is added is longer in bytes.
    let text = |like: &str, length| like.chars().chain(std::iter::repeat('é')).take(length).collect::<String>();
    beginnings.iter().flat_map(|like| around(length, |length| json!(text(like, length)))).collect()
}

fn pairs(number: usize) -> Value {
    (0..number).map(|number| (format!("k{number}"), json!("v"))).collect::<Map<_, _>>().into()
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name);
    object
}

/// A text, and what becomes of it if one character is taken away, doubled or replaced.
pub(super) fn mutations(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned(), String::new(), format!(" {text}"), format!("{text} "), format!("{text}\0")];
    for (at, character) in text.char_indices() {
        let (head, tail) = (&text[..at], &text[at + character.len_utf8()..]);
        all.push(format!("{head}{tail}"));
        for other in [&*format!("{character}{character}"), "!", "9", "u", "\n", "é"] {
            all.push(format!("{head}{other}{tail}"));
        }
    }
    all
}
