use std::{fmt::Display, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use sk_tickets_core::platform::problem::{self, Problem};
use url::form_urlencoded;

/// Writes a schema; what it refers to goes into the generator.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A parameter, as a document describes it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// May be given more than once.
    pub(crate) repeatable: bool,
    pub(crate) schema: SchemaOf,
}

/// The parameters of a query string. Each is taken once by its name; what nobody took is unknown, and refused.
///
/// To take a parameter is to declare it: what reads a query also says, given an empty one, which parameters there are.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<String>,
    declared: Vec<Declared>,
}

impl Query {
    pub(crate) fn new(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { pairs, faults: Vec::new(), declared: Vec::new() }
    }

    /// Every value of a parameter that may be repeated.
    pub(crate) fn all<T>(&mut self, name: &'static str, about: &'static str) -> Vec<T>
    where
        T: FromStr<Err: Display> + JsonSchema,
    {
        self.declared.push(Declared { name, about, repeatable: true, schema: SchemaGenerator::subschema_for::<T> });
        self.take(name)
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one<T>(&mut self, name: &'static str, about: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display> + JsonSchema,
    {
        self.declared.push(Declared { name, about, repeatable: false, schema: SchemaGenerator::subschema_for::<T> });
        if self.pairs.iter().filter(|(known, _)| known == name).count() > 1 {
            self.fault(name, "may be given only once");
        }
        self.take(name).into_iter().next()
    }

    /// Every parameter that was taken, given or not.
    pub(crate) fn declared(self) -> Vec<Declared> {
        self.declared
    }

    fn take<T: FromStr<Err: Display>>(&mut self, name: &str) -> Vec<T> {
        let (taken, left) = self.pairs.drain(..).partition(|(known, _)| known == name);
        self.pairs = left;
        taken.into_iter().filter_map(|(_, value): (_, String)| self.parse(name, &value)).collect()
    }

    fn fault(&mut self, name: &str, message: impl Display) {
        self.faults.push(format!("`{name}` {message}"));
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, name: &str, value: &str) -> Option<T> {
        value.parse().map_err(|error| self.fault(name, error)).ok()
    }

    /// Ends the reading: every fault at once, if there is any.
    pub(crate) fn finish(&mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.fault(&name, "is not a parameter here");
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(Problem::new(problem::INVALID_PARAMETER, self.faults.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_took_is_refused_and_all_faults_are_told() {
        let mut query = Query::new(Some("limit=x&tag=a%20b&tag=c&foo=1&order=1&order=2"));
        assert_eq!(query.one::<u8>("limit", ""), None);
        assert_eq!(query.all::<String>("tag", ""), ["a b", "c"]);
        query.one::<u8>("order", "");
        let problem = query.finish().unwrap_err();
        assert_eq!(problem.status(), 400);
        for part in ["`limit` invalid digit", "`foo` is not a parameter", "`order` may be given only once"] {
            assert!(problem.detail().contains(part), "{}", problem.detail());
        }
        let declared: Vec<_> = query.declared().iter().map(|one| (one.name, one.repeatable)).collect();
        assert_eq!(declared, [("limit", false), ("tag", true), ("order", false)]);
        assert!(Query::new(None).finish().is_ok());
    }
}
