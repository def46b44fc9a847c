//! Pages of lists.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{PAGE_DEFAULT, PAGE_MAX},
    words,
};

words! {
    /// Which end of a list comes first.
    pub enum Order {
        /// Oldest first.
        Asc = "asc",
        /// Newest first.
        Desc = "desc",
    }
}

/// The page that a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
    pub(crate) order: Option<Order>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: PAGE_DEFAULT, cursor: None, order: None }
    }
}

impl PageRequest {
    /// The first page, 25 rows, in the list's own order.
    #[must_use]
    pub fn first() -> Self {
        Self::default()
    }

    /// With so many rows; less than 1 becomes 1, more than 100 becomes 100.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, PAGE_MAX);
        self
    }

    /// The page after the one that gave this cursor.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// In this order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = Some(order);
        self
    }
}

/// Writes a filter's values each once and in order: what is filtered is the same however they were named, and so is what a
/// cursor was made for.
pub(super) fn as_set<T: Ord + Serialize, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().collect::<BTreeSet<_>>())
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "{T}List", transform = Object("list")))]
#[serde(tag = "object", rename = "list")]
#[expect(clippy::exhaustive_structs, reason = "the shape on the wire")]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Whether there are more rows after these.
    pub has_more: bool,
    /// What to ask for the next page with; none at the end. The feed, oldest first, has no end: it always gives one.
    pub next_cursor: Option<String>,
}
