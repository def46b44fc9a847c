//! What was released is not broken: whatever was lawful to send is still taken, and whatever was promised to be answered
//! still is. What must break is declared in the changelog.

mod cases;
mod schemas;

use std::{fs, sync::LazyLock};

use serde_json::{Map, Value, json};

use super::contract::{DOCUMENT, resolve};
use crate::golden::workspace;
use schemas::{Direction, Schemas};

/// What a change does to those who use what it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Break {
    /// The name of the operation or the event.
    pub(super) what: String,
    /// Where in it, and how.
    pub(super) how: String,
}

#[test]
fn what_breaks_what_was_released_is_declared() {
    let released = workspace("sk-tickets-http/openapi.released.json");
    let released = fs::read_to_string(released).expect("the document of the last release");
    let released: Value = serde_json::from_str(&released).expect("JSON");
    let changelog = fs::read_to_string(workspace("CHANGELOG.md")).expect("a changelog");
    let undeclared: Vec<_> = undeclared(&breaks(&released, &DOCUMENT), &changelog);
    assert!(
        undeclared.is_empty(),
        "what was released is broken; take it back or, if it must be, name the operation or event in backticks under \
         `### Breaking` in the Unreleased section of CHANGELOG.md:\n{undeclared:#?}"
    );
}

/// The breaks that the changelog does not name.
fn undeclared(breaks: &[Break], changelog: &str) -> Vec<Break> {
    let unreleased = changelog.split_once("## Unreleased").map_or("", |(_, rest)| rest);
    let unreleased = unreleased.split_once("\n## ").map_or(unreleased, |(section, _)| section);
    let declared = unreleased.split_once("### Breaking").map_or("", |(_, rest)| rest);
    let declared = declared.split_once("\n### ").map_or(declared, |(section, _)| section);
    breaks.iter().filter(|one| !declared.contains(&format!("`{}`", one.what))).cloned().collect()
}

/// Everything in `old` that `new` breaks.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    for (place, direction) in [("paths", Direction::Asked), ("webhooks", Direction::Answered)] {
        for (path, item) in members(&old[place]) {
            for (method, operation) in members(item) {
                let what = operation["operationId"].as_str().unwrap_or(path).to_owned();
                let mut checker = Checker { old, new, what, found: Vec::new() };
                let now = &new[place][path][method];
                if now.is_object() {
                    checker.operation(operation, now, direction);
                } else {
                    checker.note(format!("{} {path} is gone", method.to_uppercase()));
                }
                found.append(&mut checker.found);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Compares one operation.
struct Checker<'a> {
    old: &'a Value,
    new: &'a Value,
    what: String,
    found: Vec<Break>,
}

impl Checker<'_> {
    fn note(&mut self, how: String) {
        self.found.push(Break { what: self.what.clone(), how });
    }

    fn schema(&mut self, at: &str, old: &Value, new: &Value, direction: Direction) {
        let mut schemas = Schemas::new(self.old, self.new, direction);
        schemas.compare(at, old, new);
        for how in schemas.found {
            self.note(how);
        }
    }

    /// What a body means depends on who sends it: that of a webhook is an answer to whoever receives it.
    fn operation(&mut self, old: &Value, new: &Value, body: Direction) {
        if old["operationId"] != new["operationId"] {
            self.note(format!("is now called {}, which renames it in generated clients", new["operationId"]));
        }
        if old["security"] != new["security"] {
            self.note(format!("wants another scope: {} instead of {}", new["security"], old["security"]));
        }
        self.parameters(old, new, body);
        self.body(&old["requestBody"], &new["requestBody"], body);
        for (status, response) in members(&old["responses"]) {
            self.response(status, resolve(self.old, response), resolve(self.new, &new["responses"][status]));
        }
    }

    fn parameters(&mut self, old: &Value, new: &Value, direction: Direction) {
        let named = |operation: &Value| -> Vec<(String, Value)> {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            parameters.into_iter().map(|one| (format!("{} {}", one["in"], one["name"]), one)).collect()
        };
        let (old, new) = (named(old), named(new));
        let find = |among: &[(String, Value)], name: &str| among.iter().find(|(known, _)| known == name).cloned();
        for (name, parameter) in &old {
            let Some((_, now)) = find(&new, name) else {
                self.note(format!("the parameter {name} is gone"));
                continue;
            };
            if parameter["required"] != true && now["required"] == true && direction == Direction::Asked {
                self.note(format!("the parameter {name} is required"));
            }
            self.schema(&format!("the parameter {name}"), &parameter["schema"], &now["schema"], direction);
        }
        for (name, parameter) in &new {
            if parameter["required"] == true && find(&old, name).is_none() && direction == Direction::Asked {
                self.note(format!("there is a new parameter {name}, which is required"));
            }
        }
    }

    fn body(&mut self, old: &Value, new: &Value, direction: Direction) {
        if old["required"] != true && new["required"] == true {
            self.note("a body is required".to_owned());
        }
        for (media_type, content) in members(&old["content"]) {
            match &new["content"][media_type] {
                Value::Null => self.note(format!("a body as {media_type} is not taken")),
                now => self.schema("the body", &content["schema"], &now["schema"], direction),
            }
        }
    }

    fn response(&mut self, status: &str, old: &Value, new: &Value) {
        if new.is_null() {
            // Nobody misses a problem.
            if !status.starts_with(['4', '5']) {
                self.note(format!("does not answer {status}"));
            }
            return;
        }
        for name in members(&old["headers"]).keys() {
            if new["headers"][name].is_null() {
                self.note(format!("the header {name} of {status} is gone"));
            }
        }
        for (media_type, content) in members(&old["content"]) {
            let what = format!("the answer {status}");
            match &new["content"][media_type] {
                Value::Null => self.note(format!("{what} is no {media_type}")),
                now if media_type.contains("problem") => {
                    self.problem(&what, &content["schema"], &now["schema"]);
                }
                now => self.schema(&what, &content["schema"], &now["schema"], Direction::Answered),
            }
        }
    }

    /// There may be new codes, and old ones may go: who reads problems must expect one that it does not know.
    fn problem(&mut self, what: &str, old: &Value, new: &Value) {
        let any = |schema: &Value| json!({"$ref": schema["$ref"]});
        self.schema(what, &any(old), &any(new), Direction::Answered);
    }
}

/// The members of an object; none of what is none.
pub(super) fn members(value: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}
