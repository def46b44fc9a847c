//! The parts of a request that a line of the table can name. Each reads itself and describes itself.

use std::{collections::HashMap, str::FromStr};

use bytes::Bytes;
use http::{HeaderMap, header};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sk_tickets_core::{
    Error, Order, PageRequest, Priority, QueueSlug, Version,
    limits::{PAGE_DEFAULT, PAGE_MAX},
    platform::{
        id::{Id, IdKind},
        input::{Faults, Input, Pointer, object},
        json::Json,
        problem::{self, Problem},
    },
};

use super::{
    call::not_found,
    operation::{Argument, Parameter, Place, RequestBody, Spec},
};
use crate::platform::{
    etag::{self, Condition},
    query::Query,
};

/// What a request brought along. Arguments are taken out of it in the order in which the table names them.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) path: HashMap<String, String>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) is_mutation: bool,
}

impl Asked {
    /// Refuses what no argument took, and what would be wrong to overlook.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.query.finish()?;
        // What has no version cannot be changed on condition of it.
        if self.is_mutation && self.headers.contains_key(header::IF_MATCH) {
            return Err(Problem::new(problem::INVALID_PARAMETER, "the header if-match is not supported here").into());
        }
        Ok(())
    }

    fn json(&mut self) -> Result<Json, Error> {
        // No body is looked at before the query is known to be lawful.
        self.query.finish()?;
        Ok(Json::parse(&self.body).map_err(|error| Problem::new(problem::MALFORMED_JSON, error.to_string()))?)
    }
}

/// The id in the path with the argument's name.
impl<K: IdKind> Argument for Id<K>
where
    Self: JsonSchema,
{
    fn take(name: &str, asked: &mut Asked) -> Result<Self, Error> {
        let text = asked.path.get(name).map(String::as_str).unwrap_or_default();
        text.parse().map_err(|error| Problem::new(problem::INVALID_PARAMETER, format!("`{name}` {error}")).into())
    }

    fn describe(name: &'static str, spec: &mut Spec) {
        spec.parameter(Place::Path, name, "The id, as an answer gave it.", SchemaGenerator::subschema_for::<Self>);
        spec.may_refuse(&[problem::NOT_FOUND]);
    }
}

/// The key of a queue in the path with the argument's name.
impl Argument for QueueSlug {
    fn take(name: &str, asked: &mut Asked) -> Result<Self, Error> {
        let text = asked.path.get(name).map(String::as_str).unwrap_or_default();
        text.parse().map_err(|error| Problem::new(problem::INVALID_PARAMETER, format!("`{name}` {error}")).into())
    }

    fn describe(name: &'static str, spec: &mut Spec) {
        spec.parameter(Place::Path, name, "The key, as an answer gave it.", SchemaGenerator::subschema_for::<Self>);
        spec.may_refuse(&[problem::NOT_FOUND]);
    }
}

/// The priority in the path with the argument's name: one of a few resources that are there.
impl Argument for Priority {
    fn take(name: &str, asked: &mut Asked) -> Result<Self, Error> {
        let text = asked.path.get(name).map(String::as_str).unwrap_or_default();
        text.parse().map_err(|_| not_found())
    }

    fn describe(name: &'static str, spec: &mut Spec) {
        spec.parameter(Place::Path, name, "The priority.", SchemaGenerator::subschema_for::<Self>);
        spec.may_refuse(&[problem::NOT_FOUND]);
    }
}

/// The body, read into a request; with its JSON as sent, which an idempotency key stands for.
#[derive(Debug)]
pub(crate) struct Body<T> {
    pub(crate) request: T,
    pub(crate) sent: Json,
}

impl<T: Input + JsonSchema> Argument for Body<T> {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        let sent = asked.json()?;
        let request = T::from_json(&sent).map_err(Problem::validation)?;
        Ok(Self { request, sent })
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        // No body is read as one without fields.
        let required = Json::parse(b"").is_ok_and(|nothing| T::from_json(&nothing).is_err());
        spec.body = Some(RequestBody { schema: SchemaGenerator::subschema_for::<T>, required });
        spec.may_refuse(&[problem::MALFORMED_JSON, problem::VALIDATION_FAILED]);
    }
}

/// No body, of a request that says all there is to say in its path. One without fields is taken for none.
#[derive(Debug)]
pub(crate) struct NoBody {
    pub(crate) sent: Json,
}

