//! What a tool is: a line of the table. The types named in it read the call and write the result, and describe both.

use std::{future::Future, pin::Pin};

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sk_tickets_core::{
    Scope,
    platform::{
        json::Json,
        problem::{self, Problem},
    },
};

use super::{
    arguments::{Form, inline, whole},
    caller::Caller,
    refusal::{Refusal, Refused},
};

/// One tool: what it is called, what a key must be allowed, what it does to the world, who answers.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) scope: Scope,
    pub(super) effect: Effect,
    pub(super) takes: fn(&mut Form),
    pub(super) gives: fn(&mut SchemaGenerator) -> schemars::Schema,
    pub(super) run: Run,
}

pub(super) type Running = Pin<Box<dyn Future<Output = Result<Outcome, Refusal>> + Send>>;
pub(super) type Run = fn(Caller, Json) -> Running;

/// What a tool does to the world, by which a host decides whether to ask a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) reads_only: bool,
    /// Replaces what was there, rather than only adding to it.
    pub(super) replaces: bool,
    /// Called again with the same arguments, whenever, it does nothing more.
    pub(super) once: bool,
    /// The customer may be told.
    pub(super) goes_out: bool,
}

impl Effect {
    pub(super) const READS: Self = Self { reads_only: true, replaces: false, once: true, goes_out: false };
    pub(super) const ADDS: Self = Self { reads_only: false, replaces: false, once: false, goes_out: false };
    pub(super) const TELLS: Self = Self { goes_out: true, ..Self::ADDS };
    pub(super) const REPLACES: Self = Self { reads_only: false, replaces: true, once: true, goes_out: false };
    pub(super) const MOVES: Self = Self { goes_out: true, ..Self::REPLACES };
}

/// What a call came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// In a line.
    pub(super) text: String,
    /// As data.
    pub(super) content: Value,
}

/// What a tool gives.
pub(super) trait Told: Serialize + JsonSchema {
    /// What there is to say of it in a line. Words of others are not in it.
    fn told(&self) -> String;
}

impl Outcome {
    pub(super) fn of(told: &impl Told) -> Result<Self, Refusal> {
        let content = serde_json::to_value(told)
            .map_err(|error| Problem::new(problem::INTERNAL, format!("the result cannot be written: {error}")))?;
        Ok(Self { text: told.told(), content })
    }
}

/// What only a handler that is wrong would come to: no fault was found, but an argument is missing.
pub(super) fn unread() -> Refusal {
    Problem::new(problem::INTERNAL, "the arguments were not read").into()
}

impl Tool {
    /// The schema of the arguments.
    pub(super) fn input_schema(&self) -> Map<String, Value> {
        let mut form = Form::new();
        (self.takes)(&mut form);
        form.finish()
    }

    /// The schema of the result; of a refusal too, since clients hold that against it as well. Every member stands at the
    /// root, where hosts look; which of them are there together follows.
    pub(super) fn output_schema(&self) -> Map<String, Value> {
        let mut generator = inline();
        let mut result = (self.gives)(&mut generator).to_value();
        let mut refusal = generator.subschema_for::<Refused>().to_value();
        let required = |schema: &mut Value| json!({"required": schema["required"].take()});
        let either = json!([required(&mut result), required(&mut refusal)]);
        let mut properties = Map::new();
        for schema in [refusal, result] {
            if let Value::Object(mut schema) = schema
                && let Some(Value::Object(more)) = schema.remove("properties")
            {
                properties.extend(more);
            }
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("anyOf".to_owned(), either);
        whole(generator, schema)
    }
}
