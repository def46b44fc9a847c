//! Rules of the house that the compiler does not keep.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use sk_tickets_core::{
    decide::TICKET_PROBLEMS,
    platform::problem::{PLATFORM_PROBLEMS, ProblemKind},
};

use crate::golden::workspace;

/// What code under `platform` may name after `crate::`: itself, and the macros it exports, which live at the root.
const PLATFORM_MAY_NAME: [&str; 8] =
    ["platform", "words", "request", "define_ids", "problem_kinds", "words_schema", "request_schema", "doc_line"];

/// The paths in `source` that lead out of `platform`, for a file so many folders below it.
fn ways_out(source: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if !PLATFORM_MAY_NAME.contains(&&rest[..end]) {
                found.push(format!("line {number}: {}", line.trim()));
            }
        }
        // `super` once is the folder of the file; once for each folder more is `platform`; once more leads out. A
        // module of tests within the file has one more to go.
        let allowed = depth + 1;
        if line.contains(&"super::".repeat(allowed + 1)) || line.contains("sk_tickets") {
            found.push(format!("line {number}: {}", line.trim()));
        }
    }
    found
}

/// Every source in a folder and in those in it, and how deep it is.
pub(crate) fn sources(folder: &Path, depth: usize) -> Vec<(PathBuf, usize)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path, depth + 1));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path, depth));
        }
    }
    found
}

#[test]
fn the_platform_names_nothing_outside_of_itself() {
    let sources = sources(&workspace("sk-tickets-core/src/platform"), 0);
    assert!(sources.len() > 10, "the sources are found");
    let mut found = Vec::new();
    for (path, depth) in sources {
        let source = fs::read_to_string(&path).expect("readable");
        found.extend(ways_out(&source, depth).into_iter().map(|way| format!("{} {way}", path.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_way_out_of_the_platform_would_be_seen() {
    for (source, depth) in [
        ("use crate::model::ticket::Ticket;", 0),
        ("use crate::{limits::PAGE_MAX, platform::time::Timestamp};", 0),
        ("fn f() -> crate::Ticket {", 0),
        ("$crate::limits::PAGE_MAX", 0),
        ("pub(in crate::desk) fn f() {}", 0),
        ("use super::super::limits::PAGE_MAX;", 0),
        ("use super::super::super::limits::PAGE_MAX;", 1),
        ("use sk_tickets_core::Ticket;", 0),
    ] {
        assert_eq!(ways_out(source, depth).len(), 1, "{source}");
    }
    for (source, depth) in [
        ("use crate::platform::time::Timestamp;", 0),
        ("use super::time::Timestamp;", 0),
        ("use super::super::time::Timestamp;", 1),
        ("$crate::platform::input::Fault", 0),
        ("/// See [`define_ids!`](crate::define_ids).", 0),
    ] {
        assert_eq!(ways_out(source, depth), Vec::<String>::new(), "{source}");
    }
}

fn problems() -> impl Iterator<Item = &'static ProblemKind> {
    PLATFORM_PROBLEMS.iter().chain(TICKET_PROBLEMS)
}

#[test]
fn no_code_is_given_to_two_problems() {
    let mut seen = BTreeSet::new();
    for ProblemKind { code, status, title: _ } in problems() {
        assert!(seen.insert(code), "{code} is there twice");
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code} is stable snake_case");
        assert!((400..600).contains(status), "{code} is an error");
    }
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let folder = workspace("docs/errors");
    let pages: BTreeSet<_> = fs::read_dir(&folder)
        .expect("the folder of pages")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .filter(|name| name != "README.md")
        .collect();
    let codes: BTreeSet<_> = problems().map(|problem| format!("{}.md", problem.code)).collect();
    assert_eq!(pages, codes);

    let index = fs::read_to_string(folder.join("README.md")).expect("the index");
    for ProblemKind { code, status, title } in problems() {
        let page = fs::read_to_string(folder.join(format!("{code}.md"))).expect("read before");
        assert!(page.starts_with(&format!("# `{code}`\n\nHTTP {status}. {title}.\n")), "{code}: {page}");
        assert!(page.contains(&format!("\"code\": \"{code}\"")), "{code} has an example");
        assert!(page.contains(&format!("\"title\": \"{title}\"")), "the example of {code} is as it is sent");
        assert!(page.contains(&format!("\"status\": {status}")), "the example of {code} is as it is sent");
        let row = format!("| [`{code}`]({code}.md) | {status} | {title} |");
        assert!(index.contains(&row), "the index has the row {row}");
    }
}

/// Whoever has a crate from a registry has nothing but its package.
#[test]
fn what_a_crate_includes_is_in_its_package() {
    for name in ["core", "sqlite", "postgres", "http"] {
        let package = workspace(&format!("sk-tickets-{name}"));
        for (path, _) in sources(&package.join("src"), 0) {
            let source = fs::read_to_string(&path).expect("read");
            let within = path.strip_prefix(&package).expect("it is below").parent().expect("it is in a folder");
            for (at, call) in source.match_indices("include_str!(") {
                let file = source[at + call.len()..].split('"').nth(1).expect("it is named");
                let leads_out = file.matches("../").count() > within.components().count();
                assert!(!leads_out, "{} includes {file}", path.display());
            }
        }
    }
}
