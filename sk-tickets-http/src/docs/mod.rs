//! What people read: the document, the reference made from it, and a page for each error code.

mod fields;
mod layout;
mod pages;
mod reference;

use std::sync::{Arc, OnceLock};

use axum::{Extension, Router, extract::State, response::Response, routing::get};
use http::{HeaderMap, HeaderValue, Method, header};
use sk_tickets_core::{
    BASE_PATH, RequestId, Tickets,
    platform::problem::{self, PROBLEM_JSON, Problem},
};

pub(crate) use pages::PAGES;

use crate::{
    api::AnswerHeader,
    open::{OpenAnswer, OpenRoute},
    openapi,
    platform::{
        fault,
        named::Named,
        served::{Served, digest},
    },
    unrouted::{READ, only},
};

const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const JSON: &str = "application/json";

const UNCHANGED: OpenAnswer =
    OpenAnswer { status: 304, about: "It is what you have.", media_types: &[], headers: &[AnswerHeader::Etag] };

const DOCUMENT: OpenRoute = OpenRoute {
    path: "/openapi.json",
    under_base: true,
    method: Method::GET,
    id: "get_openapi",
    summary: "This document",
    parameters: &[],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "The document.", media_types: &[JSON], headers: &[AnswerHeader::Etag] },
        UNCHANGED,
    ],
};

const REFERENCE: OpenRoute = OpenRoute {
    path: "/docs",
    under_base: true,
    method: Method::GET,
    id: "get_reference",
    summary: "The reference, for people",
    parameters: &[],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "A page.", media_types: &[HTML], headers: &[AnswerHeader::Etag] },
        UNCHANGED,
    ],
};

const ERRORS: OpenRoute = OpenRoute {
    path: "/docs/errors",
    under_base: true,
    method: Method::GET,
    id: "list_error_codes",
    summary: "Every error code",
    parameters: &[],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "The index.", media_types: &[MARKDOWN, HTML], headers: &[AnswerHeader::Etag] },
        UNCHANGED,
    ],
};

const ERROR: OpenRoute = OpenRoute {
    path: "/docs/errors/{code}",
    under_base: true,
    method: Method::GET,
    id: "get_error_code",
    summary: "What an error code means and what to do",
    parameters: &[("code", "The `code` of a problem.")],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "Its page.", media_types: &[MARKDOWN, HTML], headers: &[AnswerHeader::Etag] },
        UNCHANGED,
        OpenAnswer { status: 404, about: "There is no such code.", media_types: &[PROBLEM_JSON], headers: &[] },
    ],
};

/// What is declared here.
pub(crate) const ROUTES: &[OpenRoute] = &[DOCUMENT, REFERENCE, ERRORS, ERROR];

/// The pages, each made when it is first asked for.
#[derive(Debug)]
struct Site {
    /// Where the API is, for the examples.
    base: String,
    /// Where the pages of error codes are.
    error_docs: String,
    document: OnceLock<Served>,
    reference: OnceLock<Served>,
}

/// The pages of the API of an engine.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(tickets: &Tickets) -> Router<S> {
    let error_docs = tickets.error_docs().to_owned();
    let base = error_docs.strip_suffix("/docs/errors/").unwrap_or(BASE_PATH).to_owned();
    let site = Arc::new(Site { base, error_docs, document: OnceLock::new(), reference: OnceLock::new() });
    let read = |methods| only(READ, tickets, methods);
    Router::new()
        .route(&DOCUMENT.full_path(), read(get(document)))
        .route(&REFERENCE.full_path(), read(get(reference)))
        .route(&ERRORS.full_path(), read(get(error_index)))
        .route(&ERROR.full_path(), read(get(error_page)))
        .with_state(site)
}

async fn document(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    answer(site.document.get_or_init(|| Served::new(JSON, openapi::document().to_string())), &headers)
}

async fn reference(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let make = || Served::new(HTML, reference::page(openapi::document(), &site.base));
    answer(site.reference.get_or_init(make), &headers)
}

async fn error_index(headers: HeaderMap) -> Response {
    markdown("Errors", &pages::index(), &headers)
}

async fn error_page(
    State(site): State<Arc<Site>>,
    Named(code): Named<String>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    match PAGES.iter().find(|page| page.code == code) {
        Some(page) => markdown(page.code, page.markdown, &headers),
        None => {
            let problem = Problem::new(problem::NOT_FOUND, "there is no such error code");
            fault::response(&problem, None, &site.error_docs, request_id)
        }
    }
}

/// Markdown as it is, or as a page for who prefers one, as browsers do.
fn markdown(title: &str, markdown: &str, headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let served = if accept.contains("text/html") {
        Served::new(HTML, layout::article(title, markdown))
    } else {
        Served::new(MARKDOWN, markdown.to_owned())
    };
    let mut response = answer(&served, headers);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// To be kept, and asked for anew, since a new release may say something else. Nothing but the style and the script of the
/// pages themselves is used: no other host is ever asked.
fn answer(served: &Served, headers: &HeaderMap) -> Response {
    let mut response = served.answer(headers, "public, no-cache");
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        digest(layout::STYLE),
        digest(layout::SCRIPT)
    );
    let policy = HeaderValue::try_from(policy).ok();
    response.headers_mut().extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    response
}
