//! What a tool can take. Each reads itself from the arguments of a call and describes itself, as in the table of the REST
//! API; faults are collected, so that an agent learns of all of them at once.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sk_tickets_core::{
    IdempotencyKey, QueueSlug, TicketId, Version,
    limits::AGENT_FILTER_MAX,
    model::queue::DEFAULT_QUEUE,
    platform::{
        idempotency::KEY_MAX,
        input::{Faults, Input, Pointer, object, read_parsed},
        json::Json,
        number::Whole,
        problem::Problem,
        schema::settings,
    },
};

use super::refusal::Refusal;

/// The arguments of a call. Each is taken once; what nobody took is unknown, and refused.
#[derive(Debug)]
pub(super) struct Given {
    members: BTreeMap<String, Json>,
    faults: Faults,
}

impl Given {
    pub(super) fn new(arguments: &Json) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let Json::Object(members) = arguments else {
            faults.wrong_type(Pointer::ROOT, "an object", arguments);
            return Err(Problem::validation(faults.into_vec()).into());
        };
        Ok(Self { members: members.clone(), faults })
    }

    /// One argument.
    fn take<T: Input>(&mut self, name: &str) -> Option<T> {
        let at = Pointer::ROOT.name(name);
        match self.members.remove(name) {
            Some(json) => T::read(&json, at, &mut self.faults),
            None => T::absent(at, &mut self.faults),
        }
    }

    /// One argument that must be there, written as a string.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, code: &'static str) -> Option<T> {
        let at = Pointer::ROOT.name(name);
        match self.members.remove(name) {
            Some(json) => read_parsed(&json, code, at, &mut self.faults),
            None => {
                self.faults.push(at, "required", "is required");
                None
            }
        }
    }

    /// Ends the reading: every fault at once, if there is any.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        object(&Json::Object(self.members), &[], Pointer::ROOT, &mut self.faults);
        let mut faults = self.faults.into_vec();
        if faults.is_empty() {
            return Ok(());
        }
        for fault in &mut faults {
            if fault.code == "unknown_field" {
                fault.message = "is not an argument of this tool".to_owned();
            }
        }
        Err(Problem::validation(faults).into())
    }
}

