//! The paths that ask for no key: how a process fares, the document, the reference, the forms. Their handlers are registered under
//! what is declared here, and the document tells of them.

use http::Method;
use serde_json::Value;
use sk_tickets_core::BASE_PATH;

use crate::{api::AnswerHeader, docs, form, status};

/// What anybody may ask.
#[derive(Debug)]
pub(crate) struct OpenRoute {
    /// Where it is.
    pub(crate) path: &'static str,
    /// Under the base path, or beside it.
    pub(crate) under_base: bool,
    pub(crate) method: Method,
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// What is in the braces of the path: its name, and what it is.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<OpenBody>,
    pub(crate) answers: &'static [OpenAnswer],
}

/// What is sent by somebody without a key.
#[derive(Debug)]
pub(crate) struct OpenBody {
    pub(crate) media_type: &'static str,
    pub(crate) schema: fn() -> Value,
}

/// An answer to somebody without a key.
#[derive(Debug)]
pub(crate) struct OpenAnswer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    /// The media types that it may have; none if it has no body.
    pub(crate) media_types: &'static [&'static str],
    /// The headers that it has beside those that every answer has.
    pub(crate) headers: &'static [AnswerHeader],
}

impl OpenRoute {
    /// Every one of them.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        status::ROUTES.iter().chain(docs::ROUTES).chain(form::ROUTES)
    }

    /// The whole path.
    pub(crate) fn full_path(&self) -> String {
        if self.under_base { format!("{BASE_PATH}{}", self.path) } else { self.path.to_owned() }
    }
}