impl Argument for NoBody {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        let sent = asked.json()?;
        let mut faults = Faults::default();
        object(&sent, &[], Pointer::ROOT, &mut faults);
        let faults = faults.into_vec();
        if faults.is_empty() { Ok(Self { sent }) } else { Err(Problem::validation(faults).into()) }
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        spec.may_refuse(&[problem::MALFORMED_JSON, problem::VALIDATION_FAILED]);
    }
}

/// What a list may be narrowed down to. To read it is to declare it: see [`Query`].
pub(crate) trait Filter {
    fn read(query: &mut Query) -> Self;
}

/// A list without filters.
impl Filter for () {
    fn read(_: &mut Query) -> Self {}
}

/// The page of a list that is asked for, and what the list is narrowed down to.
#[derive(Debug)]
pub(crate) struct Paged<F> {
    pub(crate) page: PageRequest,
    pub(crate) filter: F,
}

impl<F: Filter> Paged<F> {
    fn read(query: &mut Query) -> Self {
        let mut page = PageRequest::first();
        if let Some(Limit(limit)) = query.one("limit", "How many rows a page has at most.") {
            page = page.limit(limit);
        }
        if let Some(cursor) =
            query.one::<String>("cursor", "The `next_cursor` of the page before, with the same filters.")
        {
            page = page.after(cursor);
        }
        if let Some(order) = query.one::<Order>("order", "Which end of the list comes first.") {
            page = page.order(order);
        }
        Self { page, filter: F::read(query) }
    }
}

impl<F: Filter> Argument for Paged<F> {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        let read = Self::read(&mut asked.query);
        asked.query.finish()?;
        Ok(read)
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        let mut query = Query::new(None);
        Self::read(&mut query);
        let declared = query.declared().into_iter();
        spec.parameters.extend(declared.map(|declared| Parameter { place: Place::Query, declared }));
        spec.may_refuse(&[problem::INVALID_CURSOR, problem::CURSOR_FILTER_MISMATCH]);
    }
}

/// What is asked for that is no list.
#[derive(Debug)]
pub(crate) struct Narrowed<F>(pub(crate) F);

impl<F: Filter> Argument for Narrowed<F> {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        let read = F::read(&mut asked.query);
        asked.query.finish()?;
        Ok(Self(read))
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        let mut query = Query::new(None);
        F::read(&mut query);
        let declared = query.declared().into_iter();
        spec.parameters.extend(declared.map(|declared| Parameter { place: Place::Query, declared }));
    }
}

/// A number of rows.
struct Limit(usize);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Rust reads a plus sign, JSON does not.
        if text.starts_with('+') {
            return Err("must begin with a digit".to_owned());
        }
        let limit = text.parse().map_err(|error: <usize as FromStr>::Err| error.to_string())?;
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(format!("must be 1 to {PAGE_MAX}"));
        }
        Ok(Self(limit))
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT})
    }
}

/// The versions that a change is for; any, if none is named.
#[derive(Debug)]
pub(crate) struct IfMatch(pub(crate) Option<Vec<Version>>);

impl Argument for IfMatch {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        let condition = etag::condition(&asked.headers, &header::IF_MATCH, false)?;
        asked.headers.remove(header::IF_MATCH);
        Ok(Self(match condition {
            None | Some(Condition::Any) => None,
            Some(Condition::OneOf(versions)) => Some(versions.into_iter().map(Version).collect()),
        }))
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        let about = "Only if the ticket still has this `ETag`, or one of these.";
        spec.parameter(Place::Header { required: false }, "If-Match", about, entity_tags);
        spec.may_refuse(&[problem::PRECONDITION_FAILED]);
    }
}

/// What the header of that name is for.
pub(crate) const IF_NONE_MATCH: &str =
    "The `ETag` that you have: where it still is right, the answer is 304 without a body.";

/// The version that the asker knows.
#[derive(Debug)]
pub(crate) struct IfNoneMatch(Option<Condition>);

impl IfNoneMatch {
    /// Whether an answer in this version would be no news.
    pub(crate) fn knows(&self, version: Version) -> bool {
        match &self.0 {
            None => false,
            Some(Condition::Any) => true,
            Some(Condition::OneOf(versions)) => versions.contains(&version.0),
        }
    }
}

impl Argument for IfNoneMatch {
    fn take(_: &str, asked: &mut Asked) -> Result<Self, Error> {
        Ok(Self(etag::condition(&asked.headers, &header::IF_NONE_MATCH, true)?))
    }

    fn describe(_: &'static str, spec: &mut Spec) {
        spec.parameter(Place::Header { required: false }, "If-None-Match", IF_NONE_MATCH, entity_tags);
    }
}

fn entity_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "pattern": r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#,
        "examples": ["\"3\""],
    })
}
