//! Schemas say what the code does: those of requests what is read, those of answers what is written.

mod answers;
mod bounds;
mod near;

use std::{collections::BTreeSet, fs};

use jsonschema::Validator;
use serde_json::{Value, json};
use sk_tickets_core::{
    AssignTicket, ClaimTicket, CreateContact, CreateEndpoint, CreateForm, CreateQueue, CreateTicket, DiscardDeadLetter,
    Evidence, InlineContact, PostEntry, RedactEntry, ReplayDeadLetters, RotateSecret, SetSlaPolicy, TransitionTicket,
    UpdateContact, UpdateEndpoint, UpdateForm, UpdateQueue, UpdateTicket,
    model::form::{NewFormTopic, ThemePatch},
    platform::{
        input::{Fault, Input},
        json::Json,
        schema::settings,
    },
    schemars::JsonSchema,
};

use crate::{architecture::sources, golden::workspace};

/// Codes of what no schema says: whether a day is in the calendar, whether a text is a URL, has a host and no password, how
/// long an address is in lower case, whether one field is less than another, whether a member of two items is the same. A
/// schema may take what is refused with one of these, and nothing else that is refused.
const BEYOND_SCHEMA: [&str; 8] = [
    "invalid_time",
    "invalid_reference",
    "invalid_email",
    "invalid_origin",
    "invalid_url",
    "credentials_in_url",
    "too_early",
    "duplicate",
];

/// A request: its schema with all that it refers to, and how it is read.
struct Request {
    name: String,
    schema: Value,
    validator: Validator,
    read: fn(&Json) -> Result<(), Vec<Fault>>,
}

impl Request {
    fn of<T: Input + JsonSchema>() -> Self {
        let schema = schema_of::<T>();
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        Self { name: T::schema_name().into_owned(), schema, validator, read: |json| T::from_json(json).map(drop) }
    }

    /// Whether both take a body; that they agree is asserted.
    fn takes(&self, body: &Value) -> bool {
        let valid = self.validator.is_valid(body);
        let read = (self.read)(&Json::parse(body.to_string().as_bytes()).expect("JSON"));
        match &read {
            Err(faults) if valid => {
                let beyond = faults.iter().all(|fault| BEYOND_SCHEMA.contains(&fault.code.as_str()));
                assert!(beyond, "{}: the schema takes {body}, reading does not: {faults:?}", self.name);
            }
            Ok(()) => assert!(valid, "{}: the schema refuses {body}, reading takes it", self.name),
            Err(_) => {}
        }
        read.is_ok()
    }

