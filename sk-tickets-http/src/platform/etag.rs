//! Entity tags (RFC 9110, section 8.8.3) of versions: the number in quotes.

use http::{HeaderMap, HeaderName};
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
        let text = value.to_str().map_err(|_| malformed())?;
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Some(Condition::Any));
            }
            let (is_weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |quoted| (true, quoted));
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
            if is_weak && !weak {
                continue;
            }
            versions.extend(inner.parse::<u64>());
        }
    }
    Ok(Some(Condition::OneOf(versions)))
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
    fn tags_are_versions_in_quotes() {
        assert_eq!(read("\"3\"", false).unwrap(), Some(Condition::OneOf(vec![3])));
        assert_eq!(read("\"3\", \"4\"", false).unwrap(), Some(Condition::OneOf(vec![3, 4])));
        assert_eq!(read("*", false).unwrap(), Some(Condition::Any));
        assert_eq!(read("W/\"3\"", false).unwrap(), Some(Condition::OneOf(vec![])));
        assert_eq!(read("W/\"3\"", true).unwrap(), Some(Condition::OneOf(vec![3])));
        assert_eq!(read("\"abc\"", false).unwrap(), Some(Condition::OneOf(vec![])));
        for bad in ["3", "", "\"3", "x\"3\""] {
            assert!(read(bad, false).is_err(), "{bad}");
        }
        assert_eq!(condition(&HeaderMap::new(), &IF_MATCH, false).unwrap(), None);
    }
}
