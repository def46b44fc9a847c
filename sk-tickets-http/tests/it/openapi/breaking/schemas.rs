//! Two schemas of the same thing: whether who relied on the old one can rely on the new one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{super::contract::resolve, members};

/// Who must be content with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// What clients send: all that was lawful must stay so, so the schema may only grow wider.
    Asked,
    /// What clients are sent: nothing may come that could not come before, but for fields that are new.
    Answered,
}

/// Bounds, and whether a larger number lets more through.
const BOUNDS: [(&str, bool); 8] = [
    ("maxLength", true),
    ("maximum", true),
    ("maxItems", true),
    ("maxProperties", true),
    ("minLength", false),
    ("minimum", false),
    ("minItems", false),
    ("minProperties", false),
];

/// Keywords whose effect is not looked into: any change to them counts in what clients send.
const OPAQUE: [&str; 7] = ["pattern", "format", "not", "if", "then", "else", "propertyNames"];

/// Compares two schemas.
pub(super) struct Schemas<'a> {
    old: &'a Value,
    new: &'a Value,
    direction: Direction,
    /// The pairs of references that were followed, since a schema may refer to itself.
    followed: BTreeSet<(String, String)>,
    pub(super) found: Vec<String>,
}

impl<'a> Schemas<'a> {
    pub(super) const fn new(old: &'a Value, new: &'a Value, direction: Direction) -> Self {
        Self { old, new, direction, followed: BTreeSet::new(), found: Vec::new() }
    }

    pub(super) fn compare(&mut self, at: &str, old: &Value, new: &Value) {
        if let (Some(was), Some(is)) = (old["$ref"].as_str(), new["$ref"].as_str())
            && !self.followed.insert((was.to_owned(), is.to_owned()))
        {
            return;
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if old == new {
            // The same words may refer to what has changed.
            self.within(at, old, new);
            return;
        }
        self.types(at, old, new);
        self.words(at, old, new);
        self.bounds(at, old, new);
        for keyword in OPAQUE {
            if old[keyword] != new[keyword] && !(self.direction == Direction::Asked && new[keyword].is_null()) {
                self.found.push(format!("{at} has another `{keyword}`"));
            }
        }
        self.fields(at, old, new);
        self.within(at, old, new);
    }

    fn types(&mut self, at: &str, old: &Value, new: &Value) {
        let (old, new) = (types(old), types(new));
        // A schema without a type is that of any.
        let widened = |from: &BTreeSet<&str>, to: &BTreeSet<&str>| {
            to.is_empty() || !from.is_empty() && from.iter().all(|name| to.contains(name))
        };
        let holds = match self.direction {
            Direction::Asked => widened(&old, &new),
            Direction::Answered => widened(&new, &old),
        };
        if !holds {
            self.found.push(format!("{at} was {old:?} and is {new:?}"));
        }
    }

    fn words(&mut self, at: &str, old: &Value, new: &Value) {
        let (was, is) = (words(old), words(new));
        let gone: Vec<_> =
            was.iter().flatten().filter(|word| is.as_ref().is_some_and(|is| !is.contains(*word))).collect();
        let more: Vec<_> =
            is.iter().flatten().filter(|word| was.as_ref().is_some_and(|was| !was.contains(*word))).collect();
        match self.direction {
            Direction::Asked if !gone.is_empty() => self.found.push(format!("{at} does not take {gone:?}")),
            Direction::Asked if was.is_none() && is.is_some() => self.found.push(format!("{at} takes only {is:?}")),
            Direction::Answered if !more.is_empty() => self.found.push(format!("{at} may be {more:?}")),
            Direction::Answered if was.is_some() && is.is_none() => self.found.push(format!("{at} may be any word")),
            Direction::Asked | Direction::Answered => {}
        }
    }

    fn bounds(&mut self, at: &str, old: &Value, new: &Value) {
        for (bound, larger_is_wider) in BOUNDS {
            let (was, is) = (old[bound].as_f64(), new[bound].as_f64());
            let narrower = match (was, is) {
                (None, Some(_)) => true,
                (Some(was), Some(is)) if larger_is_wider => is < was,
                (Some(was), Some(is)) => is > was,
                (_, None) => false,
            };
            let wider = was != is && !narrower;
            let broken = if self.direction == Direction::Asked { narrower } else { wider };
            if broken {
                self.found.push(format!("{at} has another `{bound}`: {} instead of {}", new[bound], old[bound]));
            }
        }
    }

    fn fields(&mut self, at: &str, old: &Value, new: &Value) {
        let (was, is) = (required(old), required(new));
        for name in members(&old["properties"]).keys() {
            let gone = new["properties"][name].is_null();
            match self.direction {
                Direction::Asked if gone => self.found.push(format!("{at} has no `{name}`")),
                Direction::Answered if gone => self.found.push(format!("{at} has no `{name}`")),
                Direction::Answered if was.contains(name.as_str()) && !is.contains(name.as_str()) => {
                    self.found.push(format!("`{name}` of {at} may be left out"));
                }
                Direction::Asked | Direction::Answered => {}
            }
        }
        if self.direction == Direction::Asked {
            for name in is.difference(&was) {
                self.found.push(format!("`{name}` of {at} is required"));
            }
            if new["additionalProperties"] == false && !old["additionalProperties"].is_boolean() {
                self.found.push(format!("{at} takes no more fields"));
            }
        }
    }

    /// What is inside of both.
    fn within(&mut self, at: &str, old: &Value, new: &Value) {
        for (name, schema) in members(&old["properties"]) {
            if let Some(now) = new["properties"].get(name) {
                self.compare(&format!("`{name}` of {at}"), schema, now);
            }
        }
        for (keyword, inside) in [("items", "an item"), ("additionalProperties", "a value")] {
            if old[keyword].is_object() && new[keyword].is_object() {
                self.compare(&format!("{inside} of {at}"), &old[keyword], &new[keyword]);
            }
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            self.alternatives(at, keyword, &old[keyword], &new[keyword]);
        }
    }

    fn alternatives(&mut self, at: &str, keyword: &str, old: &Value, new: &Value) {
        let (old, new) = (list(old), list(new));
        for (was, is) in old.iter().zip(new) {
            self.compare(at, was, is);
        }
        let (fewer, more) = (new.len() < old.len(), new.len() > old.len());
        // `allOf` narrows with each, the others widen.
        let (fewer, more) = if keyword == "allOf" { (more, fewer) } else { (fewer, more) };
        let broken = if self.direction == Direction::Asked { fewer } else { more };
        if broken {
            self.found.push(format!("{at} has another `{keyword}`"));
        }
    }
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn words(schema: &Value) -> Option<Vec<&Value>> {
    if !schema["const"].is_null() {
        return Some(vec![&schema["const"]]);
    }
    Some(schema["enum"].as_array()?.iter().collect())
}

fn required(schema: &Value) -> BTreeSet<&str> {
    list(&schema["required"]).iter().filter_map(Value::as_str).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
