//! The support form, as people see it: a page of its own, within another site's page by an `iframe` or a script, and what
//! is sent from any of them.
//!
//! It works without JavaScript, sets no cookie, and asks no other host for anything.

mod origin;
mod page;
mod post;
mod receipt;
mod sheet;
mod theme;
mod words;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use maud::html;
use serde_json::{Value, json};
use sk_tickets_core::{
    Error, Tickets,
    form::PublicForm,
    limits::{
        BODY_MAX, CONTACT_NAME_MAX, EMAIL_MAX, FORM_POSTS_BURST, FORM_POSTS_INTERVAL_SECS, SUBJECT_MAX, TOPIC_MAX,
    },
    model::id::FormId,
};

use crate::{
    api::AnswerHeader,
    open::{OpenAnswer, OpenBody, OpenRoute},
    platform::{
        named::Named,
        rate_limit::{Buckets, RateLimit},
        served::Served,
    },
    unrouted::{READ, only},
};
use page::{HTML, Keeping, Look, Page};
use sheet::{Above, TOKEN, TRAP, Typed};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const EMBED: &str = include_str!("embed.js");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// What is sent by one address at most.
const POSTS: RateLimit = RateLimit::every_secs(
    FORM_POSTS_INTERVAL_SECS,
    match NonZeroU32::new(FORM_POSTS_BURST) {
        Some(burst) => burst,
        None => NonZeroU32::MIN,
    },
);

const ID: (&str, &str) = ("id", "The form.");

const fn answers(status: u16, about: &'static str) -> OpenAnswer {
    OpenAnswer { status, about, media_types: &[HTML], headers: &[] }
}

const NO_FORM: OpenAnswer = answers(404, "There is no such form; a page for people.");
const UNAVAILABLE: OpenAnswer = answers(503, "The store cannot be reached; a page for people.");

const PAGE: OpenRoute = OpenRoute {
    path: "/forms/{id}/page",
    under_base: true,
    method: Method::GET,
    id: "get_form_page",
    summary: "A form's page, for people",
    parameters: &[ID],
    body: None,
    answers: &[answers(200, "The page."), NO_FORM, UNAVAILABLE],
};

const SENT: OpenRoute = OpenRoute {
    path: "/forms/{id}/page",
    under_base: true,
    method: Method::POST,
    id: "send_form",
    summary: "Send what was filled in on a form's page",
    parameters: &[ID],
    body: Some(OpenBody { media_type: post::FORM, schema: sent_schema }),
    answers: &[
        OpenAnswer {
            status: 303,
            about: "It is a ticket: to its receipt.",
            media_types: &[],
            headers: &[AnswerHeader::Location],
        },
        answers(400, "It broke off; a page for people."),
        answers(403, "It came from another site's page; the form again, with what was typed."),
        NO_FORM,
        answers(409, "Something else was sent from this page before; its receipt, and the form."),
        answers(413, "It is too large; a page for people."),
        answers(415, "It is not what a form sends; a page for people."),
        answers(422, "It has faults, or looks automatic; the form again, with what was typed."),
        OpenAnswer {
            status: 429,
            about: "Much was sent from this address; the form again, with what was typed.",
            media_types: &[HTML],
            headers: &[AnswerHeader::RetryAfter],
        },
        answers(500, "It could not be handled; the form again, with what was typed."),
        answers(503, "The store cannot be reached; the form again, with what was typed."),
    ],
};

const EMBED_SCRIPT: OpenRoute = OpenRoute {
    path: "/forms/{id}/embed.js",
    under_base: true,
    method: Method::GET,
    id: "get_form_script",
    summary: "The script that puts a form into a page",
    parameters: &[ID],
    body: None,
    answers: &[
        OpenAnswer { status: 200, about: "The script.", media_types: &[JAVASCRIPT], headers: &[AnswerHeader::Etag] },
        OpenAnswer { status: 304, about: "It is what you have.", media_types: &[], headers: &[AnswerHeader::Etag] },
        NO_FORM,
        UNAVAILABLE,
    ],
};

const RECEIPT: OpenRoute = OpenRoute {
    path: "/forms/{id}/receipt/{token}",
    under_base: true,
    method: Method::GET,
    id: "get_form_receipt",
    summary: "The receipt of what was sent, and how it stands",
    parameters: &[ID, ("token", "What only who sent the form knows.")],
    body: None,
    answers: &[answers(200, "The page."), answers(404, "There is no such receipt; a page for people."), UNAVAILABLE],
};

/// What is declared here.
pub(crate) const ROUTES: &[OpenRoute] = &[PAGE, SENT, EMBED_SCRIPT, RECEIPT];

