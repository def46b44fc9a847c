//! What was sent: judged in layers, and made a ticket of.
//!
//! What looks automatic is not made a ticket, but it may have been a person: so each refusal is the form again, with all
//! that was typed, and with what it takes to send it.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, Uri, header, request::Parts};
use maud::html;
use sk_tickets_core::{
    Ticket,
    form::{PublicForm, RenderToken, RenderTokenError, Submission, Submitted},
};

use super::{
    Door, log, origin,
    page::{Keeping, Look, Page},
    sheet::{self, Above, Typed},
    words::Words,
};
use crate::platform::{
    body::{self, Unread},
    client_address,
};

/// What browsers send a form as.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn answer(door: &Door, form: &PublicForm, uri: &Uri, parts: &Parts, body: &[u8]) -> Response {
    let words = Words::of(form.form().locale);
    if let Some(Unread { problem, is_left: _ }) = parts.extensions.get() {
        return match problem.status() {
            413 => unread(form, StatusCode::PAYLOAD_TOO_LARGE, words.absent.too_large),
            _ => unread(form, StatusCode::BAD_REQUEST, words.absent.not_a_form),
        };
    }
    if !body::is(&parts.headers, FORM) {
        return unread(form, StatusCode::UNSUPPORTED_MEDIA_TYPE, words.absent.not_a_form);
    }
    let typed = Typed::read(body);
    let again = Again { form, typed: &typed, words };

    let now = door.tickets.now();
    let sender = client_address::network(&parts.extensions, &parts.headers, door.trusted_proxies);
    if let Some(wait) = door.posts.take((form.form().id, sender), now).refused_for {
        return again.later(wait.as_millis().div_ceil(1_000).max(1) as u64);
    }
    if !origin::may_send(&parts.headers, form.form(), door.tickets.error_docs()) {
        return again.refused(StatusCode::FORBIDDEN, words.refusals.foreign);
    }
    let token = match form.read_render_token(&typed.token) {
        Ok(token) => token,
        Err(RenderTokenError::Expired) => return again.refused(StatusCode::UNPROCESSABLE_ENTITY, words.refusals.stale),
        Err(RenderTokenError::Invalid) => return again.automatic(),
    };
    if token.is_too_fast(now) || !typed.trap.is_empty() {
        return again.automatic();
    }
    let submission = match Submission::read(&typed.sent()) {
        Ok(submission) => submission,
        Err(faults) => {
            let above = Above::Faults(faults);
            return again.with(&typed.token, &above, StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    match form.submit(token.nonce, submission).await {
        Ok(Submitted::Made(ticket) | Submitted::Replayed(ticket)) => see_receipt(form, &ticket, uri),
        Ok(Submitted::AlreadySent(ticket)) => again.sent_before(&ticket),
        Err(error) => {
            let is_busy = error.is_unavailable();
            log(&error);
            again.failed(
                &token,
                if is_busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR },
            )
        }
    }
}

/// The form once more, for who has not got through.
struct Again<'a> {
    form: &'a PublicForm,
    typed: &'a Typed,
    words: &'static Words,
}

impl Again<'_> {
    fn with(&self, token: &str, above: &Above, status: StatusCode) -> Response {
        sheet::page(self.form, self.typed, token, above, status).answer()
    }

    /// With a token as of now: what comes next is a submission of its own.
    fn afresh(&self, above: &Above, status: StatusCode) -> Response {
        self.with(&self.form.sign(&self.form.render_token()), above, status)
    }

    fn refused(&self, status: StatusCode, (heading, text): (&'static str, &'static str)) -> Response {
        self.afresh(&Above::Refused(heading, text.to_owned()), status)
    }

    fn automatic(&self) -> Response {
        self.refused(StatusCode::UNPROCESSABLE_ENTITY, self.words.refusals.automatic)
    }

    fn sent_before(&self, ticket: &Ticket) -> Response {
        let receipt = format!("receipt/{}", self.form.status_token(ticket));
        self.afresh(&Above::SentBefore(receipt), StatusCode::CONFLICT)
    }

    /// With the token that came: it may be the second click, whose first is a ticket already.
    fn later(&self, seconds: u64) -> Response {
        let above = Above::Refused(self.words.refusals.too_many, (self.words.refusals.wait)(seconds));
        let mut response = self.with(&self.typed.token, &above, StatusCode::TOO_MANY_REQUESTS);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    }

    /// With the token that came: it may have become a ticket nevertheless.
    fn failed(&self, token: &RenderToken, status: StatusCode) -> Response {
        let (heading, text) = self.words.refusals.unavailable;
        self.with(&self.form.sign(token), &Above::Refused(heading, text.to_owned()), status)
    }
}

/// To the receipt, by a GET: so that to load it anew sends nothing.
fn see_receipt(form: &PublicForm, ticket: &Ticket, uri: &Uri) -> Response {
    let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    let location = HeaderValue::try_from(format!("{folder}/receipt/{}", form.status_token(ticket)));
    headers.extend(location.ok().map(|location| (header::LOCATION, location)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What cannot be shown again, since it was not read.
fn unread(form: &PublicForm, status: StatusCode, (heading, text): (&'static str, &'static str)) -> Response {
    let look = Look::of(form.form());
    let content = html! {
        h1 { (heading) }
        p { (text) }
        p.link { a href="page" { (look.words.absent.to_form) } }
    };
    Page { status, title: heading.to_owned(), content, look, keeping: Keeping::Never }.answer()
}
