//! Pairs of text that the caller keeps on a ticket for itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    limits::{METADATA_KEY_MAX, METADATA_MAX, METADATA_VALUE_MAX},
    platform::{
        input::{Faults, Input, Pointer},
        json::Json,
        text::Text,
    },
};

/// A name in metadata.
pub type MetadataKey = Text<1, METADATA_KEY_MAX>;
/// A value in metadata.
pub type MetadataValue = Text<0, METADATA_VALUE_MAX>;

/// Changes to a ticket's metadata: a value sets the pair, null removes it, what is not named stays
/// ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MetadataPatch(BTreeMap<MetadataKey, Option<MetadataValue>>);

/// More pairs than a ticket may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {METADATA_MAX} pairs")]
#[expect(clippy::exhaustive_structs, reason = "a fault with a name")]
pub struct TooManyPairs;

impl MetadataPatch {
    /// A patch that sets and removes these pairs.
    ///
    /// # Errors
    /// [`TooManyPairs`] if there are more than 50.
    pub fn new(pairs: BTreeMap<MetadataKey, Option<MetadataValue>>) -> Result<Self, TooManyPairs> {
        if pairs.len() > METADATA_MAX { Err(TooManyPairs) } else { Ok(Self(pairs)) }
    }

    /// The metadata after this change.
    ///
    /// # Errors
    /// [`TooManyPairs`] if there would be more than 50.
    pub fn apply(&self, before: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, TooManyPairs> {
        let mut after = before.clone();
        for (name, value) in &self.0 {
            match value {
                Some(value) => after.insert(name.to_string(), value.to_string()),
                None => after.remove(name.as_str()),
            };
        }
        if after.len() > METADATA_MAX { Err(TooManyPairs) } else { Ok(after) }
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] MetadataPatch, |generator| schemars::json_schema!({
    "type": "object",
    "propertyNames": generator.subschema_for::<MetadataKey>(),
    "additionalProperties": generator.subschema_for::<Option<MetadataValue>>(),
    "maxProperties": METADATA_MAX,
}));

impl Input for MetadataPatch {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        let Json::Object(members) = json else {
            faults.wrong_type(at, "an object", json);
            return None;
        };
        if members.len() > METADATA_MAX {
            faults.push(at, "too_many", TooManyPairs.to_string());
            return None;
        }
        let read: Vec<_> = members
            .iter()
            .map(|(name, value)| {
                let at = at.name(name);
                let key = MetadataKey::new(name.as_str());
                if let Err(error) = &key {
                    faults.push(at, "invalid_name", format!("the name {error}"));
                }
                let value = Option::<MetadataValue>::read(value, at, faults)?;
                Some((key.ok()?, value))
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}