/// The fields of a form, as the document tells them. What is too long or missing is answered by a page that says so.
fn sent_schema() -> Value {
    let text = |about: String| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "properties": {
            "name": text(format!("What the customer is called; at most {CONTACT_NAME_MAX} characters.")),
            "email": text(format!("Where they get mail; at most {EMAIL_MAX} characters.")),
            "topic": text(format!("A topic that the form offers; at most {TOPIC_MAX} characters. Any other leads to the default queue.")),
            "subject": text(format!("What it is about, in a line; at most {SUBJECT_MAX} characters.")),
            "message": text(format!("What they have to say; at most {BODY_MAX} characters.")),
            TOKEN: text("What the page had in its hidden field of this name.".to_owned()),
            TRAP: text("To be left empty: only programs fill it in.".to_owned()),
        },
        "required": ["email", "subject", "message", TOKEN],
    })
}

/// What the routes are run with.
#[derive(Debug, Clone)]
struct Door {
    tickets: Tickets,
    posts: Arc<Buckets<(FormId, Option<IpAddr>)>>,
    trusted_proxies: u8,
}

/// Who a request comes from is believed of so many proxies.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(tickets: Tickets, trusted_proxies: u8) -> Router<S> {
    let page = only(format!("{READ}, POST"), &tickets, get(show).post(send));
    let script = only(READ, &tickets, get(script));
    let receipt = only(READ, &tickets, get(show_receipt));
    let door = Door { tickets, posts: Arc::new(Buckets::new(POSTS)), trusted_proxies };
    Router::new()
        .route(&PAGE.full_path(), page)
        .route(&EMBED_SCRIPT.full_path(), script)
        .route(&RECEIPT.full_path(), receipt)
        .with_state(door)
}

/// Whether what is wrong with a body is told by the handler of this route, to people and not to programs.
pub(crate) fn tells_people(matched_path: &str) -> bool {
    matched_path.ends_with(SENT.path)
}

impl Door {
    /// A form, or the page that says that it is not here.
    async fn form(&self, id: &str) -> Result<PublicForm, Response> {
        let Ok(id) = id.parse() else { return Err(absent(|words| words.no_form)) };
        match self.tickets.form(id).await {
            Ok(form) => form.ok_or_else(|| absent(|words| words.no_form)),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

async fn show(State(door): State<Door>, Named(id): Named<String>) -> Response {
    let form = match door.form(&id).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let token = form.sign(&form.render_token());
    sheet::page(&form, &Typed::default(), &token, &Above::Nothing, StatusCode::OK).answer()
}

async fn send(
    State(door): State<Door>,
    Named(id): Named<String>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let form = match door.form(&id).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let (parts, body) = request.into_parts();
    // The frame has read the whole body; this only takes it out.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    post::answer(&door, &form, &uri, &parts, &body).await
}

async fn script(State(door): State<Door>, Named(id): Named<String>, headers: HeaderMap) -> Response {
    let form = match door.form(&id).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let title = Value::from(form.form().name.as_str());
    let script = Served::new(JAVASCRIPT, format!("{}({title});\n", EMBED.trim_end()));
    let mut response = script.answer(&headers, "public, max-age=300");
    // To be run by pages of whatever site: it says nothing that its address does not. Who may show the form is another
    // matter, which the page itself settles.
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

async fn show_receipt(
    State(door): State<Door>,
    Named((id, token)): Named<(String, String)>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let form = match door.form(&id).await {
        Ok(form) => form,
        // Whether it is the form or the receipt that is not there is not told.
        Err(response) if response.status() == StatusCode::NOT_FOUND => return absent(|words| words.no_receipt),
        Err(response) => return response,
    };
    match form.ticket_by_status_token(&token).await {
        Ok(Some(view)) => receipt::page(&form, &view.ticket, uri.path()).answer(),
        Ok(None) => absent(|words| words.no_receipt),
        Err(error) => unavailable(&error),
    }
}

/// A page that says that there is nothing here, the same for whatever there is not.
fn absent(of: fn(&words::Absent) -> (&'static str, &'static str)) -> Response {
    let look = Look::neutral();
    let (heading, text) = of(&look.words.absent);
    let content = html! { h1 { (heading) } p { (text) } };
    Page { status: StatusCode::NOT_FOUND, title: heading.to_owned(), content, look, keeping: Keeping::Never }.answer()
}

/// A page that says that it is our fault.
fn unavailable(error: &Error) -> Response {
    let look = Look::neutral();
    let (heading, text) = (look.words.absent.unavailable.0, look.words.absent.unavailable.1);
    let content = html! { h1 { (heading) } p { (text) } };
    log(error);
    Page { status: StatusCode::SERVICE_UNAVAILABLE, title: heading.to_owned(), content, look, keeping: Keeping::Never }
        .answer()
        .into_response()
}

/// What went wrong on our side, for who runs the server.
fn log(error: &Error) {
    let cause = std::error::Error::source(error).map(|cause| format!("{cause:?}"));
    tracing::error!(cause, "a form: {error}");
}