    fn examples(&self) -> &[Value] {
        self.schema["examples"].as_array().map_or(&[], Vec::as_slice)
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    settings().into_generator().into_root_schema_for::<T>().to_value()
}

/// Every request, and what they are made of and has a name.
fn requests() -> Vec<Request> {
    vec![
        Request::of::<AssignTicket>(),
        Request::of::<ClaimTicket>(),
        Request::of::<CreateContact>(),
        Request::of::<CreateEndpoint>(),
        Request::of::<CreateForm>(),
        Request::of::<CreateQueue>(),
        Request::of::<CreateTicket>(),
        Request::of::<DiscardDeadLetter>(),
        Request::of::<Evidence>(),
        Request::of::<InlineContact>(),
        Request::of::<NewFormTopic>(),
        Request::of::<PostEntry>(),
        Request::of::<RedactEntry>(),
        Request::of::<ReplayDeadLetters>(),
        Request::of::<RotateSecret>(),
        Request::of::<SetSlaPolicy>(),
        Request::of::<ThemePatch>(),
        Request::of::<TransitionTicket>(),
        Request::of::<UpdateContact>(),
        Request::of::<UpdateEndpoint>(),
        Request::of::<UpdateForm>(),
        Request::of::<UpdateQueue>(),
        Request::of::<UpdateTicket>(),
    ]
}

#[test]
fn no_request_is_forgotten() {
    let mut declared = BTreeSet::from(["NewEvidence".to_owned()]);
    for (path, _) in sources(&workspace("sk-tickets-core/src/model"), 0) {
        let source = fs::read_to_string(path).expect("readable");
        for request in source.split("\nrequest! {").skip(1) {
            let name = request.split("pub struct ").nth(1).and_then(|rest| rest.split(' ').next());
            declared.insert(name.expect("a request has a name").to_owned());
        }
    }
    assert_eq!(requests().into_iter().map(|request| request.name).collect::<BTreeSet<_>>(), declared);
}

#[test]
fn every_request_has_examples_and_they_are_taken() {
    for request in requests() {
        assert!(!request.examples().is_empty(), "{} has an example", request.name);
        for example in request.examples() {
            assert!(request.takes(example), "{}: {example}", request.name);
        }
    }
}

#[test]
fn no_field_takes_more_or_less_than_its_schema() {
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(1.5),
        json!(60.0),
        json!(""),
        json!("x"),
        json!("a\0b"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": 1}),
    ];
    for request in requests() {
        assert!(!request.takes(&json!([])), "{} is an object", request.name);
        let fields = request.schema["properties"].as_object().expect("fields");
        for example in request.examples() {
            let with = |name: &str, value: &Value| {
                let mut body = example.clone();
                body[name] = value.clone();
                body
            };
            assert!(!request.takes(&with("unknown", &json!(1))), "{} has no such field", request.name);
            for name in fields.keys() {
                for value in &odd {
                    request.takes(&with(name, value));
                }
                let mut without = example.clone();
                without.as_object_mut().expect("an object").remove(name);
                request.takes(&without);
            }
        }
    }
}

#[test]
fn what_concerns_several_fields_is_in_the_schema() {
    let contact = json!({ "phone": "+49 30 123456" });
    let id = "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC";
    let refused = [
        (Request::of::<CreateTicket>(), json!({ "subject": "x", "contact": contact, "contact_id": id })),
        (Request::of::<InlineContact>(), json!({ "name": "Ann", "email": null })),
        (Request::of::<CreateEndpoint>(), json!({ "url": "https://example.com", "events": [] })),
        (Request::of::<UpdateEndpoint>(), json!({ "events": [] })),
        (Request::of::<Evidence>(), json!({ "kind": "call", "ref": "rec_01J9X2M3N4P5Q6R7S8T9VAWBXC" })),
    ];
    for (request, body) in refused {
        assert!(!request.takes(&body) && !request.validator.is_valid(&body), "{}: {body}", request.name);
    }
    let taken = [
        (Request::of::<CreateTicket>(), json!({ "subject": "x", "contact": contact, "contact_id": null })),
        (Request::of::<InlineContact>(), json!({ "email": null, "phone": "+4930123456" })),
        (Request::of::<TransitionTicket>(), json!({ "to": "open", "resolution_note": null })),
        (Request::of::<TransitionTicket>(), json!({ "to": "open", "resolution_note": "Done" })),
        (Request::of::<CreateEndpoint>(), json!({ "url": "https://example.com", "events": null })),
    ];
    for (request, body) in taken {
        assert!(request.takes(&body), "{}: {body}", request.name);
    }
}

#[test]
fn where_a_schema_takes_more() {
    let time = |text: &str| (Request::of::<ReplayDeadLetters>(), json!({ "from": text }));
    let email = |text: &str| (Request::of::<InlineContact>(), json!({ "email": text }));
    let url = |text: &str| (Request::of::<Evidence>(), json!({ "kind": "file", "ref": text }));
    let origin = |text: &str| (Request::of::<UpdateForm>(), json!({ "allowed_origins": [text] }));
    let hook = |text: &str| (Request::of::<CreateEndpoint>(), json!({ "url": text }));
    for (request, body) in [
        time("2026-02-30T06:00:00Z"),
        time("1970-01-01T00:00:00+05:00"),
        time("9999-12-31T23:59:59Z"),
        email(&format!("{}@example.com", "İ".repeat(242))),
        email("a\u{2003}b@example.com"),
        origin("https://shop.example:99999"),
        origin("https://shop.example;script-src"),
        (
            Request::of::<UpdateForm>(),
            json!({ "topics": [{ "key": "a", "label": "A" }, { "key": "a", "label": "B" }] }),
        ),
        url("https://["),
        url("https://exa<mple.com"),
        hook("ftp://example.com/"),
        hook("https://ann@example.com/"),
    ] {
        assert!(!request.takes(&body) && request.validator.is_valid(&body), "{}: {body}", request.name);
    }
}

#[test]
fn a_pattern_refuses_what_reading_refuses() {
    let ulid = "01J9X2M3N4P5Q6R7S8T9VAWBXC";
    let owner = |text: &str| (Request::of::<AssignTicket>(), json!({ "owner_id": text }));
    let time = |text: &str| (Request::of::<ReplayDeadLetters>(), json!({ "from": text }));
    let email = |text: &str| (Request::of::<InlineContact>(), json!({ "email": text }));
    let phone = |text: &str| (Request::of::<InlineContact>(), json!({ "phone": text }));
    let evidence = |text: &str| (Request::of::<Evidence>(), json!({ "kind": "file", "ref": text }));
    let origin = |text: &str| (Request::of::<UpdateForm>(), json!({ "allowed_origins": [text] }));
    let accent = |text: &str| (Request::of::<ThemePatch>(), json!({ "accent": text }));
    for (request, body) in [
        owner(&format!("usr_{ulid}")),
        owner(&format!("AGT_{}", ulid.to_lowercase())),
        time("2026-11-24t07:00:00.123456+01:00"),
        time("1970-01-01T00:00:00-05:00"),
        email("Ann@Example.COM"),
        email("ä@ö"),
        phone("+49 (30) 12-34.56"),
        evidence(&format!("cht_{ulid}")),
        evidence("HTTPS://example.com/ä"),
        origin("HTTPS://Shop.example:443"),
        origin("http://127.0.0.1"),
        origin("https://bücher.example"),
        accent("#0aF"),
        accent("#0B6e4f"),
    ] {
        assert!(request.takes(&body), "{}: {body}", request.name);
    }
    for (request, body) in [
        owner(&format!("ctc_{ulid}")),
        owner(&format!("usr_{ulid}\n")),
        owner("usr_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        owner("usr_01J9X2M3N4P5Q6R7S8T9VAWBXU"),
        time("2026-11-24 06:00:00Z"),
        time("2026-11-24T06:00:00.Z"),
        time("2026-11-24T06:00:00"),
        email("ann"),
        email("a b@x.de"),
        email("a@b@c"),
        email("ann@.de"),
        email("ann@de."),
        phone("030123456"),
        phone("+0301234567"),
        phone("+49301234567890123"),
        phone("+49 30 12a456"),
        evidence(&format!("CHT_{ulid}")),
        evidence("http://example.com"),
        evidence("https:example.com"),
        origin("https://shop.example/"),
        origin("https://*.example"),
        origin("https://ann@shop.example"),
        origin("https://[::1]:5000"),
        origin("shop.example"),
        accent("red"),
        accent("#ffff"),
        accent("#fff;"),
    ] {
        assert!(!request.takes(&body) && !request.validator.is_valid(&body), "{}: {body}", request.name);
    }
}
