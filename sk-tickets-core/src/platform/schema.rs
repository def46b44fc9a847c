//! [JSON Schema](https://json-schema.org/draft/2020-12) of what is read and written, made from the types that do so: a
//! bound that changes in a type changes in its schema.
//!
//! What a request may be is said by the [`Input`] of its fields; the macros that declare requests and words give them
//! their [`JsonSchema`]. What an answer is follows from how it is serialized, so schemas are made with [`settings`].

pub use schemars;
use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{RestrictFormats, Transform},
};
use serde_json::{Map, Value, json};

use super::input::{Faults, Input, Pointer};

/// Settings for a generator: draft 2020-12, as values are written. A field that is always there, if only as null, is
/// required then. Requests come out the same either way.
#[must_use]
pub fn settings() -> SchemaSettings {
    // Formats such as `uint64` are Rust's own.
    let mut formats = RestrictFormats::default();
    formats.infer_from_meta_schema = false;
    formats.allowed_formats.insert("date-time".into());
    SchemaSettings::draft2020_12().for_serialize().with_transform(formats)
}

/// Gives a type the schema of its values, written out wherever it is used.
macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, |$generator:pat_param| $schema:expr) => {
        impl<$($generics)*> schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                std::any::type_name::<Self>().into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use inline_schema;

/// Adds the member that says what an answer is: the tag of its serialization, which a derived schema lacks.
pub(crate) struct Object(pub(crate) &'static str);

impl Transform for Object {
    fn transform(&mut self, schema: &mut Schema) {
        let object = schema.ensure_object();
        merge(object, json!({ "properties": { "object": { "type": "string", "const": self.0 } } }));
        if let Some(Value::Array(required)) = object.get_mut("required") {
            required.insert(0, "object".into());
        }
    }
}

/// Gives a request its schema; see [`request!`](crate::request).
#[doc(hidden)]
#[macro_export]
macro_rules! request_schema {
    (
        $(#[$($meta:tt)*])*
        $name:ident { $( $(#[$($field_meta:tt)*])* $field:ident: $type:ty, )* }
        $(rule = $rule:tt;)?
        $(example = $example:tt;)*
    ) => {
        impl $crate::platform::schema::schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(
                generator: &mut $crate::platform::schema::schemars::SchemaGenerator,
            ) -> $crate::platform::schema::schemars::Schema {
                let request = $crate::platform::schema::RequestSchema::new(&[$($crate::doc_line!($($meta)*)),*])
                    $(.field::<$type>(stringify!($field), &[$($crate::doc_line!($($field_meta)*)),*], generator))*
                    $(.rule($crate::platform::schema::json_value!($rule)))?
                    $(.example($crate::platform::schema::json_value!($example)))*;
                request.into()
            }
        }
    };
}

/// Gives words their schema; see [`words!`](crate::words).
#[doc(hidden)]
#[macro_export]
macro_rules! words_schema {
    ($(#[$($meta:tt)*])* $name:ident { $( $(#[$($word_meta:tt)*])* $word:literal, )* }) => {
        impl $crate::platform::schema::schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(
                _: &mut $crate::platform::schema::schemars::SchemaGenerator,
            ) -> $crate::platform::schema::schemars::Schema {
                $crate::platform::schema::words(
                    &[$($crate::doc_line!($($meta)*)),*],
                    &[$(($word, &[$($crate::doc_line!($($word_meta)*)),*])),*],
                )
            }
        }
    };
}

/// The text of an attribute that is a line of a doc comment.
#[doc(hidden)]
#[macro_export]
macro_rules! doc_line {
    (doc = $line:expr) => {
        $line
    };
    ($($other:tt)*) => {
        ""
    };
}

#[doc(hidden)]
pub use serde_json::json as json_value;

/// The schema of a request in the making.
#[doc(hidden)]
#[derive(Debug)]
pub struct RequestSchema {
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    rule: Value,
    examples: Vec<Value>,
}

impl RequestSchema {
    #[must_use]
    pub fn new(docs: &[&str]) -> Self {
        Self {
            description: description(docs),
            properties: Map::new(),
            required: Vec::new(),
            rule: json!({}),
            examples: Vec::new(),
        }
    }

    /// With a field. Whether it is required is asked of its type, as reading does.
    #[must_use]
    pub fn field<T: Input + JsonSchema>(
        mut self,
        name: &'static str,
        docs: &[&str],
        generator: &mut SchemaGenerator,
    ) -> Self {
        let schema = described(generator.subschema_for::<T>(), &description(docs));
        self.properties.insert(name.to_owned(), schema.into());
        if T::absent(Pointer::ROOT, &mut Faults::default()).is_none() {
            self.required.push(name);
        }
        self
    }

    /// With what concerns more than one field, or a field in this request alone.
    #[must_use]
    pub fn rule(self, rule: Value) -> Self {
        Self { rule, ..self }
    }

    /// With an example.
    #[must_use]
    pub fn example(mut self, example: Value) -> Self {
        self.examples.push(example);
        self
    }
}

impl From<RequestSchema> for Schema {
    fn from(request: RequestSchema) -> Self {
        let RequestSchema { description, properties, required, rule, examples } = request;
        let mut schema = json_schema!({
            "description": description,
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        let object = schema.ensure_object();
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        if !examples.is_empty() {
            object.insert("examples".to_owned(), examples.into());
        }
        merge(object, rule);
        schema
    }
}

/// Adds the members of `more`, those of objects within objects too.
fn merge(object: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        match object.get_mut(&name) {
            Some(Value::Object(inner)) => merge(inner, value),
            _ => {
                object.insert(name, value);
            }
        }
    }
}

/// The schema of an enum of words, each of which is described.
#[doc(hidden)]
#[must_use]
pub fn words(docs: &[&str], words: &[(&str, &[&str])]) -> Schema {
    let mut text = description(docs);
    text.push('\n');
    for (word, docs) in words {
        text += &format!("\n- `{word}`: {}", description(docs));
    }
    let words: Vec<_> = words.iter().map(|(word, _)| word).collect();
    json_schema!({ "description": text, "type": "string", "enum": words })
}

/// The schema with a description of what it is for in this place.
pub(crate) fn described(mut schema: Schema, description: &str) -> Schema {
    schema.insert("description".to_owned(), description.into());
    schema
}

/// The lines of a doc comment as one text.
fn description(docs: &[&str]) -> String {
    let lines: Vec<_> = docs.iter().map(|line| line.trim()).collect();
    lines.join("\n").trim().to_owned()
}
