//! The paths that ask for no key: how a process fares, the document, the reference. Their handlers are registered under
//! what is declared here, and the document tells of them.

use sk_tickets_core::BASE_PATH;

use crate::{docs, status};

/// A path that may be read by anybody.
#[derive(Debug)]
pub(crate) struct OpenRoute {
    /// Where it is.
    pub(crate) path: &'static str,
    /// Under the base path, or beside it.
    pub(crate) under_base: bool,
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// What is in the braces of the path, if there are any: its name, and what it is.
    pub(crate) parameter: Option<(&'static str, &'static str)>,
    pub(crate) answers: &'static [OpenAnswer],
}

/// An answer to somebody without a key.
#[derive(Debug)]
pub(crate) struct OpenAnswer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    /// The media types that it may have; none if it has no body.
    pub(crate) media_types: &'static [&'static str],
    /// Whether it has an entity tag, by which it can be asked for only if it has changed.
    pub(crate) has_etag: bool,
}

impl OpenRoute {
    /// Every one of them.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        status::ROUTES.iter().chain(docs::ROUTES)
    }

    /// The whole path.
    pub(crate) fn full_path(&self) -> String {
        if self.under_base { format!("{BASE_PATH}{}", self.path) } else { self.path.to_owned() }
    }
}
