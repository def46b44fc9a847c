use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::layout::{SCRIPT, STYLE};
use crate::platform::etag;

/// A file that is the same until the process is another, with its entity tag.
#[derive(Debug)]
pub(super) struct Served {
    content_type: &'static str,
    etag: String,
    body: Bytes,
}

impl Served {
    pub(super) fn new(content_type: &'static str, body: String) -> Self {
        Self { content_type, etag: format!("\"{}\"", digest(&body)), body: body.into() }
    }

    /// The file, or that it is what the asker has.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let mut response = if etag::is_known(asked, &self.etag) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Body::from(self.body.clone()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            response
        };
        let fixed: [(HeaderName, String); 4] = [
            (header::ETAG, self.etag.clone()),
            // To be kept, and asked for anew: a new release may say something else.
            (header::CACHE_CONTROL, "public, no-cache".to_owned()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (header::CONTENT_SECURITY_POLICY, policy()),
        ];
        let headers = response.headers_mut();
        headers.extend(fixed.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?))));
        response
    }
}

/// Nothing but the style and the script of the pages themselves: no other host is ever asked.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}
