//! What all pages of a form share: the frame, and the headers that keep everything else out.

use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sk_tickets_core::{
    Entropy, Environment, SystemEntropy,
    model::form::{Form, Locale, Theme},
    platform::origin::Origin,
};

use super::{theme, words::Words};

pub(super) const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = include_str!("page.js");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// A page for people, as it is to be answered.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) title: String,
    pub(super) content: Markup,
    pub(super) look: Look<'a>,
    pub(super) keeping: Keeping,
}

/// In what language and colours a page is, and who may embed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) words: &'static Words,
    theme: Theme,
    /// None if nobody may, not even a page of the same origin.
    embedders: Option<&'a [Origin]>,
}

/// How long a page may be kept, and what the next page learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// By the browser alone, and only for going back: it has no personal data in it, and going back to it is to show the
    /// same one, so that what is sent from there again is known to have been sent.
    ToGoBack,
    /// By nobody: it has what a customer typed.
    Never,
    /// By nobody, and its address, which is a secret, is told to nobody.
    NeverSecret,
}

impl<'a> Look<'a> {
    pub(super) fn of(form: &'a Form) -> Self {
        Self { words: Words::of(form.locale), theme: form.theme, embedders: Some(&form.allowed_origins) }
    }

    /// Of what belongs to no form.
    pub(super) fn neutral() -> Self {
        Self { words: Words::of(Locale::En), theme: Theme::default(), embedders: None }
    }
}

impl Page<'_> {
    pub(super) fn answer(self) -> Response {
        let nonce = nonce();
        let Self { status, title, content, look, keeping } = self;
        let Look { words, theme, embedders } = look;
        let known: Vec<_> = embedders.into_iter().flatten().map(Origin::as_str).collect();
        let known = known.join(" ");
        let page = html! {
            (DOCTYPE)
            html lang=(words.lang) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    link rel="icon" href="data:,";
                    title { (title) }
                    style nonce=(nonce) { (PreEscaped(theme::style(&theme))) }
                }
                body data-embedders=(known) {
                    main { (content) }
                    script nonce=(nonce) { (PreEscaped(SCRIPT)) }
                }
            }
        };
        let mut response = Response::new(Body::from(page.into_string()));
        *response.status_mut() = status;
        guard(response.headers_mut(), &nonce, embedders.map(|_| known.as_str()), keeping);
        response
    }
}

/// The mark of a form in a test realm.
pub(super) fn badge(environment: Environment, words: &Words) -> Markup {
    html! { @if environment == Environment::Test { p.badge { (words.test) } } }
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    STANDARD.encode(bytes)
}

/// Nothing is fetched from anywhere, nothing is run but what is in the page, nothing is sent elsewhere, and only who may
/// embeds it.
fn guard(headers: &mut HeaderMap, nonce: &str, embedders: Option<&str>, keeping: Keeping) {
    let ancestors = match embedders {
        Some(origins) => format!("'self' {origins}"),
        None => "'none'".to_owned(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors {}",
        ancestors.trim_end()
    );
    let (cache, referrer) = match keeping {
        Keeping::ToGoBack => ("private, no-cache", "same-origin"),
        Keeping::Never => ("no-store", "same-origin"),
        Keeping::NeverSecret => ("no-store", "no-referrer"),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if keeping == Keeping::NeverSecret {
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    }
    // Origins and nonces have no character that a header may not have.
    headers.extend(HeaderValue::try_from(policy).ok().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
}