/// The schema of a tool's arguments in the making. Schemas are written out in place: not every host follows references.
#[derive(Debug)]
pub(super) struct Form {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

/// A generator of schemas that refer to nothing.
pub(super) fn inline() -> SchemaGenerator {
    let settings = settings().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// A schema put together of parts, as the generator would have made it as a whole.
pub(super) fn whole(mut generator: SchemaGenerator, members: Map<String, Value>) -> Map<String, Value> {
    let mut schema = Schema::from(members);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.ensure_object().clone()
}

impl Form {
    pub(super) fn new() -> Self {
        Self { generator: inline(), properties: Map::new(), required: Vec::new() }
    }

    fn argument<T: Input + JsonSchema>(&mut self, name: &str, about: &str) {
        let mut schema = self.generator.subschema_for::<T>();
        schema.insert("description".to_owned(), about.into());
        self.properties.insert(name.to_owned(), schema.to_value());
        if T::absent(Pointer::ROOT, &mut Faults::default()).is_none() {
            self.required.push(name.into());
        }
    }

    /// What [`Given::parsed`] takes.
    pub(super) fn parsed<T: JsonSchema>(&mut self, name: &str, about: &str) {
        let mut schema = self.generator.subschema_for::<T>();
        schema.insert("description".to_owned(), about.into());
        self.properties.insert(name.to_owned(), schema.to_value());
        self.required.push(name.into());
    }

    /// What it says of these fields of a request. What concerns more than one field is left to the reading: hosts do not
    /// take conditions.
    fn fields<T: JsonSchema>(&mut self, wanted: &[&str]) {
        let mut schema = self.generator.subschema_for::<T>().to_value();
        for name in wanted {
            if let Some(field) = schema["properties"].get_mut(name) {
                self.properties.insert((*name).to_owned(), field.take());
            }
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        self.required
            .extend(required.into_iter().filter(|name| name.as_str().is_some_and(|name| wanted.contains(&name))));
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        let Self { generator, properties, required } = self;
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        schema.insert("additionalProperties".to_owned(), false.into());
        whole(generator, schema)
    }
}

/// A part of a call that a handler is given: reads it, and describes it.
pub(super) trait Argument: Sized {
    fn take(given: &mut Given) -> Option<Self>;
    fn describe(form: &mut Form);
}

impl Argument for TicketId {
    fn take(given: &mut Given) -> Option<Self> {
        given.take("ticket_id")
    }

    fn describe(form: &mut Form) {
        form.argument::<Self>("ticket_id", "The ticket: `tkt_…`.");
    }
}

/// A queue, by its key; the one that is always there, unless named.
#[derive(Debug)]
pub(super) struct InQueue(pub(super) QueueSlug);

impl Argument for InQueue {
    fn take(given: &mut Given) -> Option<Self> {
        let named: Option<QueueSlug> = given.take("queue")?;
        named.or_else(|| DEFAULT_QUEUE.parse().ok()).map(Self)
    }

    fn describe(form: &mut Form) {
        form.argument::<Option<QueueSlug>>(
            "queue",
            "The key of the queue, as triage_options lists it; `default` unless named.",
        );
    }
}

/// The version that a change is for; any, if none is named.
#[derive(Debug)]
pub(super) struct ExpectedVersion(pub(super) Option<Version>);

/// As far as JSON's numbers are exact.
type Number = Whole<1, 9_007_199_254_740_991>;

impl Argument for ExpectedVersion {
    fn take(given: &mut Given) -> Option<Self> {
        let version: Option<Number> = given.take("expected_version")?;
        Some(Self(version.map(|version| Version(version.get()))))
    }

    fn describe(form: &mut Form) {
        form.argument::<Option<Number>>(
            "expected_version",
            "Only if the ticket still has this `version`: nothing is overwritten that you have not seen.",
        );
    }
}

/// The idempotency key that the host gave, if it did: as it is told again, and as it is kept.
#[derive(Debug)]
pub(super) struct HostKey(pub(super) Option<(String, IdempotencyKey)>);

/// The name of that argument: it is no part of what a call is.
pub(super) const HOST_KEY: &str = "idempotency_key";

impl Argument for HostKey {
    fn take(given: &mut Given) -> Option<Self> {
        let at = Pointer::ROOT.name(HOST_KEY);
        match given.members.remove(HOST_KEY) {
            None | Some(Json::Null) => Some(Self(None)),
            Some(Json::String(text)) => match IdempotencyKey::client(&text) {
                Ok(key) => Some(Self(Some((text, key)))),
                Err(error) => {
                    given.faults.push(at, "invalid_key", error.to_string());
                    None
                }
            },
            Some(other) => {
                given.faults.wrong_type(at, "a string", &other);
                None
            }
        }
    }

    fn describe(form: &mut Form) {
        let schema = json!({
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": KEY_MAX,
            "description":
                "Names this call, so that calling again with the same arguments does it once. One is made unless given.",
        });
        form.properties.insert(HOST_KEY.to_owned(), schema);
    }
}

/// A request of the REST API, of which a tool takes these fields and says the others itself.
pub(super) trait ToolRequest {
    type Request: Input + JsonSchema;
    const FIELDS: &'static [&'static str];
    /// What the tool says, as the REST API would be told.
    const SAID: &'static [(&'static str, &'static str)] = &[];
}

/// The rest of the arguments, read into a request; and as the REST API would be sent them, which an idempotency key stands
/// for.
#[derive(Debug)]
pub(super) struct Body<R: ToolRequest> {
    pub(super) request: R::Request,
    pub(super) sent: Json,
}

impl<R: ToolRequest> Argument for Body<R> {
    fn take(given: &mut Given) -> Option<Self> {
        let mut body = BTreeMap::new();
        for name in R::FIELDS {
            if let Some(json) = given.members.remove(*name) {
                body.insert((*name).to_owned(), json);
            }
        }
        for (name, word) in R::SAID {
            body.insert((*name).to_owned(), Json::String((*word).to_owned()));
        }
        let sent = Json::Object(body);
        let request = R::Request::read(&sent, Pointer::ROOT, &mut given.faults)?;
        Some(Self { request, sent })
    }

    fn describe(form: &mut Form) {
        form.fields::<R::Request>(R::FIELDS);
    }
}

/// A value that one can give alone, or several of in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T: Serialize> Serialize for OneOrMore<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        std::any::type_name::<Self>().into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [one, {"type": "array", "items": one, "maxItems": AGENT_FILTER_MAX}]})
    }
}

impl<T: Input> Input for OneOrMore<T> {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        match json {
            Json::Array(items) if items.len() > AGENT_FILTER_MAX => {
                faults.push(at, "too_many", format!("must have at most {AGENT_FILTER_MAX} items"));
                None
            }
            Json::Array(items) => {
                let read = items.iter().enumerate().map(|(index, item)| T::read(item, at.index(index), faults));
                read.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(Self)
            }
            one => T::read(one, at, faults).map(|one| Self(vec![one])),
        }
    }

    fn absent(_: Pointer<'_>, _: &mut Faults) -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn is_unset(&self) -> bool {
        self.0.is_empty()
    }
}
