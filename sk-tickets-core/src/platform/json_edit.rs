//! JSON written anew with some of its texts replaced. What is not named stays byte for byte, and everything stays in its
//! order.

use serde_json::value::RawValue;

use super::json::{JsonError, Members, write_string};

/// What is to be replaced in a value.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Edit {
    /// A text, by what this makes of it; none leaves it as it is.
    Text(fn(&str) -> Option<&'static str>),
    /// In each item of an array.
    Items(Box<Edit>),
    /// In these members of an object, where they are there.
    Members(Vec<(&'static str, Edit)>),
}

impl Edit {
    /// The value with that replaced. Where it is of another kind than what is to be replaced in it, it stays.
    ///
    /// # Errors
    /// [`JsonError`] if it is not JSON.
    pub fn apply(&self, json: &[u8]) -> Result<Vec<u8>, JsonError> {
        let raw: &RawValue = serde_json::from_slice(json).map_err(|error| JsonError::new(&error))?;
        let mut out = Vec::with_capacity(json.len());
        self.write(raw, &mut out)?;
        Ok(out)
    }

    fn write(&self, raw: &RawValue, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let text = raw.get().trim();
        let fault = |error: serde_json::Error| JsonError::new(&error);
        match (self, text.as_bytes().first()) {
            (Self::Text(replace), Some(b'"')) => {
                let said: String = serde_json::from_str(text).map_err(fault)?;
                match replace(&said) {
                    Some(instead) => write_string(instead, out),
                    None => out.extend_from_slice(text.as_bytes()),
                }
            }
            (Self::Items(edit), Some(b'[')) => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(fault)?;
                out.push(b'[');
                for (index, item) in items.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    edit.write(item, out)?;
                }
                out.push(b']');
            }
            (Self::Members(edits), Some(b'{')) => {
                let Members(members) = serde_json::from_str(text).map_err(fault)?;
                out.push(b'{');
                for (index, (name, value)) in members.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(&name, out);
                    out.push(b':');
                    match edits.iter().find(|(edited, _)| *edited == name) {
                        Some((_, edit)) => edit.write(value, out)?,
                        None => out.extend_from_slice(value.get().as_bytes()),
                    }
                }
                out.push(b'}');
            }
            (Self::Text(_) | Self::Items(_) | Self::Members(_), _) => out.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(edit: &Edit, json: &str) -> String {
        String::from_utf8(edit.apply(json.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_named_is_replaced() {
        let gone = || Edit::Text(|_| Some("gone"));
        let edit = Edit::Members(vec![("b", gone()), ("d", Edit::Items(Box::new(Edit::Members(vec![("b", gone())]))))]);
        let before = r#"{"z":1.0,"b":"x\u0041","a":{"b":"x"},"d":[{"b":"x","c":"\u00e9"},{"b":null},7],"c":null}"#;
        let after = r#"{"z":1.0,"b":"gone","a":{"b":"x"},"d":[{"b":"gone","c":"\u00e9"},{"b":null},7],"c":null}"#;
        assert_eq!(edited(&edit, before), after);
        assert_eq!(edited(&edit, after), after);
    }

    #[test]
    fn a_text_may_be_left() {
        let edit = Edit::Items(Box::new(Edit::Text(|text| (text == "a").then_some("b"))));
        assert_eq!(edited(&edit, r#"["a","\u0061","c"]"#), r#"["b","b","c"]"#);
    }

    #[test]
    fn a_value_of_another_kind_stays() {
        let edit = Edit::Members(vec![("a", Edit::Text(|_| Some("gone")))]);
        for json in ["null", "[]", "\"a\"", "1e3", r#"{"a":["x"]}"#] {
            assert_eq!(edited(&edit, json), json);
        }
        assert!(edit.apply(b"{").is_err());
    }
}
