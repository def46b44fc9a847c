//! Entity tags (RFC 9110, section 8.8.3) of versions: the number in quotes.

use http::{HeaderMap, HeaderName, header};
use sk_tickets_core::platform::problem::{self, Problem};

/// What a conditional header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `*`: anything that is there.
    Any,
    /// One of these. A tag that no version of ours has is left out: it matches nothing.
    OneOf(Vec<u64>),
}

/// Reads `If-Match` or `If-None-Match`. Weak tags count where `weak` is set (`If-None-Match` compares weakly).
pub(crate) fn condition(headers: &HeaderMap, name: &HeaderName, weak: bool) -> Result<Option<Condition>, Problem> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    if values.is_empty() {
        return Ok(None);
    }
    let malformed = || {
        Problem::new(
            problem::INVALID_PARAMETER,
            format!("the header {name} must be `*` or entity tags in quotes, such as \"3\""),
        )
    };
    let mut versions = Vec::new();
    for value in values {
        let text = value.to_str().map_err(|_| malformed())?.trim();
        if text == "*" {
            return Ok(Some(Condition::Any));
        }
        for Tag { is_weak, opaque } in tags(text).ok_or_else(malformed)? {
            // A tag is compared as it is written: "01" is no version of ours.
            let version = opaque.parse::<u64>().ok().filter(|version| version.to_string() == opaque);
            versions.extend(version.filter(|_| weak || !is_weak));
        }
    }
    Ok(Some(Condition::OneOf(versions)))
}

/// Whether `If-None-Match` names a tag, or anything. What is malformed names nothing.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim() == "*" || tags(value).is_some_and(|tags| tags.iter().any(|tag| tag.is(etag))))
}

struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

impl Tag<'_> {
    /// Whether it is this tag, as it is written in a header; compared weakly.
    fn is(&self, etag: &str) -> bool {
        etag.trim_start_matches("W/").strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(self.opaque)
    }
}

/// The tags of a list, at least one; none if it is malformed. A tag may have commas in it. A member may be empty, and is
/// then none (RFC 9110, section 5.6.1.2).
fn tags(text: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = past_commas(text);
    loop {
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { is_weak, opaque });
        let after = after.trim_start();
        rest = past_commas(after);
        if rest.is_empty() {
            return Some(tags);
        }
        // What comes next has to be set apart.
        if !after.starts_with(',') {
            return None;
        }
    }
}

fn past_commas(text: &str) -> &str {
    text.trim_start_matches([',', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::IF_MATCH};

    use super::*;

    fn read(value: &'static str, weak: bool) -> Result<Option<Condition>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        condition(&headers, &IF_MATCH, weak)
    }

    #[test]
    fn a_known_tag_is_found_in_a_list() {
        let known = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            is_known(&headers, "\"a1\"")
        };
        for value in ["\"a1\"", "W/\"a1\"", "\"b\", \"a1\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"b\"", "a1", ""] {
            assert!(!known(value), "{value}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"a1\""));
    }

    #[test]
    fn tags_are_versions_in_quotes() {
        assert_eq!(read("\"3\"", false).unwrap(), Some(Condition::OneOf(vec![3])));
        assert_eq!(read("\"3\", \"4\"", false).unwrap(), Some(Condition::OneOf(vec![3, 4])));
        assert_eq!(read("*", false).unwrap(), Some(Condition::Any));
        assert_eq!(read("W/\"3\"", false).unwrap(), Some(Condition::OneOf(vec![])));
        assert_eq!(read("W/\"3\"", true).unwrap(), Some(Condition::OneOf(vec![3])));
        assert_eq!(read("\"abc\"", false).unwrap(), Some(Condition::OneOf(vec![])));
        assert_eq!(read("\"a,3\",\"4\"", false).unwrap(), Some(Condition::OneOf(vec![4])));
        assert_eq!(read("\"03\", \"+3\"", false).unwrap(), Some(Condition::OneOf(vec![])));
        assert_eq!(read(" ,\t, \"3\",,\"4\" ,", false).unwrap(), Some(Condition::OneOf(vec![3, 4])));
        for bad in ["3", "", ",", "\"3", "x\"3\"", "\"3\" \"4\"", "\"3\", *"] {
            assert!(read(bad, false).is_err(), "{bad}");
        }
        assert_eq!(condition(&HeaderMap::new(), &IF_MATCH, false).unwrap(), None);
    }
}
